package imapclient

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"restante/auth/sasl"
	"restante/imap"
	"restante/imapwire"
)

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

// Auth logs in with the best mechanism that the server offers and the connection allows
// (RFC 9051 §6.2.2), or by LOGIN when it offers none. A wrong password is imap.ErrAuth. Then it
// enables IMAP4rev2 where that is offered.
func (c *Conn) Auth(ctx context.Context, cred sasl.Credentials) error {
	if err := c.needCaps(ctx); err != nil {
		return err
	}
	mechs, err := cred.Pick(c.Caps().mechanisms(), c.security(ctx))
	if errors.Is(err, sasl.ErrNoMechanism) {
		if lc, ok := cred.(sasl.LoginCredentials); ok {
			if user, password, ok := lc.Login(); ok && !c.Caps().Has(imap.CapLoginDisabled) {
				return c.Login(ctx, user, password)
			}
		}
	}
	if errors.Is(err, sasl.ErrPlaintext) {
		return fmt.Errorf("imapclient: %w", imap.ErrInsecure)
	}
	if err != nil {
		return fmt.Errorf("imapclient: %w", err)
	}
	for _, m := range mechs {
		if err = c.Authenticate(ctx, m); !tryNext(err) {
			return err
		}
	}
	return err
}

// tryNext reports whether another mechanism may do better: the server refused, and did not say
// that it was for the credentials.
func tryNext(err error) bool {
	var e *imap.Error
	if !errors.As(err, &e) || e.Status == "BYE" {
		return false
	}
	return e.Status == "BAD" || e.Code != imap.CodeAuthenticationFailed && !errors.Is(e, imap.ErrThrottled) &&
		!errors.Is(e, imap.ErrTooMany) && !errors.Is(e, imap.ErrUnavailable)
}

// Authenticate logs in with one SASL mechanism (RFC 9051 §6.2.2), with an initial response where
// the server takes one (SASL-IR, RFC 4959).
func (c *Conn) Authenticate(ctx context.Context, m sasl.Mechanism) error {
	if err := c.needCaps(ctx); err != nil {
		return err
	}
	initial := c.Caps().Has(imap.CapSASLIR) && !c.refusesInitial()
	err := c.authenticate(ctx, m, initial)
	var e *imap.Error
	if initial && errors.As(err, &e) && e.Status == "BAD" { // offered, but refused: Coremail
		c.noInitial()
		err = c.authenticate(ctx, m, false)
	}
	return err
}

func (c *Conn) refusesInitial() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.noInitial
}

func (c *Conn) noInitial() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.noInitial = true
}

func (c *Conn) authenticate(ctx context.Context, m sasl.Mechanism, inline bool) error {
	first, err := m.Start()
	if err != nil {
		return fmt.Errorf("imapclient: %w", err)
	}
	wire := &imapwire.Authenticate{Mechanism: m.Name()}
	if inline && first != nil {
		wire.Initial, wire.HasInitial = first, true
		first = nil
	}
	cmd := c.newCommand(ctx, wire)
	var failed error
	cmd.cont = func(text string) []byte {
		if failed != nil {
			return nil
		}
		answer := first
		if first = nil; answer == nil {
			if answer, failed = respond(m, text); failed != nil {
				return []byte("*\r\n")
			}
		}
		return append(base64.StdEncoding.AppendEncode(nil, answer), "\r\n"...)
	}
	err = c.loggedIn(ctx, cmd)
	switch {
	case failed != nil:
		return fmt.Errorf("imapclient: %w", failed)
	case err != nil:
		return err
	}
	if err := sasl.Finish(m); err != nil {
		c.fail(err)
		return fmt.Errorf("imapclient: %w", err)
	}
	return nil
}

func respond(m sasl.Mechanism, text string) ([]byte, error) {
	challenge, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		challenge, err = base64.RawStdEncoding.DecodeString(text)
	}
	if err != nil {
		return nil, sasl.ErrMalformed
	}
	return m.Next(challenge)
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
	if len(c.o.ID) > 0 && caps.Has(imap.CapID) {
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

// authenticating reports whether an AUTHENTICATE is on its way.
func (c *Conn) authenticating() bool {
	for _, cmd := range c.now.flight {
		if _, ok := cmd.wire.(*imapwire.Authenticate); ok {
			return true
		}
	}
	return false
}
