// Package sasl implements both sides of the SASL mechanisms (RFC 4422) that mail uses: PLAIN,
// LOGIN, SCRAM (RFC 5802, RFC 7677) with and without channel binding, OAUTHBEARER, XOAUTH2 and
// EXTERNAL; for clients also CRAM-MD5, for servers ANONYMOUS.
//
// A client has Credentials. They pick, from what a server offers and what the connection allows,
// the mechanisms worth trying, best first. A server has one Server for each exchange.
//
// Messages are the bytes inside base64; encoding them is the protocol's business. So are the
// tokens around them: the initial response "=" of IMAP for an empty one (RFC 4959 §3) and "*"
// to abort an exchange (RFC 9051 §6.2.2).
package sasl

import (
	"context"
	"errors"
	"strings"
)

// Errors of both sides.
var (
	// ErrNoMechanism says that the server offers no mechanism that the credentials can use.
	ErrNoMechanism = errors.New("sasl: server offers no usable mechanism")
	// ErrPlaintext says that only mechanisms that give the secret away are offered, on a
	// connection without TLS.
	ErrPlaintext = errors.New("sasl: refusing to send a password without TLS")
	// ErrMalformed says that the peer's message is not what the mechanism asks for.
	ErrMalformed = errors.New("sasl: malformed message")
	// ErrServer says that the server did not prove that it knows the password's keys (RFC 5802
	// §3), although it says that the client is authenticated.
	ErrServer = errors.New("sasl: server did not authenticate itself")
)

// Credentials choose the strongest mechanisms the server offers and the connection allows.
type Credentials interface {
	// Pick returns mechanisms in order of preference, at least one, for one attempt each.
	// offered are the names without "AUTH=", in any case. A client tries the next mechanism when
	// the server refuses one, but not after it said that the credentials themselves are wrong
	// ([AUTHENTICATIONFAILED], RFC 5530): more attempts would only count against the user.
	//
	// Errors are ErrNoMechanism and ErrPlaintext.
	Pick(offered []string, s Security) ([]Mechanism, error)
}

// LoginCredentials are Credentials that also serve IMAP's LOGIN command, for servers that offer
// no mechanism at all. Password returns such ones. The command sends the password as it is: ask
// Security.CheckPlaintext first.
type LoginCredentials interface {
	Credentials
	Login() (user, password string, ok bool)
}

// Security is what a client's connection allows.
type Security struct {
	// TLS says that the connection is encrypted and the server's certificate was verified, or
	// that the user wants it to be trusted all the same.
	TLS bool
	// Plaintext allows mechanisms that give away a password or token even without TLS, as on a
	// loopback connection or a pipe.
	Plaintext bool
	// Binding returns channel binding data of a kind, BindingExporter or BindingEndPoint, or nil
	// when there is none. ClientBinding makes one. A nil Binding is a connection without.
	Binding func(kind string) []byte
	// Context bounds calls of an OAuth token function; nil is context.Background().
	Context context.Context
}

// CheckPlaintext returns ErrPlaintext when a secret must not be sent as it is.
func (s Security) CheckPlaintext() error {
	if s.TLS || s.Plaintext {
		return nil
	}
	return ErrPlaintext
}

func (s Security) binding(kind string) []byte {
	if s.Binding == nil {
		return nil
	}
	return s.Binding(kind)
}

func (s Security) context() context.Context {
	if s.Context == nil {
		return context.Background()
	}
	return s.Context
}

// Mechanism is the client's side of one exchange.
type Mechanism interface {
	// Name returns the registered name, such as "SCRAM-SHA-256".
	Name() string
	// Start begins the exchange. A nil initial response says that the server speaks first; an
	// empty one that is not nil is sent. When the protocol has no room for an initial response,
	// it is the answer to the server's first, empty, challenge.
	Start() (initial []byte, err error)
	// Next answers a challenge. After an error the caller aborts the exchange.
	Next(challenge []byte) (response []byte, err error)
}

// Finish is to be called when the server has said that the client is authenticated. It returns
// ErrServer when the mechanism lets the server prove itself and the server has not done so: such
// a server is not to be trusted, and the connection is to be closed.
func Finish(m Mechanism) error {
	if f, ok := m.(interface{ finish() error }); ok {
		return f.finish()
	}
	return nil
}

// Server is the server's side of one exchange.
type Server interface {
	// Next takes the client's response and returns the next challenge. The first response is nil
	// when the client sent no initial one. When done is true the client is authenticated and
	// there is no challenge. After an error the exchange is over; it wraps ErrMalformed when the
	// client does not speak the mechanism, and is otherwise what the callback returned.
	Next(response []byte) (challenge []byte, done bool, err error)
}

// Only is a mechanism from outside, such as GSSAPI. Its Start must be able to begin anew.
func Only(m Mechanism) Credentials { return only{m} }

type only struct{ m Mechanism }

func (o only) Pick(offered []string, _ Security) ([]Mechanism, error) {
	if !offers(offered, o.m.Name()) {
		return nil, ErrNoMechanism
	}
	return []Mechanism{o.m}, nil
}

func offers(offered []string, name string) bool {
	for _, o := range offered {
		if strings.EqualFold(o, name) {
			return true
		}
	}
	return false
}
