// Package store says what a mail store is: the interfaces that drivers implement, the changes
// that can be made, what becomes of them, and the errors that callers act on. A store knows UIDs,
// flags and mod-sequences; it never sees sequence numbers, response codes or a connection.
//
// # Stage, then commit
//
// A body is made ready outside every lock (Stage), then a list of operations is committed, all or
// none (Commit). A caller says what it wants in terms of UIDs and conditions; the store decides
// against the newest state, within the change, and tells for each operation what became of it.
// Looking first and changing afterwards is a race.
//
// # Who and where
//
// A Ref, account and mailbox, names a mailbox everywhere. Every call says on whose behalf it is
// made: its Actor. A driver does not ask what an actor may do; package gate does, which wraps the
// store that sessions get.
//
// # What waits
//
// A method with a context may wait, for a disk or another machine. One without never does.
//
// # Invariants that every driver keeps (storetest checks them)
//
//   - A change that returned without an error is durable: it survives kill -9 and power loss.
//   - A change that returned an error, other than from a Store that was lost, changed nothing.
//   - UIDs, UIDVALIDITY and mod-sequences never go back, not even over a crash.
//   - Once a change has returned, Version shows it, in every handle of the mailbox.
//   - No lock is held while a caller's Reader is read or a Body written.
package store
