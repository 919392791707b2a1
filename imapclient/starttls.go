package imapclient

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"restante/imap"
	"restante/imapwire"
)

func init() { commands["STARTTLS"] = spec{hazard: alone, needs: imap.CapStartTLS} }

// StartTLS encrypts the connection (RFC 9051 §6.2.1). What the server said before is forgotten.
// Anything it sends between its OK and the handshake is an attack, or might be one, and ends the
// connection, as does a handshake that fails.
func (c *Conn) StartTLS(ctx context.Context) error {
	if _, on := c.tls(); on {
		return fmt.Errorf("imapclient: STARTTLS on a connection with TLS: %w", imap.ErrUnsupported)
	}
	cmd := c.newCommand(ctx, &imapwire.StartTLS{})
	cmd.end = func(_ *imapwire.StatusResponse, err error) error {
		if err != nil {
			return err
		}
		// The leader runs this: nobody else reads, and nothing else is on its way.
		return c.handshake(ctx)
	}
	c.enqueue(cmd)
	return cmd.wait()
}

func (c *Conn) handshake(ctx context.Context) error {
	if n := c.rd.Buffered(); n > 0 {
		err := protocolError(fmt.Sprintf("%d octets between STARTTLS and the handshake", n))
		c.fail(err)
		return err
	}
	_ = c.nc.SetDeadline(time.Time{})
	tc := tls.Client(c.nc, tlsConfig(&c.o, c.host))
	if c.o.Timeouts.Dial > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.o.Timeouts.Dial)
		defer cancel()
	}
	if err := tc.HandshakeContext(ctx); err != nil {
		err = fmt.Errorf("imapclient: STARTTLS: %w", err)
		c.fail(err)
		return err
	}
	c.swap(tc)
	return nil
}

// swap puts TLS between the socket and everything else.
func (c *Conn) swap(tc *tls.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.start(tc)
	c.mu.caps, c.mu.capsKnown = CapSet{}, false
}
