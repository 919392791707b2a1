package imapwire

import (
	"bytes"

	"restante/imap"
)

func init() {
	searchReturns.add("CONTEXT", func(*lexer) Option { return &Context{} })
	searchReturns.add("UPDATE", parseUpdate)
	commands.add("CANCELUPDATE", command{parse: parseCancelUpdate})
}

// Context says that the criteria of a search will be used again (RFC 5267 §4.2).
type Context struct{}

// Name returns "CONTEXT".
func (*Context) Name() string { return "CONTEXT" }

// AppendValue appends nothing.
func (*Context) AppendValue(*Encoder) {}

// Update asks for notifications of what changes in the results of a search (RFC 5267 §4.3).
type Update struct {
	Items []imap.FetchItem // what is to be told of new messages among them (RFC 5465 §7)
}

// Name returns "UPDATE".
func (*Update) Name() string { return "UPDATE" }

// AppendValue appends the items.
func (o *Update) AppendValue(e *Encoder) {
	e.newMessageItems(o.Items)
}

// newMessageItems appends, if there are any, the items that are to be told of new messages.
func (e *Encoder) newMessageItems(items []imap.FetchItem) {
	if len(items) > 0 {
		e.SP()
		e.list(len(items), func(i int) { e.fetchItem(items[i]) })
	}
}

// parseUpdate parses modifier-update = "UPDATE" [SP "(" fetch-att *(SP fetch-att) ")"]. RFC 5465 §8
// lacks the space, which its examples have.
func parseUpdate(l *lexer) Option {
	return &Update{Items: l.newMessageItems("modifier-update")}
}

// newMessageItems parses, if there is something like that, SP "(" fetch-att *(SP fetch-att) ")".
func (l *lexer) newMessageItems(production string) (items []imap.FetchItem) {
	if bytes.HasPrefix(l.buf[l.pos:], []byte(" (")) && l.take(' ') {
		l.list(production, false, func() { items = append(items, l.fetchAtt()) })
	}
	return items
}

// CancelUpdate ends the notifications that searches have asked for (RFC 5267 §4.3.5).
type CancelUpdate struct {
	Tags []string // of those commands; one at least
}

// Name returns "CANCELUPDATE".
func (*CancelUpdate) Name() string { return "CANCELUPDATE" }

// AppendArgs appends the tags.
func (c *CancelUpdate) AppendArgs(e *Encoder) {
	if len(c.Tags) == 0 {
		e.fail("CANCELUPDATE: no tags", "")
	}
	for _, tag := range c.Tags {
		e.SP()
		e.buf = AppendQuoted(e.buf, tag)
	}
}

// parseCancelUpdate parses "CANCELUPDATE" 1*(SP quoted).
func parseCancelUpdate(l *lexer, _ bool) Command {
	c := &CancelUpdate{}
	for {
		l.sp("cancelupdate")
		c.Tags = append(c.Tags, string(l.quoted("cancelupdate")))
		if l.err != nil || l.atEnd() {
			return c
		}
		if len(c.Tags) == maxList {
			l.fail("cancelupdate", "too many tags")
			return c
		}
	}
}
