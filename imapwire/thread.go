package imapwire

import "restante/imap"

func init() {
	commands.add("THREAD", command{parse: parseThread, uid: true})
	intern("ORDEREDSUBJECT", "REFERENCES", "REFS")
}

// Thread looks for messages and tells which answer which (RFC 5256 §3). Which algorithms there are is
// the server's business.
type Thread struct {
	UID       bool
	Algorithm imap.ThreadAlgorithm
	Charset   string // not ""
	Key       imap.SearchKey
}

// Name returns "THREAD" or "UID THREAD".
func (c *Thread) Name() string { return uidName(c.UID, "THREAD") }

// AppendArgs appends algorithm, charset and keys.
func (c *Thread) AppendArgs(e *Encoder) {
	e.SP()
	e.Atom(string(c.Algorithm))
	e.searchCriteria(c.Charset, &c.Key)
}

// parseThread parses
//
//	thread     = "THREAD" SP thread-alg SP search-criteria
//	thread-alg = atom
func parseThread(l *lexer, uid bool) Command {
	c := &Thread{UID: uid}
	l.sp("thread")
	c.Algorithm = imap.ThreadAlgorithm(l.word("thread-alg"))
	c.Charset, c.Key = l.searchCriteria()
	return c
}
