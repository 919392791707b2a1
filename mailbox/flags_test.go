package mailbox

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"restante/imap"
)

func keywords(n int) (flags []imap.Flag) {
	for i := range n {
		flags = append(flags, imap.Flag(fmt.Sprintf("k%d", i)))
	}
	return flags
}

func TestKeywords(t *testing.T) {
	v, set, err := New(1).Learn(append(keywords(MaxKeywords), imap.Seen, imap.Recent))
	if err != nil || MaxKeywords < 200 {
		t.Fatal(MaxKeywords, err)
	}
	if got := v.Flags(set); len(got) != MaxKeywords+1 || got[0] != imap.Seen || got[MaxKeywords] != "k250" {
		t.Fatalf("the set is %v", got)
	}
	set = set.Minus(v.Known("k7", "k200"))
	v, err = v.Append([]Row{{UID: 1, Flags: set.Bits}}, map[imap.UID]FarBits{1: set.Far})
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{"k7", "k200"} {
		name := imap.Flag("new-" + place)
		var b FlagSet
		if v, b, err = v.Learn([]imap.Flag{name}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(v.Flags(b), []imap.Flag{name}) || !v.Known(imap.Flag(place)).Empty() || v.Known("K8", "K201").Empty() {
			t.Fatalf("the unused keyword %s was not replaced: %v", place, v.Flags(b))
		}
		if v, _, err = v.Store(imap.UIDs(1), imap.StoreAdd, b, v.HighestModSeq+1); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := v.Learn([]imap.Flag{"one-more"}); !errors.Is(err, ErrTooManyKeywords) {
		t.Fatalf("got %v", err)
	}
	row := v.At(1)
	if got := v.Flags(v.Set(&row)); len(got) != MaxKeywords+1 {
		t.Fatalf("the message has %d flags", len(got))
	}
}

// TestFarModel compares versions of mailboxes with many keywords with plain lists of them.
func TestFarModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	all := keywords(150)
	v, src := New(1), New(1)
	flags := map[imap.UID][]imap.Flag{} // sorted
	random := func() (out []imap.Flag) {
		for range rnd.IntN(5) {
			if f := all[rnd.IntN(len(all))]; !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
		slices.Sort(out)
		return out
	}
	verify := func(what string, v *Version) {
		t.Helper()
		if v.Len() != len(flags) {
			t.Fatalf("%s: %d messages, want %d", what, v.Len(), len(flags))
		}
		for _, r := range v.Rows() {
			got := v.Flags(v.Set(r))
			if slices.Sort(got); !slices.Equal(got, flags[r.UID]) {
				t.Fatalf("%s: UID %d has %v, want %v", what, r.UID, got, flags[r.UID])
			}
		}
	}
	appended := func(v *Version, n int) (*Version, [][]imap.Flag) {
		var rows []Row
		var lists [][]imap.Flag
		far := map[imap.UID]FarBits{}
		for range n {
			list := random()
			var set FlagSet
			var err error
			if v, set, err = v.Learn(list); err != nil {
				t.Fatal(err)
			}
			r := Row{UID: v.UIDNext + imap.UID(len(rows)), ModSeq: v.HighestModSeq + 1, Flags: set.Bits}
			far[r.UID] = set.Far
			rows, lists = append(rows, r), append(lists, list)
		}
		v, err := v.Append(rows, far)
		if err != nil {
			t.Fatal(err)
		}
		return v, lists
	}
	old := v
	for step := range 300 {
		switch rnd.IntN(4) {
		case 0:
			next := v.UIDNext
			var lists [][]imap.Flag
			v, lists = appended(v, rnd.IntN(40))
			for i, list := range lists {
				flags[next+imap.UID(i)] = list
			}
		case 1:
			first := imap.UID(rnd.IntN(int(v.UIDNext))) + 1
			uids := imap.UIDRange(first, first+imap.UID(rnd.IntN(50)))
			op, list := imap.StoreOp(rnd.IntN(3)), random()
			learnt, set, err := v.Learn(list)
			if err != nil {
				t.Fatal(err)
			}
			if v, _, err = learnt.Store(uids, op, set, v.HighestModSeq+1); err != nil {
				t.Fatal(err)
			}
			for u := range v.Existing(uids).All() {
				now := slices.Clone(flags[u])
				if op == imap.StoreSet {
					now = nil
				}
				for _, f := range list {
					now = slices.DeleteFunc(now, func(g imap.Flag) bool { return f == g })
					if op != imap.StoreRemove {
						now = append(now, f)
					}
				}
				slices.Sort(now)
				flags[u] = now
			}
		case 2:
			u := imap.UID(rnd.IntN(int(v.UIDNext))) + 1
			v, _ = v.Expunge(imap.UIDs(u), false, v.HighestModSeq+1)
			delete(flags, u)
		case 3:
			var lists [][]imap.Flag
			first := src.UIDNext
			src, lists = appended(src, rnd.IntN(10))
			c, err := Copy(src, imap.UIDRange(first, src.UIDNext), v, 7, nil)
			if err != nil {
				t.Fatal(err)
			}
			for i, list := range lists {
				flags[v.UIDNext+imap.UID(i)] = list
			}
			v = c.To
		}
		verify("changed", v)
		if rnd.IntN(20) == 0 {
			v.far.forceTidy()
		}
		if step%10 == 9 {
			c, err := v.Changes(old.HighestModSeq)
			if err != nil {
				t.Fatal(err)
			}
			if old, err = old.Apply(c); err != nil {
				t.Fatal(err)
			}
			verify("applied", old)
			var rows []Row
			far := map[imap.UID]FarBits{}
			for _, r := range v.Rows() {
				rows = append(rows, *r)
				far[r.UID] = v.Set(r).Far
			}
			loaded, err := Load(v.Counts(), v.Keywords(), rows, far)
			if err != nil {
				t.Fatal(err)
			}
			verify("loaded", loaded)
			kept := Retain(loaded, v) // of another line of versions: numbered otherwise
			if !kept.Ghosts().Empty() {
				t.Fatal("ghosts")
			}
		}
	}
}

// forceTidy makes the next change tidy the table up.
func (t *farTable) forceTidy() {
	if t != nil {
		t.tidied = -maxFarSets
	}
}

func TestSaved(t *testing.T) {
	want := time.Date(2026, 11, 24, 10, 11, 12, 0, time.UTC)
	if got, ok := MakeSaved(want).Time(); !ok || !got.Equal(want) {
		t.Errorf("%v became %v", want, got)
	}
	for _, never := range []time.Time{{}, time.Unix(0, 0), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if got, ok := MakeSaved(never).Time(); ok {
			t.Errorf("%v became %v", never, got)
		}
	}
}
