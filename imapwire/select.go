package imapwire

import "bytes"

// Select opens a mailbox (RFC 9051 §6.3.2), or with Examine opens it read-only (RFC 9051 §6.3.3).
type Select struct {
	Mailbox string
	Examine bool
	// Params are select-params (RFC 4466 §2.4) as written: "CONDSTORE", "QRESYNC (67890007 20050715194045000)".
	Params []string
}

// Name returns "SELECT" or "EXAMINE".
func (c *Select) Name() string {
	if c.Examine {
		return "EXAMINE"
	}
	return "SELECT"
}

// AppendArgs appends the mailbox and the parameters.
func (c *Select) AppendArgs(e *Encoder) {
	e.SP()
	e.Mailbox(c.Mailbox)
	if len(c.Params) > 0 {
		e.SP()
		e.list(len(c.Params), func(i int) { e.Raw(c.Params[i]) })
	}
}

// parseSelect parses
//
//	select        = "SELECT" SP mailbox [select-params]
//	select-params = SP "(" select-param *(SP select-param) ")"
//	select-param  = select-param-name [SP select-param-value]
func parseSelect(l *lexer, _ bool) Command {
	c := new(Select)
	l.sp("select")
	c.Mailbox = l.mailbox("mailbox")
	if l.take(' ') {
		l.list("select-params", false, func() {
			if p := l.taggedExt("select-param"); l.err == nil {
				c.Params = append(c.Params, p)
			}
		})
	}
	return c
}

// parseExamine parses
//
//	examine = "EXAMINE" SP mailbox [select-params]
func parseExamine(l *lexer, _ bool) Command {
	c := parseSelect(l, false).(*Select)
	c.Examine = true
	return c
}

// taggedExt parses a parameter of an extension and returns it as written, its name in upper case:
//
//	tagged-ext-label [SP (tagged-ext-simple / "(" [tagged-ext-comp] ")")]
//
// A name is told from a simple value by its first octet, which is a letter. Literals are refused.
func (l *lexer) taggedExt(production string) string {
	p := l.word(production)
	if l.err != nil || !bytes.HasPrefix(l.buf[l.pos:], []byte(" ")) || l.pos+1 == len(l.buf) {
		return p
	}
	start := l.pos
	switch c := l.buf[l.pos+1]; {
	case is(c, setChar):
		l.pos++
		l.span(setChar)
	case c == '(':
		l.pos++
		l.parens(production)
	}
	return p + string(l.buf[start:l.pos])
}

// parens consumes a parenthesis and what is in it.
func (l *lexer) parens(production string) {
	for depth := 0; l.err == nil; {
		switch c := l.peek(); {
		case c == '(':
			depth++
			l.pos++
		case c == ')':
			depth--
			l.pos++
			if depth == 0 {
				return
			}
		case c == '"':
			l.quoted(production)
		case c == ' ':
			l.pos++
		default:
			l.span1(listChar, production, "a value")
		}
	}
}
