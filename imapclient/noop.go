package imapclient

import (
	"context"

	"restante/imapwire"
)

func init() { commands["NOOP"] = spec{hazard: mayExpunge} }

// Noop asks for nothing and hears what is new (RFC 9051 §6.1.2).
func (c *Conn) Noop(ctx context.Context) *Pending[struct{}] {
	return c.simple(ctx, &imapwire.Noop{})
}

// Noop asks for nothing, which keeps the session alive.
func (c *Client) Noop(ctx context.Context) error {
	return doErr(ctx, c, func(k *Conn) *Pending[struct{}] { return k.Noop(ctx) })
}
