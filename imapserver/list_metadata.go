package imapserver

import (
	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
)

// listMetadataExtension has LIST tell entries of every mailbox.
var listMetadataExtension = extension{
	name: "LIST-METADATA", rfc: "RFC 9590",
	capabilities: afterLogin(string(imap.CapListMetadata)),
	listReturns: []listReturn{{
		name:  "METADATA",
		check: func(_ *conn, cmd *imapwire.List) error { return checkEntries(listEntries(cmd)) },
		follow: func(c *conn, cmd *imapwire.List, box mailbox.Entry) error {
			return c.appendMetadata(&metadataQuery{entries: listEntries(cmd)}, c.account.Namespace(), box)
		},
	}},
}

// listEntries are the entries that a LIST asks for: those of the option if it is there twice, too.
func listEntries(cmd *imapwire.List) (entries []string) {
	for _, o := range cmd.ReturnOptions {
		if o, ok := o.(*imapwire.ListMetadata); ok {
			entries = append(entries, o.Entries...)
		}
	}
	return entries
}
