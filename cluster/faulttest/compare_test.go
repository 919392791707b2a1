package main

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
)

// ledger is a mailbox with messages a, b and c under the UIDs 1 to 3, of which b is flagged, and what
// a node shows of it that keeps everything.
func ledger() (b *box, places []*place, there []found) {
	b = newBox("ann", "box")
	for i, id := range []string{"a", "b", "c"} {
		p := &place{message: &message{id, sha256.Sum256([]byte(id))}, there: yes}
		if id == "b" {
			p.flagged = yes
		}
		uid := uint32(i + 1)
		b.putAt(p, uid, "7", b.known())
		b.changed(p, uint64(10+uid), b.known())
		places = append(places, p)
		there = append(there, found{id, uid, p.modSeq, p.message.sum, p.flagged == yes})
	}
	return b, places, there
}

func counted(complaints []complaint) (n [kinds]int) {
	for _, c := range complaints {
		n[c.kind]++
	}
	return n
}

func TestCompare(t *testing.T) {
	for name, test := range map[string]struct {
		change func(b *box, p []*place, there []found) []found
		want   [kinds]int
	}{
		"all as it was": {},
		"a lost message": {
			func(_ *box, _ []*place, there []found) []found { return slices.Delete(there, 1, 2) },
			[kinds]int{lost: 1},
		},
		"nothing is there": {
			func(*box, []*place, []found) []found { return nil },
			[kinds]int{lost: 3},
		},
		"a duplicate": {
			func(_ *box, _ []*place, there []found) []found {
				again := there[0]
				again.uid = 4
				return append(there, again)
			},
			[kinds]int{duplicated: 1},
		},
		"a duplicate of what nobody knew": {
			func(b *box, _ []*place, there []found) []found {
				b.put(&place{message: &message{id: "d"}, there: maybe})
				return append(there, found{id: "d", uid: 4}, found{id: "d", uid: 5})
			},
			[kinds]int{duplicated: 1},
		},
		"a UID of another message": {
			func(_ *box, _ []*place, there []found) []found {
				there[2].id, there[2].sum = there[0].id, there[0].sum
				return there
			},
			[kinds]int{uidTwice: 1, lost: 1},
		},
		"a UID of an expunged message": {
			func(b *box, p []*place, there []found) []found {
				p[2].there = no
				b.put(&place{message: &message{id: "d"}, there: maybe})
				there[2].id = "d"
				return there
			},
			[kinds]int{uidTwice: 1},
		},
		"a UID that is there twice": {
			func(_ *box, _ []*place, there []found) []found { return append(there, there[0]) },
			[kinds]int{uidTwice: 1},
		},
		"a wrong body": {
			func(_ *box, _ []*place, there []found) []found {
				there[0].sum[5] ^= 1
				return there
			},
			[kinds]int{wrong: 1},
		},
		"a flag that went back": {
			func(_ *box, _ []*place, there []found) []found {
				there[1].flagged = false
				return there
			},
			[kinds]int{wrong: 1},
		},
		"a flag that was removed": {
			func(_ *box, _ []*place, there []found) []found {
				there[0].flagged = true
				return there
			},
			[kinds]int{wrong: 1},
		},
		"a flag of which nobody knows": {
			func(_ *box, p []*place, there []found) []found {
				p[0].flagged, p[1].flagged = maybe, maybe
				there[0].flagged = true
				return there
			},
			[kinds]int{},
		},
		"a mod-sequence that went back": {
			func(_ *box, _ []*place, there []found) []found {
				there[0].modSeq--
				return there
			},
			[kinds]int{wrong: 1},
		},
		"an expunged message": {
			func(_ *box, p []*place, there []found) []found {
				p[0].there = no
				return there
			},
			[kinds]int{wrong: 1},
		},
		"a refused message": {
			func(b *box, _ []*place, there []found) []found {
				b.put(&place{message: &message{id: "d"}, there: no})
				return append(there, found{id: "d", uid: 4})
			},
			[kinds]int{wrong: 1},
		},
		"what may be there, and what nobody has written": {
			func(b *box, _ []*place, there []found) []found {
				b.put(&place{message: &message{id: "d"}, there: maybe})
				b.put(&place{message: &message{id: "e"}, there: maybe})
				return append(there, found{id: "d", uid: 4}, found{id: "f", uid: 6})
			},
			[kinds]int{wrong: 1},
		},
		"a delivery without a UID": {
			func(b *box, _ []*place, there []found) []found {
				b.put(&place{message: &message{id: "d"}, there: yes})
				b.put(&place{message: &message{id: "e"}, there: yes})
				return append(there, found{id: "d", uid: 4})
			},
			[kinds]int{lost: 1},
		},
		// Of copies of one message the refused one is not taken for the one that may be there.
		"copies": {
			func(b *box, _ []*place, there []found) []found {
				m := &message{id: "d"}
				b.put(&place{message: m, there: no})
				b.put(&place{message: m, there: maybe, flagged: yes})
				b.put(&place{message: m, there: maybe})
				b.put(&place{message: m, there: yes})
				return append(there, found{id: "d", uid: 4}, found{id: "d", uid: 5, flagged: true}, found{id: "d", uid: 6})
			},
			[kinds]int{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, places, there := ledger()
			if test.change != nil {
				there = test.change(b, places, there)
			}
			complaints, _ := b.compare(there)
			if got := counted(append(complaints, b.heard()...)); got != test.want {
				t.Errorf("%v, want %v: %v", got, test.want, complaints)
			}
		})
	}
}

// What was open and was seen has to stay, unless it was leaving.
func TestCompareAgain(t *testing.T) {
	b, places, there := ledger()
	b.put(&place{message: &message{id: "d"}, there: maybe})
	places[0].there, places[0].leaving = maybe, true
	there = append(there, found{id: "d", uid: 4})
	for _, show := range []struct {
		there []found
		want  [kinds]int
	}{
		{there[:3], [kinds]int{}}, // not yet
		{there, [kinds]int{}},
		{there[1:], [kinds]int{}}, // the one that was leaving has gone
		{there[:3], [kinds]int{lost: 1}},
	} {
		complaints, _ := b.compare(show.there)
		if got := counted(complaints); got != show.want {
			t.Errorf("%v: %v, want %v", complaints, got, show.want)
		}
	}
	there[3].uid = 5
	complaints, _ := b.compare(there)
	if got := counted(complaints); got != [kinds]int{lost: 1, duplicated: 1} {
		t.Errorf("under another UID: %v", complaints)
	}
	if b.known().uidNext != 5 {
		t.Errorf("UIDNEXT %d follows from UID 4", b.known().uidNext)
	}
}

// Numbers that are told may not go back.
func TestNumbersGoBack(t *testing.T) {
	newcomer := func() *place { return &place{message: &message{id: "d"}, there: yes} }
	for name, test := range map[string]struct {
		tell func(b *box, p []*place)
		want [kinds]int
	}{
		"none": {func(b *box, p []*place) {
			b.saw("7", b.known(), b.known())
			b.saw("7", counters{}, b.known())
			b.putAt(newcomer(), 9, "7", b.known())
			b.changed(p[0], 20, b.known())
		}, [kinds]int{}},
		"UIDVALIDITY": {func(b *box, _ []*place) { b.saw("8", counters{}, counters{}) }, [kinds]int{wrong: 1}},
		"UIDNEXT": {func(b *box, _ []*place) {
			b.saw("7", counters{uidNext: 3}, b.known())
		}, [kinds]int{wrong: 1}},
		"HIGHESTMODSEQ": {func(b *box, _ []*place) {
			b.saw("7", counters{high: 12}, b.known())
		}, [kinds]int{wrong: 1}},
		"an answer from before": {func(b *box, _ []*place) {
			b.saw("7", counters{uidNext: 3, high: 12}, counters{uidNext: 3, high: 12})
		}, [kinds]int{}},
		"a UID below UIDNEXT": {func(b *box, _ []*place) {
			b.saw("7", counters{uidNext: 100}, b.known())
			b.putAt(newcomer(), 50, "7", b.known())
		}, [kinds]int{wrong: 1}},
		"a UID that was given out before": {func(b *box, _ []*place) {
			b.putAt(newcomer(), 2, "7", counters{})
		}, [kinds]int{uidTwice: 1}},
		"a UID that a copy has, too": {func(b *box, p []*place) {
			b.putAt(&place{message: p[0].message, there: yes}, 1, "7", counters{})
		}, [kinds]int{uidTwice: 1}},
		"a change below HIGHESTMODSEQ": {func(b *box, p []*place) {
			b.changed(p[0], 13, b.known())
		}, [kinds]int{wrong: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			b, places, _ := ledger()
			test.tell(b, places)
			if got := counted(b.heard()); got != test.want {
				t.Errorf("%v, want %v: %v", got, test.want, b.heard())
			}
		})
	}
}

// A message of which nobody knows whether it was moved is at one place.
func TestBothOrNone(t *testing.T) {
	from, to := newBox("ann", "from"), newBox("ann", "to")
	for i := range 4 {
		m := &message{id: fmt.Sprint(i)}
		moved := &place{message: m, there: maybe}
		p := &place{message: m, there: maybe, leaving: true, moved: moved}
		from.putAt(p, uint32(i+1), "7", from.known())
		to.put(moved)
	}
	complaints, at := from.compare([]found{{id: "0", uid: 1}, {id: "2", uid: 3}})
	more, there := to.compare([]found{{id: "1", uid: 1}, {id: "2", uid: 2}})
	for p := range there {
		at[p] = true
	}
	if complaints = append(complaints, more...); len(complaints) > 0 {
		t.Error(complaints)
	}
	both, none := from.bothOrNone(at)
	if len(both) != 1 || both[0].message.id != "2" || len(none) != 1 || none[0].message.id != "3" {
		t.Errorf("at both: %v, at none: %v", both, none)
	}
}
