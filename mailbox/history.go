package mailbox

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sort"

	"restante/imap"
)

// ErrTooOld says that what was removed since a mod-sequence is not known any more.
var ErrTooOld = errors.New("mailbox: the history does not reach back so far")

// Expunged tells that a run of UIDs was removed with one change.
type Expunged struct {
	ModSeq      imap.ModSeq // of the change
	First, Last imap.UID    // not all of them need have existed
}

const (
	expungedOctets = 16
	// DefaultHistory is how many octets of Expunged a mailbox keeps unless it is told otherwise.
	DefaultHistory = 1 << 20
	historyBlock   = 512
)

// history holds what was removed from a mailbox, oldest first. It is immutable: a longer one
// shares the blocks of the shorter.
type history struct {
	since  imap.ModSeq  // everything that was removed with a higher one is in here
	full   [][]Expunged // blocks of historyBlock
	tail   []Expunged
	octets int // how many it may have, 0 for DefaultHistory
}

func (h *history) len() int { return len(h.full)*historyBlock + len(h.tail) }

// add returns the history with what one change has removed.
func (h history) add(set imap.UIDSet, modseq imap.ModSeq) history {
	h.tail = slices.Clone(h.tail)
	for _, r := range set.Ranges() {
		h.push(Expunged{modseq, r.First, r.Last})
	}
	h.trim()
	return h
}

// push appends to a history whose tail nobody shares.
func (h *history) push(x Expunged) {
	if h.tail = append(h.tail, x); len(h.tail) == historyBlock {
		h.full, h.tail = append(slices.Clone(h.full), h.tail), nil
	}
}

// trim drops the oldest blocks of a history that has become too long.
func (h *history) trim() {
	limit := h.octets
	if limit == 0 {
		limit = DefaultHistory
	}
	for h.len()*expungedOctets > limit && h.len() > 0 {
		if len(h.full) == 0 { // even one block is too much
			h.since, h.tail = h.tail[len(h.tail)-1].ModSeq, nil
			return
		}
		oldest := h.full[0]
		h.since = oldest[historyBlock-1].ModSeq
		h.full = h.full[1:]
		// The rest of a change that is only half known is of no use.
		for h.len() > 0 && h.first().ModSeq <= h.since {
			if len(h.full) == 0 {
				i := sort.Search(len(h.tail), func(i int) bool { return h.tail[i].ModSeq > h.since })
				h.tail = h.tail[i:]
				break
			}
			if h.full[0][historyBlock-1].ModSeq > h.since {
				break // after skips its beginning
			}
			h.full = h.full[1:]
		}
	}
}

func (h *history) first() Expunged {
	if len(h.full) > 0 {
		return h.full[0][0]
	}
	return h.tail[0]
}

// after yields what was removed with a higher mod-sequence than since.
func (h *history) after(since imap.ModSeq) iter.Seq[Expunged] {
	since = max(since, h.since)
	return func(yield func(Expunged) bool) {
		i := sort.Search(len(h.full), func(i int) bool { return h.full[i][historyBlock-1].ModSeq > since })
		for ; i <= len(h.full); i++ {
			block := h.tail
			if i < len(h.full) {
				block = h.full[i]
			}
			for _, x := range block {
				if x.ModSeq > since && !yield(x) {
					return
				}
			}
		}
	}
}

// HistorySince returns the mod-sequence from which on everything is known that was removed.
func (v *Version) HistorySince() imap.ModSeq { return v.history.since }

// Removed yields, oldest first, what was removed from the mailbox with a higher mod-sequence than
// since, as far as it is known: see HistorySince.
func (v *Version) Removed(since imap.ModSeq) iter.Seq[Expunged] { return v.history.after(since) }

// WithHistory returns the version with a history as it was stored, which has at most so many
// octets, 16 for each run of UIDs; 0 is DefaultHistory.
func (v *Version) WithHistory(since imap.ModSeq, removed []Expunged, octets int) *Version {
	n := v.derive()
	n.history = history{since: since, octets: octets}
	for _, x := range removed {
		n.history.push(x)
	}
	n.history.trim()
	return n
}

// Changes is what has happened in a mailbox after a mod-sequence: all that somebody needs who
// knows how it was then.
type Changes struct {
	Since         imap.ModSeq
	UIDValidity   uint32
	UIDNext       imap.UID
	HighestModSeq imap.ModSeq
	Deleted       bool // the mailbox itself is gone
	Keywords      []imap.Flag
	Rows          []Row                // messages that are new or have changed, as they are now
	Far           map[imap.UID]FarBits // of those rows that have any
	Expunged      []Expunged           // oldest first; messages that came and went meanwhile too
}

// Vanished returns the UIDs that were removed. Some of them may never have been messages.
func (c *Changes) Vanished() imap.UIDSet { return removedUIDs(slices.Clone(c.Expunged)) }

// Vanished returns the UIDs that were removed with a higher mod-sequence than since, as far as it is
// known: see HistorySince. Some of them may never have been messages.
func (v *Version) Vanished(since imap.ModSeq) imap.UIDSet {
	return removedUIDs(slices.Collect(v.Removed(since)))
}

// removedUIDs sorts the runs first, so that each costs the same to add.
func removedUIDs(removed []Expunged) (out imap.UIDSet) {
	slices.SortFunc(removed, func(a, b Expunged) int { return cmp.Compare(a.First, b.First) })
	for _, x := range removed {
		out.AddRange(x.First, x.Last)
	}
	return out
}

// Changes returns what has happened after a mod-sequence. It costs what has changed, and a glance
// at each 512 messages. ErrTooOld when it is not known any more; then only all of it helps. That a
// mailbox is deleted is always known.
func (v *Version) Changes(since imap.ModSeq) (*Changes, error) {
	if since < v.history.since && !v.Deleted {
		return nil, fmt.Errorf("%w: %d, it begins at %d", ErrTooOld, since, v.history.since)
	}
	c := &Changes{Since: since, UIDValidity: v.UIDValidity, UIDNext: v.UIDNext, HighestModSeq: v.HighestModSeq,
		Deleted: v.Deleted, Keywords: v.keywords}
	for _, r := range v.ChangedSince(since) {
		c.Rows = append(c.Rows, *r)
		if r.far != 0 {
			if c.Far == nil {
				c.Far = map[imap.UID]FarBits{}
			}
			c.Far[r.UID] = v.far.get(r.far)
			c.Rows[len(c.Rows)-1].far = 0
		}
	}
	c.Expunged = slices.Collect(v.Removed(since))
	return c, nil
}

// ChangedSince yields the messages with a higher mod-sequence, in UID order.
func (v *Version) ChangedSince(since imap.ModSeq) iter.Seq2[imap.SeqNum, *Row] {
	return func(yield func(imap.SeqNum, *Row) bool) {
		for i := range v.chunks {
			c := &v.chunks[i]
			if c.modseq <= since {
				continue
			}
			for j := range c.rows {
				if c.rows[j].ModSeq > since && !yield(imap.SeqNum(c.start+j+1), &c.rows[j]) {
					return
				}
			}
		}
	}
}

// ErrMisfit says that changes are not those of the mailbox, or leave out some that came before.
var ErrMisfit = errors.New("mailbox: the changes do not follow this version")

// Apply returns the version that the changes make of v. They must tell everything after a
// mod-sequence that v has reached: ErrMisfit. What v knows already does no harm.
func (v *Version) Apply(c *Changes) (*Version, error) {
	switch {
	case c.UIDValidity != v.UIDValidity || c.Since > v.HighestModSeq:
		return nil, fmt.Errorf("%w: UIDVALIDITY %d from mod-sequence %d on, the version has %d and %d", ErrMisfit,
			c.UIDValidity, c.Since, v.UIDValidity, v.HighestModSeq)
	case v.Deleted || c.HighestModSeq <= v.HighestModSeq && !c.Deleted:
		return v, nil
	case c.Deleted:
		return v.WithDeleted(c.HighestModSeq), nil
	}
	n := v.derive()
	n.keywords = c.Keywords
	n.removeKnown(c)
	n.tidyFar()
	known := sort.Search(len(c.Rows), func(i int) bool { return c.Rows[i].UID >= v.UIDNext })
	if err := n.replace(c.Rows[:known], c.Far); err != nil {
		return nil, err
	}
	next, err := n.Append(c.Rows[known:], c.Far)
	if err != nil {
		return nil, err
	}
	next.UIDNext = max(next.UIDNext, c.UIDNext)
	next.HighestModSeq = c.HighestModSeq
	return next, nil
}

// replace puts rows, in UID order, in the place of those with the same UIDs in a version that is
// being made.
func (v *Version) replace(rows []Row, far map[imap.UID]FarBits) (err error) {
	var set imap.UIDSet
	for i := range rows {
		set.Add(rows[i].UID)
	}
	v.edit(set, func(old []Row, _ bool) []Row {
		out := slices.Clone(old)
		last := out[len(out)-1].UID
		for len(rows) > 0 && rows[0].UID <= last {
			j := searchRows(out, rows[0].UID)
			if j < len(out) && out[j].UID == rows[0].UID {
				v.add(&out[j], -1)
				out[j] = rows[0]
				if !v.setFlags(&out[j], FlagSet{rows[0].Flags, far[rows[0].UID]}) {
					err = ErrTooManyKeywords
				}
				v.add(&out[j], 1)
			}
			rows = rows[1:]
		}
		return out
	})
	return err
}

// removeKnown removes what the changes say is gone from a version that is being made, and notes it.
func (v *Version) removeKnown(c *Changes) {
	v.history.tail = slices.Clone(v.history.tail)
	var gone imap.UIDSet
	for _, x := range c.Expunged {
		if x.ModSeq > v.HighestModSeq {
			v.history.push(x)
			gone.AddRange(x.First, x.Last)
		}
	}
	v.history.trim()
	if !gone.Empty() {
		v.remove(gone, false)
	}
}
