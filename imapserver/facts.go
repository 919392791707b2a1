package imapserver

import (
	"bytes"
	"cmp"
	"container/list"
	"encoding/binary"
	"errors"
	"slices"
	"sync"

	"restante/imap"
	"restante/store"
)

// fact is what SORT or THREAD computes of a message. A message never changes, so neither does it.
type fact struct {
	name string // of the column
	// value returns a number, and appends a text. With an error it returns what a message has that has
	// just gone.
	value func(dst []byte, m *openMessage) (number uint64, text []byte, err error)
}

// factValue is a fact of a message: a number, and column.texts[from : from+length].
type factValue struct {
	number       uint64
	from, length uint32
}

// column is a fact of messages of a mailbox. It is not changed any more once it can be found in factColumns.
type column struct {
	values []factValue
	texts  []byte
}

func (f *column) text(v *factValue) []byte { return f.texts[v.from : v.from+v.length] }

// compare compares two values, by their numbers and then by their texts.
func (f *column) compare(v, w *factValue) int {
	if v.number != w.number {
		return cmp.Compare(v.number, w.number)
	}
	return bytes.Compare(f.text(v), f.text(w))
}

func (f *column) size() int { return len(f.texts) + len(f.values)*binary.Size(factValue{}) }

const (
	// maxFactOctets is how long a column may be that a command needs.
	maxFactOctets = 64 << 20
	// keptFactOctets is how much is kept of all columns together, for commands that come.
	keptFactOctets = 64 << 20
	// minNewFacts is what part of a column has to be new for the column to be kept anew.
	minNewFacts = 8
)

// factColumns keeps columns, those that were used last. They make SORT and THREAD of a mailbox cost
// what sorting costs.
type factColumns struct {
	mu     sync.Mutex
	byKey  map[factKey]*list.Element // of *keptColumn
	recent list.List                 // the last used in front
	octets int
}

type factKey struct {
	box  store.Ref
	fact string
}

// keptColumn has the values of the messages that uids has, in ascending order.
type keptColumn struct {
	factKey
	uids []imap.UID
	column

	rank   sync.Once
	ranked []factValue // values, each with a number instead of its number and text
}

func (k *keptColumn) size() int { return 2*k.column.size() + len(k.uids)*4 }

// ranks returns a number for each value: of two the smaller one has the smaller number.
func (k *keptColumn) ranks() []factValue {
	if len(k.texts) == 0 {
		return k.values
	}
	k.rank.Do(func() {
		order := make([]uint32, len(k.values))
		for i := range order {
			order[i] = uint32(i)
		}
		compare := func(a, b uint32) int { return k.compare(&k.values[a], &k.values[b]) }
		slices.SortFunc(order, compare)
		k.ranked = make([]factValue, len(order))
		for i, at := range order {
			if i > 0 {
				k.ranked[at].number = k.ranked[order[i-1]].number
				if compare(order[i-1], at) != 0 {
					k.ranked[at].number++
				}
			}
		}
	})
	return k.ranked
}

// find returns what is kept, or an empty column.
func (f *factColumns) find(key factKey) *keptColumn {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, ok := f.byKey[key]
	if !ok {
		return &keptColumn{factKey: key}
	}
	f.recent.MoveToFront(e)
	return e.Value.(*keptColumn)
}

// keep puts a column in the place of the one that was kept.
func (f *factColumns) keep(k *keptColumn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e, ok := f.byKey[k.factKey]; ok {
		f.forget(e)
	}
	if f.byKey == nil {
		f.byKey = map[factKey]*list.Element{}
	}
	f.byKey[k.factKey] = f.recent.PushFront(k)
	for f.octets += k.size(); f.octets > keptFactOctets; {
		f.forget(f.recent.Back())
	}
}

func (f *factColumns) forget(e *list.Element) {
	k := f.recent.Remove(e).(*keptColumn)
	delete(f.byKey, k.factKey)
	f.octets -= k.size()
}

// columns returns facts of messages of the selected mailbox, which are in its order, in a column for each fact.
// What is not kept is computed, and kept if that pays. Who only compares them can do with ranks.
func (c *conn) columns(hits []searchHit, facts []fact, ranks bool) ([]column, error) {
	columns, kept := make([]column, len(facts)), make([]*keptColumn, len(facts))
	unknown := make([]bool, len(hits))
	for f := range facts {
		kept[f] = c.s.facts.find(factKey{c.sel.box.Ref(), facts[f].name})
		if columns[f] = kept[f].of(hits, kept[f].values, unknown); columns[f].size() > maxFactOctets {
			return nil, errTooManyFacts
		}
	}
	var missing []searchHit
	for i := range hits {
		if unknown[i] {
			missing = append(missing, hits[i])
		}
	}
	if len(missing) == 0 {
		for f := range facts {
			if ranks && len(hits)*minNewFacts >= len(kept[f].uids) {
				columns[f] = kept[f].of(hits, kept[f].ranks(), unknown)
			}
		}
		return columns, nil
	}
	added, gone, err := c.computeFacts(missing, facts)
	if err != nil {
		return nil, err
	}
	for f := range facts {
		columns[f].fill(unknown, &added[f])
		if columns[f].size() > maxFactOctets {
			return nil, errTooManyFacts
		}
		if !gone && len(missing)*minNewFacts >= len(kept[f].uids) {
			c.keepFacts(kept[f], missing, &added[f])
		}
	}
	return columns, nil
}

var errTooManyFacts = no(imap.CodeLimit, "These are too many messages to sort them so; ask for fewer")

// of returns those of values, which are its values or ranks, that belong to messages, and notes of which
// there are none.
func (k *keptColumn) of(hits []searchHit, values []factValue, unknown []bool) column {
	column := column{make([]factValue, len(hits)), k.texts}
	at := 0
	for i := range hits {
		for at < len(k.uids) && k.uids[at] < hits[i].uid {
			at++
		}
		if at < len(k.uids) && k.uids[at] == hits[i].uid {
			column.values[i] = values[at]
		} else {
			unknown[i] = true
		}
	}
	return column
}

// fill puts the values of added where there are none.
func (f *column) fill(unknown []bool, added *column) {
	shift := uint32(len(f.texts))
	f.texts = append(f.texts[:len(f.texts):len(f.texts)], added.texts...)
	next := 0
	for i := range f.values {
		if unknown[i] {
			f.values[i] = added.values[next]
			f.values[i].from += shift
			next++
		}
	}
}

// computeFacts computes facts of messages. It tells whether one of them has just gone.
func (c *conn) computeFacts(hits []searchHit, facts []fact) (columns []column, gone bool, err error) {
	columns = make([]column, len(facts))
	err = c.eachMessage(c.sel.box, c.rowsOf(hits), true, func(m *openMessage) error {
		for f := range facts {
			column := &columns[f]
			from := len(column.texts)
			number, texts, err := facts[f].value(column.texts, m)
			if err = unreadable(err); errors.Is(err, errSkip) {
				gone = true
			} else if err != nil {
				return err
			}
			column.texts = texts
			column.values = append(column.values, factValue{number, uint32(from), uint32(len(texts) - from)})
			if column.size() > maxFactOctets {
				return errTooManyFacts
			}
		}
		return nil
	})
	return columns, gone, err
}

// keepFacts keeps what was kept of messages that are still there, and what was added.
func (c *conn) keepFacts(old *keptColumn, hits []searchHit, added *column) {
	k := &keptColumn{factKey: old.factKey}
	add := func(uid imap.UID, from *column, v *factValue) {
		k.uids = append(k.uids, uid)
		k.values = append(k.values, factValue{v.number, uint32(len(k.texts)), v.length})
		k.texts = append(k.texts, from.text(v)...)
	}
	at, next := 0, 0
	for _, row := range c.sel.view.Rows() {
		for at < len(old.uids) && old.uids[at] < row.UID {
			at++
		}
		for next < len(hits) && hits[next].uid < row.UID {
			next++
		}
		switch {
		case next < len(hits) && hits[next].uid == row.UID:
			add(row.UID, added, &added.values[next])
		case at < len(old.uids) && old.uids[at] == row.UID:
			add(row.UID, &old.column, &old.values[at])
		}
	}
	if k.size() <= keptFactOctets/4 {
		c.s.facts.keep(k)
	}
}
