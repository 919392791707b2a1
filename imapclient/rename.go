package imapclient

import (
	"context"

	"restante/imapwire"
)

func init() {
	commands["RENAME"] = spec{hazard: mayExpunge | changes, mailbox: mailboxOf(func(c *imapwire.Rename) string { return c.From })}
}

// Rename renames a mailbox and those below it (RFC 9051 §6.3.6). Renaming INBOX moves its
// messages into a new mailbox.
func (c *Conn) Rename(ctx context.Context, from, to string) *Pending[struct{}] {
	return c.simple(ctx, &imapwire.Rename{From: from, To: to})
}

// Rename renames a mailbox and those below it.
func (c *Client) Rename(ctx context.Context, from, to string) error {
	return doErr(ctx, c, func(k *Conn) *Pending[struct{}] { return k.Rename(ctx, from, to) })
}
