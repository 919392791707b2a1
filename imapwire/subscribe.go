package imapwire

func init() { commands.add("SUBSCRIBE", command{parse: parseSubscribe}) }

// Subscribe adds a name to the subscribed ones (RFC 9051 §6.3.7).
type Subscribe struct{ Mailbox string }

// Name returns "SUBSCRIBE".
func (*Subscribe) Name() string { return "SUBSCRIBE" }

// AppendArgs appends the mailbox.
func (c *Subscribe) AppendArgs(e *Encoder) {
	e.SP()
	e.Mailbox(c.Mailbox)
}

// parseSubscribe parses
//
//	subscribe = "SUBSCRIBE" SP mailbox
func parseSubscribe(l *lexer, _ bool) Command {
	l.sp("subscribe")
	return &Subscribe{l.mailbox("mailbox")}
}
