package imapserver

import (
	"restante/imap"
	"restante/imapwire"
	"restante/store"
)

// runDelete is DELETE, RFC 9051 §6.3.5. Inferiors stay.
func runDelete(c *conn, cmd *imapwire.Delete) error {
	ref := store.Ref{}
	if e, err := c.find(cmd.Mailbox); err == nil {
		ref = c.ref(e.ID)
	}
	if _, err := c.change(&store.Delete{Account: c.account.ID(), Name: cmd.Mailbox}); err != nil {
		return err
	}
	if c.sel != nil && c.sel.box.Ref() == ref {
		// The client deletes the mailbox that it has selected: it is not selected any more.
		c.unselect()
		c.out = imapwire.AppendStatusResponse(c.out, "*", "OK", imap.CodeClosed, "", "The selected mailbox was deleted")
	}
	return nil
}
