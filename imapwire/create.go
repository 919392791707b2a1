package imapwire

import "restante/imap"

// Create makes a mailbox (RFC 9051 §6.3.4), with special uses when there are any (RFC 6154 §3).
type Create struct {
	Mailbox string
	Use     []imap.MailboxAttr
}

// Name returns "CREATE".
func (*Create) Name() string { return "CREATE" }

// AppendArgs appends the name and the special uses.
func (c *Create) AppendArgs(e *Encoder) {
	e.SP()
	e.Mailbox(c.Mailbox)
	if len(c.Use) > 0 {
		e.raw(" (USE ")
		e.list(len(c.Use), func(i int) {
			if !imap.Flag(c.Use[i]).System() {
				e.fail("special use", string(c.Use[i]))
			}
			e.flag(imap.Flag(c.Use[i]))
		})
		e.raw(")")
	}
}

// parseCreate parses
//
//	create       = "CREATE" SP mailbox [create-params]
//	create-param = "USE" SP "(" [use-attr *(SP use-attr)] ")"
//	use-attr     = "\" atom
func parseCreate(l *lexer, _ bool) Command {
	c := new(Create)
	l.sp("create")
	c.Mailbox = l.mailbox("mailbox")
	if !l.take(' ') {
		return c
	}
	l.expect('(', "create-params")
	if !l.keyword("USE") {
		l.fail("create-param", "expected USE")
	}
	l.sp("create-param")
	l.list("create-param", true, func() {
		l.expect('\\', "use-attr")
		if a := l.atom("use-attr"); l.err == nil {
			c.Use = append(c.Use, imap.MailboxAttr(`\`+string(a)))
		}
	})
	l.expect(')', "create-params")
	return c
}
