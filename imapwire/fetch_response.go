package imapwire

import (
	"strings"

	"restante/imap"
)

// FetchData is FETCH (RFC 9051 §7.5.2): one message, or a part of what is known of one.
//
// A response may be parsed while its last literal is still on its way, when the frame ends in the
// announcement "{n}". Open is true then, and Pending is the body section that the literal
// belongs to; give it its octets with Stream. Once they are read, Resume parses what follows.
//
// Open without Pending: the response ended before its list did. Domino counts a literal two octets
// short, so its response goes on in the next frame, which Resume parses as well.
type FetchData struct {
	imap.Message
	Open    bool
	Pending *imap.BodySection
}

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

// Resume parses the frame that follows the literal of Pending, up to the end of the response or
// to the next literal that is not in the frame. The frame begins behind the literal. o may be nil.
func (d *FetchData) Resume(frame []byte, o *ResponseOptions) error {
	p := newScanner(frame, o)
	defer p.free()
	p.where = "FETCH"
	d.Open, d.Pending = false, nil
	before := len(d.Defects)
	p.items(d)
	d.Defects = append(d.Defects[:before:before], p.defects...)
	_, err := finish(p, d, frame)
	return err
}

// fetch parses
//
//	msg-att = "(" (msg-att-dynamic / msg-att-static) *(SP (msg-att-dynamic / msg-att-static)) ")"
func (p *scanner) fetch(d *FetchData) {
	p.where = "FETCH"
	if !p.take('(') {
		p.defect("no list", p.near(p.i))
	}
	p.items(d)
	if len(p.defects) > 0 {
		d.Defects = append([]imap.Defect(nil), p.defects...)
	}
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
	start := p.i
	for p.i < len(p.s) {
		c := p.s[p.i]
		if !is(c, atomChar) || c == '[' || c == '<' {
			break
		}
		p.i++
	}
	return upperString(p.s[start:p.i])
}

func upperString(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= 'a' && s[i] <= 'z' {
			return strings.ToUpper(s)
		}
	}
	return s
}

// item parses the value of a data item. When it reports false, the value starts at the offset
// where the scanner is.
func (p *scanner) item(d *FetchData, name string) bool {
	switch name {
	case "UID":
		return p.uid(d)
	case "FLAGS":
		return p.fetchFlags(d)
	case "ENVELOPE":
		return p.twice(name, func() bool {
			e := p.envelope()
			if e == nil {
				return false
			}
			d.Envelope, d.Items = e, d.Items|imap.ItemEnvelope
			return true
		})
	case "BODYSTRUCTURE":
		return p.structure(d, name, imap.ItemStructure)
	case "BODY", "BODY.PEEK", "BINARY", "BINARY.PEEK":
		if p.peek() == '[' {
			return p.section(d, strings.TrimSuffix(name, ".PEEK"))
		}
		return p.structure(d, name, imap.ItemBody)
	case "RFC822.SIZE":
		return p.size(d)
	case "RFC822", "RFC822.HEADER", "RFC822.TEXT":
		return p.section(d, name)
	case "INTERNALDATE":
		return p.date(d, name)
	case "BINARY.SIZE":
		return p.binarySize(d)
	}
	return p.extensionItem(d, name)
}

// twice runs a parser by the normal rules and, when that fails, by the repair rules.
func (p *scanner) twice(where string, parse func() bool) bool {
	outer, start := p.where, p.mark()
	p.where = where
	ok := parse()
	if !ok {
		p.rewind(start)
		p.repair = true
		if ok = parse(); ok {
			if len(p.defects) == start.defects {
				p.defect("repaired", p.s[start.i:p.i])
			}
		} else {
			p.rewind(start)
		}
		p.repair = false
	}
	p.where = outer
	return ok
}

func (p *scanner) uid(d *FetchData) bool {
	start := p.mark()
	paren := p.take('(')
	n, ok := p.number32()
	if paren {
		p.take(')')
	}
	if ok && n > 0 {
		d.UID, d.Items = imap.UID(n), d.Items|imap.ItemUID
		return true
	}
	if p.i == start.i {
		return false
	}
	p.defect("not a UID", p.s[start.i:p.i])
	return true
}

func (p *scanner) fetchFlags(d *FetchData) bool {
	if !p.take('(') {
		if !p.null() {
			return false
		}
		p.defect("NIL for a list", "FLAGS")
		d.Flags = []imap.Flag{}
	} else {
		d.Flags = p.flagList()
	}
	d.Items |= imap.ItemFlags
	return true
}

func (p *scanner) size(d *FetchData) bool {
	n, ok := p.number()
	if ok && n >= 0 {
		d.Size, d.Items = n, d.Items|imap.ItemSize
	}
	return ok
}

// date parses INTERNALDATE and SAVEDATE. A date that is none leaves the time zero.
func (p *scanner) date(d *FetchData, name string) bool {
	start := p.mark()
	v, null, ok := p.nstring()
	if !ok {
		p.rewind(start)
		return false
	}
	t, valid := imap.ParseDate(v)
	if !valid && !(null && name == "SAVEDATE") { // RFC 8514 §4.2: NIL is unknown
		p.defect("not a date", p.s[start.i:p.i])
	}
	if name == "SAVEDATE" {
		d.SaveDate, d.Items = t, d.Items|imap.ItemSaveDate
	} else {
		d.InternalDate, d.Items = t, d.Items|imap.ItemDate
	}
	return true
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
			b.SetBytes(data)
		case ok:
			b.SetBytes([]byte(p.s[at:p.i]))
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
	}
	return false
}

// binarySize parses
//
//	"BINARY.SIZE" section-binary SP number
func (p *scanner) binarySize(d *FetchData) bool {
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

// extensionItem parses items of extensions, and keeps those it does not know as text.
func (p *scanner) extensionItem(d *FetchData, name string) bool {
	start := p.mark()
	ok, known := false, true
	switch name {
	case "MODSEQ":
		ok = p.modSeq(d)
	case "EMAILID":
		ok = p.objectID(&d.EmailID, d, imap.ItemEmailID)
	case "THREADID":
		ok = p.objectID(&d.ThreadID, d, imap.ItemThreadID)
	case "X-GM-MSGID":
		if d.Items&imap.ItemEmailID != 0 {
			ok = p.skip()
			break
		}
		ok = p.objectID(&d.EmailID, d, imap.ItemEmailID)
	case "X-GM-THRID":
		if d.Items&imap.ItemThreadID != 0 {
			ok = p.skip()
			break
		}
		ok = p.objectID(&d.ThreadID, d, imap.ItemThreadID)
	case "X-GM-LABELS":
		ok = p.labels(d)
	case "PREVIEW":
		var null bool
		if d.Preview, null, ok = p.nstring(); ok && !null {
			d.Items |= imap.ItemPreview
		}
	case "SAVEDATE":
		ok = p.date(d, name)
	default:
		known = false
	}
	if ok {
		return true
	}
	p.rewind(start)
	if known {
		return false
	}
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

// modSeq parses
//
//	"MODSEQ" SP "(" permsg-modsequence ")"
//
// Servers that do not know send 0 or -1.
func (p *scanner) modSeq(d *FetchData) bool {
	paren := p.take('(')
	n, ok := p.number()
	if !ok || paren && !p.take(')') {
		return false
	}
	if n > 0 {
		d.ModSeq, d.Items = imap.ModSeq(n), d.Items|imap.ItemModSeq
	}
	return true
}

// objectID parses an id with or without parentheses, or NIL (RFC 8474 §7).
func (p *scanner) objectID(id *string, d *FetchData, item imap.MessageItems) bool {
	if p.null() {
		return true
	}
	paren := p.take('(')
	v, ok := p.astring()
	if !ok || paren && !p.take(')') {
		return false
	}
	*id, d.Items = v, d.Items|item
	return true
}

// labels parses X-GM-LABELS: a list of flags and astrings, of which NIL is one.
func (p *scanner) labels(d *FetchData) bool {
	if !p.take('(') {
		return p.null()
	}
	labels := []string{}
	for !p.take(')') {
		v, ok := p.astring()
		if !ok {
			return false
		}
		labels = append(labels, DecodeUTF7Tolerant(v))
	}
	d.Labels, d.Items = labels, d.Items|imap.ItemLabels
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
