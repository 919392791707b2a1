package mailbox

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"restante/imap"
)

// model is what a mailbox is, without any structure sharing.
type model struct {
	rows []Row
}

func (m *model) clone() *model { return &model{slices.Clone(m.rows)} }

// check compares every way of reading a version with the model.
func check(t *testing.T, v *Version, m *model) {
	t.Helper()
	if v.Len() != len(m.rows) {
		t.Fatalf("Len is %d, want %d", v.Len(), len(m.rows))
	}
	var c Counts
	i := 0
	for seq, r := range v.Rows() {
		if int(seq) != i+1 || *r != m.rows[i] || v.At(seq) != *r {
			t.Fatalf("row %d is %d %+v, want %+v", i, seq, *r, m.rows[i])
		}
		if s, row, ok := v.Find(r.UID); !ok || s != seq || row != *r {
			t.Fatalf("Find(%d) is %d, %v", r.UID, s, ok)
		}
		c.Size += int64(r.Size)
		if r.Flags&BitSeen == 0 {
			c.Unseen++
		}
		if r.Flags&BitDeleted != 0 {
			c.Deleted++
		}
		i++
	}
	got := v.Counts()
	if got.Unseen != c.Unseen || got.Deleted != c.Deleted || got.Size != c.Size || i != len(m.rows) {
		t.Fatalf("counts are %+v, want %+v", got, c)
	}
	var set imap.UIDSet
	for u := imap.UID(1); u < v.UIDNext; u += 7 {
		set.AddRange(u, u+2)
	}
	var want []imap.UID
	for _, r := range m.rows {
		if set.Contains(r.UID) {
			want = append(want, r.UID)
		}
	}
	if got := slices.Collect(v.Existing(set).All()); !slices.Equal(got, want) {
		t.Fatalf("Existing is %v, want %v", got, want)
	}
}

// follow is a client: it knows only what it was told, and applies what Diff says.
type follow struct {
	uids []imap.UID
	mod  map[imap.UID]imap.ModSeq
}

func (f *follow) apply(t *testing.T, d Delta) {
	t.Helper()
	for _, x := range slices.Backward(d.Expunged) {
		if f.uids[x.Seq-1] != x.Row.UID {
			t.Fatalf("EXPUNGE %d is UID %d, the client has %d there", x.Seq, x.Row.UID, f.uids[x.Seq-1])
		}
		f.uids = slices.Delete(f.uids, int(x.Seq)-1, int(x.Seq))
	}
	for _, x := range d.Added {
		f.uids = append(f.uids, x.Row.UID)
		f.mod[x.Row.UID] = x.Row.ModSeq
	}
	slices.Sort(f.uids)
	told := slices.Clone(d.Added)
	for x := range d.Changed() {
		told = append(told, Numbered{x.Seq, *x.Row})
	}
	for _, x := range told {
		if f.uids[x.Seq-1] != x.Row.UID {
			t.Fatalf("FETCH %d is UID %d, the client has %d there", x.Seq, x.Row.UID, f.uids[x.Seq-1])
		}
		f.mod[x.Row.UID] = x.Row.ModSeq
	}
}

func (f *follow) check(t *testing.T, v *Version) {
	t.Helper()
	if len(f.uids) != v.Len() {
		t.Fatalf("the client knows %d messages, there are %d", len(f.uids), v.Len())
	}
	for seq, r := range v.Rows() {
		if f.uids[seq-1] != r.UID || f.mod[r.UID] != r.ModSeq {
			t.Fatalf("the client knows %d as %d with %d, it is %+v", seq, f.uids[seq-1], f.mod[r.UID], *r)
		}
	}
}

func TestVersionsModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for round := range 30 {
		v, m := New(1), &model{}
		type old struct {
			v *Version
			m *model
		}
		var kept []old
		all := &follow{mod: map[imap.UID]imap.ModSeq{}}
		held := v // without EXPUNGE, as during FETCH
		all.apply(t, Diff(New(1), v))
		last := v
		randSet := func() (s imap.UIDSet) {
			for range rnd.IntN(4) + 1 {
				a := imap.UID(rnd.IntN(int(v.UIDNext)+3) + 1)
				s.AddRange(a, a+imap.UID(rnd.IntN(1+rnd.IntN(900))))
			}
			return s
		}
		for step := range 60 {
			modseq := v.HighestModSeq + 1
			switch rnd.IntN(5) {
			case 0, 1:
				var rows []Row
				next := v.UIDNext
				for range rnd.IntN(1 + rnd.IntN(700)) {
					next += imap.UID(rnd.IntN(3))
					rows = append(rows, Row{UID: next, Size: rnd.Uint32N(9999), Flags: FlagBits(rnd.IntN(32)), ModSeq: modseq, Ref: uint64(step)})
					next++
				}
				v = mustAppend(t, v, rows)
				m.rows = append(m.rows, rows...)
			case 2, 3:
				set, bits, op := randSet(), FlagBits(rnd.IntN(32)), imap.StoreOp(rnd.IntN(3))
				nv, n, err := v.Store(set, op, FlagSet{Bits: bits}, modseq)
				if err != nil {
					t.Fatal(err)
				}
				changed := 0
				for i := range m.rows {
					r := &m.rows[i]
					f := map[imap.StoreOp]FlagBits{imap.StoreSet: bits, imap.StoreAdd: r.Flags | bits, imap.StoreRemove: r.Flags &^ bits}[op]
					if set.Contains(r.UID) && f != r.Flags {
						r.Flags, r.ModSeq = f, modseq
						changed++
					}
				}
				if n != changed {
					t.Fatalf("Store says %d changed, %d did", n, changed)
				}
				v = nv
			case 4:
				set, only := randSet(), rnd.IntN(2) == 0
				nv, removed := v.Expunge(set, only, modseq)
				var want []Row
				m.rows = slices.DeleteFunc(m.rows, func(r Row) bool {
					gone := set.Contains(r.UID) && (!only || r.Flags&BitDeleted != 0)
					if gone {
						want = append(want, r)
					}
					return gone
				})
				if !slices.Equal(removed, want) {
					t.Fatalf("Expunge removed %d, want %d", len(removed), len(want))
				}
				v = nv
			}
			check(t, v, m)
			kept = append(kept, old{v, m.clone()})
			if rnd.IntN(3) == 0 {
				all.apply(t, Diff(last, v))
				all.check(t, v)
				last = v
			}
			if rnd.IntN(2) == 0 {
				next := Retain(held, v)
				d := Diff(held, next)
				if len(d.Expunged) != 0 {
					t.Fatalf("round %d step %d: a retained version lost %d messages", round, step, len(d.Expunged))
				}
				if back := Diff(next, v); len(back.Added)+len(back.changed) != 0 || len(back.Expunged) != next.Ghosts().Len() {
					t.Fatalf("round %d step %d: retained to newest is %+v with %d ghosts", round, step, back, next.Ghosts().Len())
				}
				rows := &model{}
				for _, r := range next.Rows() {
					rows.rows = append(rows.rows, *r)
				}
				check(t, next, rows)
				if held = next; rnd.IntN(3) == 0 {
					held = v
				}
			}
		}
		for _, o := range kept { // old versions are as they were
			check(t, o.v, o.m)
		}
		var rows []Row
		Dirty(nil, v, func(_ uint32, r []Row) { rows = append(rows, r...) })
		loaded, err := Load(v.Counts(), v.Keywords(), rows, nil)
		if err != nil {
			t.Fatal(err)
		}
		check(t, loaded, m)
		// Whoever knows an old version and hears what has changed since has the new one.
		for i := 0; i < len(kept); i += 7 {
			o := kept[i]
			c, err := o.v.Changes(o.v.HighestModSeq)
			if err != nil || len(c.Rows)+len(c.Expunged) != 0 {
				t.Fatalf("a version has changed since itself: %+v, %v", c, err)
			}
			if c, err = v.Changes(o.v.HighestModSeq); err != nil {
				t.Fatal(err)
			}
			now, err := o.v.Apply(c)
			if err != nil {
				t.Fatal(err)
			}
			check(t, now, m)
			if now.Counts() != v.Counts() || !slices.Equal(slices.Collect(now.Removed(0)), slices.Collect(v.Removed(0))) {
				t.Fatalf("applied changes make %+v, want %+v", now.Counts(), v.Counts())
			}
			if d := Diff(now, v); !d.Empty() {
				t.Fatalf("applied changes leave the difference %+v", d)
			}
			var gone imap.UIDSet
			for _, r := range o.v.Rows() {
				if _, _, ok := v.Find(r.UID); !ok {
					gone.Add(r.UID)
				}
			}
			if told := o.v.Existing(c.Vanished()); !told.Equal(gone) {
				t.Fatalf("vanished are %v, want %v", told, gone)
			}
		}
		// Applying the dirty chunks to an old version's chunks gives the new one's.
		a, b := kept[len(kept)/2].v, v
		chunks := map[uint32][]Row{}
		Dirty(nil, a, func(n uint32, r []Row) { chunks[n] = r })
		Dirty(a, b, func(n uint32, r []Row) { chunks[n] = r })
		total := 0
		Dirty(nil, b, func(n uint32, r []Row) {
			if !slices.Equal(chunks[n], r) {
				t.Fatalf("chunk %d differs", n)
			}
			total += len(r)
		})
		for _, r := range chunks {
			total -= len(r)
		}
		if total != 0 {
			t.Fatalf("chunks hold %d rows too many", -total)
		}
	}
}

func TestRowsBySeq(t *testing.T) {
	v := New(1)
	var rows []Row
	for u := imap.UID(1); u <= 3000; u += 3 {
		rows = append(rows, Row{UID: u})
	}
	v = mustAppend(t, v, rows)
	for _, c := range []struct {
		set  string
		want string
	}{{"1", "1"}, {"*", "2998"}, {"1000:*", "2998"}, {"999,1000", "2995,2998"}, {"170:172", "508,511,514"}, {"1001:2000", ""}, {"2000:*", "2998"}} {
		set, err := imap.ParseSeqSet(c.set)
		if err != nil {
			t.Fatal(err)
		}
		if got := v.UIDs(set).String(); got != c.want {
			t.Errorf("%s: got %s, want %s", c.set, got, c.want)
		}
	}
}

func mustAppend(t testing.TB, v *Version, rows []Row) *Version {
	t.Helper()
	v, err := v.Append(rows, nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestDate(t *testing.T) {
	for _, s := range []string{"1996-07-17T02:44:25-07:00", "1950-01-01T00:00:00Z", "1950-01-01T23:59:59Z", "1970-01-01T00:30:00+01:00", "2026-11-23T10:00:00+05:45", "9999-12-31T23:59:59+14:00", "2026-01-01T00:00:00-12:00"} {
		want, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		if got := MakeDate(want).Time().Format(time.RFC3339); got != s {
			t.Errorf("%s became %s", s, got)
		}
		midnight, err := time.Parse(time.DateOnly, s[:len(time.DateOnly)])
		if err != nil {
			t.Fatal(err)
		}
		if got := MakeDate(want).Day(); got*24*60*60 != midnight.Unix() {
			t.Errorf("%s is on day %d", s, got)
		}
	}
}

func BenchmarkStoreOne(b *testing.B) {
	v := New(1)
	rows := make([]Row, 1_000_000)
	for i := range rows {
		rows[i] = Row{UID: imap.UID(i + 1), ModSeq: 1}
	}
	v = mustAppend(b, v, rows)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		old := v
		v, _, _ = v.Store(imap.UIDs(imap.UID(i*7919%1_000_000+1)), imap.StoreOp(1+i/2%2), FlagSet{Bits: BitSeen}, imap.ModSeq(i+2))
		if d := Diff(old, v); len(d.changed) > 1 {
			b.Fatal(d)
		}
	}
}

func BenchmarkStoreAll(b *testing.B) {
	v := New(1)
	rows := make([]Row, 100_000)
	for i := range rows {
		rows[i] = Row{UID: imap.UID(i + 1), ModSeq: 1}
	}
	v = mustAppend(b, v, rows)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		v, _, _ = v.Store(imap.UIDRange(1, 100_000), imap.StoreOp(1+i%2), FlagSet{Bits: BitSeen}, imap.ModSeq(i+2))
	}
}

func TestHasRows(t *testing.T) {
	v := New(1)
	var rows []Row
	for i := range imap.UID(2000) {
		rows = append(rows, Row{UID: 3*i + 1, Ref: uint64(i) + 100, ModSeq: 2})
	}
	v, err := v.Append(rows, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !v.HasRows(nil) || !v.HasRows(rows) || !v.HasRows(rows[511:514]) || !v.HasRows([]Row{rows[3], rows[700], rows[1999]}) {
		t.Error("a version lacks its own rows")
	}
	one, _ := v.Expunge(imap.UIDs(rows[700].UID), false, 3)
	other := rows[5]
	other.Ref++
	for _, list := range [][]Row{{{UID: 2}}, {{UID: 9000}}, {rows[4], other, rows[6]}, {rows[3], {UID: rows[3].UID + 1}, rows[4]}} {
		if v.HasRows(list) {
			t.Errorf("it has %+v", list)
		}
	}
	if one.HasRows(rows[690:710]) || !one.HasRows(rows[690:700]) || !one.HasRows(rows[701:]) {
		t.Error("a removed row is not missed, or another is")
	}
}
