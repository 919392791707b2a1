package imapwire

import (
	"bytes"
	"strconv"
	"strings"

	"restante/imap"
)

func init() {
	for _, name := range []string{"BODY", "BODY.PEEK", "BINARY", "BINARY.PEEK"} {
		fetchItems.add(name, fetchItem{ask: askSection, value: (*scanner).bodyItem})
	}
	fetchItems.add("BINARY.SIZE", fetchItem{ask: askSection, value: (*scanner).binarySize})
	for _, name := range []string{"RFC822", "RFC822.HEADER", "RFC822.TEXT"} { // RFC 3501 §6.4.5
		fetchItems.add(name, fetchItem{ask: plainItem, value: (*scanner).section})
	}
	intern("HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT", "TEXT", "MIME")
	codes.add(string(imap.CodeUnknownCTE), imap.ErrUnsupported)
}

// askSection parses what follows the name in
//
//	"BODY" [section [partial]] / "BODY.PEEK" section [partial] /
//	"BINARY" [".PEEK"] section-binary [partial] / "BINARY.SIZE" section-binary
//	partial = "<" number64 "." nz-number64 ">"
//
// BODY alone is BODYSTRUCTURE without extension data.
func askSection(l *lexer, name string) (f imap.FetchItem) {
	if !l.take('[') {
		if name != "BODY" {
			l.failAt(l.pos-len(name), "fetch-att", "no such item")
		}
		return imap.FetchItem{Name: name}
	}
	f.Name, f.Peek = strings.CutSuffix(name, ".PEEK")
	f.Section = l.section(f.Name != "BODY")
	if name != "BINARY.SIZE" && l.take('<') {
		f.Partial = new(imap.Partial)
		f.Partial.Offset = l.number64("partial")
		l.expect('.', "partial")
		f.Partial.Count = l.nzNumber64("partial")
		l.expect('>', "partial")
	}
	return f
}

// bodyItem parses the value of BODY: a section, or the structure without extension data.
func (p *scanner) bodyItem(d *FetchData, name string) bool {
	if p.peek() == '[' {
		return p.section(d, strings.TrimSuffix(name, ".PEEK"))
	}
	return p.structure(d, name, imap.ItemBody)
}

// AppendSection appends a section with its brackets, "[1.2.HEADER.FIELDS (From To)]", as it stands
// in commands and in responses.
func AppendSection(dst []byte, s *imap.Section) []byte {
	e := Encoder{buf: dst}
	e.section(s)
	return e.buf
}

func (e *Encoder) section(s *imap.Section) {
	e.raw("[")
	for i, n := range s.Part {
		if i > 0 {
			e.raw(".")
		}
		e.buf = strconv.AppendUint(e.buf, uint64(n), 10)
	}
	if s.Text != "" {
		if len(s.Part) > 0 {
			e.raw(".")
		}
		e.Raw(s.Text)
		if len(s.Fields) > 0 {
			e.SP()
			e.list(len(s.Fields), func(i int) { e.AString(s.Fields[i]) })
		}
	}
	e.raw("]")
}

// ParseSection parses a section-spec that stands alone, as in a URL (RFC 5092 §6).
func ParseSection(spec string) (*imap.Section, error) {
	l := &lexer{buf: []byte(spec + "]")}
	s := l.section(false)
	l.end("section")
	if l.err != nil {
		return nil, l.err
	}
	return s, nil
}

// section parses what follows the bracket of
//
//	section         = "[" [section-spec] "]"
//	section-binary  = "[" [section-part] "]"
//	section-spec    = section-msgtext / (section-part ["." section-text])
//	section-part    = nz-number *("." nz-number)
//	section-text    = section-msgtext / "MIME"
//	section-msgtext = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list / "TEXT"
//	header-list     = "(" header-fld-name *(SP header-fld-name) ")"
func (l *lexer) section(binary bool) *imap.Section {
	s := new(imap.Section)
	more := !l.take(']')
	for more && is(l.peek(), digitChar) {
		s.Part = append(s.Part, l.nzNumber("section-part"))
		if len(s.Part) > maxParts {
			l.fail("section-part", "too many part numbers")
		}
		if more = !l.take(']'); more {
			l.expect('.', "section")
		}
	}
	if !more || l.err != nil {
		return s
	}
	if binary {
		l.fail("section-binary", "expected a part number")
		return s
	}
	start := l.pos
	for l.pos < len(l.buf) && (is(l.buf[l.pos], atomChar)) {
		l.pos++
	}
	s.Text = upper(l.buf[start:l.pos])
	switch {
	case s.Text == "HEADER", s.Text == "TEXT", s.Text == "MIME" && len(s.Part) > 0:
	case s.Text == "HEADER.FIELDS", s.Text == "HEADER.FIELDS.NOT":
		l.sp("section-msgtext")
		l.list("header-list", false, func() {
			if f := l.astring("header-fld-name"); l.err == nil {
				s.Fields = append(s.Fields, string(f))
			}
		})
	default:
		l.failAt(start, "section-spec", "no such section")
	}
	l.expect(']', "section")
	return s
}

// maxParts bounds the depth of a section-part.
const maxParts = 100

// Streamable reports whether frame, which ends in the announcement of a literal, announces that
// of a body section. Other literals have to be in the frame when it is parsed.
func Streamable(frame []byte) bool {
	end := len(frame)
	for end > 0 && (frame[end-1] == '\n' || frame[end-1] == '\r') {
		end--
	}
	start := end
	for start > 0 && frame[start-1] != '\n' {
		start--
	}
	_, ok := announced(frame[start:end])
	return ok && sectionBefore(frame[start:end])
}

// sectionBefore reports whether the literal that the line announces is a body section's: it comes
// behind "BODY[...]", "BODY[...]<0>" or one of the RFC822 items.
func sectionBefore(line []byte) bool {
	line = bytes.TrimRight(line[:bytes.LastIndexByte(line, '{')], " ~")
	if len(line) == 0 {
		return false
	}
	if c := line[len(line)-1]; c == ']' || c == '>' {
		return true
	}
	name := upper(line[bytes.LastIndexAny(line, " (")+1:])
	return name == "RFC822" || name == "RFC822.TEXT" || name == "RFC822.HEADER"
}

// section parses
//
//	"BODY" section ["<" number ">"] SP nstring /
//	"BINARY" section-binary SP (nstring / literal8) /
//	"RFC822" [".HEADER" / ".TEXT"] SP nstring
func (p *scanner) section(d *FetchData, name string) bool {
	start := p.i
	b := imap.NewBody("", nil)
	switch name {
	case "RFC822.HEADER":
		b.Section = "HEADER"
	case "RFC822.TEXT":
		b.Section = "TEXT"
	case "BINARY":
		b.Binary = true
	}
	if p.peek() == '[' {
		spec, ok := p.sectionSpec()
		if !ok {
			p.i = start
			return false
		}
		if name != "BODY" && name != "BINARY" {
			p.defect("section behind "+name, p.s[start:p.i])
		}
		if spec != "" {
			b.Section = spec
		}
	}
	if p.take('<') {
		n, w := int64(0), p.word() // some servers echo "<0.100>"
		for i := 0; i < len(w) && w[i]-'0' < 10 && i < 18; i++ {
			n = n*10 + int64(w[i]-'0')
		}
		if !strings.HasSuffix(w, ">") || strings.Contains(w, ".") {
			p.defect("odd origin", w)
		}
		b.Origin = n
	}
	if !p.content(d, b) {
		p.i = start
		return false
	}
	d.Bodies = append(d.Bodies, b)
	return true
}

// sectionSpec reads what stands between the brackets. Quotes around header fields are dropped.
func (p *scanner) sectionSpec() (string, bool) {
	p.i++
	start, quotes := p.i, false
	for ; p.i < len(p.s); p.i++ {
		switch p.s[p.i] {
		case '"':
			quotes = true
		case '\r', '\n':
			return "", false
		case ']':
			spec := p.s[start:p.i]
			p.i++
			if quotes {
				spec = strings.ReplaceAll(spec, `"`, "")
			}
			return spec, true
		}
	}
	return "", false
}

// content parses the string of a body section into b.
func (p *scanner) content(d *FetchData, b *imap.BodySection) bool {
	p.space()
	switch c := p.peek(); {
	case c == '{' || c == '~':
		start := p.i
		data, at, ok := p.literalData()
		switch {
		case ok && data != nil:
			if b.SetBytes(data); !p.atEnd() && !stop(p.s[p.i]) {
				b.SetBytes(append(data[:len(data):len(data)], p.uncounted(string(data), true)...))
			}
		case ok:
			v := p.s[at:p.i]
			b.SetBytes([]byte(v + p.uncounted(v, true)))
		case p.open && strings.IndexByte(p.s[start:], '\n') == len(p.s)-start-1:
			size, _ := announced([]byte(p.s[start:]))
			b.Stream(size, nil)
			d.Pending, p.i = b, len(p.s)
		default:
			p.i = start
			return false
		}
		return true
	case c == '"':
		return p.twice("BODY", func() bool {
			v, ok := p.quoted()
			if ok {
				b.SetBytes([]byte(v))
			}
			return ok
		})
	case p.null():
		b.Nil = true
		return true
	case c == ')':
		p.defect("no value", "BODY")
		b.Nil = true
		return true
	}
	return false
}

// binarySize parses
//
//	"BINARY.SIZE" section-binary SP number
func (p *scanner) binarySize(d *FetchData, _ string) bool {
	start := p.i
	if p.peek() != '[' {
		return false
	}
	spec, ok := p.sectionSpec()
	if ok {
		var n int64
		if n, ok = p.number(); ok {
			d.BinarySizes = append(d.BinarySizes, imap.BinarySize{Section: spec, Size: n})
			return true
		}
	}
	p.i = start
	return false
}
