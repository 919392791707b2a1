package imapwire

func init() { commands.add("UNSUBSCRIBE", command{parse: parseUnsubscribe}) }

// Unsubscribe takes a name from the subscribed ones (RFC 9051 §6.3.8).
type Unsubscribe struct{ Mailbox string }

// Name returns "UNSUBSCRIBE".
func (*Unsubscribe) Name() string { return "UNSUBSCRIBE" }

// AppendArgs appends the mailbox.
func (c *Unsubscribe) AppendArgs(e *Encoder) {
	e.SP()
	e.Mailbox(c.Mailbox)
}

// parseUnsubscribe parses
//
//	unsubscribe = "UNSUBSCRIBE" SP mailbox
func parseUnsubscribe(l *lexer, _ bool) Command {
	l.sp("unsubscribe")
	return &Unsubscribe{l.mailbox("mailbox")}
}
