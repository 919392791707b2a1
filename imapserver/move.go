package imapserver

import "restante/imapwire"

// runMove is MOVE and UID MOVE, RFC 9051 §6.4.8. COPYUID is sent untagged, before the EXPUNGEs
// (RFC 6851 §4.3).
func runMove(c *conn, cmd *imapwire.Move) error {
	if c.sel.readOnly {
		return errReadOnly
	}
	result, err := c.transfer(cmd.Set, cmd.Mailbox, c.sel.box.Move)
	if err != nil || len(result.Source) == 0 {
		return err
	}
	r := copyUID(result)
	c.out = imapwire.AppendStatusResponse(c.out, "*", "OK", r.code, r.args, r.text)
	return nil
}
