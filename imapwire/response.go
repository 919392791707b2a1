package imapwire

import (
	"bytes"
	"strings"
	"sync"

	"restante/imap"
)

// Response is something that a server says (RFC 9051 §7): one of the pointer types of this package
// whose names end in Data, *StatusResponse or *Continuation.
type Response interface{ response() }

func (*FetchData) response() {}

// The untagged responses of the grammar. The file of a response adds its row:
//
//	func init() { responses.add("NAMESPACE", (*scanner).namespace) }
//
// Its parser returns nil, and may have consumed anything, when it cannot parse the response.
var (
	responses table[func(p *scanner, name string) Response] // by name: LIST
	// numberedResponses are those with a number in front of the name: EXISTS.
	numberedResponses table[func(p *scanner, n uint32) Response]
)

// ResponseOptions say how to read responses. The zero value tolerates what servers get wrong.
type ResponseOptions struct {
	UTF8   bool // IMAP4rev2 or UTF8=ACCEPT is enabled: mailbox names are UTF-8, not modified UTF-7
	Strict bool // what would have to be tolerated is an error; white space may be odd even so

	// Defect, when set, is told of what was tolerated. Defects of FETCH are in the message too.
	Defect func(imap.Defect)
	// Decode decodes the encoded words of a subject or name (RFC 2047); nil stands for the
	// decoder of this module. It is not called for text that needs none.
	Decode func(string) string
}

var scanners = sync.Pool{New: func() any { return new(scanner) }}

// ParseResponse parses one response: a frame as it comes from the wire, its literals in place,
// with or without the line end behind it.
//
// It fails only for a frame that is no response at all, such as a POP3 greeting, unless o is
// strict. Whatever else cannot be parsed is a RawData, an opaque item of a message, or missing
// from an otherwise useful value, and a defect. o may be nil.
//
// The body sections of a FetchData are pieces of frame; everything else is copied.
func ParseResponse(frame []byte, o *ResponseOptions) (Response, error) {
	if r := parseNumbers(frame); r != nil {
		return r, nil
	}
	p := newScanner(frame, o)
	defer p.free()
	r := p.response(frame)
	return finish(p, r, frame)
}

var defaultOptions ResponseOptions

func newScanner(frame []byte, o *ResponseOptions) *scanner {
	p := scanners.Get().(*scanner)
	if p.o = o; o == nil {
		p.o = &defaultOptions
	}
	p.where = "response"
	p.load(frame)
	return p
}

// finish reports the defects and turns what must not be tolerated into an error.
func finish[R comparable](p *scanner, r R, frame []byte) (R, error) {
	var none R
	if r == none {
		return none, &SyntaxError{"response", 0, "not an IMAP response: " + excerpt(frame)}
	}
	if p.o.Strict && p.strict != nil {
		return none, p.strict
	}
	if p.o.Defect != nil {
		for _, d := range p.defects {
			p.o.Defect(d)
		}
	}
	return r, nil
}

func excerpt(frame []byte) string {
	line, _, _ := bytes.Cut(frame, []byte("\n"))
	return strings.ToValidUTF8(string(line[:min(len(line), 200)]), "?")
}

// free gives the scanner back without what the response holds on to.
func (p *scanner) free() {
	const keep = 1 << 16 // octets, and more elements than any honest message has
	if cap(p.text) > keep {
		p.text = nil
	}
	if cap(p.addrs) > keep/64 {
		p.addrs = nil
	}
	if cap(p.nodes) > keep/64 {
		p.nodes = nil
	}
	if cap(p.params) > keep/64 {
		p.params = nil
	}
	clear(p.cuts)
	clear(p.addrs) // of an envelope that was given up
	p.s, p.o, p.cuts, p.defects, p.strict, p.flagRoom = "", nil, p.cuts[:0], nil, nil, nil
	scanners.Put(p)
}

func (p *scanner) response(frame []byte) Response {
	p.space()
	start := p.i
	switch {
	case p.atEnd():
		return nil
	case p.s[p.i] == '+':
		if rest := p.s[p.i+1:]; rest == "" || rest[0] == ' ' {
			return &Continuation{strings.TrimPrefix(rest, " ")}
		}
		return nil
	case p.s[p.i] == '[': // Exchange: a response code without "* OK"
		p.defect("response code without a status", p.near(p.i))
		return p.statusText("*", "OK")
	case p.s[p.i] == '*':
		p.i++
		if p.peek() != ' ' {
			p.defect("no space behind the star", p.near(start))
		}
		return p.untagged(frame)
	}
	tag := p.word()
	next := p.mark()
	if status := statusWord(p.statusName()); status != "" {
		return p.statusText(tag, status)
	}
	p.rewind(next)
	if status := statusWord(tag); status != "" {
		p.defect("status without a tag", p.near(start))
		return p.statusText("", status)
	}
	return nil
}

// untagged parses what follows the star.
func (p *scanner) untagged(frame []byte) Response {
	p.space()
	if p.peek() == '[' {
		p.defect("response code without a status", p.near(p.i))
		return p.statusText("*", "OK")
	}
	if c := p.peek(); c >= '0' && c <= '9' {
		return p.numbered(frame)
	}
	start := p.mark()
	if status := statusWord(p.statusName()); status != "" {
		return p.statusText("*", status)
	}
	p.rewind(start)
	name := upperString(p.word())
	if parse := responses.find(name); parse != nil {
		p.where = name
		args := p.mark()
		for _, p.repair = range [...]bool{false, true} {
			if r := (*parse)(p, name); r != nil {
				return r
			}
			p.rewind(args)
		}
		p.defect("cannot be parsed", p.near(p.i))
	}
	return p.raw(0, name, frame)
}

// numbered parses a response that starts with a number.
func (p *scanner) numbered(frame []byte) Response {
	start := p.i
	n, ok := p.number32()
	if !ok {
		p.i = start
		p.word()
	}
	name := upperString(p.word())
	if parse := numberedResponses.find(name); parse != nil && ok {
		if r := (*parse)(p, n); r != nil {
			return r
		}
	}
	return p.raw(n, name, frame)
}

// RawData is an untagged response that this package does not know or cannot parse.
type RawData struct {
	Num  uint32 // the number in front of the name, 0 when there is none
	Name string // upper case: "QUOTA"
	Text string // what follows the name and a space, literals in place
}

func (*RawData) response() {}

// raw keeps the rest of the frame. Up to here the text is the frame's.
func (p *scanner) raw(n uint32, name string, frame []byte) Response {
	text := trimLineEnd(frame[min(p.i, len(frame)):])
	return &RawData{n, name, string(bytes.TrimPrefix(text, []byte(" ")))}
}

func appendNumbered(dst []byte, n uint32, name string) []byte {
	return append(AppendNumber(append(dst, "* "...), n), name...)
}
