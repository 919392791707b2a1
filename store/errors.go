package store

import (
	"errors"

	"restante/mailbox"
)

// Errors that callers act on, besides those of package mailbox, which changes return as they are.
var (
	ErrNotFound  = mailbox.ErrNotFound // no such user, account or mailbox
	ErrExists    = mailbox.ErrExists
	ErrTooOld    = mailbox.ErrTooOld // of Changes
	ErrForbidden = errors.New("store: the actor does not have the right")
	// ErrOverQuota says that an account would use more of a resource than it may, and than before.
	ErrOverQuota = errors.New("store: over quota")
	ErrTooBig    = errors.New("store: message too big")
	// ErrGone says that messages are not there any more: of Body, when nobody holds the message,
	// and of an operation with MustExist.
	ErrGone = errors.New("store: message is gone")
	// ErrStale says that a staged body was committed or discarded before. A Commit may find that
	// before it finds what else is wrong.
	ErrStale = errors.New("store: the staged body is not there any more")
	// ErrNoUIDs says that a mailbox has used up its UIDs.
	ErrNoUIDs = errors.New("store: the mailbox has no UIDs left")
	// ErrFailed says that the store could not make a change durable and has stopped accepting
	// changes; it must be reopened, which recovers every acknowledged change.
	ErrFailed = errors.New("store: failed, reopen it")
	ErrClosed = errors.New("store: closed")
	// ErrUnavailable says that a part of the store, such as a database on another machine, did not
	// answer in time. A change may or may not have been made.
	ErrUnavailable = errors.New("store: not available at the moment")
	// ErrMoved says that an account is kept elsewhere now: whoever connects again finds it.
	ErrMoved = errors.New("store: the account has moved")
	// ErrApart says that operations of one commit are about accounts that are not kept together, so
	// that they cannot be made all or none. Each account's can be committed by themselves.
	ErrApart = errors.New("store: the accounts are not kept together")
	// ErrNoSpace says that the disk is full. Nothing has changed, and messages can be read and
	// removed; the store goes on by itself when there is space.
	ErrNoSpace = errors.New("store: the disk is full")
)

// OpError is what Commit fails with when an operation cannot be done.
type OpError struct {
	Index int   // of the operation
	Ref   Ref   // of the mailbox that is to blame, zero when there is none
	Err   error // one of the errors above or of package mailbox
}

func (e *OpError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *OpError) Unwrap() error { return e.Err }
