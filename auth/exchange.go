package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"net/netip"
	"strings"

	"restante/auth/sasl"
	"restante/store"
)

// Conn is what is known of a client's connection.
type Conn struct {
	// Remote is the client's address, or the zero Addr.
	Remote netip.Addr
	// Plaintext says that passwords may be sent as they are: on TLS, on a loopback connection,
	// or because the configuration allows it.
	Plaintext bool
	// Binding returns channel binding data; nil without TLS. sasl.ServerBinding makes one.
	Binding func(kind string) []byte
	// External are the names that the client has proved to have otherwise, by its TLS certificate
	// (RFC 4422 appendix A). Without any, EXTERNAL is not offered.
	External []string
}

// Mechanisms returns the SASL mechanisms to offer on a connection, strongest first.
func (a *Authenticator) Mechanisms(c Conn) []string {
	var ms []string
	if len(c.External) > 0 {
		ms = append(ms, "EXTERNAL")
	}
	if sasl.CanBind(c.Binding) {
		ms = append(ms, sasl.SCRAMSHA256Plus)
		if a.params.SCRAMSHA1 {
			ms = append(ms, sasl.SCRAMSHA1Plus)
		}
	}
	ms = append(ms, sasl.SCRAMSHA256)
	if a.params.SCRAMSHA1 {
		ms = append(ms, sasl.SCRAMSHA1)
	}
	if c.Plaintext && a.tokens != nil {
		ms = append(ms, sasl.OAuthBearer, sasl.XOAuth2)
	}
	if c.Plaintext {
		ms = append(ms, "PLAIN", "LOGIN")
	}
	if a.anonymous != "" {
		ms = append(ms, sasl.Anonymous)
	}
	return ms
}

// Exchange is one SASL exchange. It is used by one goroutine. It implements sasl.Server.
type Exchange struct {
	sasl.Server
	user      store.User
	name      string
	anonymous bool
}

// User returns who has been authenticated, once Next has said that it is done.
func (e *Exchange) User() store.User { return e.user }

// IsAnonymous reports whether it was nobody in particular, who may look at the mail of User and must
// change nothing.
func (e *Exchange) IsAnonymous() bool { return e.anonymous }

// Name returns the name that the client gave, as it came, or "" while it has not given one. It is
// for the log: nothing in it is verified, and it may be of any length.
func (e *Exchange) Name() string { return e.name }

// Server begins an exchange with one of Mechanisms, in any case, or returns ErrMechanism. ctx is
// for the whole exchange. Errors of its Next are those of Password, ErrNotAuthorized, and
// sasl.ErrMalformed, wrapped, when the client does not speak the mechanism.
func (a *Authenticator) Server(ctx context.Context, mechanism string, c Conn) (*Exchange, error) {
	mechanism = strings.ToUpper(mechanism)
	offered := false
	for _, m := range a.Mechanisms(c) {
		offered = offered || m == mechanism
	}
	if !offered {
		return nil, ErrMechanism
	}
	e := &Exchange{}
	switch mechanism {
	case "PLAIN":
		e.Server = sasl.NewPlain(func(authz, name, password string) (err error) {
			e.name = name
			if e.user, err = a.Password(ctx, c.Remote, name, password); err != nil {
				return err
			}
			return e.authorize(authz)
		})
	case "LOGIN":
		e.Server = sasl.NewLogin(func(name, password string) (err error) {
			e.name = name
			e.user, err = a.Password(ctx, c.Remote, name, password)
			return err
		})
	case sasl.OAuthBearer, sasl.XOAuth2:
		e.Server = sasl.NewOAuth(mechanism, func(r sasl.OAuthRequest) error { return a.token(ctx, e, c.Remote, r) })
	case "EXTERNAL":
		e.Server = sasl.NewExternal(func(authz string) error {
			e.name = c.External[0]
			return a.become(ctx, e, c.External, authz)
		})
	case sasl.Anonymous:
		e.Server = sasl.NewAnonymous(func(trace string) error { return a.enterAnonymously(ctx, e, trace) })
	default:
		s := &scramExchange{a: a, ctx: ctx, e: e, remote: c.Remote, mechanism: mechanism}
		e.Server = sasl.NewSCRAM(sasl.SCRAMOptions{
			Mechanism: mechanism,
			Binding:   c.Binding,
			Keys:      s.keys,
			Verified:  s.verified,
		})
	}
	return e, nil
}

// authorize lets users act as themselves only: by the name under which they are stored, or the one that
// they have logged in with, which may be an address of theirs.
func (e *Exchange) authorize(authz string) error {
	if as := canonicalOr(authz); authz == "" || as == canonicalOr(e.user.Name) || as == canonicalOr(e.name) {
		return nil
	}
	e.user = store.User{}
	return ErrNotAuthorized
}

type scramExchange struct {
	a         *Authenticator
	ctx       context.Context
	e         *Exchange
	remote    netip.Addr
	mechanism string

	name  string // canonical
	user  store.User
	known bool // and has keys
}

func (s *scramExchange) keys(name string) (sasl.Keys, error) {
	s.e.name, s.name = name, canonicalOr(name)
	user, known, err := s.a.lookup(s.ctx, name, s.name)
	if err != nil {
		return sasl.Keys{}, err
	}
	// The same steps whether there is a user or not.
	stored := s.a.dummy
	if known {
		stored = user.Secret
	}
	fake := s.a.fakeKeys(s.mechanism, s.name)
	_, scram, err := parseSecret(stored)
	real := scram.of(s.mechanism)
	if known && err != nil {
		s.a.log.Error("stored secret is damaged", "user", user.Name)
	}
	if !known || err != nil || real == nil {
		return fake, nil
	}
	s.user, s.known = user, true
	return sasl.Keys{Salt: real.Salt, Iterations: real.Iterations, StoredKey: real.StoredKey, ServerKey: real.ServerKey}, nil
}

// verified passes the throttle before the client learns anything of the password it has tried. An
// exchange that it does not finish has told it nothing.
func (s *scramExchange) verified(authz, _ string, ok bool) error {
	at, err := s.a.throttle.begin(s.ctx, s.remote, s.name)
	if err != nil {
		return err
	}
	ended := abandoned
	defer func() { at.end(ended, guess{}) }()
	if err := at.passName(s.ctx); err != nil {
		return err
	}
	if !ok || !s.known {
		ended = failed
		return ErrFailed
	}
	ended = succeeded
	s.e.user = s.user
	return s.e.authorize(authz)
}

// fakeKeys are keys of which nobody knows the password, always the same for one mechanism and name.
func (a *Authenticator) fakeKeys(mechanism, canonical string) sasl.Keys {
	prefix, octets := "", sha256.Size
	if isSHA1(mechanism) {
		prefix, octets = "sha-1 ", sha1.Size
	}
	derive := func(what string) []byte {
		mac := hmac.New(sha256.New, a.key)
		mac.Write([]byte(prefix + what))
		mac.Write([]byte{0})
		mac.Write([]byte(canonical))
		return mac.Sum(nil)
	}
	return sasl.Keys{
		Salt:       derive("salt")[:16],
		Iterations: a.params.Iterations,
		StoredKey:  derive("stored")[:octets],
		ServerKey:  derive("server")[:octets],
	}
}
