package imapwire

import "restante/imap"

func init() {
	commands.add("LSUB", command{parse: parseLSub})
	responses.add("LSUB", (*scanner).list)
}

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

// AppendLSub appends LSUB (RFC 3501 §7.2.3).
func AppendLSub(dst []byte, m *imap.MailboxInfo, utf8 bool) []byte {
	return appendCRLF(appendListLine(append(dst, "* LSUB "...), m, utf8))
}
