package store

import (
	"context"

	"restante/imap"
)

// Decorator is a Mail that adds something to another, such as a limit or a fault, and has no
// optional parts of its own.
type Decorator interface{ Unwrap() Mail }

// PartWarden is a Mail that lets nobody pass to what it wraps: it offers itself the optional parts
// that it knows. kind is a nil pointer to the interface type that is asked for. It returns nil
// for a part that it does not know or that is not there.
type PartWarden interface{ Part(kind any) any }

// Find returns an optional part of a store: a small interface, such as Recent, that it or what it
// decorates implements. False when there is none.
func Find[P any](m Mail) (part P, ok bool) {
	for m != nil {
		if w, is := m.(PartWarden); is {
			part, ok = w.Part((*P)(nil)).(P)
			return part, ok
		}
		if part, ok = m.(P); ok {
			return part, true
		}
		d, is := m.(Decorator)
		if !is {
			break
		}
		m = d.Unwrap()
	}
	return part, false
}

// Recent is the optional part of a store that keeps \Recent, which IMAP4rev2 has given up: exactly
// one session is told of each message (RFC 3501 §2.3.2).
type Recent interface {
	// ClaimRecent returns the lowest UID that no session has claimed yet, and claims everything
	// below below. Claims need not survive a crash. ErrNotFound.
	ClaimRecent(ctx context.Context, actor Actor, ref Ref, below imap.UID) (from imap.UID, err error)
	// RecentFrom returns the lowest UID that no session has claimed yet. ErrNotFound.
	RecentFrom(ctx context.Context, actor Actor, ref Ref) (imap.UID, error)
}
