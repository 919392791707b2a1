package imapclient

import (
	"context"

	"restante/imapwire"
)

func init() { commands["CAPABILITY"] = spec{hazard: mayExpunge} }

// Capability asks what the server offers (RFC 9051 §6.1.1). Caps knows without asking.
func (c *Conn) Capability(ctx context.Context) *Pending[CapSet] {
	v := new(CapSet)
	cmd := c.newCommand(ctx, &imapwire.Capability{})
	cmd.end = func(_ *imapwire.StatusResponse, err error) error {
		*v = c.Caps() // the untagged response has been noted by then
		return err
	}
	return send(cmd, v)
}

// needCaps asks for the capabilities unless they are known.
func (c *Conn) needCaps(ctx context.Context) error {
	if c.knowsCaps() {
		return nil
	}
	_, err := c.Capability(ctx).Wait()
	return err
}

// Capability asks the server what it offers.
func (c *Client) Capability(ctx context.Context) (CapSet, error) {
	return do(ctx, c, func(k *Conn) waiter[CapSet] { return k.Capability(ctx) })
}
