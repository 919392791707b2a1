package imapclient

import (
	"context"

	"restante/imapwire"
)

func init() { commands["LOGOUT"] = spec{hazard: alone} }

// Logout ends the session (RFC 9051 §6.1.3) and closes the connection, whatever the server says
// to it. Commands on their way are waited for.
func (c *Conn) Logout(ctx context.Context) error {
	cmd := c.newCommand(ctx, &imapwire.Logout{})
	c.enqueue(cmd)
	err := cmd.wait()
	if cmd.reply != nil || err != nil && ctx.Err() == nil {
		err = nil // the session is over, and that is what was asked for
	}
	_ = c.Close()
	return err
}

func (c *Conn) loggingOut() bool {
	for _, cmd := range c.now.flight {
		if _, ok := cmd.wire.(*imapwire.Logout); ok {
			return true
		}
	}
	return false
}

// Logout ends the session and closes the connection. A connection that is lost already is not made
// again for it.
func (c *Client) Logout(ctx context.Context) error {
	k := c.close()
	if k.Err() != nil {
		_ = k.Close()
		return nil
	}
	return k.Logout(ctx)
}
