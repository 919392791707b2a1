package imapserver

import (
	"restante/imap"
	"restante/imapwire"
)

var unselectExtension = extension{
	name: "UNSELECT", rfc: "RFC 3691",
	capabilities: afterLogin(string(imap.CapUnselect)),
	commands: map[string]command{
		"UNSELECT": {in: selected, flags: noSync, run: handler(runUnselect)},
	},
}

// runUnselect is UNSELECT, RFC 9051 §6.4.2.
func runUnselect(c *conn, _ *imapwire.Unselect) error {
	c.unselect()
	return nil
}
