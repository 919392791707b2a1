package imapserver

import (
	"cmp"
	"hash/maphash"
	"slices"

	"restante/imap"
	"restante/imapwire"
	"restante/summary"
)

// threadExtension is THREAD and UID THREAD. REFS is of an Internet-Draft that has expired
// (draft-ietf-morg-inthread) and is served as Dovecot does.
var threadExtension = extension{
	name: "THREAD", rfc: "RFC 5256",
	capabilities: afterLogin("THREAD=ORDEREDSUBJECT", "THREAD=REFERENCES", "THREAD=REFS"),
	commands: map[string]command{
		"THREAD":     {in: selected, flags: usesSeq | noExpunge, run: handler(runThread)},
		"UID THREAD": {in: selected, flags: usesSeq, run: handler(runThread)},
	},
	threads: map[imap.ThreadAlgorithm]threadAlgorithm{
		imap.ThreadOrderedSubject: {subjects: true, build: (*threader).orderedSubject},
		imap.ThreadReferences:     {subjects: true, references: true, build: (*threader).references},
		imap.ThreadRefs:           {references: true, build: (*threader).refs},
	},
}

// threadAlgorithm is an algorithm of THREAD, a row of the table.
type threadAlgorithm struct {
	subjects, references bool // what it looks at
	// build makes the threads: it returns their heads, in the order in which they are told.
	build func(*threader) []threadIndex
}

// runThread is THREAD and UID THREAD (RFC 5256 §3).
func runThread(c *conn, cmd *imapwire.Thread) error {
	algorithm, ok := c.s.features.threads[cmd.Algorithm]
	if !ok {
		return bad("Unknown threading algorithm %s", printable(string(cmd.Algorithm)))
	}
	hits, err := c.search(&imapwire.Search{UID: cmd.UID, Charset: cmd.Charset, Key: cmd.Key})
	if err != nil {
		return err
	}
	t := newThreader(c, algorithm, hits)
	if err := t.load(); err != nil {
		return err
	}
	heads := algorithm.build(t)
	return t.answer(heads, cmd.UID)
}

// threadIndex is a message that was found, numbered from 1 in the order of the mailbox, or a dummy, which
// are numbered behind them. 0 is none.
type threadIndex = int32

// threader puts messages into threads. All of it is arrays and loops: threads may be as deep as there are
// messages.
type threader struct {
	c         *conn
	algorithm threadAlgorithm
	hits      []searchHit

	// Of the messages.
	dates    []int64  // when it was sent
	subjects []uint64 // a hash of its base subject, 0 when that is empty
	replies  []bool   // it is a reply or was forwarded, its subject says
	links    *threadLinks
	parents  []threadIndex

	// The threads. Dummies are at the top of some of them.
	dummies     int
	first, next []threadIndex // child; sibling
}

func newThreader(c *conn, algorithm threadAlgorithm, hits []searchHit) *threader {
	n := len(hits) + 1
	t := &threader{c: c, algorithm: algorithm, hits: hits, dates: make([]int64, 1, n)}
	if algorithm.subjects {
		t.subjects, t.replies = make([]uint64, 1, n), make([]bool, 1, n)
	}
	if algorithm.references {
		t.links = newThreadLinks(n)
	}
	return t
}

// message reports whether an index is a message, and not a dummy.
func (t *threader) message(i threadIndex) bool { return int(i) < len(t.dates) }

// number returns a message's place among those that were found, 0 for a dummy.
func (t *threader) number(i threadIndex) threadIndex {
	if t.message(i) {
		return i
	}
	return 0
}

// oldest returns the message that stands for the head of a thread: of a dummy its first child
// (RFC 5256 §3).
func (t *threader) oldest(head threadIndex) threadIndex {
	if t.message(head) {
		return head
	}
	return t.first[head]
}

// subjectFact is a hash of the base subject, 0 when that is empty; the text is there when the message is
// a reply or was forwarded, its subject says.
var subjectFact = fact{"thread subject", func(dst []byte, m *openMessage) (uint64, []byte, error) {
	envelope, err := m.envelope()
	if err != nil {
		return 0, dst, err
	}
	subject, reply := summary.AppendSubject(dst, envelope)
	hash := m.c.s.hash(subject[len(dst):])
	if dst = subject[:len(dst)]; reply {
		dst = append(dst, 1)
	}
	return hash, dst, nil
}}

// load gathers what there is to know of the messages.
func (t *threader) load() error {
	facts := []fact{sentFact}
	if t.algorithm.subjects {
		facts = append(facts, subjectFact)
	}
	if t.algorithm.references {
		facts = append(facts, linksFact)
	}
	columns, err := t.c.columns(t.hits, facts, false)
	if err != nil {
		return err
	}
	if err := t.c.next(len(t.hits)); err != nil {
		return err
	}
	for _, sent := range columns[0].values {
		t.dates = append(t.dates, int64(sent.number^1<<63))
	}
	columns = columns[1:]
	if t.algorithm.subjects {
		for _, subject := range columns[0].values {
			t.subjects, t.replies = append(t.subjects, subject.number), append(t.replies, subject.length > 0)
		}
		columns = columns[1:]
	}
	if t.algorithm.references {
		links := &columns[0]
		for i := range links.values {
			if err := t.refer(threadIndex(i+1), links.values[i].number, links.text(&links.values[i])); err != nil {
				return err
			}
		}
	}
	return nil
}

// hash returns a number for a text, 0 for the empty one. Nobody knows the seed, so nobody can make two
// texts that have the same.
func (s *Server) hash(text []byte) uint64 {
	if len(text) == 0 {
		return 0
	}
	return max(maphash.Bytes(s.seed, text), 1)
}

// byDate returns all messages by the dates when they were sent, and then as they are in the mailbox
// (RFC 5256 §2.2).
func (t *threader) byDate() []threadIndex {
	order := make([]threadIndex, len(t.dates)-1)
	for i := range order {
		order[i] = threadIndex(i + 1)
	}
	sortByDate(order, t.dates)
	return order
}

func sortByDate(order []threadIndex, dates []int64) {
	slices.SortStableFunc(order, func(a, b threadIndex) int { return cmp.Compare(dates[a], dates[b]) })
}

// arrange makes the threads of parents and returns their heads: siblings are by date, and heads by that
// of the oldest message at the top.
func (t *threader) arrange() (heads []threadIndex) {
	n := len(t.dates) + t.dummies
	t.first, t.next = make([]threadIndex, n), make([]threadIndex, n)
	last := make([]threadIndex, n) // the last child
	for _, i := range t.byDate() {
		parent := t.parents[i]
		switch {
		case parent == 0:
			heads = append(heads, i)
			continue
		case last[parent] == 0:
			if t.first[parent] = i; !t.message(parent) {
				heads = append(heads, parent)
			}
		default:
			t.next[last[parent]] = i
		}
		last[parent] = i
	}
	return heads
}

// orderedSubject is ORDEREDSUBJECT (RFC 5256 §3): messages with the same base subject are a thread, and
// answers to its first.
func (t *threader) orderedSubject() []threadIndex {
	t.parents = make([]threadIndex, len(t.dates))
	heads := make(map[uint64]threadIndex)
	for _, i := range t.byDate() {
		if head, ok := heads[t.subjects[i]]; ok {
			t.parents[i] = head
		} else {
			heads[t.subjects[i]] = i
		}
	}
	return t.arrange()
}
