package imapwire

import (
	"strings"

	"restante/imap"
)

func init() {
	responses.add("FLAGS", (*scanner).flagsResponse)
	fetchItems.add("FLAGS", fetchItem{ask: plainItem, value: (*scanner).fetchFlags})
}

// FlagsData is FLAGS (RFC 9051 §7.3.5).
type FlagsData struct{ Flags []imap.Flag }

func (*FlagsData) response() {}

// flagsResponse parses
//
//	"FLAGS" SP flag-list
func (p *scanner) flagsResponse(string) Response {
	if !p.take('(') {
		return nil
	}
	return &FlagsData{p.flagList()}
}

// AppendFlagsResponse appends FLAGS (RFC 9051 §7.3.5).
func AppendFlagsResponse(dst []byte, flags []imap.Flag) []byte {
	return appendCRLF(AppendFlags(append(dst, "* FLAGS "...), flags))
}

// flagList reads flags up to the parenthesis that closes the list, or the end. The result is
// never nil.
func (p *scanner) flagList() []imap.Flag { return p.flagListIn(nil) }

// flagListIn is flagList for those who have room for a few.
func (p *scanner) flagListIn(room []imap.Flag) []imap.Flag {
	list := p.flags[:0]
	for {
		w := p.flagWord()
		if w == "" {
			break
		}
		list = append(list, canonicalFlag(w))
	}
	out := room[:0]
	if len(list) > cap(room) || room == nil {
		out = make([]imap.Flag, 0, len(list))
	}
	out = append(out, list...)
	out = out[:len(out):len(out)]
	clear(list)
	p.flags = list[:0]
	return out
}

// flagWord reads one flag or attribute, "" at the end of the list, which is consumed. A backslash
// starts a new one, whatever is in front of it.
func (p *scanner) flagWord() string {
	for {
		if p.take(')') || p.atEnd() {
			return ""
		}
		start := p.i
		if p.s[p.i] == '"' {
			if v, ok := p.quoted(); ok {
				p.defect("flag in quotes", v)
				if v != "" {
					return v
				}
				continue
			}
		}
		for p.i < len(p.s) && p.s[p.i] > ' ' && p.s[p.i] != ')' && (p.s[p.i] != '\\' || p.i == start) {
			p.i++
		}
		if p.i == start {
			p.i++ // a control character
			continue
		}
		if p.peek() == '\\' {
			p.defect("no space between flags", p.near(start))
		}
		if w := p.s[start:p.i]; len(w) != 3 || !strings.EqualFold(w, "NIL") {
			return w
		}
		p.defect("NIL for a flag", "NIL")
	}
}

// canonicalFlag gives the system flags their usual spelling, without allocating.
func canonicalFlag(w string) imap.Flag {
	if w[0] != '\\' {
		return imap.Flag(w)
	}
	for _, f := range [...]imap.Flag{imap.Seen, imap.Answered, imap.Flagged, imap.Deleted, imap.Draft, imap.Recent} {
		if len(f) == len(w) && (string(f) == w || strings.EqualFold(string(f), w)) {
			return f
		}
	}
	return imap.Flag(w)
}

// flagList parses
//
//	flag-list = "(" [flag *(SP flag)] ")"
func (l *lexer) flagList() (flags []imap.Flag) {
	l.list("flag-list", true, func() { flags = append(flags, l.flag()) })
	return flags
}

// systemFlags are the flags with a backslash that a message can be given.
var systemFlags = []imap.Flag{imap.Answered, imap.Flagged, imap.Deleted, imap.Seen, imap.Draft}

// flag parses
//
//	flag         = "\Answered" / "\Flagged" / "\Deleted" / "\Seen" / "\Draft" / flag-keyword
//	flag-keyword = atom
//
// \Recent is not among them (RFC 9051 §2.3.2), nor is any flag-extension, which no client may make up.
func (l *lexer) flag() imap.Flag {
	start := l.pos
	if !l.take('\\') {
		return imap.Flag(l.atom("flag"))
	}
	l.atom("flag")
	name := imap.Flag(l.buf[start:l.pos])
	for _, f := range systemFlags {
		if f.Equal(name) {
			return f
		}
	}
	l.failAt(start, "flag", "no such system flag")
	return ""
}

// AppendFlags appends a flag-list, "(\Seen $Junk)".
func AppendFlags(dst []byte, flags []imap.Flag) []byte {
	dst = append(dst, '(')
	for i, f := range flags {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, f...)
	}
	return append(dst, ')')
}

// PermanentFlags returns the argument of PERMANENTFLAGS (RFC 9051 §7.1). An empty list says that
// no flag can be changed for good.
func (r *StatusResponse) PermanentFlags() ([]imap.Flag, bool) {
	if r.Code != imap.CodePermanentFlags {
		return nil, false
	}
	p := scanner{s: r.Args}
	p.take('(')
	return p.flagList(), true
}

func (p *scanner) fetchFlags(d *FetchData, _ string) bool {
	if !p.take('(') {
		if !p.null() {
			return false
		}
		p.defect("NIL for a list", "FLAGS")
		d.Flags = []imap.Flag{}
	} else {
		d.Flags = p.flagListIn(p.flagRoom)
		p.flagRoom = nil
	}
	d.Items |= imap.ItemFlags
	return true
}
