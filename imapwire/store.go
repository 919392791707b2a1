package imapwire

import "restante/imap"

// Store changes the flags of messages (RFC 9051 §6.4.6, §6.4.9).
type Store struct {
	UID    bool
	Set    imap.NumSet // UIDSet or SearchResult{UID: true} with UID, SeqSet or SearchResult{} without
	Op     imap.StoreOp
	Silent bool // the new flags need not be told
	Flags  []imap.Flag
}

// Name returns "STORE" or "UID STORE".
func (c *Store) Name() string { return uidName(c.UID, "STORE") }

// AppendArgs appends the set, the operation and the flags.
func (c *Store) AppendArgs(e *Encoder) {
	e.SP()
	e.NumSet(c.Set)
	e.SP()
	switch c.Op {
	case imap.StoreAdd:
		e.raw("+")
	case imap.StoreRemove:
		e.raw("-")
	}
	e.raw("FLAGS")
	if c.Silent {
		e.raw(".SILENT")
	}
	e.SP()
	e.Flags(c.Flags)
}

// parseStore parses
//
//	store           = "STORE" SP sequence-set SP store-att-flags
//	store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))
func parseStore(l *lexer, uid bool) Command {
	c := &Store{UID: uid}
	l.sp("store")
	c.Set = l.numSet(uid, "sequence-set")
	l.sp("store")
	start := l.pos
	switch {
	case l.take('+'):
		c.Op = imap.StoreAdd
	case l.take('-'):
		c.Op = imap.StoreRemove
	}
	if c.Silent = l.keyword("FLAGS.SILENT"); !c.Silent && !l.keyword("FLAGS") {
		l.failAt(start, "store-att-flags", "expected FLAGS, +FLAGS or -FLAGS")
	}
	l.sp("store-att-flags")
	if l.peek() == '(' {
		c.Flags = l.flagList()
		return c
	}
	for l.err == nil {
		if c.Flags = append(c.Flags, l.flag()); len(c.Flags) > maxList {
			l.fail("store-att-flags", "too many flags")
		}
		if !l.take(' ') {
			break
		}
	}
	return c
}

// flagList parses
//
//	flag-list = "(" [flag *(SP flag)] ")"
func (l *lexer) flagList() (flags []imap.Flag) {
	l.list("flag-list", true, func() { flags = append(flags, l.flag()) })
	return flags
}

// systemFlags are the flags with a backslash that a message can be given.
var systemFlags = []imap.Flag{imap.Answered, imap.Flagged, imap.Deleted, imap.Seen, imap.Draft}

// flag parses
//
//	flag         = "\Answered" / "\Flagged" / "\Deleted" / "\Seen" / "\Draft" / flag-keyword
//	flag-keyword = atom
//
// \Recent is not among them (RFC 9051 §2.3.2), nor is any flag-extension, which no client may make up.
func (l *lexer) flag() imap.Flag {
	start := l.pos
	if !l.take('\\') {
		return imap.Flag(l.atom("flag"))
	}
	l.atom("flag")
	name := imap.Flag(l.buf[start:l.pos])
	for _, f := range systemFlags {
		if f.Equal(name) {
			return f
		}
	}
	l.failAt(start, "flag", "no such system flag")
	return ""
}
