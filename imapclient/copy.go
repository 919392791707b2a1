package imapclient

import (
	"context"

	"restante/imap"
	"restante/imapwire"
)

func init() {
	to := mailboxOf(func(c *imapwire.Copy) string { return c.Mailbox })
	commands["COPY"] = spec{hazard: selected | usesSeq | mayExpunge | changes, mailbox: to}
	commands["UID COPY"] = spec{hazard: selected | mayExpunge | changes, mailbox: to}
}

// Copy copies messages into another mailbox (RFC 9051 §6.4.7). A mailbox that does not exist is
// an *imap.Error with the code TRYCREATE.
func (c *Conn) Copy(ctx context.Context, set imap.NumSet, to string) *Pending[imap.CopyResult] {
	return c.copied(c.newCommand(ctx, &imapwire.Copy{UID: isUID(set), Set: set, Mailbox: to}))
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

// Copy copies messages into another mailbox and tells their new UIDs, if the server does.
func (mb *Mailbox) Copy(ctx context.Context, set imap.NumSet, to string) (imap.CopyResult, error) {
	return mb.copied(ctx, set, func(k *Conn, piece imap.NumSet) *Pending[imap.CopyResult] { return k.Copy(ctx, piece, to) })
}

func (mb *Mailbox) copied(ctx context.Context, set imap.NumSet, f func(*Conn, imap.NumSet) *Pending[imap.CopyResult]) (all imap.CopyResult, err error) {
	for _, p := range pieces(set) {
		res, err := on(ctx, mb, positional(set), func(k *Conn) *Pending[imap.CopyResult] { return f(k, p) })
		if err != nil {
			return all, err
		}
		all = addCopy(all, res)
	}
	return all, nil
}
