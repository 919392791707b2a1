package imapwire

import "restante/imap"

func init() {
	commands.add("SELECT", command{parse: parseSelect})
	commands.add("EXAMINE", command{parse: parseExamine})
}

// Select opens a mailbox (RFC 9051 §6.3.2), or with Examine opens it read-only (RFC 9051 §6.3.3).
type Select struct {
	Mailbox string
	Examine bool
	Params  []Option // select-params (RFC 4466 §2.1): CONDSTORE, QRESYNC
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
	e.modifiers(c.Params)
}

// parseSelect parses
//
//	select        = "SELECT" SP mailbox [select-params]
//	select-params = SP "(" select-param *(SP select-param) ")"
//	select-param  = select-param-name [SP select-param-value]
//
// Parameters that no file registers are a RawOption.
func parseSelect(l *lexer, _ bool) Command {
	c := new(Select)
	l.sp("select")
	c.Mailbox = l.mailbox("mailbox")
	if l.take(' ') {
		l.list("select-params", false, func() {
			start := l.pos
			if parse := selectParams.find(l.word("select-param")); parse != nil {
				c.Params = append(c.Params, (*parse)(l))
				return
			}
			if l.err == nil {
				l.pos = start
				c.Params = append(c.Params, l.rawOption("select-param"))
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

// UIDNext returns the argument of UIDNEXT (RFC 9051 §7.1).
func (r *StatusResponse) UIDNext() (imap.UID, bool) {
	n, ok := r.num(imap.CodeUIDNext, 32)
	return imap.UID(n), ok
}

// UIDValidity returns the argument of UIDVALIDITY (RFC 9051 §7.1).
func (r *StatusResponse) UIDValidity() (uint32, bool) {
	n, ok := r.num(imap.CodeUIDValidity, 32)
	return uint32(n), ok
}

// Unseen returns the argument of UNSEEN (RFC 3501 §7.1): the first message without \Seen.
func (r *StatusResponse) Unseen() (imap.SeqNum, bool) {
	n, ok := r.num(imap.CodeUnseen, 32)
	return imap.SeqNum(n), ok
}
