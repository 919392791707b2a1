package imapclient

import (
	"context"

	"restante/imapwire"
)

func init() {
	commands["SUBSCRIBE"] = spec{hazard: mayExpunge, mailbox: mailboxOf(func(c *imapwire.Subscribe) string { return c.Mailbox })}
	commands["UNSUBSCRIBE"] = spec{hazard: mayExpunge, mailbox: mailboxOf(func(c *imapwire.Unsubscribe) string { return c.Mailbox })}
}

// Subscribe adds a mailbox to the list of subscriptions (RFC 9051 §6.3.7), or takes it out
// (RFC 9051 §6.3.8).
func (c *Conn) Subscribe(ctx context.Context, name string, on bool) *Pending[struct{}] {
	if on {
		return c.simple(ctx, &imapwire.Subscribe{Mailbox: name})
	}
	return c.simple(ctx, &imapwire.Unsubscribe{Mailbox: name})
}

// Subscribe adds a mailbox to the subscriptions or takes it out.
func (c *Client) Subscribe(ctx context.Context, name string, on bool) error {
	return doErr(ctx, c, func(k *Conn) *Pending[struct{}] { return k.Subscribe(ctx, name, on) })
}
