package imapwire

import "encoding/base64"

func init() { commands.add("AUTHENTICATE", command{parse: parseAuthenticate}) }

// Authenticate starts a SASL exchange (RFC 9051 §6.2.2). What follows goes over Reader.ReadLine.
type Authenticate struct {
	Mechanism  string // upper case
	Initial    []byte // the initial response, decoded
	HasInitial bool   // there is one, perhaps empty
}

// Name returns "AUTHENTICATE".
func (*Authenticate) Name() string { return "AUTHENTICATE" }

// AppendArgs appends the mechanism and the initial response.
func (c *Authenticate) AppendArgs(e *Encoder) {
	e.SP()
	e.Atom(c.Mechanism)
	if c.HasInitial {
		e.SP()
		if len(c.Initial) == 0 {
			e.raw("=")
		}
		e.buf = base64.StdEncoding.AppendEncode(e.buf, c.Initial)
	}
}

// parseAuthenticate parses
//
//	authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp]
//	auth-type    = atom
//	initial-resp = (base64 / "=")
func parseAuthenticate(l *lexer, _ bool) Command {
	l.sp("authenticate")
	c := &Authenticate{Mechanism: l.word("auth-type")}
	if !l.take(' ') {
		return c
	}
	c.HasInitial = true
	start := l.pos
	l.span(base64Char)
	for l.take('=') {
	}
	b := l.buf[start:l.pos]
	if len(b) == 0 {
		l.fail("initial-resp", "expected base64")
	}
	if len(b) == 1 && b[0] == '=' {
		return c
	}
	var err error
	if c.Initial, err = base64.StdEncoding.Strict().AppendDecode(nil, b); err != nil {
		l.failAt(start, "initial-resp", "not base64")
	}
	return c
}
