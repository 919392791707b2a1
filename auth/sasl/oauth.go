package sasl

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// OAuth picks OAUTHBEARER (RFC 7628) or XOAUTH2, on TLS or when Security.Plaintext allows it.
// token returns an access token. When the server refuses it, which it says in a challenge, the
// next mechanism picked calls token again and goes on if there is a new one.
func OAuth(user string, token func(context.Context) (string, error)) Credentials {
	return &oauthCredentials{user: user, token: token}
}

type oauthCredentials struct {
	user  string
	token func(context.Context) (string, error)
}

// errNoNewToken ends the second attempt before anything is sent.
var errNoNewToken = errors.New("sasl: server refused the token and there is no new one")

func (o *oauthCredentials) Pick(offered []string, s Security) ([]Mechanism, error) {
	name := "OAUTHBEARER"
	if !offers(offered, name) {
		name = "XOAUTH2"
	}
	if !offers(offered, name) {
		return nil, ErrNoMechanism
	}
	if err := s.CheckPlaintext(); err != nil {
		return nil, err
	}
	shared := new(oauthAttempts)
	ctx := s.context()
	return []Mechanism{
		&oauth{name: name, credentials: o, ctx: ctx, attempts: shared},
		&oauth{name: name, credentials: o, ctx: ctx, attempts: shared},
	}, nil
}

// Format names the user; the token function is nothing to print.
func (o *oauthCredentials) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "token of %s", o.user) }

// LogValue is what logs say of it.
func (o *oauthCredentials) LogValue() slog.Value { return slog.StringValue("token of " + o.user) }

// oauthAttempts is what two attempts share.
type oauthAttempts struct {
	last    string // the token tried last
	refused bool   // by an error challenge
}

type oauth struct {
	name        string
	credentials *oauthCredentials
	ctx         context.Context
	attempts    *oauthAttempts
}

func (o *oauth) Name() string { return o.name }

func (o *oauth) Start() ([]byte, error) {
	a := o.attempts
	if a.last != "" && !a.refused {
		return nil, errNoNewToken
	}
	token, err := o.credentials.token(o.ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("sasl: no token: %w", err)
	case token == "" || strings.ContainsAny(token, "\x01\r\n"):
		return nil, errors.New("sasl: token is empty or has control characters")
	case token == a.last:
		return nil, errNoNewToken
	}
	a.last, a.refused = token, false
	user := o.credentials.user
	if strings.Contains(user, "\x01") {
		return nil, errors.New("sasl: user name has control characters")
	}
	if o.name == "XOAUTH2" {
		return []byte("user=" + user + "\x01auth=Bearer " + token + "\x01\x01"), nil
	}
	// The name is a GS2 authorization identity (RFC 7628 §3.1, RFC 5801 §4).
	user = strings.NewReplacer("=", "=3D", ",", "=2C").Replace(user)
	return []byte("n,a=" + user + ",\x01auth=Bearer " + token + "\x01\x01"), nil
}

// Next gets the server's reason for refusing the token, and sends the message that lets the
// server end the exchange (RFC 7628 §3.2.3).
func (o *oauth) Next([]byte) ([]byte, error) {
	if o.attempts.refused {
		return nil, fmt.Errorf("%w: second challenge in %s", ErrMalformed, o.name)
	}
	o.attempts.refused = true
	if o.name == "XOAUTH2" {
		return []byte{}, nil
	}
	return []byte{1}, nil
}
