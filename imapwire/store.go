package imapwire

import "restante/imap"

func init() { commands.add("STORE", command{parse: parseStore, uid: true}) }

// Store changes the flags of messages (RFC 9051 §6.4.6, §6.4.9).
type Store struct {
	UID    bool
	Set    imap.NumSet // UIDSet or SearchResult{UID: true} with UID, SeqSet or SearchResult{} without
	Op     imap.StoreOp
	Silent bool // the new flags need not be told
	Flags  []imap.Flag

	Modifiers []Option // store-modifiers (RFC 4466 §2.5): UNCHANGEDSINCE
}

// Name returns "STORE" or "UID STORE".
func (c *Store) Name() string { return uidName(c.UID, "STORE") }

// AppendArgs appends the set, the modifiers, the operation and the flags.
func (c *Store) AppendArgs(e *Encoder) {
	e.SP()
	e.NumSet(c.Set)
	e.modifiers(c.Modifiers)
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
//	store           = "STORE" SP sequence-set [SP store-modifiers] SP store-att-flags
//	store-modifiers = "(" store-modifier *(SP store-modifier) ")"
//	store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))
func parseStore(l *lexer, uid bool) Command {
	c := &Store{UID: uid}
	l.sp("store")
	c.Set = l.numSet(uid, "sequence-set")
	l.sp("store")
	if l.peek() == '(' {
		c.Modifiers = l.options("store-modifiers", "store-modifier", false, nil, &storeModifiers)
		l.sp("store")
	}
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
