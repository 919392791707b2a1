package imapclient

import (
	"context"

	"restante/imap"
	"restante/imapwire"
)

// Copy copies messages into another mailbox (RFC 9051 §6.4.7). A mailbox that does not exist is
// an *imap.Error with the code TRYCREATE.
func (c *Conn) Copy(ctx context.Context, set imap.NumSet, to string) *Pending[imap.CopyResult] {
	return c.copied(c.newCommand(ctx, &imapwire.Copy{UID: isUID(set), Set: set, Mailbox: to}))
}

// Move moves messages into another mailbox (RFC 9051 §6.4.8). The server has to offer MOVE;
// Mailbox.Move does without.
func (c *Conn) Move(ctx context.Context, set imap.NumSet, to string) *Pending[imap.CopyResult] {
	return c.copied(c.newCommand(ctx, &imapwire.Move{UID: isUID(set), Set: set, Mailbox: to}))
}

// copied sends a command that is answered with COPYUID, in the tagged reply or before it.
func (c *Conn) copied(cmd *command) *Pending[imap.CopyResult] {
	v := new(imap.CopyResult)
	cmd.data = func(r imapwire.Response) bool {
		s, ok := r.(*imapwire.StatusResponse)
		if !ok {
			return false
		}
		res, ok := s.CopyUID()
		if ok {
			*v = addCopy(*v, res)
		}
		return ok
	}
	cmd.end = func(r *imapwire.StatusResponse, err error) error {
		if res, ok := r.CopyUID(); ok {
			*v = addCopy(*v, res)
		}
		return err
	}
	return send(cmd, v)
}

// addCopy joins the results of a copy that was made in several pieces.
func addCopy(a, b imap.CopyResult) imap.CopyResult {
	if b.UIDValidity != 0 {
		a.UIDValidity = b.UIDValidity
	}
	a.Source = append(a.Source, b.Source...)
	a.Dest = append(a.Dest, b.Dest...)
	return a
}
