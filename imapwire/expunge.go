package imapwire

import "restante/imap"

// Expunge removes the deleted messages (RFC 9051 §6.4.3); UID EXPUNGE only those of a set
// (RFC 9051 §6.4.9).
type Expunge struct {
	UID bool
	Set imap.NumSet // of UID EXPUNGE: UIDSet or SearchResult{UID: true}; nil without UID
}

// Name returns "EXPUNGE" or "UID EXPUNGE".
func (c *Expunge) Name() string { return uidName(c.UID, "EXPUNGE") }

// AppendArgs appends the set of UID EXPUNGE.
func (c *Expunge) AppendArgs(e *Encoder) {
	if c.UID {
		e.SP()
		e.NumSet(c.Set)
	}
}

// parseExpunge parses
//
//	expunge     = "EXPUNGE"
//	uid-expunge = "EXPUNGE" SP sequence-set
func parseExpunge(l *lexer, uid bool) Command {
	c := &Expunge{UID: uid}
	if uid {
		l.sp("uid-expunge")
		c.Set = l.numSet(true, "sequence-set")
	}
	return c
}
