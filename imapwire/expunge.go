package imapwire

import "restante/imap"

func init() {
	commands.add("EXPUNGE", command{parse: parseExpunge, uid: true})
	numberedResponses.add("EXPUNGE", (*scanner).expunge)
}

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

// ExpungeData is EXPUNGE (RFC 9051 §7.5.1).
type ExpungeData struct{ Seq imap.SeqNum }

func (*ExpungeData) response() {}

func (p *scanner) expunge(n uint32) Response {
	if n == 0 {
		p.defect("sequence number 0", p.near(0))
		return nil
	}
	return &ExpungeData{imap.SeqNum(n)}
}

// AppendExpunge appends EXPUNGE (RFC 9051 §7.5.1).
func AppendExpunge(dst []byte, n imap.SeqNum) []byte {
	return appendNumbered(dst, uint32(n), " EXPUNGE\r\n")
}
