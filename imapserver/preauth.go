package imapserver

import (
	"errors"
	"net"

	"restante/imap"
	"restante/imapwire"
	"restante/internal/deepstack"
	"restante/store"
)

// ServePreauth serves one connection to a user who is known already, by an account on the machine
// for instance, and returns when it has ended: its greeting is PREAUTH (RFC 9051 §7.1.4), and it
// begins in the authenticated state, in which neither logins nor STARTTLS are offered. It closes nc.
// The error is ErrServerClosed after Shutdown.
func (s *Server) ServePreauth(nc net.Conn, user store.User) error {
	s.init()
	c, tooMany := s.admit(nc)
	if c == nil {
		return ErrServerClosed
	}
	c.preauth = &user
	s.run(c, tooMany, false)
	return nil
}

// greet sends the greeting (RFC 9051 §7.1).
func (c *conn) greet() {
	if c.preauth == nil {
		c.out = imapwire.AppendStatusResponse(c.out, "*", "OK", imap.CodeCapability, c.capabilities(), "Restante ready")
		return
	}
	if err := deepstack.Run(func() error { return c.enter(*c.preauth, false) }); err != nil {
		c.refuseUser(err)
		return
	}
	c.out = imapwire.AppendStatusResponse(c.out, "*", "PREAUTH", imap.CodeCapability, c.capabilities(), "Restante ready for "+printable(c.user.Name))
}

// refuseUser is the greeting of a connection that cannot be had (RFC 9051 §7.1.5).
func (c *conn) refuseUser(err error) {
	if errors.Is(err, store.ErrNotFound) {
		c.bye("", "There is no such user")
	} else if f := c.failure(err); f != nil {
		c.bye(f.code, f.text)
	}
	c.state = logout
}
