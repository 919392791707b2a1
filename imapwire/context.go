package imapwire

func init() {
	searchReturns.add("CONTEXT", func(*lexer) Option { return &Context{} })
	searchReturns.add("UPDATE", func(*lexer) Option { return &Update{} })
	commands.add("CANCELUPDATE", command{parse: parseCancelUpdate})
}

// Context says that the criteria of a search will be used again (RFC 5267 §4.2).
type Context struct{}

// Name returns "CONTEXT".
func (*Context) Name() string { return "CONTEXT" }

// AppendValue appends nothing.
func (*Context) AppendValue(*Encoder) {}

// Update asks for notifications of what changes in the results of a search (RFC 5267 §4.3).
type Update struct{}

// Name returns "UPDATE".
func (*Update) Name() string { return "UPDATE" }

// AppendValue appends nothing.
func (*Update) AppendValue(*Encoder) {}

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
