package imapserver

import (
	"errors"

	"restante/imapwire"
	"restante/store"
)

// runClose is CLOSE, RFC 9051 §6.4.1: \Deleted messages are removed and nobody is told, unless
// the mailbox is read-only. One that another session has deleted has none.
func runClose(c *conn, _ *imapwire.Close) error {
	if !c.sel.readOnly {
		if err := c.expunge(c.all()); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	c.unselect()
	return nil
}
