package store

import (
	"context"
	"io"

	"restante/imap"
	"restante/mailbox"
)

// Store is a driver: users and their mail. Its methods may be called concurrently.
type Store interface {
	Directory
	Mail
	// Close waits for what is under way, makes it durable and releases everything.
	Close() error
}

// Mail is the part of a store that holds mail.
type Mail interface {
	// Account opens a handle on the mail of a user. ErrNotFound.
	Account(ctx context.Context, actor Actor, id AccountID) (Account, error)
	// Open opens a handle on a mailbox. Every session opens its own. ErrNotFound.
	Open(ctx context.Context, actor Actor, ref Ref) (Mailbox, error)
	// Status returns the counts of a mailbox without opening it. ErrNotFound.
	Status(ctx context.Context, actor Actor, ref Ref) (mailbox.Counts, error)
	// Stage reads body to its end and makes it ready for a Commit to an account: ErrTooBig, or
	// the error of the reader. It disappears when it is discarded, or not committed before the
	// store is closed or its process ends.
	Stage(ctx context.Context, actor Actor, account AccountID, body io.Reader) (Staged, error)
	// Commit makes the operations, in order, each seeing what those before it have done: all of
	// them or, with an error, none: *OpError, unless it has nothing to do with an operation. It is
	// durable and visible when it returns, and is not abandoned once it has begun, whatever ctx
	// does. The outcomes are those of ops, in order.
	Commit(ctx context.Context, actor Actor, ops ...Op) ([]Outcome, error)
}

// MaxMessageSize is what a mailbox.Row can tell of a message's size, in octets.
const MaxMessageSize = 1<<32 - 1

// Ref names a mailbox.
type Ref struct {
	Account AccountID
	Mailbox mailbox.ID
}

// Staged is a body that waits to be committed. It may be used by several operations of one Commit,
// which then share it, but not by two Commits: ErrStale. A Commit that fails leaves it as it was.
type Staged interface {
	Size() int64 // octets
	// Discard removes the body, unless it was committed. It may be called again.
	Discard()
}

// Account is a handle on the mail of one user. It is used by one goroutine at a time, but for Bell.
type Account interface {
	ID() AccountID
	// Namespace returns the newest names that this machine knows.
	Namespace() *mailbox.Namespace
	// Refresh returns names at least as new as the moment of the call, wherever they were changed.
	Refresh(ctx context.Context) (*mailbox.Namespace, error)
	// Usage returns what the account uses at the moment of the call, wherever it was changed, and its
	// limits.
	Usage(ctx context.Context) (mailbox.Usage, mailbox.Quota, error)
	// Bell has room for one element, and holds one after the names, or anything in a mailbox of
	// the account, have changed.
	Bell() <-chan struct{}
	// Changed returns the mailboxes in which something has changed after the moment that an
	// earlier call returned as now, and whether these are all: when that is too long ago, or was
	// never, any mailbox may have changed. Begin with 0.
	Changed(since uint64) (ids []mailbox.ID, now uint64, all bool)
	Close() error
}

// Mailbox is a handle of one session on a mailbox. It is used by one goroutine at a time, but for
// Bell.
type Mailbox interface {
	Ref() Ref
	// Version returns the newest version that this machine knows. Its messages can be read until
	// Version returns another and Hold has been called.
	Version() *mailbox.Version
	// Refresh returns a version at least as new as the moment of the call, wherever the mailbox
	// was changed. Version returns it from then on.
	Refresh(ctx context.Context) (*mailbox.Version, error)
	// Bell has room for one element, and holds one after the newest version has changed.
	Bell() <-chan struct{}
	// Hold says which version the session shows from now on. Messages that it, or a later one,
	// holds stay readable, even when they are expunged. A new handle holds the version that was
	// newest when it was opened.
	Hold(*mailbox.Version)
	// Changes returns what has happened after a mod-sequence, up to the newest version or a later
	// one. ErrTooOld when it is not known any more.
	Changes(ctx context.Context, since imap.ModSeq) (*mailbox.Changes, error)
	// Body opens a message's octets. ErrGone when the message is gone and not held.
	Body(ctx context.Context, row *mailbox.Row) (Body, error)
	// Details reads what is kept beside messages, from the first row on, until out or, after at
	// least one message, limit octets of summaries are full: it returns how many messages it has
	// read. The summaries are appended to buf, which is returned; those in out lie in it. A
	// message that is gone has no details.
	Details(ctx context.Context, rows []mailbox.Row, buf []byte, limit int, out []Details) ([]byte, int, error)
	Close() error
}

// Details are what a store keeps beside a message, for ever the same.
type Details struct {
	Summary  []byte   // the header cache, opaque to the store; nil without one
	EmailID  EmailID  // 0 when the message is gone
	ThreadID ThreadID // 0 when nobody has found one
}

// EmailID identifies a message and its copies within an account (RFC 8474 §5.1): a random number.
type EmailID uint64

// ThreadID identifies a conversation within an account (RFC 8474 §5.2).
type ThreadID uint64

// Body is the octets of one message. It must be closed.
type Body interface {
	io.ReaderAt
	io.Closer
	Size() int64
	// WriteRange writes count octets from offset to w.
	WriteRange(w io.Writer, offset, count int64) (int64, error)
}
