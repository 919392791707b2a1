package imapclient

import (
	"restante/imap"
	"restante/imapwire"
)

// commands are what has to be known of a command to send it among others, by name; UID COPY is
// another command than COPY. The file of a command adds its row:
//
//	func init() { commands["SUBSCRIBE"] = spec{hazard: mayExpunge, mailbox: mailboxOf(...)} }
//
// A command without a row is alone on the connection, and is not repeated.
var commands = make(map[string]spec)

// spec is what has to be known of a command.
type spec struct {
	hazard hazard
	// narrow says what the arguments of a command make of its hazard.
	narrow func(cmd imapwire.Command, h hazard) hazard
	// mailbox returns the mailbox that the command is about, for errors; nil: it is about none.
	mailbox func(imapwire.Command) string
	// needs is the capability of servers that have the command; "": all have it.
	needs imap.Cap
	// redact returns a segment of the command as traces may show it; nil: as it is. A command with it
	// holds a secret.
	redact func(cmd *command, seg []byte) []byte
}

// mailboxOf makes the mailbox of a spec out of a function on the type of the command.
func mailboxOf[C imapwire.Command](name func(C) string) func(imapwire.Command) string {
	return func(cmd imapwire.Command) string {
		if c, ok := cmd.(C); ok {
			return name(c)
		}
		return ""
	}
}

// specOf returns the row of a command.
func specOf(name string) (s spec, known bool) {
	if s, known = commands[name]; !known {
		s.hazard = alone | changes
	}
	return s, known
}

// hazardOf returns the hazard of a command, made narrower by its arguments.
func hazardOf(cmd imapwire.Command) hazard {
	s, _ := specOf(cmd.Name())
	if s.narrow != nil {
		return s.narrow(cmd, s.hazard)
	}
	return s.hazard
}

// mailbox returns the mailbox that the command is about, "" when there is none.
func (cmd *command) mailbox() string {
	if s, _ := specOf(cmd.wire.Name()); s.mailbox != nil {
		return s.mailbox(cmd.wire)
	}
	return ""
}

// offers reports whether the server has a command, as far as it has said what it can do.
func (c *Conn) offers(name string) bool {
	needs := commands[name].needs
	return needs == "" || c.Caps().Has(needs)
}
