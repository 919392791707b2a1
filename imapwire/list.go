package imapwire

import (
	"restante/imap"
)

// List asks which mailboxes there are (RFC 9051 §6.3.9).
type List struct {
	Ref      string
	Patterns []string // in UTF-8, with "%" and "*"
	Select   ListSelect
	Return   ListReturn
	// Extended says that the command was of the extended form: with selection options, return
	// options or a list of patterns (RFC 5258 §3).
	Extended bool
}

// ListSelect are the selection options (RFC 9051 §6.3.9.1, RFC 6154 §2).
type ListSelect struct{ Subscribed, Remote, RecursiveMatch, SpecialUse bool }

// ListReturn are the return options (RFC 9051 §6.3.9.2, RFC 6154 §2). Status is not 0 for STATUS.
type ListReturn struct {
	Subscribed, Children, SpecialUse bool
	Status                           imap.StatusItems
}

// Name returns "LIST".
func (*List) Name() string { return "LIST" }

// option is the name of a flag in a command.
type option struct {
	name string
	on   *bool
}

// options of s in the order in which they are written.
func (s *ListSelect) options() []option {
	return []option{{"SUBSCRIBED", &s.Subscribed}, {"REMOTE", &s.Remote},
		{"RECURSIVEMATCH", &s.RecursiveMatch}, {"SPECIAL-USE", &s.SpecialUse}}
}

func (r *ListReturn) options() []option {
	return []option{{"SUBSCRIBED", &r.Subscribed}, {"CHILDREN", &r.Children}, {"SPECIAL-USE", &r.SpecialUse}}
}

// AppendArgs appends selection options, reference, patterns and return options, and of these only
// what is set, unless Extended asks for the extended form.
func (c *List) AppendArgs(e *Encoder) {
	if c.Extended || c.Select != (ListSelect{}) {
		e.raw(" (")
		e.options(c.Select.options())
		e.raw(")")
	}
	e.SP()
	e.Mailbox(c.Ref)
	e.SP()
	switch len(c.Patterns) {
	case 0:
		e.fail("LIST without a pattern", c.Ref)
	case 1:
		e.pattern(c.Patterns[0])
	default:
		e.list(len(c.Patterns), func(i int) { e.pattern(c.Patterns[i]) })
	}
	if c.Return == (ListReturn{}) {
		return
	}
	e.raw(" RETURN (")
	sep := e.options(c.Return.options())
	if c.Return.Status != 0 {
		if sep {
			e.SP()
		}
		e.raw("STATUS ")
		e.statusItems(c.Return.Status)
	}
	e.raw(")")
}

// options appends the names of the options that are set.
func (e *Encoder) options(opts []option) (any bool) {
	for _, o := range opts {
		if *o.on {
			if any {
				e.SP()
			}
			e.raw(o.name)
			any = true
		}
	}
	return any
}

// parseList parses
//
//	list             = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]
//	list-select-opts = "(" [list-select-opt *(SP list-select-opt)] ")"
//	list-select-opt  = "SUBSCRIBED" / "REMOTE" / "RECURSIVEMATCH" / "SPECIAL-USE"
//	mbox-or-pat      = list-mailbox / patterns
//	patterns         = "(" list-mailbox *(SP list-mailbox) ")"
//	list-return-opts = "RETURN" SP "(" [return-option *(SP return-option)] ")"
//	return-option    = "SUBSCRIBED" / "CHILDREN" / "SPECIAL-USE" /
//	                   "STATUS" SP "(" status-att *(SP status-att) ")"
//
// RECURSIVEMATCH needs an option beside it that it can modify (RFC 9051 §6.3.9.1).
func parseList(l *lexer, _ bool) Command {
	c := new(List)
	l.sp("list")
	if start := l.pos; l.peek() == '(' {
		c.Extended = true
		l.list("list-select-opts", true, func() { l.option("list-select-opt", c.Select.options()) })
		if c.Select.RecursiveMatch && !c.Select.Subscribed && !c.Select.SpecialUse {
			l.failAt(start, "list-select-opts", "RECURSIVEMATCH needs another option")
		}
		l.sp("list")
	}
	c.Ref = l.mailbox("mailbox")
	l.sp("list")
	if l.peek() == '(' {
		c.Extended = true
		l.list("patterns", false, func() { c.Patterns = append(c.Patterns, l.pattern()) })
	} else {
		c.Patterns = []string{l.pattern()}
	}
	if !l.take(' ') {
		return c
	}
	c.Extended = true
	if !l.keyword("RETURN") {
		l.fail("list-return-opts", "expected RETURN")
	}
	l.sp("list-return-opts")
	l.list("list-return-opts", true, func() {
		if l.keyword("STATUS") {
			l.sp("status-option")
			c.Return.Status |= l.statusItems()
			return
		}
		l.option("return-option", c.Return.options())
	})
	return c
}

// option parses the name of one of the options and sets it.
func (l *lexer) option(production string, opts []option) {
	start := l.pos
	name := l.word(production)
	for _, o := range opts {
		if o.name == name {
			*o.on = true
			return
		}
	}
	l.failAt(start, production, "no such option")
}

// pattern parses
//
//	list-mailbox = 1*list-char / string
func (l *lexer) pattern() string {
	start := l.pos
	if c := l.peek(); c == '"' || c == '{' {
		return l.name(start, "list-mailbox", l.str("list-mailbox"))
	}
	return l.name(start, "list-mailbox", l.span1(listChar, "list-mailbox", "a pattern"))
}
