package imapserver

import (
	"bytes"
	"cmp"
	"math/bits"
	"slices"

	"restante/imap"
)

// sorter orders the messages that one SORT has found.
type sorter struct {
	c       *conn
	keys    []sortKey
	reverse []bool
	columns []column // of each key
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

// load finds out what the keys are of messages, which are in the order of the mailbox.
func (s *sorter) load(hits []searchHit) error {
	s.columns = make([]column, len(s.keys))
	var facts []fact
	for i, key := range s.keys {
		if key.row == nil {
			facts = append(facts, key.fact)
			continue
		}
		values := make([]factValue, 0, len(hits))
		for _, row := range s.c.rowsOf(hits) {
			values = append(values, factValue{number: ordered(key.row(row))})
		}
		s.columns[i].values = values
	}
	if len(facts) == 0 {
		return nil
	}
	columns, err := s.c.columns(hits, facts, true)
	if err != nil {
		return err
	}
	for i, key := range s.keys {
		if key.row == nil {
			s.columns[i], columns = columns[0], columns[1:]
		}
	}
	return nil
}

// sort returns messages, which are in the order of the mailbox, in that of the criteria.
func (s *sorter) sort(hits []searchHit) ([]searchHit, error) {
	if err := s.load(hits); err != nil {
		return nil, err
	}
	type item struct {
		order uint64 // of the first key
		hit   uint32
	}
	items := make([]item, len(hits))
	for i := range items {
		items[i] = item{s.order(0, i), uint32(i)}
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

// order is the number of a message's key, or of a REVERSE key the complement.
func (s *sorter) order(key, message int) uint64 {
	n := s.columns[key].values[message].number
	if s.reverse[key] {
		n = ^n
	}
	return n
}

// compare compares two messages by all keys.
func (s *sorter) compare(a, b int) int {
	for key := range s.keys {
		if v, w := s.order(key, a), s.order(key, b); v != w {
			return cmp.Compare(v, w)
		}
		f := &s.columns[key]
		order := bytes.Compare(f.text(&f.values[a]), f.text(&f.values[b]))
		if s.reverse[key] {
			order = -order
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

// place returns where a message belongs among others that are sorted. It reads some of those.
func (s *sorter) place(uid imap.UID, sorted []imap.UID) (at int, err error) {
	at, _ = slices.BinarySearchFunc(sorted, uid, func(other, uid imap.UID) int {
		if err != nil {
			return 0
		}
		var order int
		if order, err = s.compareUIDs(other, uid); err != nil {
			return 0
		}
		return cmp.Or(order, cmp.Compare(other, uid))
	})
	return at, err
}

// compareUIDs compares two messages.
func (s *sorter) compareUIDs(a, b imap.UID) (int, error) {
	var hits []searchHit
	for seq, row := range s.c.sel.view.RowsByUID(imap.UIDs(a, b)) {
		hits = append(hits, searchHit{seq, row.UID})
	}
	if len(hits) < 2 {
		return 0, nil // the same, or one that is not there any more
	}
	if err := s.load(hits); err != nil {
		return 0, err
	}
	order := s.compare(0, 1)
	if a > b {
		order = -order
	}
	return order, nil
}
