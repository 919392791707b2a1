package localstore

import (
	"cmp"
	"slices"

	"restante/imap"
	"restante/mailbox"
)

// A message that was removed stays in the index until a checkpoint finds that no session can see
// it. Until then it is kept in mind here what was removed, so that it is gone for everybody as
// soon as it is not held.

// removal is what one change removed from a mailbox.
type removal struct {
	box    *box
	rows   []mailbox.Row
	modseq imap.ModSeq
}

// removed are messages that were removed from a mailbox.
type removed struct {
	sorted []removedRow // by ref
	fresh  []removedRow // since it was sorted
}

type removedRow struct {
	ref    uint64
	modseq imap.ModSeq // of the removal
	seq    uint64      // of its group
	uid    imap.UID
}

// forget notes what was removed. Without handles there is nobody who could ask for it.
func (b *box) forget(rows []mailbox.Row, modseq imap.ModSeq, seq uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.mu.handles) == 0 {
		return
	}
	g := &b.mu.gone
	for i := range rows {
		g.fresh = append(g.fresh, removedRow{rows[i].Ref, modseq, seq, rows[i].UID})
	}
	if len(g.fresh) > 64+len(g.sorted)/8 {
		g.sorted = append(g.sorted, g.fresh...)
		g.fresh = nil
		slices.SortFunc(g.sorted, func(a, b removedRow) int { return cmp.Compare(a.ref, b.ref) })
	}
}

// gone returns those of the messages that were removed and that no handle holds. It has to be
// asked before the index is looked at: a checkpoint takes them from there first.
func (b *box) gone(refs ...uint64) map[uint64]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.mu.gone.sorted)+len(b.mu.gone.fresh) == 0 {
		return nil
	}
	gone := map[uint64]bool{}
	for _, ref := range refs {
		if b.isGone(ref) {
			gone[ref] = true
		}
	}
	return gone
}

// isGone reports whether a message was removed and no handle holds it. b.mu is held.
func (b *box) isGone(ref uint64) bool {
	g := &b.mu.gone
	found := false
	i, _ := slices.BinarySearchFunc(g.sorted, ref, func(r removedRow, ref uint64) int { return cmp.Compare(r.ref, ref) })
	for ; i < len(g.sorted) && g.sorted[i].ref == ref; i++ {
		if found = true; b.held(&g.sorted[i]) {
			return false
		}
	}
	for i := range g.fresh {
		if g.fresh[i].ref == ref {
			if found = true; b.held(&g.fresh[i]) {
				return false
			}
		}
	}
	if !found {
		return false
	}
	for _, r := range b.cur.Load().Rows() { // a copy of it in the same mailbox is the same message
		if r.Ref == ref {
			return false
		}
	}
	return true
}

// held reports whether a handle holds a version that shows the message. b.mu is held.
func (b *box) held(r *removedRow) bool {
	for h := range b.mu.handles {
		// A version from before the removal shows the message, or a later one that its session may
		// turn to does; one from after it shows it only as a ghost.
		v := h.held.Load().version
		if v == nil || v.HighestModSeq < r.modseq || v.Ghosts().Contains(r.uid) {
			return true
		}
	}
	return false
}

// prune forgets the removals up to a group: a checkpoint has removed what they removed, but for
// messages that are in another mailbox.
func (s *Store) prune(seq uint64) {
	for b := range s.opened() {
		b.prune(seq)
	}
}

// opened returns the mailboxes that have handles.
func (s *Store) opened() map[*box]struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	boxes := map[*box]struct{}{}
	for h := range s.mu.handles {
		boxes[h.box] = struct{}{}
	}
	return boxes
}

func (b *box) prune(seq uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	done := func(r removedRow) bool { return r.seq <= seq }
	b.mu.gone.sorted = slices.DeleteFunc(b.mu.gone.sorted, done)
	b.mu.gone.fresh = slices.DeleteFunc(b.mu.gone.fresh, done)
}
