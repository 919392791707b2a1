package sasl

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"unicode/utf8"
)

// The mechanisms for OAuth 2.0 access tokens.
const (
	OAuthBearer = "OAUTHBEARER" // RFC 7628
	XOAuth2     = "XOAUTH2"     // what came before it, of the large providers
)

// maxOAuth bounds a client's message with a token, in octets.
const maxOAuth = 16 << 10

// OAuthRequest is what a client of OAUTHBEARER or XOAUTH2 asks with.
type OAuthRequest struct {
	// User is whom the client wants to act as; "" for the one to whom the token belongs. XOAUTH2
	// always has it.
	User string
	// Token is the bearer token (RFC 6750). It is "" when the client sends none, as those do that
	// ask where tokens come from.
	Token string
	// Host and Port are what the client believes to be connected to, or "" (RFC 7628 §3.1).
	Host, Port string
}

// LogValue keeps the token out of logs.
func (r OAuthRequest) LogValue() slog.Value { return slog.StringValue("token of " + r.User) }

// Format keeps the token out of everything that is printed.
func (r OAuthRequest) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "token of %s", r.User) }

// OAuthError is why a server refuses a token, of which the client is told (RFC 7628 §3.2.2).
type OAuthError struct {
	// Status is an error code of OAuth: "invalid_token", "insufficient_scope", "invalid_request".
	Status string
	// Scope is one with which a token is valid here, or "".
	Scope string
	// OpenIDConfiguration is the URL of a document that says where tokens come from, or "".
	OpenIDConfiguration string
}

func (e *OAuthError) Error() string { return "sasl: token refused: " + e.Status }

// challenge is the error as the client of a mechanism is told it.
func (e *OAuthError) challenge(mechanism string) []byte {
	told := struct {
		Status  string `json:"status"`
		Schemes string `json:"schemes,omitempty"`
		Scope   string `json:"scope,omitempty"`
		OpenID  string `json:"openid-configuration,omitempty"`
	}{e.Status, "", e.Scope, e.OpenIDConfiguration}
	if mechanism == XOAuth2 {
		// Its clients expect the status of HTTP.
		told.Status, told.Schemes = "401", "bearer"
		if e.Status == "invalid_request" {
			told.Status = "400"
		}
	}
	text, err := json.Marshal(told)
	if err != nil {
		panic(err) // of strings it can be none
	}
	return text
}

// NewOAuth returns the server's side of OAuthBearer or XOAuth2. verify says whether the token
// permits what the client asks for; when its error wraps an OAuthError, the client is told of it and
// answers, before the exchange ends with the error.
func NewOAuth(mechanism string, verify func(OAuthRequest) error) Server {
	return &oauthServer{mechanism: mechanism, verify: verify}
}

type oauthServer struct {
	mechanism string
	verify    func(OAuthRequest) error
	asked     bool
	over      bool
	refused   error // told, and to be answered
}

func (o *oauthServer) Next(response []byte) ([]byte, bool, error) {
	switch {
	case o.over:
		return nil, false, fmt.Errorf("%w: exchange is over", ErrMalformed)
	case o.refused != nil:
		// Whatever it says: RFC 7628 §3.2.3 has an octet 1 here, XOAUTH2 nothing.
		o.over = true
		return nil, false, o.refused
	case response == nil && !o.asked:
		o.asked = true
		return []byte{}, false, nil
	}
	r, ok := parseOAuth(o.mechanism, string(response))
	if !ok {
		o.over = true
		return nil, false, fmt.Errorf("%w: %s", ErrMalformed, o.mechanism)
	}
	err := o.verify(r)
	if refusal := (*OAuthError)(nil); errors.As(err, &refusal) {
		o.refused = err
		return refusal.challenge(o.mechanism), false, nil
	}
	o.over = true
	return nil, err == nil, err
}

// parseOAuth parses a client's message:
//
//	OAUTHBEARER: gs2-header kvsep *kvpair kvsep            (RFC 7628 §3.1)
//	XOAUTH2:     "user=" name kvsep "auth=Bearer " token kvsep kvsep
//	kvpair     = key "=" value kvsep
//	kvsep      = %x01
func parseOAuth(mechanism, message string) (r OAuthRequest, ok bool) {
	if len(message) > maxOAuth || !utf8.ValidString(message) || strings.ContainsRune(message, 0) {
		return r, false
	}
	pairs := message
	if mechanism == OAuthBearer {
		header, rest, found := strings.Cut(message, "\x01")
		if !found {
			return r, false
		}
		if r.User, ok = parseGS2(header); !ok {
			return r, false
		}
		pairs = rest
	}
	pairs, ok = strings.CutSuffix(pairs, "\x01")
	if !ok {
		return r, false
	}
	seen := map[string]bool{}
	for pairs != "" {
		pair, rest, ended := strings.Cut(pairs, "\x01")
		key, value, found := strings.Cut(pair, "=")
		if !ended || !found || key == "" || seen[key] {
			return r, false
		}
		pairs, seen[key] = rest, true
		switch {
		case key == "auth":
			scheme, token, _ := strings.Cut(value, " ")
			if strings.EqualFold(scheme, "Bearer") {
				r.Token = strings.TrimSpace(token)
			}
		case key == "host":
			r.Host = value
		case key == "port":
			r.Port = value
		case key == "user" && mechanism == XOAuth2:
			r.User = value
		}
	}
	return r, len(r.User) <= maxField && (mechanism == OAuthBearer || r.User != "")
}

// parseGS2 returns the identity in a GS2 header without channel binding: ("n" / "y") "," ["a="
// saslname] "," (RFC 5801 §4).
func parseGS2(header string) (authz string, ok bool) {
	parts := strings.Split(header, ",")
	if len(parts) != 3 || parts[0] != "n" && parts[0] != "y" || parts[2] != "" {
		return "", false
	}
	if parts[1] == "" {
		return "", true
	}
	name, ok := strings.CutPrefix(parts[1], "a=")
	if !ok || name == "" {
		return "", false
	}
	plain := strings.NewReplacer("=2C", ",", "=3D", "=").Replace(name)
	if strings.Count(name, "=") != strings.Count(name, "=2C")+strings.Count(name, "=3D") {
		return "", false
	}
	return plain, true
}
