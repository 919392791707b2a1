package imapwire

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"restante/imap"
)

// EncoderOptions say what the server takes.
type EncoderOptions struct {
	LiteralPlus  bool // LITERAL+: literals of any size need not wait (RFC 7888 §3)
	LiteralMinus bool // LITERAL-: literals of up to 4096 octets need not wait (RFC 7888 §5)
	UTF8         bool // IMAP4rev2 or UTF8=ACCEPT is enabled: quoted strings and mailbox names in UTF-8

	// RawName, when set, is asked for the name of a mailbox as the server wrote it. A name goes
	// back unchanged even when it is not what this package would have written.
	RawName func(name string) (raw string, ok bool)
}

// Encoder collects a client's command. Where the server has to agree to a literal first, the
// command is cut into segments. The zero value is ready to use; Reset keeps its memory.
type Encoder struct {
	EncoderOptions
	buf  []byte
	cuts []int // offsets in buf at which a continuation request has to arrive
	err  error
}

// ErrEncode is what errors of Encoder wrap: the value has no form on the wire.
var ErrEncode = errors.New("imapwire: cannot be sent")

// Command appends one command with its tag and final CRLF. A MessageCommand ends behind the
// announcement of its message instead, and its Trailer ends the command. The error is one about a
// value that has no form on the wire; nothing of the command may be sent then.
func (e *Encoder) Command(tag string, cmd Command) error {
	e.Atom(tag)
	e.raw(" ")
	e.raw(cmd.Name())
	cmd.AppendArgs(e)
	if _, ok := cmd.(MessageCommand); !ok {
		e.raw("\r\n")
	}
	return e.err
}

// Segments returns what to send; between two segments a continuation request has to arrive. The
// octets are valid until Reset.
func (e *Encoder) Segments() [][]byte {
	out := make([][]byte, 0, len(e.cuts)+1)
	start := 0
	for _, c := range e.cuts {
		out = append(out, e.buf[start:c:c])
		start = c
	}
	if start < len(e.buf) {
		out = append(out, e.buf[start:])
	}
	return out
}

// WaitAtEnd reports whether a continuation request has to arrive behind the last segment too,
// which is so when APPEND's message is a synchronising literal.
func (e *Encoder) WaitAtEnd() bool {
	return len(e.cuts) > 0 && e.cuts[len(e.cuts)-1] == len(e.buf)
}

// Bytes returns the segments in one piece: the frame that the server will see.
func (e *Encoder) Bytes() []byte { return e.buf }

// Err returns the first error.
func (e *Encoder) Err() error { return e.err }

// Reset empties the encoder.
func (e *Encoder) Reset() { e.buf, e.cuts, e.err = e.buf[:0], e.cuts[:0], nil }

func (e *Encoder) fail(what, value string) {
	if e.err == nil {
		e.err = fmt.Errorf("%w: %s %.40q", ErrEncode, what, value)
	}
}

func (e *Encoder) raw(s string) { e.buf = append(e.buf, s...) }

// Raw appends text as it stands, for extensions that this package has no name for. Line ends are
// refused: they would start another command.
func (e *Encoder) Raw(s string) {
	if strings.ContainsAny(s, "\r\n\x00") {
		e.fail("text", s)
		return
	}
	e.raw(s)
}

// SP appends the space between two arguments.
func (e *Encoder) SP() { e.raw(" ") }

// Atom appends an atom.
func (e *Encoder) Atom(s string) {
	if !isAtom(s) {
		e.fail("atom", s)
		return
	}
	e.raw(s)
}

// Number appends a number.
func (e *Encoder) Number(n int64) {
	if n < 0 {
		e.fail("number", strconv.FormatInt(n, 10))
		return
	}
	e.buf = strconv.AppendInt(e.buf, n, 10)
}

// String appends a string, quoted when it can be.
func (e *Encoder) String(s string) {
	if quotable(s, e.UTF8) {
		e.buf = AppendQuoted(e.buf, s)
		return
	}
	e.literal(s)
}

// AString appends an atom when it is one, a string otherwise.
func (e *Encoder) AString(s string) {
	if bareAString(s) {
		e.raw(s)
		return
	}
	e.String(s)
}

// Mailbox appends a mailbox name given in UTF-8.
func (e *Encoder) Mailbox(name string) { e.AString(e.mailbox(name)) }

// mailbox returns the name as it goes over the wire.
func (e *Encoder) mailbox(name string) string {
	if e.RawName != nil {
		if raw, ok := e.RawName(name); ok {
			return raw
		}
	}
	if raw, ok := strings.CutPrefix(name, undecoded); ok {
		if _, ok := decodeName(raw, e.UTF8); !ok {
			return raw
		}
	}
	if !utf8.ValidString(name) || strings.IndexByte(name, 0) >= 0 {
		e.fail("mailbox name", name)
	}
	if e.UTF8 {
		return name
	}
	return EncodeUTF7(name)
}

// pattern appends a list-mailbox: a mailbox name with wildcards.
func (e *Encoder) pattern(p string) {
	if p = e.mailbox(p); len(p) > 0 && all(p, listChar) && !strings.EqualFold(p, "NIL") {
		e.raw(p)
		return
	}
	e.String(p)
}

// literal appends a literal, and cuts the command when the server has to agree to it.
func (e *Encoder) literal(s string) {
	if strings.IndexByte(s, 0) >= 0 {
		e.fail("string with NUL", s)
		return
	}
	e.announce(int64(len(s)))
	e.raw(s)
}

// announce appends "{n}" or "{n+}" and the line end.
func (e *Encoder) announce(n int64) {
	e.buf = strconv.AppendInt(append(e.buf, '{'), n, 10)
	if e.LiteralPlus || e.LiteralMinus && n <= 4096 {
		e.raw("+}\r\n")
		return
	}
	e.raw("}\r\n")
	e.cuts = append(e.cuts, len(e.buf))
}

// Flags appends a flag-list.
func (e *Encoder) Flags(flags []imap.Flag) {
	e.raw("(")
	for i, f := range flags {
		if i > 0 {
			e.SP()
		}
		e.flag(f)
	}
	e.raw(")")
}

func (e *Encoder) flag(f imap.Flag) {
	if f.System() {
		e.raw(`\`)
		f = f[1:]
	}
	e.Atom(string(f))
}

// NumSet appends a sequence-set.
func (e *Encoder) NumSet(s imap.NumSet) {
	n := len(e.buf)
	if s != nil {
		e.buf = s.AppendTo(e.buf)
	}
	if len(e.buf) == n {
		e.fail("sequence set", "")
	}
}

func (e *Encoder) date(t time.Time) {
	if y := t.Year(); y < 0 || y > 9999 {
		e.fail("date", t.String())
		return
	}
	e.buf = AppendDate(e.buf, t)
}

// list appends n items between parentheses.
func (e *Encoder) list(n int, item func(i int)) {
	e.raw("(")
	for i := range n {
		if i > 0 {
			e.SP()
		}
		item(i)
	}
	e.raw(")")
}
