package imapclient

import (
	"context"

	"restante/imap"
	"restante/imapwire"
)

// simple sends a command that answers with nothing but its tagged reply.
func (c *Conn) simple(ctx context.Context, wire imapwire.Command) *Pending[struct{}] {
	return send(c.newCommand(ctx, wire), new(struct{}))
}

// Noop asks for nothing and hears what is new (RFC 9051 §6.1.2).
func (c *Conn) Noop(ctx context.Context) *Pending[struct{}] {
	return c.simple(ctx, &imapwire.Noop{})
}

// Check asks for a checkpoint of the mailbox (RFC 3501 §6.4.1). IMAP4rev2 has it no more; NOOP
// does as well.
func (c *Conn) Check(ctx context.Context) *Pending[struct{}] {
	return c.simple(ctx, &imapwire.Check{})
}

// Create creates a mailbox (RFC 9051 §6.3.4), for the special uses given (RFC 6154 §3), which a
// server without CREATE-SPECIAL-USE refuses.
func (c *Conn) Create(ctx context.Context, name string, use ...imap.MailboxAttr) *Pending[struct{}] {
	return c.simple(ctx, &imapwire.Create{Mailbox: name, Use: use})
}

// Delete deletes a mailbox and its messages (RFC 9051 §6.3.5).
func (c *Conn) Delete(ctx context.Context, name string) *Pending[struct{}] {
	return c.simple(ctx, &imapwire.Delete{Mailbox: name})
}

// Rename renames a mailbox and those below it (RFC 9051 §6.3.6). Renaming INBOX moves its
// messages into a new mailbox.
func (c *Conn) Rename(ctx context.Context, from, to string) *Pending[struct{}] {
	return c.simple(ctx, &imapwire.Rename{From: from, To: to})
}

// Subscribe adds a mailbox to the list of subscriptions (RFC 9051 §6.3.7), or takes it out
// (RFC 9051 §6.3.8).
func (c *Conn) Subscribe(ctx context.Context, name string, on bool) *Pending[struct{}] {
	if on {
		return c.simple(ctx, &imapwire.Subscribe{Mailbox: name})
	}
	return c.simple(ctx, &imapwire.Unsubscribe{Mailbox: name})
}

// Logout ends the session (RFC 9051 §6.1.3) and closes the connection, whatever the server says
// to it. Commands on their way are waited for.
func (c *Conn) Logout(ctx context.Context) error {
	cmd := c.newCommand(ctx, &imapwire.Logout{})
	c.enqueue(cmd)
	err := cmd.wait()
	if cmd.reply != nil || err != nil && ctx.Err() == nil {
		err = nil // the session is over, and that is what was asked for
	}
	_ = c.Close()
	return err
}
