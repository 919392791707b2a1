package mailbox

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"restante/imap"
)

// Delim separates the levels of a mailbox name.
const Delim = '/'

// Limits of names, so that every name fits every store.
const (
	MaxNameLen   = 1000 // octets
	MaxNameDepth = 100  // levels
)

// compareNames orders names so that the inferiors of a name follow it directly, INBOX first.
func compareNames(a, b string) int {
	if a == imap.Inbox || b == imap.Inbox {
		switch {
		case a == b:
			return 0
		case a == imap.Inbox:
			return -1
		default:
			return 1
		}
	}
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] != b[i] {
			switch {
			case a[i] == Delim:
				return -1
			case b[i] == Delim:
				return 1
			case a[i] < b[i]:
				return -1
			default:
				return 1
			}
		}
	}
	return len(a) - len(b)
}

// CheckName reports why name cannot be the name of a mailbox: ErrBadName, or nil. A name is
// valid UTF-8 without control characters (RFC 9051 §5.1), and no level of it is empty.
func CheckName(name string) error {
	if name == "" || len(name) > MaxNameLen || !utf8.ValidString(name) || strings.Count(name, string(Delim)) >= MaxNameDepth {
		return ErrBadName
	}
	for level := range strings.SplitSeq(name, string(Delim)) {
		if level == "" {
			return ErrBadName
		}
	}
	for _, r := range name {
		// Line and paragraph separators are excluded by RFC 5198 §2, wildcards for clients' sake.
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == '%' || r == '*' {
			return ErrBadName
		}
	}
	return nil
}
