package imapwire

import "restante/imap"

func init() {
	commands.add("REPLACE", command{parse: parseReplace, uid: true, message: 2})
}

// Replace puts a new message in the place of another, in the same mailbox or in a different one
// (RFC 8508 §3.2, §3.3). Append is the new message; like that of APPEND it is not part of the value.
type Replace struct {
	UID    bool        // UID REPLACE: Set holds a UID
	Set    imap.NumSet // the message that is replaced: one UID or sequence number
	Append Append      // without Next
}

// Name returns "REPLACE" or "UID REPLACE".
func (c *Replace) Name() string { return uidName(c.UID, "REPLACE") }

// AppendArgs appends everything up to the announcement of the message and its line end.
func (c *Replace) AppendArgs(e *Encoder) {
	e.SP()
	e.NumSet(c.Set)
	c.Append.AppendArgs(e)
}

// Trailer returns what ends the command behind the message.
func (c *Replace) Trailer() string { return c.Append.Trailer() }

// parseReplace parses
//
//	replace = "REPLACE" SP seq-number SP mailbox append-message
//	uid     =/ "UID" SP replace
//	seq-number = nz-number / "*"
func parseReplace(l *lexer, uid bool) Command {
	c := &Replace{UID: uid}
	l.sp("replace")
	var n uint32 // 0 is "*"
	if !l.take('*') {
		n = l.nzNumber("seq-number")
	}
	if uid {
		c.Set = imap.UIDRange(imap.UID(n), imap.UID(n))
	} else {
		c.Set = imap.SeqRange(imap.SeqNum(n), imap.SeqNum(n))
	}
	l.sp("replace")
	c.Append.Mailbox = l.mailbox("mailbox")
	l.appendMessage(&c.Append)
	return c
}
