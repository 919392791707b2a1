package store

import (
	"context"

	"restante/imap"
)

// AccountID identifies a user's mail, for ever. It is never used again after DeleteUser.
type AccountID uint64

// User is somebody who can log in.
type User struct {
	ID     AccountID
	Name   string
	Secret []byte // what package auth made of the password; the store does not look into it
}

// InitialMailbox is a mailbox that a new account starts with.
type InitialMailbox struct {
	Name string
	Use  []imap.MailboxAttr
}

// Directory holds the users. It is for those who administer them and for logins; what users do
// with their mail does not pass through it.
type Directory interface {
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
}

// Actor is on whose behalf something is done. The zero Actor is nobody and may do nothing.
type Actor struct {
	account  AccountID
	system   bool
	readOnly bool
}

// System is the server itself, which may do everything: it delivers, imports and administers.
var System = Actor{system: true}

// ActorOf returns the owner of an account as an actor.
func ActorOf(account AccountID) Actor { return Actor{account: account} }

// ReadOnly returns the actor as one who may look at everything that the actor may, and change nothing.
func (a Actor) ReadOnly() Actor {
	a.readOnly = true
	return a
}

// IsReadOnly reports whether the actor may change nothing.
func (a Actor) IsReadOnly() bool { return a.readOnly }

// Account returns whose owner the actor is; false when it is nobody or the server itself.
func (a Actor) Account() (AccountID, bool) { return a.account, a.account != 0 && !a.system }

// IsSystem reports whether the actor is the server itself.
func (a Actor) IsSystem() bool { return a.system }
