package imapclient

import (
	"context"

	"restante/imap"
	"restante/imapwire"
)

func init() { commands["LSUB"] = spec{hazard: mayExpunge | lsubs} }

// LSub asks for subscriptions as IMAP4rev1 does (RFC 3501 §6.3.9); List with Subscribed is the
// better question.
func (c *Conn) LSub(ctx context.Context, pattern string) *Stream[*imap.MailboxInfo] {
	cmd := c.newCommand(ctx, &imapwire.LSub{Pattern: pattern})
	s := newStream[*imap.MailboxInfo](cmd)
	cmd.data = func(r imapwire.Response) bool {
		d, ok := r.(*imapwire.ListData)
		if ok = ok && d.Name == "LSUB"; ok {
			d.Info.Subscribed = true
			s.put(&d.Info)
		}
		return ok
	}
	c.enqueue(cmd)
	return s
}
