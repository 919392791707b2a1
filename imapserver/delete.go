package imapserver

import (
	"restante/imap"
	"restante/imapwire"
)

// runDelete is DELETE, RFC 9051 §6.3.5. Inferiors stay.
func runDelete(c *conn, cmd *imapwire.Delete) error {
	entry, ok := c.account.Namespace().Lookup(cmd.Mailbox)
	if ok && c.sel != nil && c.sel.box.ID() == entry.ID {
		// The client deletes the mailbox that it has selected: it is not selected any more.
		if err := c.account.Delete(c.ctx, cmd.Mailbox); err != nil {
			return err
		}
		c.unselect()
		c.out = imapwire.AppendStatusResponse(c.out, "*", "OK", imap.CodeClosed, "", "The selected mailbox was deleted")
		return nil
	}
	return c.account.Delete(c.ctx, cmd.Mailbox)
}
