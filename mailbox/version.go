package mailbox

import (
	"iter"
	"sort"
	"sync/atomic"

	"restante/imap"
)

// chunkBits sets how many UIDs a chunk spans: 512. A change to one message copies one chunk.
const chunkBits = 9

// Version is the state of a mailbox at one moment. It is immutable.
type Version struct {
	UIDValidity   uint32
	UIDNext       imap.UID
	HighestModSeq imap.ModSeq
	Deleted       bool // the mailbox itself is gone

	keywords []imap.Flag
	far      *farTable
	ownFar   bool    // the table is this version's own: only while it is being made
	chunks   []chunk // in UID order, none empty
	history  history
	count    int
	unseen   int
	deleted  int
	size     int64
	ghosts   imap.UIDSet // messages that are gone from the mailbox but not from this view
}

// chunk holds the messages of one fixed range of UIDs, so that the chunks of two versions line up.
type chunk struct {
	base   imap.UID    // uid >> chunkBits of all rows
	start  int         // how many messages lie before it
	modseq imap.ModSeq // the highest of the rows
	rows   []Row
	used   *atomic.Int32 // how many rows of the array behind rows are taken; nil: none may be added
}

// setRows gives the chunk rows, of which there is at least one.
func (c *chunk) setRows(rows []Row) {
	c.rows, c.used, c.modseq = rows, nil, 0
	for i := range rows {
		c.modseq = max(c.modseq, rows[i].ModSeq)
	}
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

// Load returns a version as it was stored: what Counts, Keywords and Rows told, and FarBits where
// Far reports that there are any. The rows must be in UID order; Load keeps the slice. The history
// begins with this version, see WithHistory.
func Load(c Counts, keywords []imap.Flag, rows []Row, far map[imap.UID]FarBits) (*Version, error) {
	v := &Version{UIDValidity: c.UIDValidity, UIDNext: c.UIDNext, HighestModSeq: c.HighestModSeq, keywords: keywords,
		history: history{since: c.HighestModSeq}}
	for i := range rows {
		r := &rows[i]
		if r.far = 0; far != nil && !v.setFlags(r, FlagSet{r.Flags, far[r.UID]}) {
			return nil, ErrTooManyKeywords
		}
		v.add(r, 1)
	}
	for len(rows) > 0 {
		c := chunk{base: rows[0].UID >> chunkBits}
		n := sort.Search(len(rows), func(i int) bool { return rows[i].UID>>chunkBits > c.base })
		c.setRows(rows[:n:n])
		v.chunks = append(v.chunks, c)
		rows = rows[n:]
	}
	v.recount(0)
	return v, nil
}

// derive returns the beginning of a version that is made of v.
func (v *Version) derive() *Version {
	n := *v
	n.ownFar = false
	return &n
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

// isDense reports whether rows, of which there is at least one, lack no UID between their first and last.
func isDense(rows []Row) bool {
	return int(rows[len(rows)-1].UID-rows[0].UID) == len(rows)-1
}

// addUIDs adds the UIDs of rows to a set.
func addUIDs(set *imap.UIDSet, rows []Row) {
	if len(rows) > 0 && isDense(rows) {
		set.AddRange(rows[0].UID, rows[len(rows)-1].UID)
		return
	}
	for i := range rows {
		set.Add(rows[i].UID)
	}
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
	for _, r := range set.Resolve(imap.SeqNum(v.count)).Ranges() {
		pos, last := int(r.First)-1, int(r.Last)-1
		for i := v.chunkAt(pos); i < len(v.chunks) && pos <= last; i++ {
			c := &v.chunks[i]
			end := min(last+1-c.start, len(c.rows))
			addUIDs(&out, c.rows[pos-c.start:end])
			pos = c.start + end
		}
	}
	return out
}

// Existing returns the UIDs of the set that exist; "*" is the highest one.
func (v *Version) Existing(set imap.UIDSet) (out imap.UIDSet) {
	for _, r := range set.Resolve(v.MaxUID()).Ranges() {
		for i := v.chunkOf(r.First >> chunkBits); i < len(v.chunks); i++ {
			rows := v.chunks[i].rows
			if rows[0].UID > r.Last {
				break
			}
			end := len(rows)
			if rows[end-1].UID > r.Last {
				end = searchRows(rows, r.Last+1)
			}
			addUIDs(&out, rows[searchRows(rows, r.First):end])
		}
	}
	return out
}

// HasRows reports whether v has all of these messages: rows in UID order, perhaps of another version.
// It costs little more than to look at them.
func (v *Version) HasRows(rows []Row) bool {
	for len(rows) > 0 {
		base := rows[0].UID >> chunkBits
		i := v.chunkOf(base)
		if i == len(v.chunks) || v.chunks[i].base != base {
			return false
		}
		c := &v.chunks[i]
		for j := searchRows(c.rows, rows[0].UID); len(rows) > 0 && rows[0].UID>>chunkBits == base; rows = rows[1:] {
			for j < len(c.rows) && c.rows[j].UID < rows[0].UID {
				j++
			}
			if j == len(c.rows) || c.rows[j].UID != rows[0].UID || c.rows[j].Ref != rows[0].Ref {
				return false
			}
		}
	}
	return true
}

// HasAll reports whether all UIDs of the set exist. An open range, "7:*", asks for those up to the
// highest one.
func (v *Version) HasAll(set imap.UIDSet) bool {
	largest := v.MaxUID()
	for _, r := range set.Ranges() {
		if r.Last > largest {
			return false
		}
	}
	return set.Resolve(largest).Len() == v.Existing(set).Len()
}
