package imapserver

import (
	"strings"

	"restante/imap"
	"restante/mailbox"
)

// listPattern is a pattern of LIST, in which "*" stands for anything and "%" for anything within one
// level.
type listPattern struct {
	text     string
	literals int // octets that are not wildcards: no name that is shorter matches
}

// newListPattern returns the pattern with every run of wildcards made one, so that a long pattern
// costs no more than a long name.
func newListPattern(s string) listPattern {
	var p listPattern
	out := make([]byte, 0, len(s))
	for _, c := range []byte(s) {
		switch last := len(out) - 1; {
		case c != '*' && c != '%':
			p.literals++
		case last >= 0 && (out[last] == '*' || out[last] == c):
			continue
		case last >= 0 && out[last] == '%':
			out = out[:last]
		}
		out = append(out, c)
	}
	p.text = string(out)
	return p
}

// match reports whether a name matches. It takes about 2*len(name)² steps at most.
func (p listPattern) match(name string) bool {
	if p.literals > len(name) {
		return false
	}
	anyCase := 0 // octets at the start of which the case does not matter
	if name == imap.Inbox || strings.HasPrefix(name, imap.Inbox+string(mailbox.Delim)) {
		anyCase = len(imap.Inbox) // RFC 9051 §5.1
	}
	// reached[i] says that the pattern so far matches name[:i].
	reached := make([]bool, len(name)+1)
	reached[0] = true
	for _, c := range []byte(p.text) {
		switch c {
		case '*', '%':
			for i := range len(name) {
				if reached[i] && (c == '*' || name[i] != mailbox.Delim) {
					reached[i+1] = true
				}
			}
		default:
			for i := len(name); i > 0; i-- {
				reached[i] = reached[i-1] && (name[i-1] == c || i <= anyCase && name[i-1] == upper(c))
			}
			reached[0] = false
		}
	}
	return reached[len(name)]
}

// upper returns an ASCII letter in upper case.
func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		c -= 'a' - 'A'
	}
	return c
}
