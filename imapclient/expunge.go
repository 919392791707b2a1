package imapclient

import (
	"context"

	"restante/imap"
	"restante/imapwire"
)

// Expunge removes all messages with \Deleted (RFC 9051 §6.4.3).
func (c *Conn) Expunge(ctx context.Context) *Pending[struct{}] {
	return c.simple(ctx, &imapwire.Expunge{})
}

// UIDExpunge removes those of the messages that have \Deleted (RFC 9051 §6.4.9). The server has
// to offer UIDPLUS.
func (c *Conn) UIDExpunge(ctx context.Context, set imap.UIDSet) *Pending[struct{}] {
	return c.simple(ctx, &imapwire.Expunge{UID: true, Set: set})
}
