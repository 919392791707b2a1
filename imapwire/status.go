package imapwire

import (
	"restante/imap"
)

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

// statusItems parses the list of
//
//	status-att = "MESSAGES" / "UIDNEXT" / "UIDVALIDITY" / "UNSEEN" / "DELETED" / "SIZE"
//
// with RECENT of RFC 3501 §6.3.10, HIGHESTMODSEQ of RFC 7162 §3.1.2 and APPENDLIMIT of RFC 7889
// §3.1.
func (l *lexer) statusItems() (items imap.StatusItems) {
	l.list("status-att", false, func() {
		start := l.pos
		name := l.word("status-att")
		for _, x := range statusNames {
			if x.name == name {
				items |= x.item
				return
			}
		}
		l.failAt(start, "status-att", "no such item")
	})
	return items
}
