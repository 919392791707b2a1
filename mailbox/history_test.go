package mailbox

import (
	"errors"
	"slices"
	"testing"
	"unsafe"

	"restante/imap"
)

func TestRowSize(t *testing.T) {
	if n := unsafe.Sizeof(Row{}); n != 48 {
		t.Errorf("a row has %d octets", n)
	}
	if n := unsafe.Sizeof(Expunged{}); n != expungedOctets {
		t.Errorf("an entry of the history has %d octets", n)
	}
}

// full returns a mailbox of n messages.
func full(t testing.TB, n int) *Version {
	rows := make([]Row, n)
	for i := range rows {
		rows[i] = Row{UID: imap.UID(i + 1), ModSeq: 2}
	}
	return mustAppend(t, New(1), rows)
}

func TestHistoryIsExactOrTooOld(t *testing.T) {
	const limit = 3 * historyBlock * expungedOctets
	v := full(t, 5000).WithHistory(0, nil, limit)
	type removal struct {
		modseq imap.ModSeq
		uid    imap.UID
	}
	var all []removal
	for u := imap.UID(1); u < 5000; u += 2 {
		v, _ = v.Expunge(imap.UIDs(u), false, v.HighestModSeq+1)
		all = append(all, removal{v.HighestModSeq, u})
		if n := v.history.len() * expungedOctets; n > limit {
			t.Fatalf("the history has %d octets", n)
		}
	}
	if v.HistorySince() == 0 {
		t.Fatal("nothing was dropped")
	}
	known := 0
	for since := range v.HighestModSeq + 1 {
		c, err := v.Changes(since)
		if since < v.HistorySince() {
			if !errors.Is(err, ErrTooOld) {
				t.Fatalf("since %d: %v", since, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var want imap.UIDSet
		for _, r := range all {
			if r.modseq > since {
				want.Add(r.uid)
			}
		}
		if !c.Vanished().Equal(want) {
			t.Fatalf("since %d: %v, want %v", since, c.Vanished(), want)
		}
		known++
	}
	if known < 2*historyBlock {
		t.Errorf("only %d mod-sequences are known", known)
	}
	// As it is stored and loaded.
	stored := slices.Collect(v.Removed(0))
	if again := v.WithHistory(v.HistorySince(), stored, limit); !slices.Equal(slices.Collect(again.Removed(0)), stored) || again.HistorySince() != v.HistorySince() {
		t.Error("the history changed by being stored")
	}
}

// One change can be more than all of the history.
func TestHistoryOfLargeChange(t *testing.T) {
	for _, limit := range []int{16, historyBlock * expungedOctets, 2 * historyBlock * expungedOctets} {
		v := full(t, 4000).WithHistory(0, nil, limit)
		var every2nd imap.UIDSet
		for u := imap.UID(1); u <= 4000; u += 2 {
			every2nd.Add(u)
		}
		before := v.HighestModSeq
		v, _ = v.Expunge(every2nd, false, before+1)
		if _, err := v.Changes(before); !errors.Is(err, ErrTooOld) {
			t.Errorf("limit %d: a change that is half known was told: %v", limit, err)
		}
		v, _ = v.Expunge(imap.UIDs(2), false, v.HighestModSeq+1)
		c, err := v.Changes(before + 1)
		if err != nil || c.Vanished().String() != "2" {
			t.Errorf("limit %d: %v, %v", limit, c, err)
		}
	}
}

func TestApplyMisfits(t *testing.T) {
	v := full(t, 10)
	c, err := v.Changes(v.HighestModSeq)
	if err != nil {
		t.Fatal(err)
	}
	c.Since++
	if _, err := v.Apply(c); !errors.Is(err, ErrMisfit) {
		t.Errorf("a gap: %v", err)
	}
	c.Since, c.UIDValidity = 0, 2
	if _, err := v.Apply(c); !errors.Is(err, ErrMisfit) {
		t.Errorf("another mailbox: %v", err)
	}
	gone := v.WithDeleted(v.HighestModSeq + 1)
	if c, err = gone.Changes(v.HighestModSeq + 1); err != nil {
		t.Fatal(err)
	}
	c.Since = v.HighestModSeq
	if now, err := v.Apply(c); err != nil || !now.Deleted || now.Len() != 0 {
		t.Errorf("deleted: %+v, %v", now, err)
	}
}

// ChangedSince looks at the rows of those chunks only that have one.
func TestChangedSinceSkips(t *testing.T) {
	v := full(t, 100*512)
	v, _, _ = v.Store(imap.UIDs(70*512), imap.StoreAdd, FlagSet{Bits: BitSeen}, 9)
	looked := 0
	for i := range v.chunks {
		if v.chunks[i].modseq > 8 {
			looked++
		}
	}
	if looked != 1 {
		t.Errorf("%d chunks have a higher mod-sequence", looked)
	}
	n := 0
	for _, r := range v.ChangedSince(8) {
		if n++; r.UID != 70*512 {
			t.Errorf("UID %d", r.UID)
		}
	}
	if n != 1 {
		t.Errorf("%d messages", n)
	}
}
