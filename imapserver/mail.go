package imapserver

import (
	"errors"

	"restante/mailbox"
	"restante/store"
)

// What handlers do with the user's mail goes through the gate that the server was given, on behalf
// of the user.

// ref names a mailbox of the user.
func (c *conn) ref(id mailbox.ID) store.Ref { return store.Ref{Account: c.account.ID(), Mailbox: id} }

// commit makes changes, all or none.
func (c *conn) commit(ops ...store.Op) ([]store.Outcome, error) {
	outcomes, err := c.s.Mail.Commit(c.ctx, c.actor, ops...)
	if err == nil {
		c.noteOwn(ops, outcomes)
	}
	return outcomes, err
}

// change makes one change.
func (c *conn) change(op store.Op) (store.Outcome, error) {
	out, err := c.commit(op)
	if err != nil {
		return store.Outcome{}, err
	}
	return out[0], nil
}

// find returns the mailbox of a name, or mailbox.ErrNotFound. A name that this machine does not
// know is looked for once more among the newest.
func (c *conn) find(name string) (mailbox.Entry, error) {
	if e, ok := c.account.Namespace().Lookup(name); ok {
		return e, nil
	}
	return c.findNewest(name)
}

// findNewest is find among the newest names, wherever they were changed.
func (c *conn) findNewest(name string) (mailbox.Entry, error) {
	names, err := c.account.Refresh(c.ctx)
	if err != nil {
		return mailbox.Entry{}, err
	}
	if e, ok := names.Lookup(name); ok {
		return e, nil
	}
	return mailbox.Entry{}, mailbox.ErrNotFound
}

// findDestination is find for the mailbox that new messages go to.
func (c *conn) findDestination(name string) (mailbox.Entry, error) {
	e, err := c.find(name)
	if errors.Is(err, mailbox.ErrNotFound) {
		return e, c.tryCreate(name)
	}
	return e, err
}

// refresh makes sure that the next sync tells of everything that had happened when the client gave
// its command, on whatever machine.
func (c *conn) refresh() error {
	if c.sel == nil {
		return nil
	}
	_, err := c.sel.box.Refresh(c.ctx)
	return err
}
