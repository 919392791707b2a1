package sasl

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"unicode/utf8"
)

// maxField bounds a user name or a password, in octets. RFC 4616 §2 asks for 255.
const maxField = 1024

// PlainAs uses PLAIN to act as authz with the password of user, as administrators do. With an
// empty authz it is PLAIN and nothing else.
func PlainAs(authz, user, password string) Credentials {
	return &plainCredentials{plain{authz: authz, user: user, password: password}}
}

type plainCredentials struct{ plain plain }

func (p *plainCredentials) Pick(offered []string, s Security) ([]Mechanism, error) {
	if !offers(offered, "PLAIN") {
		return nil, ErrNoMechanism
	}
	if err := s.CheckPlaintext(); err != nil {
		return nil, err
	}
	m := p.plain
	return []Mechanism{&m}, nil
}

// Format keeps the password out of everything that is printed.
func (p *plainCredentials) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "password of %s", p.plain.user)
}

// LogValue keeps the password out of logs.
func (p *plainCredentials) LogValue() slog.Value {
	return slog.StringValue("password of " + p.plain.user)
}

// plain is the client's side of PLAIN (RFC 4616).
type plain struct{ authz, user, password string }

func (p *plain) Name() string { return "PLAIN" }

func (p *plain) Start() ([]byte, error) {
	if strings.Contains(p.authz+p.user+p.password, "\x00") || p.user == "" || p.password == "" {
		return nil, fmt.Errorf("sasl: PLAIN needs a user and a password without NUL")
	}
	return []byte(p.authz + "\x00" + p.user + "\x00" + p.password), nil
}

func (p *plain) Next([]byte) ([]byte, error) {
	return nil, fmt.Errorf("%w: second challenge in PLAIN", ErrMalformed)
}

// NewPlain returns the server's side of PLAIN (RFC 4616). verify checks the password, and that
// user may act as authz, which is empty when the client did not ask to.
func NewPlain(verify func(authz, user, password string) error) Server {
	return &plainServer{verify: verify}
}

type plainServer struct {
	verify func(authz, user, password string) error
	asked  bool
	over   bool
}

func (p *plainServer) Next(response []byte) ([]byte, bool, error) {
	switch {
	case p.over:
		return nil, false, fmt.Errorf("%w: exchange is over", ErrMalformed)
	case response == nil && !p.asked:
		p.asked = true
		return []byte{}, false, nil
	}
	p.over = true
	parts := bytes.Split(response, []byte{0})
	if len(parts) != 3 || len(parts[1]) == 0 || len(parts[2]) == 0 || !utf8.Valid(response) {
		return nil, false, fmt.Errorf("%w: PLAIN", ErrMalformed)
	}
	for _, part := range parts {
		if len(part) > maxField {
			return nil, false, fmt.Errorf("%w: PLAIN field is too long", ErrMalformed)
		}
	}
	if err := p.verify(string(parts[0]), string(parts[1]), string(parts[2])); err != nil {
		return nil, false, err
	}
	return nil, true, nil
}
