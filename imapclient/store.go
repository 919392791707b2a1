package imapclient

import (
	"context"

	"restante/imap"
	"restante/imapwire"
)

// Store changes the flags of messages (RFC 9051 §6.4.6) and returns what the server says that
// they are now. Use StoreSilent to be spared that.
func (c *Conn) Store(ctx context.Context, set imap.NumSet, op imap.StoreOp, flags ...imap.Flag) *Stream[*imap.Message] {
	cmd := c.newCommand(ctx, &imapwire.Store{UID: isUID(set), Set: set, Op: op, Flags: flags})
	f := newFetch(cmd, set, []imap.FetchItem{imap.FetchFlags})
	c.enqueue(cmd)
	return f.s
}

// StoreSilent is Store without the answer.
func (c *Conn) StoreSilent(ctx context.Context, set imap.NumSet, op imap.StoreOp, flags ...imap.Flag) *Pending[struct{}] {
	return c.simple(ctx, &imapwire.Store{UID: isUID(set), Set: set, Op: op, Silent: true, Flags: flags})
}
