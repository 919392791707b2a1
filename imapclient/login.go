package imapclient

import (
	"context"
	"errors"
	"fmt"

	"restante/auth/sasl"
	"restante/imap"
	"restante/imapwire"
)

func init() {
	commands["LOGIN"] = spec{hazard: alone, redact: func(cmd *command, _ []byte) []byte {
		return []byte(cmd.tag + " LOGIN ***\r\n")
	}}
}

// Login logs in with a user name and password by the LOGIN command (RFC 9051 §6.2.3). Without TLS
// it needs Options.AllowPlain. Auth chooses something better where the server has it.
func (c *Conn) Login(ctx context.Context, user, password string) error {
	if err := c.needCaps(ctx); err != nil {
		return err
	}
	if err := c.security(ctx).CheckPlaintext(); err != nil {
		return fmt.Errorf("imapclient: %w", imap.ErrInsecure)
	}
	if c.Caps().Has(imap.CapLoginDisabled) {
		return fmt.Errorf("imapclient: LOGIN is disabled: %w", imap.ErrUnsupported)
	}
	return c.loggedIn(ctx, c.newCommand(ctx, &imapwire.Login{User: user, Password: password}))
}

// loggedIn sends a command that logs in, and then sets the session up.
func (c *Conn) loggedIn(ctx context.Context, cmd *command) error {
	told := false
	cmd.data = func(r imapwire.Response) bool {
		_, ok := r.(*imapwire.CapabilityData)
		told = told || ok
		return ok
	}
	cmd.end = func(r *imapwire.StatusResponse, err error) error {
		if err != nil {
			return authError(err)
		}
		if r.Code != imap.CodeCapability && !told {
			c.forgetCaps() // they change with the login
		}
		c.setState(authenticated)
		return nil
	}
	c.enqueue(cmd)
	if err := cmd.wait(); err != nil {
		return err
	}
	return c.setUp(ctx)
}

// authError makes ErrAuth of a refusal for which the server gives no better reason.
func authError(err error) error {
	var e *imap.Error
	if errors.As(err, &e) && e.Kind == nil && e.Status == "NO" {
		e.Kind = imap.ErrAuth
	}
	return err
}

func (c *Conn) setState(s state) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.state = s
}

// setUp does what a session wants done once, in one round trip.
func (c *Conn) setUp(ctx context.Context) error {
	if err := c.needCaps(ctx); err != nil {
		return err
	}
	caps := c.Caps()
	var id *Pending[map[string]string]
	if len(c.o.ID) > 0 && c.offers("ID") {
		id = c.ID(ctx, c.o.ID)
	}
	if caps.listed(imap.CapIMAP4rev2) {
		if _, err := c.Enable(ctx, imap.CapIMAP4rev2).Wait(); errors.Is(err, imap.ErrClosed) || ctx.Err() != nil {
			return err
		}
	}
	if id != nil {
		if _, err := id.Wait(); errors.Is(err, imap.ErrClosed) || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// security is what the connection allows.
func (c *Conn) security(ctx context.Context) sasl.Security {
	s := sasl.Security{Plaintext: c.o.AllowPlain || c.private, Context: ctx}
	if tc, ok := c.tls(); ok {
		s.TLS = true
		cs := tc.ConnectionState()
		s.Binding = sasl.ClientBinding(&cs)
	}
	return s
}
