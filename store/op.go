package store

import (
	"math/rand/v2"
	"time"

	"restante/imap"
	"restante/mailbox"
)

// Op is one operation of a Commit: a pointer to one of the types below.
type Op interface{ op() }

func (*Append) op()      {}
func (*StoreFlags) op()  {}
func (*Expunge) op()     {}
func (*Copy) op()        {}
func (*Create) op()      {}
func (*Delete) op()      {}
func (*Rename) op()      {}
func (*Subscribe) op()   {}
func (*SetMetadata) op() {}
func (*SetQuota) op()    {}

// Append adds messages to a mailbox, in order. ErrNoUIDs, mailbox.ErrTooManyKeywords.
type Append struct {
	Mailbox  Ref
	Messages []NewMessage
}

// NewMessage is a message to append.
type NewMessage struct {
	Body     Staged
	Summary  []byte // what Details returns
	Flags    []imap.Flag
	Date     time.Time // internal date; zero is now
	Saved    time.Time // when it came into the mailbox (RFC 8514 §3); zero is now
	EmailID  EmailID   // 0: the store makes one
	ThreadID ThreadID
}

// StoreFlags changes flags of the messages in UIDs that exist and meet the condition. New keywords
// are added to the mailbox when there is such a message; mailbox.ErrTooManyKeywords.
type StoreFlags struct {
	Mailbox Ref
	UIDs    imap.UIDSet
	Op      imap.StoreOp
	Flags   []imap.Flag
	// UnchangedSince leaves out messages with a higher mod-sequence (RFC 7162 §3.1.3); nil: none.
	UnchangedSince *imap.ModSeq
	// MustExist fails the commit with ErrGone unless all of UIDs exist.
	MustExist bool
}

// Expunge removes the messages in UIDs that exist and carry \Deleted.
type Expunge struct {
	Mailbox   Ref
	UIDs      imap.UIDSet
	Undeleted bool // also those that do not carry \Deleted
	MustExist bool // as in StoreFlags
}

// Copy copies the messages in UIDs that exist, in UID order, with their flags and internal dates.
// To may be From. ErrNoUIDs, mailbox.ErrTooManyKeywords.
type Copy struct {
	From, To  Ref
	UIDs      imap.UIDSet
	Move      bool // and removes the originals (RFC 6851)
	MustExist bool // as in StoreFlags
}

// Create makes a mailbox. Its UIDVALIDITY is higher than that of every mailbox that the account
// has or had. Errors are those of mailbox.Namespace.Create.
type Create struct {
	Account AccountID
	// ID is what the mailbox will be called by, so that later operations of the same commit can
	// name it: NewMailboxID, or 0 when the store is to make one. ErrExists when it is in use.
	ID   mailbox.ID
	Name string
	Use  []imap.MailboxAttr
}

// Delete removes a mailbox and its messages. Open handles get a Version with Deleted set. Errors
// are those of mailbox.Namespace.Delete.
type Delete struct {
	Account AccountID
	Name    string
}

// Rename changes the names of a mailbox and its inferiors. UIDs and UIDVALIDITY stay. Errors are
// those of mailbox.Namespace.Rename.
type Rename struct {
	Account  AccountID
	From, To string
}

// Subscribe adds a name to, or takes it from, the subscriptions. Errors are those of
// mailbox.Namespace.Subscribe.
type Subscribe struct {
	Account AccountID
	Name    string
	On      bool
}

// SetMetadata changes entries of a mailbox, or with ID 0 of the account itself (RFC 5464 §4.3): those in
// Set have these values afterwards, those in Remove none. Errors are those of mailbox.Namespace.SetMetadata.
type SetMetadata struct {
	Mailbox Ref
	Set     []mailbox.Metadata
	Remove  []string
}

// SetQuota replaces the limits of an account, whatever they were (RFC 9208 §4.1.3). They hold for the
// commits after this one: ErrOverQuota. Errors are those of mailbox.Namespace.SetQuota.
type SetQuota struct {
	Account AccountID
	Quota   mailbox.Quota
}

// Outcome tells what became of an operation.
type Outcome struct {
	// Done are the messages to which it was done: of StoreFlags those that now have the flags as
	// asked, changed or not; of Expunge those that were removed.
	Done imap.UIDSet
	// Modified are the messages that UnchangedSince has left out.
	Modified imap.UIDSet
	// ModSeq is what changed, removed or new messages got; 0 when nothing has changed. Of Copy it
	// is that of the copies.
	ModSeq imap.ModSeq
	// UIDValidity is that of the mailbox with new messages, UIDs are theirs, in order; of Copy
	// Source[i] became UIDs[i].
	UIDValidity  uint32
	Source, UIDs []imap.UID
	// Created is the mailbox that Create has made.
	Created mailbox.Entry
}

// NewMailboxID returns a random ID for Create.
func NewMailboxID() mailbox.ID { return mailbox.ID(rand.Uint64()>>1 | 1) }

// NewEmailID returns a random ID for a message.
func NewEmailID() EmailID { return EmailID(rand.Uint64() | 1) }
