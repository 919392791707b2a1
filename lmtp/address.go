package lmtp

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// address is a path of RFC 5321 §4.1.2 without its source route. The null reverse-path is the
// zero address.
type address struct {
	local  string // unquoted
	domain string // "" for <Postmaster>, and for the bare names that local agents use
	raw    string // as the client wrote it, without the angle brackets and the route
}

var errAddress = errors.New("lmtp: malformed address")

// parsePath reads "<...>" from the start of s and returns what follows it. It takes more than
// the grammar: dots where no atom is, names without a domain, and blanks before the path.
func parsePath(s string) (a address, rest string, err error) {
	s, ok := strings.CutPrefix(strings.TrimLeft(s, " "), "<")
	if !ok {
		return address{}, "", errAddress
	}
	if strings.HasPrefix(s, "@") { // a source route is ignored (RFC 5321 appendix C)
		_, after, found := strings.Cut(s, ":")
		if !found {
			return address{}, "", errAddress
		}
		s = after
	}
	start := s
	if a.local, s, err = parseLocalPart(s); err != nil {
		return address{}, "", err
	}
	if after, ok := strings.CutPrefix(s, "@"); ok && a.local != "" {
		if a.domain, s, err = parseDomain(after); err != nil {
			return address{}, "", err
		}
	}
	a.raw = start[:len(start)-len(s)]
	rest, ok = strings.CutPrefix(s, ">")
	if !ok || !utf8.ValidString(a.raw) || rest != "" && rest[0] != ' ' {
		return address{}, "", errAddress
	}
	return a, rest, nil
}

// parseLocalPart reads a Dot-string, leniently, or a Quoted-string.
func parseLocalPart(s string) (local, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		i := 0
		for i < len(s) && (isAtext(s[i]) || s[i] == '.') {
			i++
		}
		return s[:i], s[i:], nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			if b.Len() == 0 {
				return "", "", errAddress
			}
			return b.String(), s[i+1:], nil
		case c < ' ' || c == 0x7f:
			return "", "", errAddress
		case c == '\\':
			i++
			if i == len(s) || s[i] < ' ' || s[i] > '~' {
				return "", "", errAddress
			}
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", errAddress
}

// parseDomain reads a Domain or an address-literal.
func parseDomain(s string) (domain, rest string, err error) {
	i := 0
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", "", errAddress
		}
		for _, c := range []byte(s[1:end]) {
			if c < '!' || c > '~' || c == '[' || c == '\\' || c == '<' || c == '>' {
				return "", "", errAddress
			}
		}
		return s[:end+1], s[end+1:], nil
	}
	for i < len(s) && isDomainByte(s[i]) {
		i++
	}
	if i == 0 || i > 255 {
		return "", "", errAddress
	}
	return s[:i], s[i:], nil
}

func isDomainByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c >= 0x80
}

// isAtext reports whether c is of an Atom (RFC 5322 §3.2.3, with RFC 6531 §3.3).
func isAtext(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c >= 0x80 ||
		strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

func (a address) isASCII() bool {
	for i := range len(a.raw) {
		if a.raw[i] >= 0x80 {
			return false
		}
	}
	return true
}

// parseParams reads esmtp-params (RFC 5321 §4.1.2): keywords in upper case, values as they are.
func parseParams(s string) (map[string]string, error) {
	params := make(map[string]string)
	for field := range strings.FieldsSeq(s) {
		keyword, value, _ := strings.Cut(field, "=")
		keyword = strings.ToUpper(keyword)
		if _, twice := params[keyword]; twice || keyword == "" {
			return nil, errors.New("lmtp: malformed parameters")
		}
		params[keyword] = value
	}
	return params, nil
}
