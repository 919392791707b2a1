package imapserver

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"

	"restante/imap"
)

const (
	// maxSortText is how many octets of a text are compared. Messages that agree in them are in the
	// order of the mailbox.
	maxSortText = 512
	// maxSortOctets is how long the values of all keys may be together.
	maxSortOctets = 64 << 20
)

// sorter orders the messages that one SORT has found.
type sorter struct {
	c       *conn
	keys    []sortKey
	reverse []bool
	values  []sortValue // of each message, in the order of the keys
	texts   []byte
}

// sortValue is the value of a key. What has the smaller order comes first; of two texts with the same
// order the rest decides.
type sortValue struct {
	order uint64 // a number, or the first octets of a text; of a REVERSE key the complement
	// The text is sorter.texts[from : from+length].
	from, length uint32
}

// newSorter knows the criteria of a command. Of several with the same key the first decides.
func newSorter(c *conn, criteria []imap.SortCriterion) (*sorter, error) {
	s := &sorter{c: c}
	seen := map[imap.SortKey]bool{}
	for _, criterion := range criteria {
		key, ok := c.s.features.sortKeys[criterion.Key]
		if !ok {
			return nil, bad("Unknown sort key %s", printable(string(criterion.Key)))
		}
		if !seen[criterion.Key] {
			s.keys, s.reverse = append(s.keys, key), append(s.reverse, criterion.Reverse)
		}
		seen[criterion.Key] = true
	}
	return s, nil
}

// sort returns messages, which are in the order of the mailbox, in that of the criteria.
func (s *sorter) sort(hits []searchHit) ([]searchHit, error) {
	if err := s.c.eachMessage(s.c.sel.box, s.c.rowsOf(hits), s.needsSummary(), s.add); err != nil {
		return nil, err
	}
	type item struct {
		order uint64 // of the first key
		hit   uint32
	}
	items := make([]item, len(hits))
	for i := range items {
		items[i] = item{s.values[i*len(s.keys)].order, uint32(i)}
	}
	if err := s.c.next(len(hits) * bits.Len(uint(len(hits)))); err != nil {
		return nil, err
	}
	slices.SortFunc(items, func(a, b item) int {
		if a.order != b.order {
			return cmp.Compare(a.order, b.order)
		}
		return cmp.Or(s.compare(int(a.hit), int(b.hit)), cmp.Compare(a.hit, b.hit))
	})
	sorted := make([]searchHit, len(hits))
	for i, x := range items {
		sorted[i] = hits[x.hit]
	}
	return sorted, nil
}

// add adds the values of a message. One that has just gone has none.
func (s *sorter) add(m *openMessage) error {
	for i := range s.keys {
		v, err := s.value(&s.keys[i], m)
		if err = unreadable(err); err != nil && !errors.Is(err, errSkip) {
			return err
		}
		if s.reverse[i] {
			v.order = ^v.order
		}
		s.values = append(s.values, v)
	}
	if len(s.texts)+len(s.values)*binary.Size(sortValue{}) > maxSortOctets {
		return no(imap.CodeLimit, "These are too many messages to sort them so; ask for fewer")
	}
	return nil
}

func (s *sorter) value(key *sortKey, m *openMessage) (sortValue, error) {
	if key.number != nil {
		n, err := key.number(m)
		return sortValue{order: uint64(n) ^ 1<<63}, err // negative ones first
	}
	from := len(s.texts)
	texts, err := key.text(s.texts, m)
	length := min(len(texts)-from, maxSortText)
	s.texts = texts[:from+length]
	var first [8]byte
	copy(first[:], s.texts[from:])
	return sortValue{binary.BigEndian.Uint64(first[:]), uint32(from), uint32(length)}, err
}

// compare compares two messages by all keys.
func (s *sorter) compare(a, b int) int {
	n := len(s.keys)
	for i := range n {
		v, w := &s.values[a*n+i], &s.values[b*n+i]
		if v.order != w.order {
			return cmp.Compare(v.order, w.order)
		}
		order := bytes.Compare(s.text(v), s.text(w))
		if s.reverse[i] {
			order = -order
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

func (s *sorter) text(v *sortValue) []byte { return s.texts[v.from : v.from+v.length] }

// place returns where a message belongs among others that are sorted. It reads some of those.
func (s *sorter) place(uid imap.UID, sorted []imap.UID) (at int, err error) {
	s.values, s.texts = s.values[:0], s.texts[:0]
	if err := s.load(uid); err != nil {
		return 0, err
	}
	values, texts := len(s.values), len(s.texts)
	at, _ = slices.BinarySearchFunc(sorted, uid, func(other, uid imap.UID) int {
		if err != nil {
			return 0
		}
		s.values, s.texts = s.values[:values], s.texts[:texts]
		if err = s.load(other); err != nil {
			return 0
		}
		return cmp.Or(s.compare(1, 0), cmp.Compare(other, uid))
	})
	return at, err
}

// load adds the values of one message.
func (s *sorter) load(uid imap.UID) error {
	return s.c.eachMessage(s.c.sel.box, s.c.sel.view.RowsByUID(imap.UIDs(uid)), s.needsSummary(), s.add)
}

func (s *sorter) needsSummary() bool {
	return slices.ContainsFunc(s.keys, func(k sortKey) bool { return k.needsSummary })
}
