package imapserver

import (
	"restante/imap"
	"restante/imapwire"
)

var moveExtension = extension{
	name: "MOVE", rfc: "RFC 6851",
	capabilities: afterLogin(string(imap.CapMove)),
	commands: map[string]command{
		"MOVE":     {in: selected, flags: usesSeq, run: handler(runMove)},
		"UID MOVE": {in: selected, run: handler(runMove)},
	},
}

// runMove is MOVE and UID MOVE, RFC 9051 §6.4.8. COPYUID is sent untagged, before the EXPUNGEs
// (RFC 6851 §4.3).
func runMove(c *conn, cmd *imapwire.Move) error {
	if c.sel.readOnly {
		return errReadOnly
	}
	out, err := c.transfer(cmd.Set, cmd.Mailbox, true)
	if err != nil || len(out.UIDs) == 0 {
		return err
	}
	r := copyUID(out)
	c.out = imapwire.AppendStatusResponse(c.out, "*", "OK", r.code, r.args, r.text)
	return nil
}
