package imapwire

import (
	"cmp"
	"slices"

	"restante/imap"
)

func init() {
	selectParams.add("QRESYNC", parseQResync)
	fetchModifiers.add("VANISHED", func(*lexer) Option { return Vanished{} })
}

// QResync is the parameter QRESYNC of SELECT and EXAMINE (RFC 7162 §3.2.5): what the client knows of
// the mailbox.
type QResync struct {
	UIDValidity uint32
	ModSeq      imap.ModSeq
	Known       imap.UIDSet // empty when the client does not say: all
	// MatchSeqs and MatchUIDs are numbers of messages and their UIDs, in order: equally many, or none.
	MatchSeqs imap.SeqSet
	MatchUIDs imap.UIDSet
}

// Name returns "QRESYNC".
func (*QResync) Name() string { return "QRESYNC" }

// AppendValue appends what is known, in parentheses.
func (o *QResync) AppendValue(e *Encoder) {
	if o.UIDValidity == 0 || o.ModSeq == 0 || o.MatchSeqs.Len() != o.MatchUIDs.Len() {
		e.fail("QRESYNC: nothing is known, or there are more numbers than UIDs", "")
		return
	}
	e.raw(" (")
	e.Number(int64(o.UIDValidity))
	e.modSeq(o.ModSeq)
	if !o.Known.Empty() {
		e.SP()
		e.NumSet(o.Known)
	}
	if !o.MatchSeqs.Empty() {
		e.raw(" (")
		e.NumSet(o.MatchSeqs)
		e.SP()
		e.NumSet(o.MatchUIDs)
		e.raw(")")
	}
	e.raw(")")
}

// parseQResync parses
//
//	select-param   =/ "QRESYNC" SP "(" uidvalidity SP mod-sequence-value [SP known-uids]
//	                  [SP seq-match-data] ")"
//	seq-match-data =  "(" known-sequence-set SP known-uid-set ")"
func parseQResync(l *lexer) Option {
	o := new(QResync)
	l.sp("select-param")
	l.expect('(', "select-param")
	o.UIDValidity = l.nzNumber("uidvalidity")
	l.sp("select-param")
	o.ModSeq = imap.ModSeq(l.nzNumber64("mod-sequence-value"))
	isMatch := false
	if l.take(' ') {
		if isMatch = l.peek() == '('; !isMatch {
			o.Known = knownSet[imap.UID](l, "known-uids", false)
			isMatch = l.take(' ')
		}
	}
	if isMatch {
		l.expect('(', "seq-match-data")
		o.MatchSeqs = knownSet[imap.SeqNum](l, "known-sequence-set", true)
		l.sp("seq-match-data")
		start := l.pos
		o.MatchUIDs = knownSet[imap.UID](l, "known-uid-set", true)
		if l.err == nil && o.MatchSeqs.Len() != o.MatchUIDs.Len() {
			l.failAt(start, "known-uid-set", "not as many as in known-sequence-set")
		}
		l.expect(')', "seq-match-data")
	}
	l.expect(')', "select-param")
	return o
}

// knownSet parses a sequence set without "*" and "$". One whose numbers belong to those of another has
// them in ascending order.
func knownSet[T imap.Num](l *lexer, production string, ascending bool) (s imap.Set[T]) {
	start := l.pos
	b := l.span1(setChar, production, "a sequence set")
	if l.err != nil {
		return s
	}
	ranges, err := imap.ParseRanges[T](string(b))
	if err != nil {
		l.failAt(start, production, "not a sequence set")
		return s
	}
	last := T(0)
	for i, r := range ranges {
		if r.First == 0 || r.Last == 0 {
			l.failAt(start, production, `"*" is not allowed`)
			return s
		}
		if ascending && (r.First <= last || r.Last < r.First) {
			l.failAt(start, production, "not in ascending order")
			return s
		}
		last = r.Last
		ranges[i] = imap.Range[T]{First: min(r.First, r.Last), Last: max(r.First, r.Last)}
	}
	// In order, so that each costs the same to add.
	slices.SortFunc(ranges, func(a, b imap.Range[T]) int { return cmp.Compare(a.First, b.First) })
	for _, r := range ranges {
		s.AddRange(r.First, r.Last)
	}
	return s
}

// Vanished is the modifier VANISHED of UID FETCH (RFC 7162 §3.2.6).
type Vanished struct{}

// Name returns "VANISHED".
func (Vanished) Name() string { return "VANISHED" }

// AppendValue appends nothing.
func (Vanished) AppendValue(*Encoder) {}
