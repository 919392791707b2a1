package imapclient

import (
	"context"
	"time"

	"restante/imap"
	"restante/imapwire"
)

func init() { commands["UNSELECT"] = spec{hazard: alone | selects, needs: imap.CapUnselect} }

// Unselect leaves the mailbox and expunges nothing (RFC 9051 §6.4.2). A server without UNSELECT
// is asked for a mailbox that does not exist, which has the same effect.
func (c *Conn) Unselect(ctx context.Context) *Pending[struct{}] {
	if c.offers("UNSELECT") {
		return c.simple(ctx, &imapwire.Unselect{})
	}
	cmd := c.newCommand(ctx, &imapwire.Select{Mailbox: "no such mailbox " + time.Now().UTC().Format("20060102150405.000000000"), Examine: true})
	cmd.end = func(r *imapwire.StatusResponse, err error) error {
		if r.Status == "NO" {
			return nil
		}
		return err
	}
	return send(cmd, new(struct{}))
}

// Unselect leaves the mailbox and expunges nothing.
func (mb *Mailbox) Unselect(ctx context.Context) error {
	return mb.leave(ctx, func(k *Conn) *Pending[struct{}] { return k.Unselect(ctx) })
}
