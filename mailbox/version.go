package mailbox

import (
	"errors"
	"iter"
	"slices"
	"sort"

	"restante/imap"
)

// ErrTooManyKeywords is returned when a mailbox would need more than MaxKeywords keywords.
var ErrTooManyKeywords = errors.New("mailbox: too many different keywords")

// chunkBits sets how many UIDs a chunk spans: 512. A change to one message copies one chunk.
const chunkBits = 9

// Version is the state of a mailbox at one moment. It is immutable.
type Version struct {
	UIDValidity   uint32
	UIDNext       imap.UID
	HighestModSeq imap.ModSeq
	Deleted       bool // the mailbox itself is gone

	keywords []imap.Flag
	chunks   []chunk // in UID order, none empty
	count    int
	unseen   int
	deleted  int
	size     int64
	ghosts   imap.UIDSet // messages that are gone from the mailbox but not from this view
}

// chunk holds the messages of one fixed range of UIDs, so that the chunks of two versions line up.
type chunk struct {
	base  imap.UID // uid >> chunkBits of all rows
	start int      // how many messages lie before it
	rows  []Row
}

// Counts are what STATUS tells of a mailbox (RFC 9051 §6.3.11).
type Counts struct {
	UIDValidity   uint32
	UIDNext       imap.UID
	HighestModSeq imap.ModSeq
	Messages      uint32
	Unseen        uint32
	Deleted       uint32
	Size          int64 // octets
}

// New returns the first version of a mailbox: empty, UIDNEXT 1, HIGHESTMODSEQ 1.
func New(uidValidity uint32) *Version {
	return &Version{UIDValidity: uidValidity, UIDNext: 1, HighestModSeq: 1}
}

// Load returns a version as it was stored: what Counts, Keywords and Rows told. The rows must be
// in UID order; Load keeps the slice.
func Load(c Counts, keywords []imap.Flag, rows []Row) *Version {
	v := &Version{UIDValidity: c.UIDValidity, UIDNext: c.UIDNext, HighestModSeq: c.HighestModSeq, keywords: keywords}
	for len(rows) > 0 {
		base := rows[0].UID >> chunkBits
		n := sort.Search(len(rows), func(i int) bool { return rows[i].UID>>chunkBits > base })
		v.chunks = append(v.chunks, chunk{base: base, rows: rows[:n:n]})
		rows = rows[n:]
	}
	v.recount(0)
	for _, c := range v.chunks {
		for i := range c.rows {
			v.add(&c.rows[i], 1)
		}
	}
	return v
}

// Counts returns what STATUS tells.
func (v *Version) Counts() Counts {
	return Counts{v.UIDValidity, v.UIDNext, v.HighestModSeq, uint32(v.count), uint32(v.unseen), uint32(v.deleted), v.size}
}

// Keywords returns the keywords of the mailbox. The caller must not change them.
func (v *Version) Keywords() []imap.Flag { return v.keywords }

// Len returns the number of messages: EXISTS.
func (v *Version) Len() int { return v.count }

// Ghosts returns the messages that this view still holds though they are gone from the mailbox.
func (v *Version) Ghosts() imap.UIDSet { return v.ghosts }

// MaxUID returns the highest UID, 0 for an empty mailbox.
func (v *Version) MaxUID() imap.UID {
	if len(v.chunks) == 0 {
		return 0
	}
	rows := v.chunks[len(v.chunks)-1].rows
	return rows[len(rows)-1].UID
}

// At returns the message with the given sequence number, which must be between 1 and Len.
func (v *Version) At(seq imap.SeqNum) Row {
	c := &v.chunks[v.chunkAt(int(seq)-1)]
	return c.rows[int(seq)-1-c.start]
}

// chunkAt returns the index of the chunk that holds the message at position pos, from 0.
func (v *Version) chunkAt(pos int) int {
	return sort.Search(len(v.chunks), func(i int) bool { return v.chunks[i].start+len(v.chunks[i].rows) > pos })
}

// chunkOf returns the index of the first chunk whose base is at least base.
func (v *Version) chunkOf(base imap.UID) int {
	return sort.Search(len(v.chunks), func(i int) bool { return v.chunks[i].base >= base })
}

// searchRows returns the index of the first row with that UID or a higher one.
func searchRows(rows []Row, uid imap.UID) int {
	// Without holes the row is where its distance to the first says.
	if len(rows) > 0 && uid >= rows[0].UID {
		if i := int(uid - rows[0].UID); i < len(rows) && rows[i].UID == uid {
			return i
		}
	}
	return sort.Search(len(rows), func(i int) bool { return rows[i].UID >= uid })
}

// Find returns the message with that UID and its sequence number.
func (v *Version) Find(uid imap.UID) (imap.SeqNum, Row, bool) {
	if i := v.chunkOf(uid >> chunkBits); i < len(v.chunks) && v.chunks[i].base == uid>>chunkBits {
		c := &v.chunks[i]
		if j := searchRows(c.rows, uid); j < len(c.rows) && c.rows[j].UID == uid {
			return imap.SeqNum(c.start + j + 1), c.rows[j], true
		}
	}
	return 0, Row{}, false
}

// Rows yields all messages with their sequence numbers. The rows must not be changed.
func (v *Version) Rows() iter.Seq2[imap.SeqNum, *Row] {
	return func(yield func(imap.SeqNum, *Row) bool) {
		for i := range v.chunks {
			c := &v.chunks[i]
			for j := range c.rows {
				if !yield(imap.SeqNum(c.start+j+1), &c.rows[j]) {
					return
				}
			}
		}
	}
}

// RowsBySeq yields the messages of the set. Numbers that do not exist are left out; "*" is the
// last message.
func (v *Version) RowsBySeq(set imap.SeqSet) iter.Seq2[imap.SeqNum, *Row] {
	return func(yield func(imap.SeqNum, *Row) bool) {
		for _, r := range set.Resolve(imap.SeqNum(v.count)).Ranges() {
			pos, last := int(r.First)-1, int(r.Last)-1
			for i := v.chunkAt(pos); i < len(v.chunks) && pos <= last; i++ {
				c := &v.chunks[i]
				for ; pos <= last && pos < c.start+len(c.rows); pos++ {
					if !yield(imap.SeqNum(pos+1), &c.rows[pos-c.start]) {
						return
					}
				}
			}
		}
	}
}

// RowsByUID yields the messages of the set. UIDs that do not exist are left out; "*" is the
// highest one.
func (v *Version) RowsByUID(set imap.UIDSet) iter.Seq2[imap.SeqNum, *Row] {
	return func(yield func(imap.SeqNum, *Row) bool) {
		for _, r := range set.Resolve(v.MaxUID()).Ranges() {
			for i := v.chunkOf(r.First >> chunkBits); i < len(v.chunks); i++ {
				c := &v.chunks[i]
				if c.rows[0].UID > r.Last {
					break
				}
				for j := searchRows(c.rows, r.First); j < len(c.rows) && c.rows[j].UID <= r.Last; j++ {
					if !yield(imap.SeqNum(c.start+j+1), &c.rows[j]) {
						return
					}
				}
			}
		}
	}
}

// UIDs returns the UIDs of the messages with the sequence numbers of the set.
func (v *Version) UIDs(set imap.SeqSet) (out imap.UIDSet) {
	for _, r := range v.RowsBySeq(set) {
		out.Add(r.UID)
	}
	return out
}

// Existing returns the UIDs of the set that exist; "*" is the highest one.
func (v *Version) Existing(set imap.UIDSet) (out imap.UIDSet) {
	for _, r := range v.RowsByUID(set) {
		out.Add(r.UID)
	}
	return out
}

// Append returns the version with the rows added. Their UIDs must ascend from v.UIDNext on, and
// their mod-sequences be above v.HighestModSeq or all the same.
func (v *Version) Append(rows []Row) *Version {
	n := *v
	// The chunks' own slice is copied; the rows of the last chunk are appended in place, behind
	// what v sees.
	n.chunks = append(make([]chunk, 0, len(v.chunks)+1+len(rows)>>chunkBits), v.chunks...)
	for i := range rows {
		r := &rows[i]
		base := r.UID >> chunkBits
		if k := len(n.chunks); k == 0 || n.chunks[k-1].base != base {
			n.chunks = append(n.chunks, chunk{base: base, start: n.count})
		}
		c := &n.chunks[len(n.chunks)-1]
		c.rows = append(c.rows, *r)
		n.count++
		n.add(r, 1)
		n.UIDNext = r.UID + 1
		n.HighestModSeq = max(n.HighestModSeq, r.ModSeq)
	}
	return &n
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

// Store returns the version in which op was applied to the flags of the messages in the set, and
// how many of them it changed; only those get the mod-sequence. When none did, it is v itself.
func (v *Version) Store(set imap.UIDSet, op imap.StoreOp, bits FlagBits, modseq imap.ModSeq) (*Version, int) {
	n := *v
	changed := 0
	n.edit(set, func(rows []Row) []Row {
		var out []Row
		for j := range rows {
			old := rows[j].Flags
			flags := old
			switch op {
			case imap.StoreSet:
				flags = bits
			case imap.StoreAdd:
				flags |= bits
			case imap.StoreRemove:
				flags &^= bits
			}
			if flags == old || !set.Contains(rows[j].UID) {
				continue
			}
			if out == nil {
				out = slices.Clone(rows)
			}
			out[j].Flags, out[j].ModSeq = flags, modseq
			n.add(&rows[j], -1)
			n.add(&out[j], 1)
			changed++
		}
		return out
	})
	if changed == 0 {
		return v, 0
	}
	n.HighestModSeq = max(n.HighestModSeq, modseq)
	return &n, changed
}

// Expunge returns the version without the messages of the set, only those with \Deleted when
// onlyDeleted is set, and the removed rows. When there are none, it is v itself.
func (v *Version) Expunge(set imap.UIDSet, onlyDeleted bool, modseq imap.ModSeq) (*Version, []Row) {
	n := *v
	var removed []Row
	n.edit(set, func(rows []Row) []Row {
		before := len(removed)
		for j := range rows {
			if (!onlyDeleted || rows[j].Flags&BitDeleted != 0) && set.Contains(rows[j].UID) {
				n.add(&rows[j], -1)
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
	if len(removed) == 0 {
		return v, nil
	}
	n.HighestModSeq = max(n.HighestModSeq, modseq)
	return &n, removed
}

// edit gives the rows of every chunk that the set touches to f, which returns what they become,
// or nil if they stay. v must be a fresh copy of a version; its chunks are copied on first change.
func (v *Version) edit(set imap.UIDSet, f func([]Row) []Row) {
	old := v.chunks
	first := -1
	last := -1 // the index of the last chunk that f has seen
	for _, r := range set.Ranges() {
		for i := max(v.chunkOf(r.First>>chunkBits), last+1); i < len(old); i++ {
			if old[i].rows[0].UID > r.Last {
				break
			}
			last = i
			out := f(old[i].rows)
			if out == nil {
				continue
			}
			if first < 0 {
				first = i
				v.chunks = slices.Clone(old)
			}
			v.chunks[i].rows = out
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
		Deleted: true, keywords: v.keywords}
}

// SkipTo returns the version with UIDNEXT and HIGHESTMODSEQ at least as given. Recovery uses it
// so that no number is ever issued twice.
func (v *Version) SkipTo(next imap.UID, modseq imap.ModSeq) *Version {
	n := *v
	n.UIDNext, n.HighestModSeq = max(n.UIDNext, next), max(n.HighestModSeq, modseq)
	return &n
}
