package imapserver

import (
	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
)

var namespaceExtension = extension{
	name: "NAMESPACE", rfc: "RFC 2342",
	capabilities: afterLogin(string(imap.CapNamespace)),
	commands: map[string]command{
		"NAMESPACE": {in: loggedIn, run: handler(runNamespace)},
	},
}

// runNamespace is NAMESPACE, RFC 9051 §6.3.10: everything a user has is in one personal name space.
func runNamespace(c *conn, _ *imapwire.Namespace) error {
	c.out = imapwire.AppendNamespace(c.out, &imap.Namespace{Personal: []imap.NamespaceDesc{{Delim: mailbox.Delim}}}, c.utf8Names())
	return nil
}
