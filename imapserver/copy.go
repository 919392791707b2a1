package imapserver

import (
	"errors"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
	"restante/store"
)

// runCopy is COPY and UID COPY, RFC 9051 §6.4.7: all of the messages or none.
func runCopy(c *conn, cmd *imapwire.Copy) error {
	out, err := c.transfer(cmd.Set, cmd.Mailbox, false)
	if err == nil && len(out.UIDs) > 0 {
		c.completion = copyUID(out)
	}
	return err
}

// transfer is what COPY and MOVE have in common.
func (c *conn) transfer(nums imap.NumSet, to string, move bool) (store.Outcome, error) {
	set, err := c.resolve(nums)
	if err != nil {
		return store.Outcome{}, err
	}
	dst, err := c.findDestination(to)
	if err != nil {
		return store.Outcome{}, err
	}
	if set.Empty() {
		return store.Outcome{}, nil
	}
	op := &store.Copy{From: c.sel.box.Ref(), To: c.ref(dst.ID), UIDs: set, Move: move, MustExist: true}
	out, err := c.change(op)
	var blamed *store.OpError
	switch {
	case errors.Is(err, store.ErrGone):
		return out, no(imap.CodeExpungeIssued, "Some of the messages have been expunged; nothing was done")
	case errors.Is(err, store.ErrNotFound) && errors.As(err, &blamed) && blamed.Ref == op.To:
		return out, c.tryCreate(to) // deleted meanwhile
	}
	return out, err
}

// tryCreate answers a command whose destination does not exist. TRYCREATE promises that CREATE
// can help (RFC 9051 §7.1).
func (c *conn) tryCreate(name string) error {
	if mailbox.CheckName(name) != nil {
		return no(imap.CodeCannot, "This name is not allowed for a mailbox")
	}
	return no(imap.CodeTryCreate, "No such mailbox")
}
