package imapserver

import (
	"context"
	"crypto/tls"
	"fmt"

	"restante/imap"
	"restante/imapwire"
)

var startTLSExtension = extension{
	name: "STARTTLS", rfc: "RFC 9051",
	capabilities: func(c *conn) []string {
		if c.state != notAuthenticated || c.tls != nil || c.s.TLS == nil {
			return nil
		}
		return []string{string(imap.CapStartTLS)}
	},
	commands: map[string]command{
		"STARTTLS": {in: notAuthenticated, run: handler(runStartTLS)},
	},
}

// runStartTLS is STARTTLS, RFC 9051 §6.2.1. What was sent behind the command in the clear is not
// taken for commands of the protected connection: it ends the connection.
func runStartTLS(c *conn, _ *imapwire.StartTLS) error {
	if c.s.TLS == nil {
		return no(imap.CodeCannot, "TLS is not configured")
	}
	if c.tls != nil {
		return bad("TLS is active already")
	}
	if c.r.Buffered() > 0 {
		return protocolError("Nothing may be sent behind STARTTLS before the handshake")
	}
	c.out = imapwire.AppendStatusResponse(c.out, c.tag, "OK", "", "", "Begin TLS now")
	if err := c.flush(); err != nil {
		return err
	}
	if err := c.startTLS(); err != nil {
		// The client has been told that TLS begins: nothing can be said in the clear any more.
		c.writeErr = fmt.Errorf("TLS handshake: %w", err)
		return c.writeErr
	}
	return errAnswered
}

// startTLS is the handshake.
func (c *conn) startTLS() error {
	ctx, cancel := context.WithTimeout(c.s.ctx, c.s.limits.AuthTimeout)
	defer cancel()
	below := &shownCertificate{Conn: c.nc}
	nc := tls.Server(below, c.s.tls)
	if err := nc.HandshakeContext(ctx); err != nil {
		return err
	}
	state := nc.ConnectionState()
	c.nc, c.tls, c.shown = nc, &state, below.leaf
	return nil
}
