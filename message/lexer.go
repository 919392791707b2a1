package message

import "strings"

// lexer reads the lexical tokens of RFC 5322 §3.2 from a header value on one line. A quote or
// comment that is not closed is text from then on, so that no input is read more than a few times.
type lexer struct {
	s string
	i int

	noQuotes, noComments bool
}

// quoted reads a quoted-string (RFC 5322 §3.2.4) and returns its content. It reports false, and
// moves nowhere, when there is none.
func (l *lexer) quoted() (string, bool) {
	if l.noQuotes || l.i == len(l.s) || l.s[l.i] != '"' {
		return "", false
	}
	escaped := false
	for j := l.i + 1; j < len(l.s); j++ {
		switch l.s[j] {
		case '\\':
			escaped = true
			j++
		case '"':
			text := l.s[l.i+1 : j]
			l.i = j + 1
			if escaped {
				text = unescape(text)
			}
			return text, true
		}
	}
	l.noQuotes = true
	return "", false
}

// comment reads a comment (RFC 5322 §3.2.2) and returns its content. It reports false, and moves
// nowhere, when there is none.
func (l *lexer) comment() (string, bool) {
	if l.noComments || l.i == len(l.s) || l.s[l.i] != '(' {
		return "", false
	}
	depth, escaped := 0, false
	for j := l.i; j < len(l.s); j++ {
		switch l.s[j] {
		case '\\':
			escaped = true
			j++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				text := strings.Trim(l.s[l.i+1:j], " \t")
				l.i = j + 1
				if escaped {
					text = unescape(text)
				}
				return text, true
			}
		}
	}
	l.noComments = true
	return "", false
}

// skip passes white space and comments.
func (l *lexer) skip() {
	for l.i < len(l.s) {
		if c := l.s[l.i]; c == ' ' || c == '\t' {
			l.i++
		} else if _, ok := l.comment(); !ok {
			return
		}
	}
}

// token reads a token (RFC 2045 §5.1) behind white space and comments, "" if there is none.
// Characters that are no token characters but do no harm, 8-bit ones for example, count.
func (l *lexer) token() string {
	l.skip()
	start := l.i
	for ; l.i < len(l.s); l.i++ {
		switch l.s[l.i] {
		case ' ', '\t', ';', ',', '(', ')', '"', '=', '/', '<', '>', ':', '\\':
			return l.s[start:l.i]
		}
	}
	return l.s[start:]
}

// unescape removes the backslashes of quoted pairs.
func unescape(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		out = append(out, s[i])
	}
	return string(out)
}
