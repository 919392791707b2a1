// Package mailbox is the heart of Restante: a mailbox is a sequence of immutable versions, and
// what a client is owed is the difference of two of them. Everything here is pure: values in,
// values out, no I/O, no locks.
//
// # Invariants
//
//   - A Version never changes once it was made, and any number of others may be made of it, by
//     several goroutines at a time. Versions share structure.
//   - UIDs ascend within a version. UIDNext and HighestModSeq never go back from one version to
//     the next.
//   - Sequence numbers are positions in one Version. They mean nothing outside it.
//
// A session holds one version: the one its client knows. Diff(held, newest) is exactly the
// untagged EXPUNGE, EXISTS and FETCH responses that it is owed. Where EXPUNGE is forbidden the
// session moves to Retain(held, newest), which still holds the removed messages, as ghosts.
//
// Versions carry the history of what was removed, so Changes tells what happened since a
// mod-sequence, and Apply makes the next version of that: for a client that comes back, and for
// another machine that has not made the change itself.
//
// A Namespace is the same idea for the names of an account's mailboxes.
package mailbox
