// Package imapserver serves mailboxes over IMAP4rev1 (RFC 3501) and IMAP4rev2 (RFC 9051).
//
// # How a connection works
//
// One goroutine owns a connection: its state, its view of the selected mailbox and its output. It
// reads a frame, parses it, looks the command up in the commands table, which says in which state
// it is allowed and what may be sent around it, and calls its run function. Handlers return
// errors; one function (reply in errors.go) turns them into NO or BAD. While a client is in IDLE a
// second goroutine waits for its DONE.
//
// # What a client is told
//
// A session holds one mailbox.Version, the one its client knows: view. Sequence numbers mean
// positions in it. Before and after a command, and in IDLE when the mailbox rings, the session
// takes the newest version and writes the difference (sync.go); around STORE only after it, because
// .SILENT is measured against what the client knew when it gave the command. Commands that use
// sequence numbers see removed messages as ghosts until EXPUNGE may be sent.
//
// # Invariants
//
//   - No EXPUNGE is written while FETCH, STORE or SEARCH runs, nor outside a command but in IDLE.
//   - Nothing of the store is held while the socket is written: a client that does not read
//     delays nobody but itself.
//   - A tagged OK follows the store's answer, never precedes it.
//   - An idle connection holds neither an input nor an output buffer.
package imapserver
