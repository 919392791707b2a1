package imapclient

import (
	"context"
	"slices"

	"restante/imap"
	"restante/imapwire"
)

func init() { commands["ENABLE"] = spec{hazard: alone, needs: imap.CapEnable} }

// Enable switches extensions on (RFC 9051 §6.3.1) and returns those that the server then uses.
// IMAP4rev2 and UTF8=ACCEPT change how mailbox names are sent; the connection sees to that. After
// Login or Auth, IMAP4rev2 is enabled already when it is offered.
func (c *Conn) Enable(ctx context.Context, caps ...imap.Cap) *Pending[[]imap.Cap] {
	v := new([]imap.Cap)
	cmd := c.newCommand(ctx, &imapwire.Enable{Caps: caps})
	told := false
	cmd.data = func(r imapwire.Response) bool {
		e, ok := r.(*imapwire.EnabledData)
		if ok {
			*v, told = append(*v, e.Caps...), true
		}
		return ok
	}
	cmd.end = func(_ *imapwire.StatusResponse, err error) error {
		if err != nil {
			return err
		}
		if !told { // iCloud says OK and no more
			for _, x := range caps {
				if c.Caps().Has(x) {
					*v = append(*v, x)
				}
			}
		}
		c.enabled(*v)
		return nil
	}
	return send(cmd, v)
}

func (c *Conn) enabled(caps []imap.Cap) {
	c.mu.Lock()
	defer c.mu.Unlock()
	on := func(x imap.Cap) bool {
		return slices.ContainsFunc(caps, func(y imap.Cap) bool { return equalCap(x, y) })
	}
	c.mu.rev2 = c.mu.rev2 || on(imap.CapIMAP4rev2)
	c.mu.utf8 = c.mu.utf8 || c.mu.rev2 || on(imap.CapUTF8Accept)
	c.po.UTF8 = c.mu.utf8
}

// Enable switches extensions on for the present connection; see Conn.Enable.
func (c *Client) Enable(ctx context.Context, caps ...imap.Cap) ([]imap.Cap, error) {
	return do(ctx, c, func(k *Conn) waiter[[]imap.Cap] { return k.Enable(ctx, caps...) })
}
