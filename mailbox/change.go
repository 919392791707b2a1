package mailbox

import (
	"slices"
	"sync/atomic"

	"restante/imap"
)

// The changes of a mailbox. Each makes a new version of another one and shares with it what stays the
// same.

// Append returns the version with the rows added, of which those in far have these FarBits. Their
// UIDs must ascend from v.UIDNext on, and their mod-sequences be above v.HighestModSeq or all the
// same. ErrTooManyKeywords.
func (v *Version) Append(rows []Row, far map[imap.UID]FarBits) (*Version, error) {
	n := v.derive()
	if len(far) > 0 {
		n.tidyFar()
	}
	n.chunks = append(make([]chunk, 0, len(n.chunks)+1+len(rows)>>chunkBits), n.chunks...)
	for i := range rows {
		r := rows[i]
		if r.far = 0; far != nil && !n.setFlags(&r, FlagSet{r.Flags, far[r.UID]}) {
			return nil, ErrTooManyKeywords
		}
		base := r.UID >> chunkBits
		if k := len(n.chunks); k == 0 || n.chunks[k-1].base != base {
			n.chunks = append(n.chunks, chunk{base: base, start: n.count})
		}
		n.chunks[len(n.chunks)-1].append(r)
		n.count++
		n.add(&r, 1)
		n.UIDNext = r.UID + 1
		n.HighestModSeq = max(n.HighestModSeq, r.ModSeq)
	}
	return n, nil
}

// append adds a row: in place, behind what other versions see, unless one of them has done so before.
func (c *chunk) append(r Row) {
	n := len(c.rows)
	if c.used == nil || n == cap(c.rows) || !c.used.CompareAndSwap(int32(n), int32(n+1)) {
		c.rows = append(make([]Row, 0, min(max(2*n, 4), 1<<chunkBits)), c.rows...)
		c.used = new(atomic.Int32)
		c.used.Store(int32(n + 1))
	}
	c.rows, c.modseq = append(c.rows, r), max(c.modseq, r.ModSeq)
}

// add counts a row in, or out when sign is -1.
func (v *Version) add(r *Row, sign int) {
	if r.Flags&BitSeen == 0 {
		v.unseen += sign
	}
	if r.Flags&BitDeleted != 0 {
		v.deleted += sign
	}
	v.size += int64(r.Size) * int64(sign)
}

// recount sets the start of the chunks from i on, and the number of messages.
func (v *Version) recount(i int) {
	pos := 0
	if i > 0 {
		pos = v.chunks[i-1].start + len(v.chunks[i-1].rows)
	}
	for ; i < len(v.chunks); i++ {
		v.chunks[i].start = pos
		pos += len(v.chunks[i].rows)
	}
	v.count = pos
}

// Unchanged returns the messages of the set that exist, apart by whether their mod-sequence is at
// most since (RFC 7162 §3.1.3).
func (v *Version) Unchanged(set imap.UIDSet, since imap.ModSeq) (unchanged, modified imap.UIDSet) {
	for _, r := range v.RowsByUID(set) {
		if r.ModSeq > since {
			modified.Add(r.UID)
		} else {
			unchanged.Add(r.UID)
		}
	}
	return unchanged, modified
}

// Store returns the version in which op was applied to the flags of the messages in the set, and
// how many of them it changed; only those get the mod-sequence. When none did, it is v itself.
// ErrTooManyKeywords.
func (v *Version) Store(set imap.UIDSet, op imap.StoreOp, flags FlagSet, modseq imap.ModSeq) (*Version, int, error) {
	n := v.derive()
	n.tidyFar()
	near := flags.Far == FarBits{}
	changed := 0
	fits := true
	n.edit(set, func(rows []Row, all bool) []Row {
		var out []Row
		for j := range rows {
			old := &rows[j]
			bits := old.Flags.apply(op, flags.Bits)
			far := !near || old.far != 0 // as in very few mailboxes
			if bits == old.Flags && (!far || !n.changesFar(old, op, flags)) || !all && !set.Contains(old.UID) {
				continue
			}
			if out == nil {
				out = slices.Clone(rows)
			}
			if far {
				fits = n.setFlags(&out[j], n.Set(old).Apply(op, flags)) && fits
			}
			out[j].Flags, out[j].ModSeq = bits, modseq
			if (bits^old.Flags)&(BitSeen|BitDeleted) != 0 {
				n.add(old, -1)
				n.add(&out[j], 1)
			}
			changed++
		}
		return out
	})
	switch {
	case !fits:
		return nil, 0, ErrTooManyKeywords
	case changed == 0:
		return v, 0, nil
	}
	n.HighestModSeq = max(n.HighestModSeq, modseq)
	return n, changed, nil
}

// changesFar reports whether op changes keywords that Row.Flags does not tell.
func (v *Version) changesFar(r *Row, op imap.StoreOp, flags FlagSet) bool {
	was := v.Set(r)
	return was.Far != was.Apply(op, flags).Far
}

// Expunge returns the version without the messages of the set, only those with \Deleted when
// onlyDeleted is set, and the removed rows. When there are none, it is v itself.
func (v *Version) Expunge(set imap.UIDSet, onlyDeleted bool, modseq imap.ModSeq) (*Version, []Row) {
	n := v.derive()
	removed := n.remove(set, onlyDeleted)
	if len(removed) == 0 {
		return v, nil
	}
	var gone imap.UIDSet
	for i := range removed {
		gone.Add(removed[i].UID)
	}
	n.history = n.history.add(gone, modseq)
	n.HighestModSeq = max(n.HighestModSeq, modseq)
	return n, removed
}

// remove takes messages out of a version that is being made, and returns them.
func (v *Version) remove(set imap.UIDSet, onlyDeleted bool) (removed []Row) {
	v.edit(set, func(rows []Row, all bool) []Row {
		before := len(removed)
		for j := range rows {
			if (!onlyDeleted || rows[j].Flags&BitDeleted != 0) && (all || set.Contains(rows[j].UID)) {
				v.add(&rows[j], -1)
				removed = append(removed, rows[j])
			}
		}
		if len(removed) == before {
			return nil
		}
		out := make([]Row, 0, len(rows)-(len(removed)-before))
		k := before
		for j := range rows {
			if k < len(removed) && removed[k].UID == rows[j].UID {
				k++
				continue
			}
			out = append(out, rows[j])
		}
		return out
	})
	return removed
}

// edit gives the rows of every chunk that the set touches to f, which returns what they become,
// or nil if they stay. all tells f that every one of them is in the set. v must be a fresh copy of a
// version; its chunks are copied on first change.
func (v *Version) edit(set imap.UIDSet, f func(rows []Row, all bool) []Row) {
	old := v.chunks
	first := -1
	last := -1 // the index of the last chunk that f has seen
	for _, r := range set.Ranges() {
		for i := max(v.chunkOf(r.First>>chunkBits), last+1); i < len(old); i++ {
			rows := old[i].rows
			if rows[0].UID > r.Last {
				break
			}
			last = i
			out := f(rows, r.First <= rows[0].UID && rows[len(rows)-1].UID <= r.Last)
			if out == nil {
				continue
			}
			if first < 0 {
				first = i
				v.chunks = slices.Clone(old)
			}
			v.chunks[i].setRows(out)
		}
	}
	if first < 0 {
		return
	}
	v.chunks = slices.DeleteFunc(v.chunks, func(c chunk) bool { return len(c.rows) == 0 })
	v.recount(min(first, len(v.chunks)))
}

// WithDeleted returns the last version of a mailbox that is deleted: no messages, Deleted set.
func (v *Version) WithDeleted(modseq imap.ModSeq) *Version {
	return &Version{UIDValidity: v.UIDValidity, UIDNext: v.UIDNext, HighestModSeq: max(v.HighestModSeq, modseq),
		Deleted: true, keywords: v.keywords, history: history{since: max(v.HighestModSeq, modseq)}}
}

// Copied is what Copy puts into a mailbox.
type Copied struct {
	To   *Version // the destination with the copies
	From []Row    // the originals
	Rows []Row    // the copies
}

// Copy returns to with copies of the messages of the set that from has, with UIDs from to.UIDNext
// on, one mod-sequence, their flags and dates. Their Refs are the same, or what ref makes of each when
// it is not nil. ErrTooManyKeywords. from may be to.
func Copy(from *Version, set imap.UIDSet, to *Version, saved Saved, ref func(uint64) uint64) (*Copied, error) {
	c := &Copied{}
	var used FlagSet
	for _, r := range from.RowsByUID(set) {
		used = used.Union(from.Set(r))
		c.From = append(c.From, *r)
	}
	if len(c.From) == 0 {
		c.To = to
		return c, nil
	}
	// All keywords at once: one that is new with one message is not given up for the next.
	to, _, err := to.Learn(from.Flags(used))
	if err != nil {
		return nil, err
	}
	c.Rows = slices.Clone(c.From)
	var far map[imap.UID]FarBits
	mapped := map[FlagSet]FlagSet{}
	modseq := to.HighestModSeq + 1
	for i := range c.Rows {
		r := &c.Rows[i]
		was := from.Set(r)
		now, ok := mapped[was]
		if !ok {
			now = to.Known(from.Flags(was)...)
			mapped[was] = now
		}
		r.UID, r.Flags, r.ModSeq, r.Saved, r.far = to.UIDNext+imap.UID(i), now.Bits, modseq, saved, 0
		if ref != nil {
			r.Ref = ref(r.Ref)
		}
		if now.Far != (FarBits{}) {
			if far == nil {
				far = map[imap.UID]FarBits{}
			}
			far[r.UID] = now.Far
		}
	}
	c.To, err = to.Append(c.Rows, far)
	return c, err
}
