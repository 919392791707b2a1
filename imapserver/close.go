package imapserver

import "restante/imapwire"

// runClose is CLOSE, RFC 9051 §6.4.1: \Deleted messages are removed and nobody is told, unless
// the mailbox is read-only.
func runClose(c *conn, _ *imapwire.Close) error {
	if !c.sel.readOnly {
		if err := c.expunge(c.all()); err != nil {
			return err
		}
	}
	c.unselect()
	return nil
}
