package imapwire

import "restante/imap"

func init() {
	commands.add("CREATE", command{parse: parseCreate})
	codes.add(string(imap.CodeUseAttr), imap.ErrUnsupported)
}

// Create makes a mailbox (RFC 9051 §6.3.4), with special uses when there are any (RFC 6154 §3).
type Create struct {
	Mailbox string
	Use     []imap.MailboxAttr
	Params  []Option // other create-params (RFC 4466 §2.2)
}

// Name returns "CREATE".
func (*Create) Name() string { return "CREATE" }

// AppendArgs appends the name, the special uses and the other parameters.
func (c *Create) AppendArgs(e *Encoder) {
	e.SP()
	e.Mailbox(c.Mailbox)
	params := c.Params
	if len(c.Use) > 0 {
		params = append([]Option{specialUse(c.Use)}, params...)
	}
	e.modifiers(params)
}

// specialUse is the parameter USE.
type specialUse []imap.MailboxAttr

func (specialUse) Name() string { return "USE" }

func (u specialUse) AppendValue(e *Encoder) {
	e.SP()
	e.list(len(u), func(i int) {
		if !imap.Flag(u[i]).System() {
			e.fail("special use", string(u[i]))
		}
		e.flag(imap.Flag(u[i]))
	})
}

// parseCreate parses
//
//	create        = "CREATE" SP mailbox [create-params]
//	create-params = SP "(" create-param *(SP create-param) ")"
//	create-param  = "USE" SP "(" [use-attr *(SP use-attr)] ")" / create-param-name [SP create-param-value]
//	use-attr      = "\" atom
func parseCreate(l *lexer, _ bool) Command {
	c := new(Create)
	l.sp("create")
	c.Mailbox = l.mailbox("mailbox")
	if !l.take(' ') {
		return c
	}
	used := false
	l.list("create-params", false, func() {
		if used || !l.keyword("USE") {
			if o := l.option("create-param", nil, &createParams); o != nil {
				c.Params = append(c.Params, o)
			}
			return
		}
		used = true
		l.sp("create-param")
		l.list("create-param", true, func() {
			l.expect('\\', "use-attr")
			if a := l.atom("use-attr"); l.err == nil {
				c.Use = append(c.Use, imap.MailboxAttr(`\`+string(a)))
			}
		})
	})
	return c
}
