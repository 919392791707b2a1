package imapclient

import (
	"context"

	"restante/imap"
	"restante/imapwire"
)

func init() {
	commands["STORE"] = spec{hazard: selected | usesSeq | writesFlags}
	commands["UID STORE"] = spec{hazard: selected | writesFlags | mayExpunge}
}

// Store changes the flags of messages (RFC 9051 §6.4.6) and returns what the server says that
// they are now. Use StoreSilent to be spared that.
func (c *Conn) Store(ctx context.Context, set imap.NumSet, op imap.StoreOp, flags ...imap.Flag) *Stream[*imap.Message] {
	cmd := c.newCommand(ctx, &imapwire.Store{UID: isUID(set), Set: set, Op: op, Flags: settable(flags)})
	f := newFetch(cmd, set, []imap.FetchItem{imap.FetchFlags})
	c.enqueue(cmd)
	return f.s
}

// StoreSilent is Store without the answer.
func (c *Conn) StoreSilent(ctx context.Context, set imap.NumSet, op imap.StoreOp, flags ...imap.Flag) *Pending[struct{}] {
	return c.simple(ctx, &imapwire.Store{UID: isUID(set), Set: set, Op: op, Silent: true, Flags: settable(flags)})
}

// Store changes flags. The server is not asked to repeat them.
func (mb *Mailbox) Store(ctx context.Context, set imap.NumSet, op imap.StoreOp, flags ...imap.Flag) error {
	if err := mb.writable(); err != nil {
		return err
	}
	for _, p := range pieces(set) {
		_, err := on(ctx, mb, positional(set), func(k *Conn) *Pending[struct{}] { return k.StoreSilent(ctx, p, op, flags...) })
		if err != nil {
			return err
		}
	}
	return nil
}
