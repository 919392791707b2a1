// Package auth knows what a user's password is without keeping it, and checks it for the servers:
// by the password itself, or in a SASL exchange.
//
// A caller learns that authentication failed and no more. An unknown user and a wrong password
// give the same error after the same work, for SCRAM too; guessing is slowed down for the
// guesser's address and user name, never for the user elsewhere.
package auth

import "errors"

// Errors that servers act on. Anything else is the store's error or the context's: nothing is
// known of the credentials then.
var (
	// ErrFailed says that there is no such user or that the password is wrong.
	ErrFailed = errors.New("auth: authentication failed")
	// ErrNotAuthorized says that the user is who they say, but asked to act as somebody else.
	ErrNotAuthorized = errors.New("auth: not authorized to act as another user")
	// ErrThrottled says that too many attempts for this user from this address are waiting
	// already. The credentials were not looked at.
	ErrThrottled = errors.New("auth: too many failed attempts, try again later")
	// ErrMechanism says that the SASL mechanism is unknown or not allowed on this connection.
	ErrMechanism = errors.New("auth: mechanism is not available")
	// ErrName says that a user's name has characters that no name may have.
	ErrName = errors.New("auth: invalid user name")
	// ErrSecret says that a stored secret cannot be read.
	ErrSecret = errors.New("auth: stored secret is damaged")
)
