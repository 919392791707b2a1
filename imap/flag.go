package imap

import "strings"

// Flag is a system flag such as `\Seen` or a keyword such as `$Forwarded` (RFC 9051 §2.3.2).
// Flags are compared without regard to case; the spelling that a mailbox saw first is kept.
type Flag string

// The system flags, RFC 9051 §2.3.2, and \Recent of RFC 3501 §2.3.2.
const (
	Seen     Flag = `\Seen`
	Answered Flag = `\Answered`
	Flagged  Flag = `\Flagged`
	Deleted  Flag = `\Deleted`
	Draft    Flag = `\Draft`
	Recent   Flag = `\Recent`

	// AnyKeyword in PERMANENTFLAGS says that clients may create keywords.
	AnyKeyword Flag = `\*`
)

// Keywords registered by RFC 9051 §2.3.2.
const (
	Forwarded Flag = "$Forwarded"
	MDNSent   Flag = "$MDNSent"
	Junk      Flag = "$Junk"
	NotJunk   Flag = "$NotJunk"
	Phishing  Flag = "$Phishing"
)

// Equal reports whether f and g name the same flag.
func (f Flag) Equal(g Flag) bool { return strings.EqualFold(string(f), string(g)) }

// System reports whether f starts with a backslash.
func (f Flag) System() bool { return len(f) > 0 && f[0] == '\\' }

// StoreOp says what STORE does with its flags (RFC 9051 §6.4.6).
type StoreOp uint8

const (
	StoreSet    StoreOp = iota // FLAGS: replace
	StoreAdd                   // +FLAGS
	StoreRemove                // -FLAGS
)
