package imapclient

import (
	"context"

	"restante/imapwire"
)

func init() { commands["CLOSE"] = spec{hazard: alone | selects | changes} }

// CloseMailbox leaves the mailbox; when it was selected for writing, messages with \Deleted are
// removed without a word (RFC 9051 §6.4.1, CLOSE).
func (c *Conn) CloseMailbox(ctx context.Context) *Pending[struct{}] {
	return c.simple(ctx, &imapwire.Close{})
}

// Close leaves the mailbox. When it was not selected for reading only, its messages with \Deleted
// are removed, unless the connection is lost just then, which is imap.ErrUncertain.
func (mb *Mailbox) Close(ctx context.Context) error {
	return mb.leave(ctx, func(k *Conn) *Pending[struct{}] { return k.CloseMailbox(ctx) })
}

func (mb *Mailbox) leave(ctx context.Context, f func(*Conn) *Pending[struct{}]) error {
	_, err := on(ctx, mb, false, func(k *Conn) *Pending[struct{}] {
		p := f(k)
		return p
	})
	if err == nil {
		mb.c.left(mb)
	}
	return err
}

func (c *Client) left(mb *Mailbox) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.current == mb {
		c.mu.current = nil
	}
}
