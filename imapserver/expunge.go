package imapserver

import (
	"restante/imap"
	"restante/imapwire"
	"restante/store"
)

// errReadOnly answers a change of a mailbox that was opened by EXAMINE.
var errReadOnly = no(imap.CodeReadOnly, "The mailbox is open read-only")

// runExpunge is EXPUNGE and UID EXPUNGE, RFC 9051 §6.4.3 and §6.4.9. Messages that the client has
// not been told of yet stay.
func runExpunge(c *conn, cmd *imapwire.Expunge) error {
	if c.sel.readOnly {
		return errReadOnly
	}
	set := c.all()
	if cmd.UID {
		var err error
		if set, err = c.resolve(cmd.Set); err != nil {
			return err
		}
	}
	return c.expunge(set)
}

// expunge removes those of the messages that carry \Deleted.
func (c *conn) expunge(set imap.UIDSet) error {
	if set.Empty() {
		return nil
	}
	_, err := c.change(&store.Expunge{Mailbox: c.sel.box.Ref(), UIDs: set})
	return err
}
