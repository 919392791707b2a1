package sasl

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
)

// Password picks SCRAM-SHA-256-PLUS when the connection has a channel binding, SCRAM-SHA-256,
// SCRAM-SHA-1, CRAM-MD5 and, on TLS or when Security.Plaintext allows it, PLAIN and LOGIN.
//
// Keep one Credentials for all connections of an account: it remembers the keys that SCRAM
// derives from the password, which are expensive.
func Password(user, password string) Credentials {
	return &passwordCredentials{user: user, password: password, scram: newSCRAMKeys(user, password)}
}

type passwordCredentials struct {
	user, password string
	scram          *scramKeys
}

var _ LoginCredentials = (*passwordCredentials)(nil)

func (p *passwordCredentials) Pick(offered []string, s Security) ([]Mechanism, error) {
	var ms []Mechanism
	kind, binding := "", []byte(nil)
	for _, k := range []string{BindingExporter, BindingEndPoint} {
		if data := s.binding(k); len(data) > 0 {
			kind, binding = k, data
			break
		}
	}
	if p.scram.err == nil {
		for _, h := range scramHashes {
			plus := offers(offered, h.name+"-PLUS")
			if plus && binding != nil {
				ms = append(ms, &scramClient{keys: p.scram, hash: h, kind: kind, binding: binding})
			}
			if offers(offered, h.name) {
				// A client that could bind says so when the server seems not to: a server that
				// did offer it then knows that somebody changed its list (RFC 5802 §6).
				ms = append(ms, &scramClient{keys: p.scram, hash: h, couldBind: binding != nil && !plus})
			}
		}
		// Bound mechanisms first, whatever the hash.
		ms = boundFirst(ms)
	}
	if offers(offered, "CRAM-MD5") {
		ms = append(ms, &cramMD5{user: p.user, password: p.password})
	}
	clear := plaintext(p.user, p.password, offered)
	if s.CheckPlaintext() == nil {
		ms = append(ms, clear...)
	} else if len(ms) == 0 && len(clear) > 0 {
		return nil, ErrPlaintext
	}
	if len(ms) == 0 {
		return nil, ErrNoMechanism
	}
	return ms, nil
}

func plaintext(user, password string, offered []string) []Mechanism {
	var ms []Mechanism
	if offers(offered, "PLAIN") {
		ms = append(ms, &plain{user: user, password: password})
	}
	if offers(offered, "LOGIN") {
		ms = append(ms, &login{user: user, password: password})
	}
	return ms
}

func boundFirst(ms []Mechanism) []Mechanism {
	var bound, unbound []Mechanism
	for _, m := range ms {
		if strings.HasSuffix(m.Name(), "-PLUS") {
			bound = append(bound, m)
		} else {
			unbound = append(unbound, m)
		}
	}
	return append(bound, unbound...)
}

func (p *passwordCredentials) Login() (user, password string, ok bool) {
	return p.user, p.password, true
}

// Format keeps the password out of everything that is printed.
func (p *passwordCredentials) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "password of %s", p.user) }

// LogValue keeps the password out of logs.
func (p *passwordCredentials) LogValue() slog.Value { return slog.StringValue("password of " + p.user) }

// cramMD5 is CRAM-MD5 (RFC 2195 §2). It hides the password from a listener but not from somebody
// who guesses; it is here for servers that have nothing better.
type cramMD5 struct {
	user, password string
	answered       bool
}

func (c *cramMD5) Name() string { return "CRAM-MD5" }

func (c *cramMD5) Start() ([]byte, error) {
	c.answered = false
	return nil, nil
}

func (c *cramMD5) Next(challenge []byte) ([]byte, error) {
	if c.answered {
		return nil, fmt.Errorf("%w: second challenge in CRAM-MD5", ErrMalformed)
	}
	c.answered = true
	mac := hmac.New(md5.New, []byte(c.password))
	mac.Write(challenge)
	return []byte(c.user + " " + hex.EncodeToString(mac.Sum(nil))), nil
}
