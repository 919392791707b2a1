package imapserver

import (
	"cmp"
	"encoding/binary"
	"slices"

	"restante/imap"
	"restante/message"
	"restante/summary"
)

// maxDummies is how many messages may be referred to that were not found, and maxDummiesEach how many
// more for each that was.
const maxDummies, maxDummiesEach = 64 << 10, 4

// threadFields returns the fields that say which message this one answers.
func (m *openMessage) threadFields() (summary.ThreadFields, error) {
	sum, err := m.summary()
	if err != nil {
		return summary.ThreadFields{}, err
	}
	if f, ok := sum.ThreadFields(); ok {
		return f, nil
	}
	header, err := m.readHeader(message.Range{Len: sum.HeaderLen()})
	if err != nil {
		return summary.ThreadFields{}, err
	}
	return summary.HeaderThreadFields(header), nil
}

// threadLinks are the messages and those that they refer to while they are linked with each other: steps
// (1) to (3) of REFERENCES (RFC 5256 §3). A node that no message belongs to is a dummy.
type threadLinks struct {
	parents  threadForest
	messages []threadIndex          // of each node; 0: it is a dummy
	byID     map[uint64]threadIndex // nodes by a hash of their message IDs
}

func newThreadLinks(messages int) *threadLinks {
	l := &threadLinks{byID: make(map[uint64]threadIndex, messages)}
	l.add(0)
	return l
}

// add adds a node without links.
func (l *threadLinks) add(message threadIndex) threadIndex {
	l.messages = append(l.messages, message)
	return l.parents.add()
}

// linksFact is a hash of a message's ID, and as a text, in 8 octets each, those of the messages that it
// refers to: by References, or else by In-Reply-To.
var linksFact = fact{"links", func(dst []byte, m *openMessage) (uint64, []byte, error) {
	f, err := m.threadFields()
	if err != nil {
		return 0, dst, err
	}
	s, from := m.c.s, len(dst)
	var scratch []byte
	for id, rest := summary.NextMessageID(f.References, scratch); id != nil; id, rest = summary.NextMessageID(rest, scratch) {
		dst = binary.BigEndian.AppendUint64(dst, s.hash(id))
	}
	if id, _ := summary.NextMessageID(f.InReplyTo, scratch); len(dst) == from && id != nil {
		dst = binary.BigEndian.AppendUint64(dst, s.hash(id))
	}
	id, _ := summary.NextMessageID(f.MessageID, scratch)
	return s.hash(id), dst, nil
}}

// refer links a message to those that it refers to.
func (t *threader) refer(i threadIndex, id uint64, links []byte) error {
	l := t.links
	node := l.arrived(i, id)
	last := threadIndex(0)
	for ; len(links) > 0; links = links[8:] {
		ref, err := t.referredTo(binary.BigEndian.Uint64(links))
		if err != nil {
			return err
		}
		if last != 0 && l.parents.parent[ref] == 0 {
			l.parents.link(last, ref)
		}
		last = ref
	}
	l.parents.cut(node)
	if last != 0 {
		l.parents.link(last, node)
	}
	return nil
}

// arrived returns the node of a message. One whose ID another message has already, or that has none, is
// one that nobody refers to.
func (l *threadLinks) arrived(message threadIndex, id uint64) threadIndex {
	node, known := l.byID[id]
	switch {
	case id == 0 || known && l.messages[node] != 0:
		return l.add(message)
	case known:
		l.messages[node] = message
		return node
	}
	node = l.add(message)
	l.byID[id] = node
	return node
}

// referredTo returns the node of a message ID.
func (t *threader) referredTo(hash uint64) (threadIndex, error) {
	l := t.links
	if node, ok := l.byID[hash]; ok {
		return node, nil
	}
	if len(l.messages) > maxDummies+(1+maxDummiesEach)*len(t.hits) {
		return 0, no(imap.CodeLimit, "These messages refer to too many others; ask for fewer")
	}
	node := l.add(0)
	l.byID[hash] = node
	return node, nil
}

// prune takes the dummies out: what is below one goes to what is above it. A dummy stays at the top of a
// thread that has several messages there; it is numbered behind the messages.
func (t *threader) prune() {
	l := t.links
	t.links = nil
	above := l.parents.parent // of a node; of a dummy that has been looked at, its answer
	answered := make([]bool, len(above))
	var path []threadIndex
	// resolve returns the first node upwards that is a message, or the last that there is.
	resolve := func(i threadIndex) threadIndex {
		path = path[:0]
		for l.messages[i] == 0 && above[i] != 0 {
			if answered[i] {
				i = above[i]
				break
			}
			path = append(path, i)
			i = above[i]
		}
		for _, dummy := range path {
			above[dummy], answered[dummy] = i, true
		}
		return i
	}
	t.parents = make([]threadIndex, len(t.dates))
	heads := map[threadIndex]threadIndex{} // dummies at the top, by their nodes
	for node, i := range l.messages {
		if i == 0 || above[node] == 0 {
			continue
		}
		parent := resolve(above[node])
		switch dummy, known := heads[parent]; {
		case l.messages[parent] != 0:
			t.parents[i] = l.messages[parent]
		case known:
			t.parents[i] = dummy
		default:
			heads[parent] = t.dummy()
			t.parents[i] = heads[parent]
		}
	}
	children := make([]int32, t.dummies)
	for _, parent := range t.parents[:len(t.dates)] {
		if d := int(parent) - len(t.dates); d >= 0 {
			children[d]++
		}
	}
	for i, parent := range t.parents[:len(t.dates)] {
		if d := int(parent) - len(t.dates); d >= 0 && children[d] == 1 {
			t.parents[i] = 0
		}
	}
}

// dummy makes a new dummy at the top of a thread.
func (t *threader) dummy() threadIndex {
	t.dummies++
	return threadIndex(len(t.dates) + t.dummies - 1)
}

// references is REFERENCES (RFC 5256 §3), from step (2).
func (t *threader) references() []threadIndex {
	t.prune()
	t.mergeSubjects(t.arrange())
	return t.arrange()
}

// mergeSubjects is step (5): threads with the same subject become one.
func (t *threader) mergeSubjects(heads []threadIndex) {
	table := make(map[uint64]threadIndex, len(heads)) // the subject table
	subjects := make([]uint64, len(heads))
	for k, i := range heads {
		subject := t.subjects[t.oldest(i)]
		if subjects[k] = subject; subject == 0 {
			continue
		}
		if other, ok := table[subject]; !ok || t.message(other) && (!t.message(i) || t.replies[other] && !t.replies[i]) {
			table[subject] = i
		}
	}
	for k, i := range heads {
		subject := subjects[k]
		other := table[subject]
		switch {
		case subject == 0 || other == i:
		case !t.message(i): // both are dummies
			for c := t.first[i]; c != 0; c = t.next[c] {
				t.parents[c] = other
			}
		case !t.message(other) || t.replies[i] && !t.replies[other]:
			t.parents[i] = other
		default:
			dummy := t.dummy()
			t.parents[i], t.parents[other] = dummy, dummy
			table[subject] = dummy
		}
	}
}

// refs is REFS: the threads that the references make, that with the latest message last.
func (t *threader) refs() []threadIndex {
	t.prune()
	heads := t.arrange()
	latest := make([]int64, len(t.dates)+t.dummies)
	var below []threadIndex
	for _, head := range heads {
		below = append(below, head)
		latest[head] = t.dates[t.oldest(head)]
		for len(below) > 0 {
			i := below[len(below)-1]
			below = below[:len(below)-1]
			if t.message(i) {
				latest[head] = max(latest[head], t.dates[i])
			}
			for c := t.first[i]; c != 0; c = t.next[c] {
				below = append(below, c)
			}
		}
	}
	slices.SortFunc(heads, func(a, b threadIndex) int {
		return cmp.Or(cmp.Compare(latest[a], latest[b]), cmp.Compare(t.number(a), t.number(b)))
	})
	return heads
}
