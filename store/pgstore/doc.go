// Package pgstore keeps users and mail in PostgreSQL, and large bodies in an object store. Any
// number of machines may use the same databases; none of them holds anything that cannot be lost.
//
// Accounts are spread over cells, each a database and an object store; one database, the directory,
// knows the users and where their mail is. DESIGN.md says how a change is made, how other machines
// hear of it, and what happens when something breaks.
//
// # Invariants
//
//   - A change is one transaction, which locks the row of each mailbox that it changes until it is
//     durable: UIDs and mod-sequences appear in order and are given out once.
//   - What a change does is decided by the functions of package mailbox on the newest version, while
//     that lock is held, and nowhere else.
//   - A body is in the object store before the transaction that refers to it begins.
//   - What a connection did not answer is not guessed: the change is made again under the same
//     commit id, which can be there only once.
//   - No answer is waited for without a limit. A change that cannot be made by then fails with
//     store.ErrUnavailable.
//   - A notification may be lost: whatever it would have said is found out by looking.
package pgstore
