package imapwire

import (
	"strings"

	"restante/imap"
)

// fetchItems are the data items of FETCH, in both directions. The file of an item adds its row:
//
//	func init() { fetchItems.add("UID", fetchItem{ask: plainItem, value: (*scanner).uid}) }
var fetchItems table[fetchItem]

// fetchItem is how a data item is asked for and told.
type fetchItem struct {
	// ask parses what follows the name in the command FETCH and returns the item; nil: the server's
	// grammar does not have it.
	ask func(l *lexer, name string) imap.FetchItem
	// value parses the value in a response into a field of the message, or with Values.Set into
	// Message.Values, and reports false when it cannot.
	value func(p *scanner, d *FetchData, name string) bool
}

// plainItem is the ask of an item that is its name alone.
func plainItem(l *lexer, name string) imap.FetchItem {
	if l.peek() == '[' {
		l.failAt(l.pos-len(name), "fetch-att", "no such item")
	}
	return imap.FetchItem{Name: name}
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

// fetchAtt parses
//
//	fetch-att = <name> [arguments]
func (l *lexer) fetchAtt() imap.FetchItem {
	start := l.pos
	// An item's name ends at "[", which is an ATOM-CHAR.
	for l.pos < len(l.buf) && l.buf[l.pos] != '[' && is(l.buf[l.pos], atomChar) {
		l.pos++
	}
	name := upper(l.buf[start:l.pos])
	if item := fetchItems.find(name); item != nil && item.ask != nil {
		return item.ask(l, name)
	}
	l.failAt(start, "fetch-att", "no such item")
	return imap.FetchItem{}
}

// maxOpaque is how many items of one response may be beyond repair before the rest is given up.
const maxOpaque = 8

// items parses data items up to the end of the text.
func (p *scanner) items(d *FetchData) {
	closed, failed := false, 0
	for {
		p.space()
		if p.atEnd() {
			break
		}
		start := p.i
		if failed == maxOpaque { // every attempt reads the rest once
			p.defect("too much that cannot be parsed", p.near(start))
			d.Extra = append(d.Extra, imap.RawItem{Value: p.s[start:]})
			break
		}
		switch p.s[p.i] {
		case ')':
			p.i++
			closed = true
			continue
		case '(':
			p.defect("extra parenthesis", p.near(start))
			p.i++
			continue
		}
		if closed { // the end of an extra list, or junk behind the response
			p.defect("data behind the list", p.near(start))
		}
		closed = false
		if name := p.itemName(); name == "" {
			failed++
			p.defect("not a data item", p.near(start))
			if !p.skip() {
				p.i = start + 1
				p.resync()
			}
		} else if !p.item(d, name) {
			if p.open { // in the middle of a value that is not a body section
				break
			}
			failed++
			p.opaque(d, name, p.i)
		}
	}
	if !closed {
		d.Open = true
		if d.Pending == nil {
			p.defect("list not closed", "")
		}
	}
}

// itemName reads the name of a data item in upper case, up to the bracket of a section. It
// consumes nothing when none comes next.
func (p *scanner) itemName() string {
	i, lower := p.i, false
	for ; i < len(p.s); i++ {
		c := p.s[i]
		if !is(c, atomChar) || c == '[' || c == '<' {
			break
		}
		lower = lower || c-'a' < 26
	}
	name := p.s[p.i:i]
	p.i = i
	if lower {
		return strings.ToUpper(name)
	}
	return name
}

func upperString(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= 'a' && s[i] <= 'z' {
			return strings.ToUpper(s)
		}
	}
	return s
}

// item parses the value of a data item. When it reports false, the scanner is where the value
// starts.
func (p *scanner) item(d *FetchData, name string) bool {
	item := fetchItems.find(name)
	if item == nil || item.value == nil {
		return p.unknownItem(d, name)
	}
	start := p.mark()
	if item.value(p, d, name) {
		return true
	}
	if p.rewind(start); p.peek() != '[' {
		if p.space(); p.peek() == ')' { // the item is as if it were not there
			p.defect("no value", name)
			return true
		}
		p.rewind(start)
	}
	return false
}

// twice runs a parser by the normal rules and, when that fails, by the two sets of repair rules.
func (p *scanner) twice(where string, parse func() bool) bool {
	outer, start := p.where, p.mark()
	p.where = where
	ok := parse()
	for _, p.repair = range [...]bool{true, false} {
		if ok {
			break
		}
		p.rewind(start)
		p.atoms = !p.repair
		if ok = parse(); ok && len(p.defects) == start.defects {
			p.defect("repaired", p.s[start.i:p.i])
		}
	}
	if p.repair, p.atoms = false, false; !ok {
		p.rewind(start)
	}
	p.where = outer
	return ok
}

// unknownItem keeps the value of an item that no file registers as text.
func (p *scanner) unknownItem(d *FetchData, name string) bool {
	start := p.mark()
	if p.peek() == '[' { // an unknown item with a section
		if _, ok := p.sectionSpec(); !ok {
			p.i = start.i
			return false
		}
	}
	p.space()
	from := p.i
	if !p.twice(name, p.skip) {
		p.i = start.i
		return false
	}
	name += strings.TrimRight(p.s[start.i:from], " ")
	d.Extra = append(d.Extra, imap.RawItem{Name: name, Value: p.s[from:p.i]})
	return true
}

// opaque keeps an item whose value starts at from and cannot be parsed as text, and goes on at the
// next item that it can make out.
func (p *scanner) opaque(d *FetchData, name string, from int) {
	p.i = from
	p.space()
	from = p.i
	if !p.skip() || !p.betweenItems() {
		p.i = from
		p.resync()
	}
	value := strings.TrimRight(p.s[from:p.i], " \r\n")
	p.where = name
	p.defect("cannot be parsed", value)
	p.where = "FETCH"
	d.Extra = append(d.Extra, imap.RawItem{Name: name, Value: value})
}

// betweenItems reports whether the next thing can be the end of the response or another item.
func (p *scanner) betweenItems() bool {
	rest := strings.TrimLeft(p.s[p.i:], " )\r\n")
	return rest == "" || startsItem(rest)
}

// resync moves to the next place where a known item starts, or to the end.
func (p *scanner) resync() {
	for p.i < len(p.s) {
		n := strings.IndexByte(p.s[p.i:], ' ')
		if n < 0 {
			break
		}
		p.i += n
		if startsItem(p.s[p.i+1:]) {
			return
		}
		p.i++
	}
	p.i = len(p.s)
}

// startsItem reports whether s starts with a data item that every server has, and a value.
func startsItem(s string) bool {
	for _, name := range [...]string{"UID", "FLAGS", "ENVELOPE", "BODY", "BODYSTRUCTURE", "INTERNALDATE",
		"RFC822.SIZE", "RFC822", "RFC822.HEADER", "RFC822.TEXT", "BINARY", "BINARY.SIZE", "MODSEQ"} {
		if len(s) > len(name)+1 && strings.EqualFold(s[:len(name)], name) {
			c, v := s[len(name)], s[len(name)+1]
			switch name {
			case "UID", "RFC822.SIZE":
				return c == ' ' && v-'0' < 10
			case "FLAGS", "MODSEQ":
				return c == '(' || c == ' ' && v == '('
			}
			if c == '[' || c == ' ' && (v == '(' || v == '"' || v == '{' || v|0x20 == 'n') {
				return true
			}
		}
	}
	return false
}
