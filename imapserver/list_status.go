package imapserver

import (
	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
)

// listStatusExtension has LIST tell the STATUS of every mailbox.
var listStatusExtension = extension{
	name: "LIST-STATUS", rfc: "RFC 5819",
	capabilities: afterLogin(string(imap.CapListStatus)),
	listReturns: []listReturn{{
		name:  "STATUS",
		given: func(cmd *imapwire.List) bool { return cmd.Return.Status != 0 },
		check: func(c *conn, cmd *imapwire.List) error { return c.checkStatus(cmd.Return.Status) },
		follow: func(c *conn, cmd *imapwire.List, box mailbox.Entry) error {
			// A mailbox that cannot be read, or has just gone, has no STATUS; the others do
			// (RFC 5819 §2).
			_ = c.appendStatus(box, cmd.Return.Status)
			return nil
		},
	}},
}
