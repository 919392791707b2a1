package imapserver

import (
	"context"
	"encoding/base64"
	"errors"

	"restante/auth"
	"restante/auth/sasl"
	"restante/imapwire"
	"restante/internal/deepstack"
)

var authenticateExtension = extension{
	name: "AUTHENTICATE", rfc: "RFC 9051",
	capabilities: func(c *conn) (caps []string) {
		if c.state != notAuthenticated || !c.passwordAllowed() {
			return nil
		}
		for _, mechanism := range c.s.Auth.Mechanisms(c.authConn()) {
			caps = append(caps, "AUTH="+mechanism)
		}
		return caps
	},
	commands: map[string]command{
		"AUTHENTICATE": {in: notAuthenticated, flags: ownsInput, run: handler(runAuthenticate)},
	},
}

// authConn tells package auth what it must know of the connection.
func (c *conn) authConn() auth.Conn {
	conn := auth.Conn{Remote: c.addr, Plaintext: c.passwordAllowed()}
	if c.tls != nil {
		conn.Binding = sasl.ServerBinding(c.tls, c.shown)
		// With a chain it was verified, and not only shown.
		if c.s.ClientNames != nil && len(c.tls.VerifiedChains) > 0 {
			conn.External = c.s.ClientNames(c.tls.PeerCertificates[0])
		}
	}
	return conn
}

// runAuthenticate is AUTHENTICATE, RFC 9051 §6.2.2, with the initial response of RFC 4959.
func runAuthenticate(c *conn, cmd *imapwire.Authenticate) error {
	if !c.passwordAllowed() {
		// Neither is offered, whatever the mechanism: what follows the login is no less private.
		return errPrivacy
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.s.limits.AuthTimeout)
	defer cancel()
	exchange, err := c.s.Auth.Server(ctx, cmd.Mechanism, c.authConn())
	if err != nil {
		return c.authFailure("", err)
	}
	var response []byte
	if cmd.HasInitial {
		if response = cmd.Initial; response == nil {
			response = []byte{}
		}
	}
	for {
		var challenge []byte
		var done bool
		err := deepstack.Run(func() (err error) {
			if challenge, done, err = exchange.Next(response); err != nil {
				return c.authFailure(exchange.Name(), err)
			}
			if done {
				return c.enter(exchange.User(), exchange.IsAnonymous())
			}
			return nil
		})
		if err != nil || done {
			return err
		}
		if response, err = c.ask(challenge); err != nil {
			return err
		}
	}
}

// ask sends a challenge and reads the client's response.
func (c *conn) ask(challenge []byte) ([]byte, error) {
	c.out = append(c.out, "+ "...)
	c.out = base64.StdEncoding.AppendEncode(c.out, challenge)
	c.out = append(c.out, "\r\n"...)
	if err := c.flush(); err != nil {
		return nil, err
	}
	line, err := c.r.ReadLine()
	switch {
	case errors.Is(err, imapwire.ErrLineTooLong):
		return nil, bad("The response is too long")
	case err != nil:
		return nil, err
	case string(line) == "*":
		return nil, bad("Authentication was cancelled")
	}
	response := make([]byte, base64.StdEncoding.DecodedLen(len(line)))
	n, err := base64.StdEncoding.Decode(response, line)
	if err != nil {
		return nil, bad("The response is not base64")
	}
	return response[:n], nil
}
