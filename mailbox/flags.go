package mailbox

import (
	"errors"
	"maps"
	"math/bits"
	"slices"

	"restante/imap"
)

// FlagBits is a set of flags: the five system flags, then the first keywords of the mailbox in
// the order in which it first saw them. A mailbox with more keywords has FarBits for them.
type FlagBits uint64

const (
	BitSeen FlagBits = 1 << iota
	BitAnswered
	BitFlagged
	BitDeleted
	BitDraft

	systemBits   = 5
	nearKeywords = 64 - systemBits
	// MaxKeywords is how many different keywords one mailbox can hold at a time.
	MaxKeywords = nearKeywords + 64*len(FarBits{})
)

// FarBits are the keywords of a mailbox behind those that FlagBits has room for.
type FarBits [3]uint64

// FlagSet is a set of flags of one mailbox. Bits is all of it unless the mailbox has very many
// keywords. It can be compared.
type FlagSet struct {
	Bits FlagBits
	Far  FarBits
}

// SystemFlags are the flags of the lowest bits, in order.
var SystemFlags = []imap.Flag{imap.Seen, imap.Answered, imap.Flagged, imap.Deleted, imap.Draft}

// ErrTooManyKeywords is returned when a mailbox would need more than MaxKeywords keywords, or more
// than maxFarSets different FarBits.
var ErrTooManyKeywords = errors.New("mailbox: too many different keywords")

// Empty reports whether no flag is in the set.
func (s FlagSet) Empty() bool { return s == FlagSet{} }

// Union returns the flags of both sets.
func (s FlagSet) Union(t FlagSet) FlagSet {
	s.Bits |= t.Bits
	for i := range s.Far {
		s.Far[i] |= t.Far[i]
	}
	return s
}

// Minus returns the flags of s that t does not have.
func (s FlagSet) Minus(t FlagSet) FlagSet {
	s.Bits &^= t.Bits
	for i := range s.Far {
		s.Far[i] &^= t.Far[i]
	}
	return s
}

// Intersects reports whether a flag is in both sets.
func (s FlagSet) Intersects(t FlagSet) bool {
	if s.Bits&t.Bits != 0 {
		return true
	}
	for i := range s.Far {
		if s.Far[i]&t.Far[i] != 0 {
			return true
		}
	}
	return false
}

// Apply returns what op with the flags in t makes of s.
func (s FlagSet) Apply(op imap.StoreOp, t FlagSet) FlagSet {
	s.Bits = s.Bits.apply(op, t.Bits)
	for i := range s.Far {
		s.Far[i] = uint64(FlagBits(s.Far[i]).apply(op, FlagBits(t.Far[i])))
	}
	return s
}

func (b FlagBits) apply(op imap.StoreOp, c FlagBits) FlagBits {
	switch op {
	case imap.StoreAdd:
		return b | c
	case imap.StoreRemove:
		return b &^ c
	}
	return c
}

// keywordSet returns the set of the keyword in place i.
func keywordSet(i int) (s FlagSet) {
	if i < nearKeywords {
		s.Bits = 1 << (i + systemBits)
		return s
	}
	i -= nearKeywords
	s.Far[i/64] = 1 << (i % 64)
	return s
}

// farTable holds the different FarBits of a mailbox's rows, so that a row needs only a number. It
// is nil for a mailbox without.
type farTable struct {
	sets   []FarBits
	index  map[FarBits]uint32 // to the place in sets, plus 1
	tidied int                // how many sets were in use when that was last found out
}

// maxFarSets is how many FarBits a table may hold: about 2 MiB.
const maxFarSets = 1 << 15

func (t *farTable) get(n uint32) FarBits {
	if n == 0 {
		return FarBits{}
	}
	return t.sets[n-1]
}

// farNumber returns the number of a set, 0 for the empty one. A version that is being made gets a
// table of its own for a new one. It reports false when there is no room.
func (v *Version) farNumber(b FarBits) (uint32, bool) {
	if b == (FarBits{}) {
		return 0, true
	}
	if v.far != nil {
		if n, ok := v.far.index[b]; ok {
			return n, true
		}
	}
	switch {
	case v.far == nil:
		v.far, v.ownFar = &farTable{index: map[FarBits]uint32{}}, true
	case len(v.far.sets) >= maxFarSets:
		return 0, false
	case !v.ownFar:
		v.far, v.ownFar = &farTable{slices.Clone(v.far.sets), maps.Clone(v.far.index), v.far.tidied}, true
	}
	v.far.sets = append(v.far.sets, b)
	n := uint32(len(v.far.sets))
	v.far.index[b] = n
	return n, true
}

// Set returns the flags of one of v's rows.
func (v *Version) Set(r *Row) FlagSet {
	if r.far == 0 {
		return FlagSet{Bits: r.Flags}
	}
	return FlagSet{r.Flags, v.far.get(r.far)}
}

// Far reports whether a row of v has keywords that Row.Flags does not tell.
func (v *Version) Far(r *Row) bool { return r.far != 0 }

// setFlags gives a row the flags, as a version that is being made writes them. It reports false
// when there are too many different sets.
func (v *Version) setFlags(r *Row, s FlagSet) (ok bool) {
	r.Flags = s.Bits
	r.far, ok = v.farNumber(s.Far)
	return ok
}

// IsStore reports whether the flags of now, a row of version next, are those that op with the flags
// makes of was, a row of version last. The keywords of both versions must have the same places.
func IsStore(last *Version, was *Row, next *Version, now *Row, op imap.StoreOp, flags FlagSet) bool {
	if was.Flags.apply(op, flags.Bits) != now.Flags {
		return false
	}
	if was.far|now.far == 0 && flags.Far == (FarBits{}) {
		return true
	}
	return last.Set(was).Apply(op, flags) == next.Set(now)
}

// tidyFar drops from a version that is being made the sets that no row has any more, when there
// may be many. It is called before rows change, for it numbers the sets anew.
func (v *Version) tidyFar() {
	old := v.far
	if old == nil || len(old.sets) < max(maxFarSets/4, 2*old.tidied) {
		return
	}
	v.far = nil
	v.chunks = slices.Clone(v.chunks)
	for i := range v.chunks {
		c := &v.chunks[i]
		if !slices.ContainsFunc(c.rows, func(r Row) bool { return r.far != 0 }) {
			continue
		}
		rows := slices.Clone(c.rows)
		for j := range rows {
			rows[j].far, _ = v.farNumber(old.get(rows[j].far))
		}
		c.setRows(rows)
	}
	if v.far != nil {
		v.far.tidied = len(v.far.sets)
	}
}

// Flags returns the flags of a set as this version calls them, system flags first.
func (v *Version) Flags(s FlagSet) []imap.Flag {
	n := bits.OnesCount64(uint64(s.Bits))
	for _, far := range s.Far {
		n += bits.OnesCount64(far)
	}
	if n == 0 {
		return nil
	}
	out := make([]imap.Flag, 0, n)
	for i, f := range SystemFlags {
		if s.Bits&(1<<i) != 0 {
			out = append(out, f)
		}
	}
	for i, f := range v.keywords {
		if i >= nearKeywords && s.Far == (FarBits{}) {
			break
		}
		if s.Intersects(keywordSet(i)) {
			out = append(out, f)
		}
	}
	return out
}

// Known returns the set of those of the flags that the mailbox knows. \Recent is not one of them:
// it is not stored.
func (v *Version) Known(flags ...imap.Flag) (s FlagSet) {
	for _, f := range flags {
		s = s.Union(v.known(f))
	}
	return s
}

func (v *Version) known(f imap.Flag) FlagSet {
	for i, g := range SystemFlags {
		if g.Equal(f) {
			return FlagSet{Bits: 1 << i}
		}
	}
	for i, g := range v.keywords {
		if g.Equal(f) {
			return keywordSet(i)
		}
	}
	return FlagSet{}
}

// Learn returns the version that knows all of the flags, v itself if it does, and their set.
// \Recent is left out. When there are MaxKeywords, a keyword that no message carries any more makes
// room for a new one; ErrTooManyKeywords when there is no such.
func (v *Version) Learn(flags []imap.Flag) (*Version, FlagSet, error) {
	return v.learn(flags, MaxKeywords)
}

// LearnNear is Learn of a mailbox that may have only as many keywords as FlagBits has room for: for
// a driver that repeats changes that were made under this bound.
func (v *Version) LearnNear(flags []imap.Flag) (*Version, FlagSet, error) {
	return v.learn(flags, nearKeywords)
}

func (v *Version) learn(flags []imap.Flag, limit int) (*Version, FlagSet, error) {
	var s FlagSet
	for _, f := range flags {
		if f.Equal(imap.Recent) {
			continue
		}
		one := v.known(f)
		if one.Empty() {
			var err error
			if v, one, err = v.addKeyword(f, s, limit); err != nil {
				return v, FlagSet{}, err
			}
		}
		s = s.Union(one)
	}
	return v, s, nil
}

// addKeyword returns the version that knows f, of at most limit keywords. The places of the flags in
// keep are not given away.
func (v *Version) addKeyword(f imap.Flag, keep FlagSet, limit int) (*Version, FlagSet, error) {
	n := v.derive()
	if len(v.keywords) < limit {
		n.keywords = append(slices.Clone(v.keywords), f)
		return n, keywordSet(len(v.keywords)), nil
	}
	used := keep
	for _, r := range v.Rows() {
		used = used.Union(v.Set(r))
	}
	for i := range v.keywords {
		if one := keywordSet(i); !used.Intersects(one) {
			n.keywords = slices.Clone(v.keywords)
			n.keywords[i] = f
			return n, one, nil
		}
	}
	return v, FlagSet{}, ErrTooManyKeywords
}
