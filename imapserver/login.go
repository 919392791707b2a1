package imapserver

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"unicode"

	"restante/auth"
	"restante/auth/sasl"
	"restante/imap"
	"restante/imapwire"
	"restante/internal/deepstack"
	"restante/store"
)

var loginExtension = extension{
	name: "LOGIN", rfc: "RFC 9051",
	capabilities: func(c *conn) []string {
		if c.state != notAuthenticated || c.passwordAllowed() {
			return nil
		}
		return []string{string(imap.CapLoginDisabled)}
	},
	commands: map[string]command{
		"LOGIN": {in: notAuthenticated, run: handler(runLogin)},
	},
}

// runLogin is LOGIN, RFC 9051 §6.2.3.
func runLogin(c *conn, cmd *imapwire.Login) error {
	if !c.passwordAllowed() {
		return errPrivacy
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.s.limits.AuthTimeout)
	defer cancel()
	return deepstack.Run(func() error {
		user, err := c.s.Auth.Password(ctx, c.addr, cmd.User, cmd.Password)
		if err != nil {
			return c.authFailure(cmd.User, err)
		}
		return c.enter(user, false)
	})
}

var errPrivacy = no(imap.CodePrivacyRequired, "Logging in is possible over TLS only; use STARTTLS first")

// passwordAllowed reports whether a password may be sent as it is on this connection.
func (c *conn) passwordAllowed() bool {
	return c.tls != nil || c.s.AllowPlaintext || isLocal(c.addr)
}

// isLocal reports whether a peer is on this machine: on loopback, or without an address.
func isLocal(addr netip.Addr) bool { return !addr.IsValid() || addr.IsLoopback() }

// authFailure logs a failed authentication with the name that was tried, and says how it is
// answered.
func (c *conn) authFailure(name string, err error) error {
	answer, reason := err, ""
	refusal := (*sasl.OAuthError)(nil)
	switch {
	case errors.Is(err, auth.ErrFailed) && errors.As(err, &refusal):
		reason = "access token refused: " + refusal.Status
	case errors.Is(err, auth.ErrFailed):
		reason = "wrong user name or password"
	case errors.Is(err, auth.ErrThrottled):
		reason = "too many failed logins"
	case errors.Is(err, auth.ErrNotAuthorized):
		answer, reason = no(imap.CodeAuthorizationFailed, "You may not act as another user"), "not authorized to act as another user"
	case errors.Is(err, auth.ErrMechanism):
		return no(imap.CodeCannot, "This mechanism is not offered here")
	case errors.Is(err, sasl.ErrMalformed):
		return bad("The client's response is not what the mechanism demands")
	case errors.Is(err, context.DeadlineExceeded):
		answer, reason = no(imap.CodeUnavailable, "Logging in took too long, try again later"), "took too long"
	default:
		return err
	}
	c.log.Info("login failed", "name", loggedName(name), "addr", c.addr, "reason", reason)
	return answer
}

// loggedName returns a name that anybody may have sent, fit for a log.
func loggedName(name string) string {
	const octets = 200
	if len(name) > octets {
		name = name[:octets] + "..."
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(name, "?"))
}

// enter makes a user's account that of the connection, which may change nothing in it when readOnly.
func (c *conn) enter(user store.User, readOnly bool) error {
	if !c.s.enterUser(user.ID) {
		return no(imap.CodeLimit, "Too many connections of this user")
	}
	actor := store.ActorOf(user.ID)
	if readOnly {
		actor = actor.ReadOnly()
	}
	account, err := c.s.Mail.Account(c.ctx, actor, user.ID)
	if err != nil {
		c.s.leaveUser(user.ID)
		if errors.Is(err, store.ErrMoved) {
			return no(imap.CodeUnavailable, "The account has moved; connect again")
		}
		return err
	}
	c.user, c.actor, c.account, c.state = user, actor, account, authenticated
	c.r.SetLimits(c.readerOptions())
	c.log = c.log.With("user", user.Name)
	c.log.Info("logged in", "addr", c.addr, "tls", c.tls != nil, "read_only", readOnly)
	c.completion = reply{code: imap.CodeCapability, args: c.capabilities(), text: "Logged in"}
	return nil
}
