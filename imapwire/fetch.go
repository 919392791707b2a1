package imapwire

import (
	"strconv"

	"restante/imap"
)

// Fetch asks for data of messages (RFC 9051 §6.4.5, §6.4.9).
type Fetch struct {
	UID   bool
	Set   imap.NumSet      // UIDSet or SearchResult{UID: true} with UID, SeqSet or SearchResult{} without
	Items []imap.FetchItem // macros expanded, in the order of the command
}

// Name returns "FETCH" or "UID FETCH".
func (c *Fetch) Name() string { return uidName(c.UID, "FETCH") }

// AppendArgs appends the set and the items.
func (c *Fetch) AppendArgs(e *Encoder) {
	e.SP()
	e.NumSet(c.Set)
	e.SP()
	switch len(c.Items) {
	case 0:
		e.fail("FETCH of nothing", "")
	case 1:
		e.fetchItem(c.Items[0])
	default:
		e.list(len(c.Items), func(i int) { e.fetchItem(c.Items[i]) })
	}
}

func (e *Encoder) fetchItem(f imap.FetchItem) {
	e.Raw(f.Name)
	if f.Peek {
		e.raw(".PEEK")
	}
	if f.Section != nil {
		e.section(f.Section)
	}
	if p := f.Partial; p != nil {
		if p.Offset < 0 || p.Count < 1 {
			e.fail("partial of", f.Name)
		}
		e.raw("<")
		e.Number(p.Offset)
		e.raw(".")
		e.Number(p.Count)
		e.raw(">")
	}
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

// The macros (RFC 9051 §6.4.5).
var fetchMacros = map[string][]imap.FetchItem{
	"FAST": {imap.FetchFlags, imap.FetchDate, imap.FetchSize},
	"ALL":  {imap.FetchFlags, imap.FetchDate, imap.FetchSize, imap.FetchEnvelope},
	"FULL": {imap.FetchFlags, imap.FetchDate, imap.FetchSize, imap.FetchEnvelope, imap.FetchBody},
}

// fetchAtts are the items without a section, with those of RFC 3501 §6.4.5. BODY is both.
var fetchAtts = map[string]bool{"ENVELOPE": true, "FLAGS": true, "INTERNALDATE": true, "RFC822": true,
	"RFC822.HEADER": true, "RFC822.SIZE": true, "RFC822.TEXT": true, "BODY": true, "BODYSTRUCTURE": true, "UID": true}

// parseFetch parses
//
//	fetch = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" /
//	        fetch-att / "(" fetch-att *(SP fetch-att) ")")
func parseFetch(l *lexer, uid bool) Command {
	c := &Fetch{UID: uid}
	l.sp("fetch")
	c.Set = l.numSet(uid, "sequence-set")
	l.sp("fetch")
	if l.peek() == '(' {
		c.Items = make([]imap.FetchItem, 0, 8)
		l.list("fetch", false, func() { c.Items = append(c.Items, l.fetchAtt()) })
		return c
	}
	for name, items := range fetchMacros {
		if l.keyword(name) {
			c.Items = append(c.Items, items...)
			return c
		}
	}
	c.Items = []imap.FetchItem{l.fetchAtt()}
	return c
}

// fetchAtt parses
//
//	fetch-att = "ENVELOPE" / "FLAGS" / "INTERNALDATE" / "RFC822.SIZE" / "BODY" ["STRUCTURE"] / "UID" /
//	            "RFC822" / "RFC822.HEADER" / "RFC822.TEXT" /
//	            "BODY" [".PEEK"] section [partial] /
//	            "BINARY" [".PEEK"] section-binary [partial] / "BINARY.SIZE" section-binary
//	partial   = "<" number64 "." nz-number64 ">"
func (l *lexer) fetchAtt() (f imap.FetchItem) {
	start := l.pos
	// An item's name ends at "[", which is an ATOM-CHAR.
	for l.pos < len(l.buf) && l.buf[l.pos] != '[' && is(l.buf[l.pos], atomChar) {
		l.pos++
	}
	name := upper(l.buf[start:l.pos])
	if !l.take('[') {
		if !fetchAtts[name] {
			l.failAt(start, "fetch-att", "no such item")
		}
		return imap.FetchItem{Name: name}
	}
	f.Name = name
	switch name {
	case "BODY", "BINARY", "BINARY.SIZE":
	case "BODY.PEEK", "BINARY.PEEK":
		f.Name, f.Peek = name[:len(name)-len(".PEEK")], true
	default:
		l.failAt(start, "fetch-att", "no such item")
		return f
	}
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
