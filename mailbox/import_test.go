package mailbox

import (
	"math/rand/v2"
	"slices"
	"testing"

	"restante/imap"
)

// TestImport brings a random mailbox over in random parts, while it changes, and looks whether the copy
// has become the same.
func TestImport(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		source, copied := New(7).WithHistory(0, nil, 0), New(7).WithHistory(0, nil, 0)
		for range 1 + r.IntN(4) {
			source = disturb(t, r, source)
			var p Import
			p.Far = map[imap.UID]FarBits{}
			for _, row := range source.Rows() {
				if _, old, ok := copied.Find(row.UID); ok && old.ModSeq == row.ModSeq {
					continue
				}
				p.Rows = append(p.Rows, *row)
				p.Far[row.UID] = source.Set(row).Far
			}
			for _, row := range copied.Rows() {
				if _, _, ok := source.Find(row.UID); !ok {
					p.Gone.Add(row.UID)
				}
			}
			p.Keywords, p.UIDNext, p.HighestModSeq = source.Keywords(), source.UIDNext, source.HighestModSeq
			p.Expunged = slices.Collect(source.Removed(copied.HighestModSeq))
			rest := p
			if n := len(p.Rows); n > 1 && r.IntN(2) == 0 { // in two parts
				n = 1 + r.IntN(n-1)
				part := Import{Rows: p.Rows[:n], Far: p.Far, Keywords: p.Keywords, UIDNext: copied.UIDNext, HighestModSeq: copied.HighestModSeq}
				rest.Rows = p.Rows[n:]
				var err error
				if copied, err = copied.Import(&part, 0); err != nil {
					t.Fatal(err)
				}
			}
			before := copied.Counts()
			next, err := copied.Import(&rest, 0)
			if err != nil {
				t.Fatal(err)
			}
			if copied.Counts() != before {
				t.Fatal("an older version has changed")
			}
			copied = next
			if copied.Counts() != source.Counts() || !slices.Equal(copied.Keywords(), source.Keywords()) ||
				!slices.Equal(slices.Collect(copied.Removed(0)), slices.Collect(source.Removed(0))) {
				t.Fatalf("seed %d: %+v, expected %+v", seed, copied.Counts(), source.Counts())
			}
			for seq, row := range source.Rows() {
				got := copied.At(seq)
				if got.UID != row.UID || got.ModSeq != row.ModSeq || copied.Set(&got) != source.Set(row) {
					t.Fatalf("seed %d: %+v, expected %+v", seed, got, *row)
				}
			}
		}
	}
}

// disturb changes a mailbox at random.
func disturb(t *testing.T, r *rand.Rand, v *Version) *Version {
	t.Helper()
	for range r.IntN(8) {
		modseq := v.HighestModSeq + 1
		some := imap.UIDRange(imap.UID(1+r.IntN(int(v.UIDNext))), v.UIDNext)
		var err error
		switch r.IntN(3) {
		case 0:
			var rows []Row
			for i := range 1 + r.IntN(20) {
				rows = append(rows, Row{UID: v.UIDNext + imap.UID(i), ModSeq: modseq, Ref: r.Uint64(), Size: 3})
			}
			v, err = v.Append(rows, nil)
		case 1:
			var flags []imap.Flag
			for range 1 + r.IntN(40) {
				flags = append(flags, imap.Flag("k"+string(rune('a'+r.IntN(26)))+string(rune('a'+r.IntN(4)))))
			}
			var set FlagSet
			if v, set, err = v.Learn(flags); err == nil {
				v, _, err = v.Store(some, imap.StoreAdd, set, modseq)
			}
		default:
			v, _ = v.Expunge(some, false, modseq)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return v
}
