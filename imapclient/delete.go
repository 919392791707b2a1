package imapclient

import (
	"context"

	"restante/imapwire"
)

func init() {
	commands["DELETE"] = spec{hazard: mayExpunge | changes, mailbox: mailboxOf(func(c *imapwire.Delete) string { return c.Mailbox })}
}

// Delete deletes a mailbox and its messages (RFC 9051 §6.3.5).
func (c *Conn) Delete(ctx context.Context, name string) *Pending[struct{}] {
	return c.simple(ctx, &imapwire.Delete{Mailbox: name})
}

// Delete deletes a mailbox and all its messages.
func (c *Client) Delete(ctx context.Context, name string) error {
	return doErr(ctx, c, func(k *Conn) *Pending[struct{}] { return k.Delete(ctx, name) })
}
