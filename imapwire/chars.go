package imapwire

// class is a set of character classes of RFC 9051 §9.
type class uint16

const (
	atomChar    class = 1 << iota // ATOM-CHAR
	astringChar                   // ASTRING-CHAR: ATOM-CHAR or "]"
	listChar                      // list-char: ASTRING-CHAR or a wildcard
	tagChar                       // ASTRING-CHAR except "+"
	textChar                      // TEXT-CHAR: 7-bit, not NUL, CR or LF
	quotedChar                    // TEXT-CHAR except quoted-specials: stands for itself between quotes
	quotedByte                    // quotedChar or part of a UTF-8 sequence
	digitChar                     // DIGIT
	setChar                       // what a sequence-set is written with: digits, ":", ",", "*", "$"
	base64Char                    // base64-char
)

// chars holds the classes of every octet.
var chars = func() (t [256]class) {
	for i := range t {
		c := byte(i)
		if c >= 0x80 {
			t[i] = quotedByte
			continue
		}
		if c != 0 && c != '\r' && c != '\n' {
			t[i] |= textChar
			if c != '"' && c != '\\' {
				t[i] |= quotedChar | quotedByte
			}
		}
		switch {
		case c <= ' ' || c == 0x7f:
		case c == '(' || c == ')' || c == '{' || c == '"' || c == '\\':
		case c == '%' || c == '*':
			t[i] |= listChar
		case c == ']':
			t[i] |= astringChar | listChar | tagChar
		case c == '+':
			t[i] |= atomChar | astringChar | listChar
		default:
			t[i] |= atomChar | astringChar | listChar | tagChar
		}
		switch {
		case c >= '0' && c <= '9':
			t[i] |= digitChar | setChar | base64Char
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c == '+', c == '/':
			t[i] |= base64Char
		case c == ':' || c == ',' || c == '*' || c == '$':
			t[i] |= setChar
		}
	}
	return t
}()

// is reports whether the octet belongs to one of the classes.
func is(c byte, k class) bool { return chars[c]&k != 0 }

// all reports whether every octet of s belongs to one of the classes.
func all[S string | []byte](s S, k class) bool {
	for i := 0; i < len(s); i++ {
		if chars[s[i]]&k == 0 {
			return false
		}
	}
	return true
}

// isAtom reports whether s can be written as an atom.
func isAtom[S string | []byte](s S) bool { return len(s) > 0 && all(s, atomChar) }
