package imapwire

func init() { commands.add("RENAME", command{parse: parseRename}) }

// Rename gives a mailbox another name (RFC 9051 §6.3.6).
type Rename struct{ From, To string }

// Name returns "RENAME".
func (*Rename) Name() string { return "RENAME" }

// AppendArgs appends both names.
func (c *Rename) AppendArgs(e *Encoder) {
	e.SP()
	e.Mailbox(c.From)
	e.SP()
	e.Mailbox(c.To)
}

// parseRename parses
//
//	rename = "RENAME" SP mailbox SP mailbox
func parseRename(l *lexer, _ bool) Command {
	c := new(Rename)
	l.sp("rename")
	c.From = l.mailbox("mailbox")
	l.sp("rename")
	c.To = l.mailbox("mailbox")
	return c
}
