// Package imapwire is the grammar of IMAP4rev1 (RFC 3501) and IMAP4rev2 (RFC 9051) in both
// directions: commands and responses as Go values, and the octets they are on the wire.
//
// Reading has two stages. A framer (Reader on the server, ResponseReader on the client) finds the
// octets of one command or response, its literals included, and enforces the limits. A parser is a
// pure function of that frame, so a syntax error never loses the place in the stream.
//
// A frame holds its literals in place: "{3}\r\nabc". The octets of a frame are valid until the next
// call on its framer; what a parser returns shares nothing with them.
//
// Writing is append functions, AppendX(dst, ...) []byte, which the server's responses use as they
// are. A client's command may have to wait for the server in the middle of a literal; Encoder
// collects it as segments.
//
// A file holds a thing in both directions: list.go the command LIST and the response LIST, how they
// are parsed and how they are appended. It registers what it holds in the tables of the package:
// commands, fetchItems, statusItems, searchKeys, responses, numberedResponses, codes, listItems,
// esearchItems, and the options of option.go. So an extension is one file; extension_test.go is one.
//
// Invariants:
//   - no input makes a parser panic, recurse without bound or allocate out of proportion to it;
//   - framing octet by octet equals framing at once;
//   - what an append function wrote, the parser reads back as the same value.
package imapwire
