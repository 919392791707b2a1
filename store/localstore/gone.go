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
	uid    imap.UID
}

// forget notes what was removed. Without handles there is nobody who could ask for it.
func (b *box) forget(rows []mailbox.Row, modseq imap.ModSeq) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.mu.handles) == 0 {
		return
	}
	g := &b.mu.gone
	for i := range rows {
		g.fresh = append(g.fresh, removedRow{rows[i].Ref, modseq, rows[i].UID})
	}
	if len(g.fresh) > 64+len(g.sorted)/8 {
		g.sorted = append(g.sorted, g.fresh...)
		g.fresh = nil
		slices.SortFunc(g.sorted, func(a, b removedRow) int { return cmp.Compare(a.ref, b.ref) })
	}
}

// gone reports whether a message was removed and no handle holds it.
func (b *box) gone(ref uint64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	g := &b.mu.gone
	if len(g.sorted)+len(g.fresh) == 0 {
		return false
	}
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

// prune forgets the removals that the checkpoint about to be made need not be asked about.
func (s *Store) prune() {
	for b := range s.opened() {
		b.pruneGone()
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

func (b *box) pruneGone() {
	b.mu.Lock()
	defer b.mu.Unlock()
	g := &b.mu.gone
	unheld := func(r removedRow) bool { return !b.held(&r) }
	g.sorted = slices.DeleteFunc(g.sorted, unheld)
	g.fresh = slices.DeleteFunc(g.fresh, unheld)
}
