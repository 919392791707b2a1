package mailbox

import (
	"iter"
	"slices"

	"restante/imap"
)

// Delta is the difference of two versions: what a client that knows the old one is owed to know
// the new one (RFC 9051 §7.5.1, §7.4.1).
type Delta struct {
	Expunged        []Numbered // gone, numbered in the old version, ascending
	Added           []Numbered // new, numbered in the new version, ascending
	KeywordsChanged bool       // FLAGS and PERMANENTFLAGS have to be sent again

	changed []pair // chunks with messages whose flags changed
}

// pair is a chunk in both versions.
type pair struct{ old, new *chunk }

// Changed is a message whose flags changed.
type Changed struct {
	Seq imap.SeqNum // in the new version
	Row *Row        // in the new version; it must not be changed
	Old *Row        // as it was in the old version; it must not be changed
}

// Numbered is a row and its sequence number.
type Numbered struct {
	Seq imap.SeqNum
	Row Row
}

// Empty reports whether there is nothing to tell.
func (d *Delta) Empty() bool {
	return len(d.Expunged) == 0 && len(d.changed) == 0 && len(d.Added) == 0 && !d.KeywordsChanged
}

// Changed yields the messages whose flags changed, in order. There may be very many: they are
// found while they are told, not gathered.
func (d *Delta) Changed() iter.Seq[Changed] {
	return func(yield func(Changed) bool) {
		for _, p := range d.changed {
			i := 0
			for j := range p.new.rows {
				b := &p.new.rows[j]
				for i < len(p.old.rows) && p.old.rows[i].UID < b.UID {
					i++
				}
				if i == len(p.old.rows) {
					break
				}
				if a := &p.old.rows[i]; a.UID == b.UID && a.ModSeq != b.ModSeq &&
					!yield(Changed{imap.SeqNum(p.new.start + j + 1), b, a}) {
					return
				}
			}
		}
	}
}

// Unchanged reports whether no message has other flags.
func (d *Delta) Unchanged() bool { return len(d.changed) == 0 }

// Rows yields the messages that have changed or are new, in order, in the new version.
func (d *Delta) Rows() iter.Seq2[imap.SeqNum, *Row] {
	return func(yield func(imap.SeqNum, *Row) bool) {
		for x := range d.Changed() {
			if !yield(x.Seq, x.Row) {
				return
			}
		}
		for i := range d.Added {
			if !yield(d.Added[i].Seq, &d.Added[i].Row) {
				return
			}
		}
	}
}

// same reports whether two chunks share all their rows.
func same(a, b *chunk) bool {
	return len(a.rows) == len(b.rows) && &a.rows[0] == &b.rows[0]
}

// Diff returns the difference between two versions of one mailbox. It skips what they share, so
// it costs what has changed and one comparison for each 512 messages.
func Diff(old, new *Version) (d Delta) {
	d.KeywordsChanged = !slices.Equal(old.keywords, new.keywords)
	i, j := 0, 0
	for i < len(old.chunks) || j < len(new.chunks) {
		switch {
		case j == len(new.chunks) || i < len(old.chunks) && old.chunks[i].base < new.chunks[j].base:
			d.Expunged = number(d.Expunged, &old.chunks[i], 0)
			i++
		case i == len(old.chunks) || new.chunks[j].base < old.chunks[i].base:
			d.Added = number(d.Added, &new.chunks[j], 0)
			j++
		default:
			if !same(&old.chunks[i], &new.chunks[j]) {
				if d.chunk(&old.chunks[i], &new.chunks[j]) {
					d.changed = append(d.changed, pair{&old.chunks[i], &new.chunks[j]})
				}
			}
			i, j = i+1, j+1
		}
	}
	return d
}

func number(dst []Numbered, c *chunk, from int) []Numbered {
	for k := from; k < len(c.rows); k++ {
		dst = append(dst, Numbered{imap.SeqNum(c.start + k + 1), c.rows[k]})
	}
	return dst
}

// chunk adds what came and went between two chunks of the same range, and reports whether flags
// changed.
func (d *Delta) chunk(old, new *chunk) (changed bool) {
	if old.modseq != new.modseq && len(old.rows) == len(new.rows) && old.rows[0].UID == new.rows[0].UID &&
		isDense(old.rows) && isDense(new.rows) {
		return true // the same messages, and not all with the mod-sequences that they had
	}
	i, j := 0, 0
	if &old.rows[0] == &new.rows[0] && len(old.rows) < len(new.rows) {
		i, j = len(old.rows), len(old.rows) // appended in place: only the tail is new
	}
	for i < len(old.rows) && j < len(new.rows) {
		a, b := &old.rows[i], &new.rows[j]
		switch {
		case a.UID < b.UID:
			d.Expunged = append(d.Expunged, Numbered{imap.SeqNum(old.start + i + 1), *a})
			i++
		case a.UID > b.UID:
			d.Added = append(d.Added, Numbered{imap.SeqNum(new.start + j + 1), *b})
			j++
		default:
			changed = changed || a.ModSeq != b.ModSeq
			i, j = i+1, j+1
		}
	}
	for ; i < len(old.rows); i++ {
		d.Expunged = append(d.Expunged, Numbered{imap.SeqNum(old.start + i + 1), old.rows[i]})
	}
	d.Added = number(d.Added, new, j)
	return changed
}

// Retain returns new with the messages that old still has, as ghosts: the view of a session that
// may be told everything but EXPUNGE (RFC 9051 §7.5.1). Diff from it to new yields the EXPUNGEs.
func Retain(old, new *Version) *Version {
	gone := Diff(old, new).Expunged
	if len(gone) == 0 {
		return new
	}
	v := new.derive()
	v.ghosts = imap.UIDSet{}
	v.chunks = make([]chunk, 0, len(new.chunks)+1)
	j, k := 0, 0
	for j < len(new.chunks) || k < len(gone) {
		var c chunk
		switch {
		case k == len(gone) || j < len(new.chunks) && new.chunks[j].base < gone[k].Row.UID>>chunkBits:
			c = new.chunks[j]
			j++
		default:
			c.base = gone[k].Row.UID >> chunkBits
			var live []Row
			if j < len(new.chunks) && new.chunks[j].base == c.base {
				live = new.chunks[j].rows
				j++
			}
			for k < len(gone) && gone[k].Row.UID>>chunkBits == c.base {
				for len(live) > 0 && live[0].UID < gone[k].Row.UID {
					c.rows, live = append(c.rows, live[0]), live[1:]
				}
				ghost := gone[k].Row
				if ghost.far != 0 {
					v.setFlags(&ghost, old.Set(&ghost)) // without room it shows fewer keywords
				}
				c.rows = append(c.rows, ghost)
				v.ghosts.Add(ghost.UID)
				v.add(&ghost, 1)
				k++
			}
			c.setRows(append(c.rows, live...))
		}
		v.chunks = append(v.chunks, c)
	}
	v.recount(0)
	return v
}

// Dirty yields, for a driver that stores rows by chunk, the chunks that differ between two
// versions: their number and their rows in the new one, nil for a chunk that is gone. A nil old
// yields all.
func Dirty(old, new *Version, yield func(number uint32, rows []Row)) {
	if old == nil {
		old = &Version{}
	}
	i, j := 0, 0
	for i < len(old.chunks) || j < len(new.chunks) {
		switch {
		case j == len(new.chunks) || i < len(old.chunks) && old.chunks[i].base < new.chunks[j].base:
			yield(uint32(old.chunks[i].base), nil)
			i++
		case i == len(old.chunks) || new.chunks[j].base < old.chunks[i].base:
			yield(uint32(new.chunks[j].base), new.chunks[j].rows)
			j++
		default:
			if !same(&old.chunks[i], &new.chunks[j]) {
				yield(uint32(new.chunks[j].base), new.chunks[j].rows)
			}
			i, j = i+1, j+1
		}
	}
}
