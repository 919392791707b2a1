package imapwire

func init() { commands.add("DELETE", command{parse: parseDelete}) }

// Delete removes a mailbox (RFC 9051 §6.3.5).
type Delete struct{ Mailbox string }

// Name returns "DELETE".
func (*Delete) Name() string { return "DELETE" }

// AppendArgs appends the mailbox.
func (c *Delete) AppendArgs(e *Encoder) {
	e.SP()
	e.Mailbox(c.Mailbox)
}

// parseDelete parses
//
//	delete = "DELETE" SP mailbox
func parseDelete(l *lexer, _ bool) Command {
	l.sp("delete")
	return &Delete{l.mailbox("mailbox")}
}
