package sasl

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Anonymous is the name of the mechanism for those who are nobody (RFC 4505).
const Anonymous = "ANONYMOUS"

// maxTrace bounds what a client of ANONYMOUS says of itself, in octets (RFC 4505 §2).
const maxTrace = 1020

// NewAnonymous returns the server's side of ANONYMOUS. enter is told what the client says of itself,
// an address or anything else, or "": nothing in it is verified.
func NewAnonymous(enter func(trace string) error) Server {
	return &singleServer{mechanism: Anonymous, take: func(message []byte) (error, bool) {
		trace := string(message)
		if len(trace) > maxTrace || !utf8.ValidString(trace) || strings.ContainsFunc(trace, unicode.IsControl) {
			return nil, false
		}
		return enter(trace), true
	}}
}

// singleServer is the server's side of a mechanism that is one message of the client, which may be empty.
type singleServer struct {
	mechanism string
	take      func(message []byte) (err error, wellFormed bool)
	asked     bool
	over      bool
}

func (s *singleServer) Next(response []byte) ([]byte, bool, error) {
	switch {
	case s.over:
		return nil, false, fmt.Errorf("%w: exchange is over", ErrMalformed)
	case response == nil && !s.asked:
		s.asked = true
		return []byte{}, false, nil
	}
	s.over = true
	err, wellFormed := s.take(response)
	if !wellFormed {
		err = fmt.Errorf("%w: %s", ErrMalformed, s.mechanism)
	}
	return nil, err == nil, err
}
