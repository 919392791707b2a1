// Package message reads Internet messages (RFC 5322, RFC 6532) and their MIME structure (RFC 2045,
// RFC 2046) the way IMAP wants them (RFC 9051 §6.4.5 and §7.5.2): envelope, body structure, the
// octet ranges of sections, decoded contents, and decoded text for SEARCH.
//
// Invariants:
//   - A message is scanned once, front to back, in time linear in its size, and no body is kept in
//     memory. The limits (MaxHeader, MaxParts, MaxDepth) bound what is.
//   - Every message has a structure. Nothing in a message is an error; what breaks the rules is
//     read the way its sender most likely meant it, and no octet is out of reach: BODY[HEADER] and
//     BODY[TEXT] together are always the message.
//   - Ranges are of the message as it is stored. Lines may end in CRLF or in a bare LF.
package message
