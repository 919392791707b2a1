package imapwire

import "restante/imap"

func init() { commands.add("MOVE", command{parse: parseMove, uid: true}) }

// Move moves messages to another mailbox (RFC 9051 §6.4.8, §6.4.9).
type Move struct {
	UID     bool        // UID MOVE: Set holds UIDs
	Set     imap.NumSet // UIDSet or SearchResult{UID: true} with UID, SeqSet or SearchResult{} without
	Mailbox string
}

// Name returns "MOVE" or "UID MOVE".
func (c *Move) Name() string { return uidName(c.UID, "MOVE") }

// AppendArgs appends the set and the mailbox.
func (c *Move) AppendArgs(e *Encoder) {
	e.SP()
	e.NumSet(c.Set)
	e.SP()
	e.Mailbox(c.Mailbox)
}

// parseMove parses
//
//	move = "MOVE" SP sequence-set SP mailbox
func parseMove(l *lexer, uid bool) Command {
	c := &Move{UID: uid}
	l.sp("move")
	c.Set = l.numSet(uid, "sequence-set")
	l.sp("move")
	c.Mailbox = l.mailbox("mailbox")
	return c
}
