// Package store says what a mail store is: the interfaces that drivers implement, the changes
// that can be made and the errors that callers act on. A store knows UIDs, flags and
// mod-sequences; it never sees sequence numbers, response codes or a connection.
//
// # Invariants that every driver keeps (storetest checks them)
//
//   - A change that returned without an error is durable: it survives kill -9 and power loss.
//   - A change that returned an error, other than from a Store that was lost, changed nothing.
//   - UIDs, UIDVALIDITY and mod-sequences never go back, not even over a crash.
//   - Once a change has returned, Version shows it, in every handle of the mailbox.
//   - Version never blocks. No lock is held while a caller's Reader is read or a Body written.
package store

import (
	"context"
	"errors"
	"io"
	"time"

	"restante/imap"
	"restante/mailbox"
)

// Errors that callers act on, besides those of package mailbox (ErrNotFound, ErrExists, ...),
// which namespace changes return as they are.
var (
	ErrNotFound  = mailbox.ErrNotFound // no such user, account or mailbox
	ErrExists    = mailbox.ErrExists
	ErrOverQuota = errors.New("store: over quota")
	ErrTooBig    = errors.New("store: message too big")
	ErrShortBody = errors.New("store: message body is shorter than announced")
	ErrGone      = errors.New("store: message is gone")
	// ErrFailed says that the store could not make a change durable and has stopped accepting
	// changes; it must be reopened, which recovers every acknowledged change.
	ErrFailed = errors.New("store: failed, reopen it")
	ErrClosed = errors.New("store: closed")
)

// MaxMessageSize is what a mailbox.Row can tell of a message's size, in octets.
const MaxMessageSize = 1<<32 - 1

// AccountID identifies a user's mail, for ever. It is never used again after DeleteUser.
type AccountID uint64

// User is somebody who can log in.
type User struct {
	ID     AccountID
	Name   string
	Secret []byte // what package auth made of the password; the store does not look into it
}

// Store holds users and their mail. Its methods may be called concurrently.
type Store interface {
	// User returns the user with exactly that name, or ErrNotFound.
	User(ctx context.Context, name string) (User, error)
	// Users returns all users, by name.
	Users(ctx context.Context) ([]User, error)
	// CreateUser adds a user with an account that has an empty INBOX and the mailboxes in
	// initial, all subscribed. ErrExists when the name is taken.
	CreateUser(ctx context.Context, name string, secret []byte, initial ...InitialMailbox) (User, error)
	// SetSecret replaces a user's secret. ErrNotFound when there is no such user.
	SetSecret(ctx context.Context, name string, secret []byte) error
	// DeleteUser removes a user and all mail of the account. Open handles see their mailboxes
	// as deleted.
	DeleteUser(ctx context.Context, name string) error
	// Account returns the mail of a user. It holds nothing that must be closed.
	Account(ctx context.Context, id AccountID) (Account, error)
	// Close waits for what is under way, makes it durable and releases everything.
	Close() error
}

// InitialMailbox is a mailbox that a new account starts with.
type InitialMailbox struct {
	Name string
	Use  []imap.MailboxAttr
}

// Account is the mail of one user.
type Account interface {
	ID() AccountID
	// Namespace returns the newest names. It never blocks.
	Namespace() *mailbox.Namespace
	// Create makes a mailbox. Its UIDVALIDITY is higher than that of every mailbox that the
	// account has or had. Errors are those of mailbox.Namespace.Create.
	Create(ctx context.Context, name string, use []imap.MailboxAttr) (mailbox.Entry, error)
	// Delete removes a mailbox and its messages. Open handles get a Version with Deleted set.
	Delete(ctx context.Context, name string) error
	// Rename changes the names of a mailbox and its inferiors. UIDs and UIDVALIDITY stay.
	Rename(ctx context.Context, from, to string) error
	// Subscribe adds a name to, or takes it from, the subscriptions.
	Subscribe(ctx context.Context, name string, on bool) error
	// Status returns the counts of a mailbox without opening it. ErrNotFound.
	Status(ctx context.Context, id mailbox.ID) (mailbox.Counts, error)
	// RecentFrom returns the lowest UID that no session has claimed as \Recent yet.
	RecentFrom(ctx context.Context, id mailbox.ID) (imap.UID, error)
	// Open returns a handle. Every session opens its own.
	Open(ctx context.Context, id mailbox.ID) (Mailbox, error)
	// Append adds messages, all or none, in order. Bodies are read before anything is locked.
	Append(ctx context.Context, id mailbox.ID, msgs []NewMessage) (AppendResult, error)
}

// NewMessage is a message to append.
type NewMessage struct {
	Flags []imap.Flag
	Date  time.Time // internal date; zero is now
	Size  int64     // octets of Body
	Body  io.Reader // exactly Size octets; fewer are ErrShortBody, more are not read
	// Summary returns the message's header cache, opaque to the store. It is called once, after
	// Body has been read to its end. It may be nil.
	Summary func() []byte
}

// AppendResult tells where appended messages are.
type AppendResult struct {
	UIDValidity uint32
	UIDs        []imap.UID // one for each message
}

// CopyResult tells where copied or moved messages are: Source[i] became Dest[i]. Both ascend.
type CopyResult struct {
	UIDValidity  uint32 // of the destination
	Source, Dest []imap.UID
}

// Mailbox is a handle of one session on one mailbox. It is used by one goroutine at a time, but
// for Bell.
type Mailbox interface {
	ID() mailbox.ID
	// Version returns the newest version. It never blocks.
	Version() *mailbox.Version
	// Bell has room for one element, and holds one after the newest version has changed.
	Bell() <-chan struct{}
	// Hold says which version the session shows from now on. Messages that it, or a later one,
	// holds stay readable, even when they are expunged. A new handle holds the version that was
	// newest when it was opened.
	Hold(*mailbox.Version)
	// ClaimRecent returns the lowest UID that no session has claimed as \Recent, and claims
	// everything below below: exactly one session is told of each message (RFC 3501 §2.3.2).
	// Claims need not survive a crash.
	ClaimRecent(below imap.UID) (from imap.UID)

	// StoreFlags changes flags of the messages in the set that exist. It returns the
	// mod-sequence that changed messages got, 0 when there are none. New keywords are added to
	// the mailbox; mailbox.ErrTooManyKeywords.
	StoreFlags(ctx context.Context, set imap.UIDSet, op imap.StoreOp, flags []imap.Flag) (imap.ModSeq, error)
	// Expunge removes the messages of the set that carry \Deleted.
	Expunge(ctx context.Context, set imap.UIDSet) (removed imap.UIDSet, err error)
	// Copy copies the messages of the set that exist to dst, in UID order, all or none, with
	// their flags and internal dates. dst may be the mailbox itself.
	Copy(ctx context.Context, set imap.UIDSet, dst mailbox.ID) (CopyResult, error)
	// Move is Copy and the removal of the originals in one change (RFC 6851).
	Move(ctx context.Context, set imap.UIDSet, dst mailbox.ID) (CopyResult, error)

	// Body opens a message's octets. ErrGone when the message is gone and not held.
	Body(ctx context.Context, ref uint64) (Body, error)
	// Summaries reads the header caches of the messages, in one go where the driver can. They
	// are appended to buf, which is returned; out[i] lies in it. A message without one, or that
	// is gone, gets nil. out has room for len(refs).
	Summaries(ctx context.Context, refs []uint64, buf []byte, out [][]byte) ([]byte, error)
	Close() error
}

// Body is the octets of one message. WriteTo is the fast way to a socket. It must be closed.
type Body interface {
	io.ReaderAt
	io.Closer
	Size() int64
	// WriteRange writes count octets from offset to w, by sendfile where w and the driver can.
	WriteRange(w io.Writer, offset, count int64) (int64, error)
}
