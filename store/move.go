package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"

	"restante/imap"
	"restante/mailbox"
)

// Mover is the optional part of a store whose accounts can go to another store, and come from one.
// While an account is on its way its mail is in the store that it leaves. What an interruption leaves
// behind, a later attempt goes on with.
type Mover interface {
	// Identity is what no other store has, for ever.
	Identity(ctx context.Context) (string, error)
	// Residence tells whether an account is here. ErrNotFound.
	Residence(ctx context.Context, id AccountID) (Residence, error)
	// Names returns an account's names, and the highest UIDVALIDITY that it has ever used. ErrNotFound,
	// ErrMoved.
	Names(ctx context.Context, id AccountID) (names *mailbox.Namespace, lastValidity uint32, err error)
	// History returns what was removed from a mailbox, oldest first, and the mod-sequence from which
	// on that is all. ErrNotFound.
	History(ctx context.Context, ref Ref) (removed []mailbox.Expunged, since imap.ModSeq, err error)
	// Fence has changes of an account wait, when those under way are made. ErrNotFound, ErrMoved.
	Fence(ctx context.Context, id AccountID) (Fence, error)
	// Arrive begins to take an account in, or goes on with that; whoever did so before cannot any
	// more. It cannot be seen before it is accepted. What was left behind of it when it moved away
	// from here is removed. ErrExists when it is in use here.
	Arrive(ctx context.Context, id AccountID) (Arrival, error)
}

// Movable is a Store that has that part.
type Movable interface {
	Store
	Mover
}

// Residence tells whether an account is in a store.
type Residence struct {
	State ResidenceState
	To    string // where to it has moved, as Leave was told; "" when that is not known
}

// ResidenceState is the state of an account.
type ResidenceState int

const (
	InUse    ResidenceState = iota
	Arriving                // it comes from another store
	Moved                   // it is in another store; what is here is a copy
)

// ErrUnfenced says that a fence did not last: changes may have been made since.
var ErrUnfenced = errors.New("store: the account was released before it had moved")

// ErrTakenOver says that somebody else has begun to take the same account in.
var ErrTakenOver = errors.New("store: another move of the account has begun")

// Fence has changes of an account wait. It lapses when the store is closed, and may do so when a
// minute has passed.
type Fence interface {
	// Release ends it. It may be called again, and after Leave, when it does nothing.
	Release()
	// Leave notes for ever that the account has moved, unless the fence has lapsed: ErrUnfenced.
	// Sessions are told; the mail stays as it is, for nobody to see. to says where to, for people.
	Leave(ctx context.Context, to string) error
}

// Arrival is an account that comes from another store. It is used by one goroutine at a time. Its
// methods may return ErrTakenOver.
type Arrival interface {
	// SetNames makes the account's names what they are, and its metadata. Mailboxes that are new are empty, those that
	// are not among them any more are removed.
	SetNames(ctx context.Context, names *mailbox.Namespace, lastValidity uint32) error
	// Open opens a handle on what has come of a mailbox: its version does not change. ErrNotFound.
	Open(ctx context.Context, id mailbox.ID) (Mailbox, error)
	// History is that of what has come of a mailbox, as in Mover.
	History(ctx context.Context, id mailbox.ID) (removed []mailbox.Expunged, since imap.ModSeq, err error)
	// Names returns the names that have come, as in Mover.
	Names(ctx context.Context) (*mailbox.Namespace, uint32, error)
	// Stage is Mail's.
	Stage(ctx context.Context, body io.Reader) (Staged, error)
	// Import puts a part into a mailbox, and returns the Refs of its rows. bodies[i] is the message
	// of p.Rows[i], when that is new in the account; otherwise nil, and the row's Ref is that of the
	// message as it is known here. Every UID below recent was claimed as \Recent. complete says that
	// the mailbox is whole afterwards.
	Import(ctx context.Context, id mailbox.ID, p *mailbox.Import, bodies []*NewMessage, recent imap.UID, complete bool) (refs []uint64, err error)
	// Accept makes it the account of a user with that name, in one change: ErrExists when there is
	// another user of the name, who has not moved away.
	Accept(ctx context.Context, name string, secret []byte) error
	// Discard removes what has come.
	Discard(ctx context.Context) error
}

// Relocator is a Fence of a store that can hand an account over to another part of itself in one
// change, instead of Leave there and Accept here. ErrUnfenced.
type Relocator interface {
	Relocate(ctx context.Context, to Arrival) error
}

// MovedID returns under which ID an account arrives in another store than its own: always the same,
// and none that a store gives by counting.
func MovedID(identity string, id AccountID) AccountID {
	h := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(identity+"\x00"), uint64(id)))
	return AccountID(binary.BigEndian.Uint64(h[:])>>2 | 1<<62)
}
