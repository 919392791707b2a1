package imapclient

import (
	"context"

	"restante/imap"
	"restante/imapwire"
)

func init() {
	commands["CREATE"] = spec{hazard: mayExpunge | changes, mailbox: mailboxOf(func(c *imapwire.Create) string { return c.Mailbox })}
}

// Create creates a mailbox (RFC 9051 §6.3.4), for the special uses given (RFC 6154 §3), which a
// server without CREATE-SPECIAL-USE refuses.
func (c *Conn) Create(ctx context.Context, name string, use ...imap.MailboxAttr) *Pending[struct{}] {
	return c.simple(ctx, &imapwire.Create{Mailbox: name, Use: use})
}

// Create creates a mailbox, for the special uses given where the server can note them.
func (c *Client) Create(ctx context.Context, name string, use ...imap.MailboxAttr) error {
	return doErr(ctx, c, func(k *Conn) *Pending[struct{}] {
		if !k.Caps().Has(imap.CapCreateSpecial) {
			return k.Create(ctx, name)
		}
		return k.Create(ctx, name, use...)
	})
}
