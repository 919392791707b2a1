package imapclient

import (
	"context"
	"strings"

	"restante/imap"
	"restante/imapwire"
)

func init() {
	commands["STATUS"] = spec{hazard: mayExpunge, mailbox: mailboxOf(func(c *imapwire.Status) string { return c.Mailbox })}
}

// Status asks for counts of a mailbox without selecting it (RFC 9051 §6.3.11). Status.Items tells
// what the server sent.
func (c *Conn) Status(ctx context.Context, name string, items imap.StatusItems) *Pending[*imap.Status] {
	v := new(*imap.Status)
	*v = &imap.Status{Mailbox: name}
	cmd := c.newCommand(ctx, &imapwire.Status{Mailbox: name, Items: items})
	cmd.data = func(r imapwire.Response) bool {
		d, ok := r.(*imapwire.StatusData)
		if !ok || !sameMailbox(d.Status.Mailbox, name) {
			return false
		}
		st := d.Status
		*v = &st
		return true
	}
	return send(cmd, v)
}

// sameMailbox compares names; INBOX has no case.
func sameMailbox(a, b string) bool {
	return a == b || strings.EqualFold(a, imap.Inbox) && strings.EqualFold(b, imap.Inbox)
}

// StatusAll is what Status asks for: all that the server knows.
const StatusAll = imap.StatusMessages | imap.StatusUnseen | imap.StatusUIDNext | imap.StatusUIDValidity

// Status returns the counts of a mailbox: StatusAll, and also the size and the deleted messages
// where the server can tell them without opening every message.
func (c *Client) Status(ctx context.Context, name string) (*imap.Status, error) {
	return do(ctx, c, func(k *Conn) waiter[*imap.Status] {
		items := StatusAll
		if k.Caps().Has(imap.CapStatusSize) {
			items |= imap.StatusSize
		}
		if k.Caps().listed(imap.CapIMAP4rev2) {
			items |= imap.StatusDeleted
		}
		return k.Status(ctx, name, items)
	})
}
