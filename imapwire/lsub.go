package imapwire

// LSub asks which mailboxes are subscribed (RFC 3501 §6.3.9; not in IMAP4rev2).
type LSub struct{ Ref, Pattern string }

// Name returns "LSUB".
func (*LSub) Name() string { return "LSUB" }

// AppendArgs appends reference and pattern.
func (c *LSub) AppendArgs(e *Encoder) {
	e.SP()
	e.Mailbox(c.Ref)
	e.SP()
	e.pattern(c.Pattern)
}

// parseLSub parses
//
//	lsub = "LSUB" SP mailbox SP list-mailbox
func parseLSub(l *lexer, _ bool) Command {
	c := new(LSub)
	l.sp("lsub")
	c.Ref = l.mailbox("mailbox")
	l.sp("lsub")
	c.Pattern = l.pattern()
	return c
}
