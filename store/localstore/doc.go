// Package localstore is the embedded mail store: one directory, one process, no server.
//
// The mail log is the truth. Every change is a record in it, durable before it is acknowledged;
// many changes share one fdatasync. The index (Pebble) is derived from the log and can lag
// behind it: opening the store replays what the index does not know, and makes the index anew from
// the log and a snapshot when it is damaged or lost. DESIGN.md has the format on disk, recovery, and
// why.
//
// # Invariants
//
//   - One goroutine, the writer, makes all changes, in the order of the log. Commit order is UID
//     order. Accounts are served in turn.
//   - A group of the log is written only after the one before it is durable. So only the last
//     group can be unfinished; damage anywhere else is corruption, which is never repaired by
//     dropping something.
//   - Making a change and replaying it is the same function, record.apply.
//   - What the index has after a crash is a prefix of what it was told: the tables of one
//     checkpoint, and message rows that may be newer.
//   - The tables change in checkpoints only, each one batch with the position of the log that it
//     stands for.
//   - At any time the index can be made anew from the segments and either of two snapshots.
//   - A message can be read when its UID is in the newest version of its mailbox, or in one that a
//     handle holds or has been given. Only a message that cannot be read, and to which no row
//     refers, is removed.
//   - After an fdatasync has failed nothing more is written: store.ErrFailed.
//   - What was written once is read for ever: records of format 1 are decoded and replayed, an index
//     of format 1 is brought forward.
//
// Locks: gate, then loading, then Store.mu or account.mu or box.mu; staged.mu, then budget.mu; those
// of the queue, of the descriptors and of the log are leaves.
package localstore
