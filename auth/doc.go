// Package auth knows what a user's password is without keeping it, and checks it for the servers:
// by the password itself, or in a SASL exchange.
//
// A caller learns that authentication failed and no more: an unknown user and a wrong password give
// the same error after the same work, for SCRAM too.
//
// # Guessing
//
// An attempt is a password that is compared with a user's, in the cache or by its hash, or a SCRAM
// proof that is answered. It passes three gates, those of
//
//   - the name at the address: 3 failures are free, then 200 ms longer each time, up to 15 s,
//   - the address, with any names: 20 are free, then 100 ms longer each time, up to 5 s,
//   - the name, from any address: 30 are free, then 50 ms longer each time, up to 2 s.
//
// Attempts under way count like failures, so many at once are no more than one after another. A
// gate that pauses lets one attempt pass at a time, the newest first; when 8 wait, the oldest gets
// ErrThrottled, after the longest pause. Failures are forgotten one by one: after 10 minutes, 1
// minute and 30 seconds. An address is an IPv4 address or an IPv6 /64; a password that has just
// failed for a name at an address fails there again without being counted, so that one device with
// an old password does not hold up the others. A right password makes its name's failures at its
// address forgotten, not those of the address or the name.
//
// Who has logged in from an address within a week has 12 failures free at the first gate and pauses
// up to 2 s, does not pass the third, and at the second meets only others who have logged in there:
// 100 failures are free, then 20 ms longer each time, up to 1 s. So nothing that is done elsewhere
// or with names that are new to the address holds them up. From a new address, a password that is
// in the cache does not stop at the name's gate, unless something has failed for the name there. What
// an attacker can do is to make a first login from a new address, while the name or the address is
// under attack, slower by those pauses, and refused when many guess at the very same time.
//
// # Hashes
//
// A right password is remembered for Options.CacheTTL, so the next login needs no hash. All who
// wait for the hash of one name, secret and password share the first that is computed; nobody waits
// longer for it than for one of their own. Who waits for one of the Options.Hashes slots takes
// turns with the other addresses. Those who have logged in from there lately go before those from
// whose address and name nothing has failed, and these before the rest; a quarter of the slots goes
// to those behind, so that nobody starves.
//
// # Memory
//
// 16 MiB of failures, 8 MiB of logins and the cache, whatever names and addresses clients send; and
// for an attempt under way less than its connection takes. When failures have no room, few make
// room for others rather than many.
package auth

import "errors"

// Errors that servers act on. Anything else is the store's error or the context's: nothing is
// known of the credentials then.
var (
	// ErrFailed says that there is no such user or that the password is wrong.
	ErrFailed = errors.New("auth: authentication failed")
	// ErrNotAuthorized says that the user is who they say, but asked to act as somebody else.
	ErrNotAuthorized = errors.New("auth: not authorized to act as another user")
	// ErrThrottled says that after failures too many attempts wait already, for this user or from
	// this address. Nothing is known of the credentials.
	ErrThrottled = errors.New("auth: too many failed attempts, try again later")
	// ErrMechanism says that the SASL mechanism is unknown or not allowed on this connection.
	ErrMechanism = errors.New("auth: mechanism is not available")
	// ErrName says that a user's name has characters that no name may have.
	ErrName = errors.New("auth: invalid user name")
	// ErrSecret says that a stored secret cannot be read.
	ErrSecret = errors.New("auth: stored secret is damaged")
)
