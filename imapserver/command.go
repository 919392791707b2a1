package imapserver

import "restante/imapwire"

// command is a row of the table of commands: when a command may be given, what may be sent around
// it, and what runs it.
type command struct {
	in    state
	flags commandFlags
	run   func(*conn, imapwire.Command) error
}

type commandFlags uint8

const (
	// usesSeq: the command means messages by sequence number, so none may disappear before it
	// has been understood.
	usesSeq commandFlags = 1 << iota
	// noExpunge: EXPUNGE must not be sent while the command is answered (RFC 9051 §7.5.1).
	noExpunge
	// noSync: the command leaves the mailbox, or tells the client of changes itself.
	noSync
	// syncAfter: the command compares the newest version with what the client knows, or is about to
	// ask for more input, so the client is told of changes only behind it.
	syncAfter
	// ownsInput: the command goes on reading from the connection itself: a message, which is in
	// conn.literal then, responses to challenges, DONE.
	ownsInput
)

// handler adapts the handler of one command type.
func handler[C imapwire.Command](f func(*conn, C) error) func(*conn, imapwire.Command) error {
	return func(c *conn, cmd imapwire.Command) error { return f(c, cmd.(C)) }
}
