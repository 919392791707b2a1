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

func init() { commands["AUTHENTICATE"] = spec{hazard: alone, redact: redactAuthenticate} }

// redactAuthenticate shows the mechanism, and nothing of the exchange.
func redactAuthenticate(cmd *command, seg []byte) []byte {
	w, ok := cmd.wire.(*imapwire.Authenticate)
	if ok && string(seg[:min(len(seg), len(cmd.tag))]) == cmd.tag {
		return []byte(cmd.tag + " AUTHENTICATE " + w.Mechanism + " ***\r\n")
	}
	return []byte("***\r\n")
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

// authenticating reports whether an AUTHENTICATE is on its way.
func (c *Conn) authenticating() bool {
	for _, cmd := range c.now.flight {
		if _, ok := cmd.wire.(*imapwire.Authenticate); ok {
			return true
		}
	}
	return false
}
