package imapclient

import (
	"context"

	"restante/imapwire"
)

func init() { commands["CHECK"] = spec{hazard: selected | mayExpunge} }

// Check asks for a checkpoint of the mailbox (RFC 3501 §6.4.1). IMAP4rev2 has it no more; NOOP
// does as well.
func (c *Conn) Check(ctx context.Context) *Pending[struct{}] {
	return c.simple(ctx, &imapwire.Check{})
}
