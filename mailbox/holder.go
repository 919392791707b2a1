package mailbox

import "sync/atomic"

// Source is where a driver keeps the newest version of a mailbox that it knows.
type Source interface{ Newest() *Version }

// Holder is the part of a session's handle on a mailbox that knows which messages must stay readable
// for it: those of the version that it shows, and of those that it was given since. Version and Hold
// are the session's; anybody may call Holds and Versions.
type Holder struct {
	held atomic.Pointer[Version] // what the session shows
	seen atomic.Pointer[Version] // what Version has returned since the last Hold, with all its messages
	last *Version                // what Version has returned
}

// Version returns the newest version. It makes it known before it returns it: whoever has seen a
// removal looks at Versions afterwards, so either it finds the version there, or Version finds a
// newer one.
func (h *Holder) Version(s Source) *Version {
	before := h.seen.Load()
	for v := s.Newest(); v != h.last; {
		keep := v
		if before != nil {
			keep = Retain(before, v)
		}
		h.seen.Store(keep)
		newest := s.Newest()
		if newest == v {
			h.last = v
		}
		v = newest
	}
	return h.last
}

// Hold says which version the session shows from now on.
func (h *Holder) Hold(v *Version) {
	h.held.Store(v) // first: see Versions
	h.seen.Store(h.last)
}

// Versions returns what is held; either may be nil. It looks at seen first: what leaves it because
// of Hold is in held by then.
func (h *Holder) Versions() [2]*Version {
	seen := h.seen.Load()
	return [2]*Version{seen, h.held.Load()}
}

// Holds reports whether a held version has the message of a row.
func (h *Holder) Holds(row *Row) bool {
	for _, v := range h.Versions() {
		if v != nil && v.HasMessage(row) {
			return true
		}
	}
	return false
}

// HasMessage reports whether the version has the message of a row, perhaps of another version.
func (v *Version) HasMessage(row *Row) bool {
	_, found, ok := v.Find(row.UID)
	return ok && found.Ref == row.Ref
}
