package imapwire

import "restante/imap"

// Copy copies messages to another mailbox (RFC 9051 §6.4.7, §6.4.9).
type Copy struct {
	UID     bool        // UID COPY: Set holds UIDs
	Set     imap.NumSet // UIDSet or SearchResult{UID: true} with UID, SeqSet or SearchResult{} without
	Mailbox string
}

// Name returns "COPY" or "UID COPY".
func (c *Copy) Name() string { return uidName(c.UID, "COPY") }

// AppendArgs appends the set and the mailbox.
func (c *Copy) AppendArgs(e *Encoder) {
	e.SP()
	e.NumSet(c.Set)
	e.SP()
	e.Mailbox(c.Mailbox)
}

// parseCopy parses
//
//	copy = "COPY" SP sequence-set SP mailbox
func parseCopy(l *lexer, uid bool) Command {
	c := &Copy{UID: uid}
	l.sp("copy")
	c.Set = l.numSet(uid, "sequence-set")
	l.sp("copy")
	c.Mailbox = l.mailbox("mailbox")
	return c
}
