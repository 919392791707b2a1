package sasl

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// External uses EXTERNAL (RFC 4422 appendix A): the server knows the client otherwise, by its TLS
// certificate for instance. An empty authz asks for the identity that comes with it.
func External(authz string) Credentials { return external{authz} }

type external struct{ authz string }

func (e external) Pick(offered []string, _ Security) ([]Mechanism, error) {
	if !offers(offered, e.Name()) {
		return nil, ErrNoMechanism
	}
	return []Mechanism{e}, nil
}

func (e external) Name() string { return "EXTERNAL" }

func (e external) Start() ([]byte, error) {
	if strings.Contains(e.authz, "\x00") {
		return nil, errors.New("sasl: EXTERNAL identity has a NUL")
	}
	return []byte(e.authz), nil
}

func (e external) Next([]byte) ([]byte, error) {
	return nil, fmt.Errorf("%w: second challenge in EXTERNAL", ErrMalformed)
}

// NewExternal returns the server's side of EXTERNAL (RFC 4422 appendix A). verify says whether the client,
// who is known otherwise, may act as authz, which is "" for the identity that comes with it.
func NewExternal(verify func(authz string) error) Server {
	return &singleServer{mechanism: external{}.Name(), take: func(message []byte) (error, bool) {
		authz := string(message)
		if len(authz) > maxField || !utf8.ValidString(authz) || strings.ContainsRune(authz, 0) {
			return nil, false
		}
		return verify(authz), true
	}}
}
