package imapwire

import (
	"strings"

	"restante/imap"
)

func init() {
	commands.add("STATUS", command{parse: parseStatus})
	responses.add("STATUS", (*scanner).mailboxStatus)
}

// Status asks for the state of a mailbox that need not be selected (RFC 9051 §6.3.11).
type Status struct {
	Mailbox string
	Items   imap.StatusItems
}

// Name returns "STATUS".
func (*Status) Name() string { return "STATUS" }

// AppendArgs appends the mailbox and the items.
func (c *Status) AppendArgs(e *Encoder) {
	e.SP()
	e.Mailbox(c.Mailbox)
	e.SP()
	e.statusItems(c.Items)
}

func (e *Encoder) statusItems(items imap.StatusItems) {
	if items == 0 {
		e.fail("STATUS of nothing", "")
	}
	e.buf = AppendStatusItems(e.buf, items)
}

// parseStatus parses
//
//	status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")"
func parseStatus(l *lexer, _ bool) Command {
	c := new(Status)
	l.sp("status")
	c.Mailbox = l.mailbox("mailbox")
	l.sp("status")
	c.Items = l.statusItems()
	return c
}

// statusItems are the data items of STATUS, in both directions, in the order in which they are
// written. The file of an extension adds its row:
//
//	func init() { statusItems.add("MAILBOXID", statusItem{...}) }
var statusItems = baseStatusItems()

// statusItem is a data item of STATUS.
type statusItem struct {
	item imap.StatusItems
	// parse parses the value into a field of the status, or with Values.Set, and sets
	// the bit in Status.Items unless the server says that it does not know.
	parse  func(p *scanner, s *imap.Status) bool
	append func(dst []byte, s *imap.Status) []byte
}

// baseStatusItems returns the items of
//
//	status-att = "MESSAGES" / "UIDNEXT" / "UIDVALIDITY" / "UNSEEN" / "DELETED" / "SIZE"
//
// with RECENT of RFC 3501 §6.3.10, HIGHESTMODSEQ of RFC 7162 §3.1.2 and APPENDLIMIT of RFC 7889
// §3.1.
func baseStatusItems() (t table[statusItem]) {
	addStatusNumber(&t, "MESSAGES", imap.StatusMessages, func(s *imap.Status) *uint32 { return &s.Messages })
	addStatusNumber(&t, "RECENT", imap.StatusRecent, func(s *imap.Status) *uint32 { return &s.Recent })
	addStatusNumber(&t, "UIDNEXT", imap.StatusUIDNext, func(s *imap.Status) *imap.UID { return &s.UIDNext })
	addStatusNumber(&t, "UIDVALIDITY", imap.StatusUIDValidity, func(s *imap.Status) *uint32 { return &s.UIDValidity })
	addStatusNumber(&t, "UNSEEN", imap.StatusUnseen, func(s *imap.Status) *uint32 { return &s.Unseen })
	addStatusNumber(&t, "DELETED", imap.StatusDeleted, func(s *imap.Status) *uint32 { return &s.Deleted })
	addStatusNumber(&t, "SIZE", imap.StatusSize, func(s *imap.Status) *int64 { return &s.Size })
	addStatusNumber(&t, "HIGHESTMODSEQ", imap.StatusHighestModSeq, func(s *imap.Status) *imap.ModSeq { return &s.HighestModSeq })
	addStatusNumber(&t, "APPENDLIMIT", imap.StatusAppendLimit, func(s *imap.Status) *int64 { return &s.AppendLimit })
	return t
}

// addStatusNumber adds an item whose value is a number and has a field of its own. A negative
// number and NIL mean that the server does not know.
func addStatusNumber[N ~uint32 | ~int64 | ~uint64](t *table[statusItem], name string, item imap.StatusItems, field func(*imap.Status) *N) {
	t.add(name, statusItem{
		item: item,
		parse: func(p *scanner, s *imap.Status) bool {
			n, ok := p.number()
			if !ok || n < 0 {
				return ok
			}
			if int64(N(n)) != n {
				p.defect("number too big", name)
				return true
			}
			*field(s) = N(n)
			s.Items |= item
			return true
		},
		append: func(dst []byte, s *imap.Status) []byte { return AppendNumber(dst, *field(s)) },
	})
}

// statusItems parses
//
//	"(" status-att *(SP status-att) ")"
func (l *lexer) statusItems() (items imap.StatusItems) {
	l.list("status-att", false, func() {
		start := l.pos
		if x := statusItems.find(l.word("status-att")); x != nil {
			items |= x.item
			return
		}
		l.failAt(start, "status-att", "no such item")
	})
	return items
}

// AppendStatusItems appends the list of a STATUS command, "(MESSAGES UIDNEXT)".
func AppendStatusItems(dst []byte, items imap.StatusItems) []byte {
	dst = append(dst, '(')
	start := len(dst)
	for _, x := range statusItems.all {
		if items.Has(x.row.item) {
			if len(dst) > start {
				dst = append(dst, ' ')
			}
			dst = append(dst, x.name...)
		}
	}
	return append(dst, ')')
}

// StatusData is STATUS (RFC 9051 §7.3.3). Extra has the items that no file registers.
type StatusData struct {
	imap.Status
	Extra []imap.RawItem
}

func (*StatusData) response() {}

// mailboxStatus parses
//
//	"STATUS" SP mailbox SP "(" [status-att-list] ")"
func (p *scanner) mailboxStatus(string) Response {
	d := &StatusData{}
	p.space()
	start := p.i
	raw, ok := p.astring()
	if !ok {
		return nil
	}
	if !p.take('(') {
		// Exchange: a name with spaces and no quotes.
		end := strings.Index(p.s[start:], " (")
		if end < 0 || p.s[start] == '"' || p.s[start] == '{' {
			return nil
		}
		raw = strings.TrimRight(p.s[start:start+end], " ")
		p.i = start + end + len(" (")
		p.defect("name without quotes", raw)
	}
	d.Mailbox = p.mailbox(raw)
	for !p.take(')') {
		if p.atEnd() {
			p.defect("list not closed", "")
			break
		}
		name := upperString(p.word())
		if name == "" {
			return nil
		}
		if !p.statusItem(d, name) {
			return nil
		}
	}
	return d
}

// statusItem parses the value of one item.
func (p *scanner) statusItem(d *StatusData, name string) bool {
	if x := statusItems.find(name); x != nil {
		return x.parse(p, &d.Status)
	}
	p.space()
	start := p.i
	if !p.skip() {
		return false
	}
	d.Extra = append(d.Extra, imap.RawItem{Name: name, Value: p.s[start:p.i]})
	return true
}

// AppendStatus appends STATUS (RFC 9051 §7.3.3) with the items in s.Items.
func AppendStatus(dst []byte, s *imap.Status, utf8 bool) []byte {
	dst = AppendMailbox(append(dst, "* STATUS "...), s.Mailbox, utf8)
	dst = append(dst, " ("...)
	start := len(dst)
	for _, x := range statusItems.all {
		if !s.Items.Has(x.row.item) {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		dst = x.row.append(append(append(dst, x.name...), ' '), s)
	}
	return append(dst, ")\r\n"...)
}
