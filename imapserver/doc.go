// Package imapserver serves mailboxes over IMAP4rev1 (RFC 3501) and IMAP4rev2 (RFC 9051).
//
// # How a connection works
//
// One goroutine owns a connection: its state, its view of the selected mailbox and its output. It
// reads a frame, parses it, looks up the command's row, which says in which state it is allowed and
// what may be sent around it, and calls its run function. Handlers return errors; one function
// (conn.fail in errors.go) turns them into NO or BAD. While a client is in IDLE a second goroutine
// waits for its DONE.
//
// # Extensions
//
// What the server can do is the sum of the extensions in the list of extensions.go: the base protocol
// (imap4rev1.go, imap4rev2.go) is the first of them, and each other one is in the file of its name. An
// extension is a value (extension.go) that says everything about it: its RFC, its capabilities as a
// connection is told of them, what ENABLE does, and its rows: commands, items of FETCH and STATUS, keys
// and return options of SEARCH, options of LIST, parameters of SELECT. No switch elsewhere knows of it.
// imaginary_test.go has one with a row of every kind.
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
//   - FETCH marks as \Seen what it hands to the socket, before it does, and nothing else (fetch_seen.go).
//   - FETCH and SEARCH hold about a mebibyte of summaries at a time, however many they look at.
//   - A command that works for long ends with its client, and at the next message or name when the server
//     shuts down, and of each user one works at a time: whatever goes through messages or names counts its
//     work with conn.step or conn.next (work.go, turn.go).
//   - SEARCH reads a message once for all of its texts; LIST matches a name with the patterns only that
//     begin alike, and refuses what would take too long all the same.
//   - A tagged OK follows the store's answer, never precedes it.
//   - An idle connection holds neither an input nor an output buffer.
package imapserver
