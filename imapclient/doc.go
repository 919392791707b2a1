// Package imapclient talks to IMAP servers (RFC 3501, RFC 9051).
//
// Conn is one connection: a call writes a command and returns a handle, so commands are pipelined.
// Client is a supervised session on top of it: calls block, a lost connection is made again, the
// mailbox is selected again, and what may be repeated is repeated. Most programs use Client; test
// tools and proxies use Conn, and so does a program that wants many commands in one round trip.
//
// A command is a file: the calls of Conn, Client and Mailbox, and a row in the table of commands that
// says what it may not be sent beside, which mailbox it is about, which capability it needs and what of
// it is secret. extension_test.go adds one.
//
// How a Conn works, and what holds at all times:
//
//   - Whoever waits for a reply drives the reader. At most one goroutine at a time holds Conn.lead
//     and reads; it hands what it reads to the commands it is for. Nobody reads when nobody waits.
//   - Only the write loop writes. It runs while there is something to write. So a server that does
//     not read before it has written cannot lock up with us.
//   - Commands are written in the order of the calls, at once unless the table of commands forbids
//     it (RFC 9051 §5.5). One that has to wait is written by whoever reads the reply it waits for.
//   - No lock is held while the socket is read or written or while foreign code runs.
//   - Every goroutine is counted in Conn.tasks, and Close waits for them.
//   - What a body section points to is not overwritten until the iteration goes on, even when
//     other commands are run in between. Afterwards it is an error, never other octets.
//   - Conn.mu is taken before the lock of its source, where both are.
package imapclient
