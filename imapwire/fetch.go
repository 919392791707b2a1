package imapwire

import (
	"bytes"
	"slices"

	"restante/imap"
)

func init() {
	commands.add("FETCH", command{parse: parseFetch, uid: true})
	numberedResponses.add("FETCH", (*scanner).fetch)
}

// Fetch asks for data of messages (RFC 9051 §6.4.5, §6.4.9).
type Fetch struct {
	UID   bool
	Set   imap.NumSet      // UIDSet or SearchResult{UID: true} with UID, SeqSet or SearchResult{} without
	Items []imap.FetchItem // macros expanded, in the order of the command

	Modifiers []Option // fetch-modifiers (RFC 4466 §2.4): CHANGEDSINCE, VANISHED, PARTIAL
}

// Name returns "FETCH" or "UID FETCH".
func (c *Fetch) Name() string { return uidName(c.UID, "FETCH") }

// AppendArgs appends the set, the items and the modifiers.
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
	e.modifiers(c.Modifiers)
}

// The macros (RFC 9051 §6.4.5).
var fetchMacros = map[string][]imap.FetchItem{
	"FAST": {imap.FetchFlags, imap.FetchDate, imap.FetchSize},
	"ALL":  {imap.FetchFlags, imap.FetchDate, imap.FetchSize, imap.FetchEnvelope},
	"FULL": {imap.FetchFlags, imap.FetchDate, imap.FetchSize, imap.FetchEnvelope, imap.FetchBody},
}

// parseFetch parses
//
//	fetch           = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" /
//	                  fetch-att / "(" fetch-att *(SP fetch-att) ")") [SP fetch-modifiers]
//	fetch-modifiers = "(" fetch-modifier *(SP fetch-modifier) ")"
func parseFetch(l *lexer, uid bool) Command {
	c := &Fetch{UID: uid}
	l.sp("fetch")
	c.Set = l.numSet(uid, "sequence-set")
	l.sp("fetch")
	c.Items = l.fetchAtts()
	if bytes.HasPrefix(l.buf[l.pos:], []byte(" (")) && l.take(' ') {
		c.Modifiers = l.options("fetch-modifiers", "fetch-modifier", false, nil, &fetchModifiers)
	}
	return c
}

// fetchAtts parses a macro, an item or a list of items.
func (l *lexer) fetchAtts() (items []imap.FetchItem) {
	if l.peek() == '(' {
		items = make([]imap.FetchItem, 0, 8)
		l.list("fetch", false, func() { items = append(items, l.fetchAtt()) })
		return items
	}
	for name, items := range fetchMacros {
		if l.keyword(name) {
			return slices.Clone(items)
		}
	}
	return []imap.FetchItem{l.fetchAtt()}
}

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
func (p *scanner) fetch(n uint32) Response {
	if n == 0 {
		p.defect("sequence number 0", p.near(0))
		return nil
	}
	b := new(struct {
		d     FetchData
		flags [3]imap.Flag // most messages have no more, and need no slice of their own
	})
	d := &b.d
	p.flagRoom = b.flags[:]
	d.Seq = imap.SeqNum(n)
	p.where = "FETCH"
	if !p.take('(') {
		p.defect("no list", p.near(p.i))
	}
	p.items(d)
	if len(p.defects) > 0 {
		d.Defects = append([]imap.Defect(nil), p.defects...)
	}
	return d
}
