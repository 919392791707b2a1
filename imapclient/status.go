package imapclient

import (
	"context"
	"strings"

	"restante/imap"
	"restante/imapwire"
)

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
