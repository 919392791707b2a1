// Package imap holds the vocabulary of IMAP (RFC 3501, RFC 9051): UIDs, sets, flags, envelopes,
// body structures, search keys, fetch items, response codes and errors. They are values; nothing
// here does I/O. The server, the client library and the command share them.
package imap

// UID identifies a message within one mailbox for ever, as long as the mailbox's UIDVALIDITY
// stays the same (RFC 9051 §2.3.1.1). Zero is not a UID.
type UID uint32

// SeqNum is a message's position, from 1, in the mailbox as one session knows it
// (RFC 9051 §2.3.1.2).
type SeqNum uint32

// ModSeq is a modification sequence number (RFC 7162 §3.1). It grows with every change to a
// mailbox and never goes back.
type ModSeq uint64
