package message

import (
	"iter"
	"strings"

	"restante/internal/charset"
)

// Field is one header field, RFC 5322 §2.2. A line without a colon is a Field without a name.
type Field struct {
	Name string
	Raw  string // all of the field: name, colon, value, folds and the last line break
}

// Value returns the field's value on one line, without white space at its ends, otherwise as it
// is in the message.
func (f Field) Value() string {
	v := f.Raw
	if f.Name != "" {
		v = v[strings.IndexByte(v, ':')+1:]
	}
	return charset.Unfold(trim(v))
}

// Text returns the decoded value: on one line and with encoded words decoded.
func (f Field) Text() string { return charset.DecodeHeader(f.Value()) }

// Is reports whether the field has that name, compared without case in the ASCII range
// (RFC 9051 §6.4.5.1).
func (f Field) Is(name string) bool { return equalFold(f.Name, name) }

// Fields yields the fields of a header block up to the blank line.
func Fields(header string) iter.Seq[Field] {
	return func(yield func(Field) bool) {
		for header != "" && !blank(header) {
			n := fieldLen(header)
			if !yield(Field{fieldName(header[:n]), header[:n]}) {
				return
			}
			header = header[n:]
		}
	}
}

// trim returns s without white space and line breaks at its ends. It is strings.Trim, three times
// as fast.
func trim(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t' || s[0] == '\r' || s[0] == '\n') {
		s = s[1:]
	}
	for n := len(s) - 1; n >= 0 && (s[n] == ' ' || s[n] == '\t' || s[n] == '\r' || s[n] == '\n'); n-- {
		s = s[:n]
	}
	return s
}

// blank reports whether a header block's rest starts with the blank line that ends it.
func blank(s string) bool {
	return s[0] == '\n' || (s[0] == '\r' && len(s) > 1 && s[1] == '\n')
}

// fieldLen returns the length of the field that s starts with, folds included.
func fieldLen(s string) int {
	n := 0
	for {
		i := strings.IndexByte(s[n:], '\n')
		if i < 0 {
			return len(s)
		}
		n += i + 1
		if n == len(s) || (s[n] != ' ' && s[n] != '\t') {
			return n
		}
	}
}

// fieldName returns the name of a field: what stands before the colon without the white space
// that RFC 5322 §4.5 used to allow there, or "".
func fieldName(s string) string {
	i := strings.IndexByte(s, ':')
	if i <= 0 || i > 998 {
		return ""
	}
	name := strings.TrimRight(s[:i], " \t")
	for j := 0; j < len(name); j++ {
		if name[j] <= ' ' || name[j] == 0x7f {
			return "" // "From ann@example.org Mon Nov 23 10:00" of an mbox, or no header at all
		}
	}
	return name
}

// FilterHeader appends the fields of a header block that HEADER.FIELDS, or with not
// HEADER.FIELDS.NOT, asks for (RFC 9051 §6.4.5.1): in their order and as they are, with the blank
// line at the end when the block has one. Lines that are no fields belong to NOT.
func FilterHeader(dst, header []byte, fields []string, not bool) []byte {
	s := string(header)
	asked := newNames(fields)
	for s != "" && !blank(s) {
		n := fieldLen(s)
		if asked.contain(fieldName(s[:n])) != not {
			dst = append(dst, s[:n]...)
		}
		s = s[n:]
	}
	return append(dst, s...)
}

// names are names of fields. Many are looked up by their lower case: a header of many fields times many
// names would take long.
type names struct {
	list    []string
	byLower map[string]struct{} // nil when they are few
}

func newNames(list []string) names {
	const few = 16
	n := names{list: list}
	if len(list) > few {
		n.byLower = make(map[string]struct{}, len(list))
		for _, name := range list {
			n.byLower[lowerName(name)] = struct{}{}
		}
	}
	return n
}

// contain reports whether a field has one of the names. What is no field has none.
func (n *names) contain(name string) bool {
	if name == "" {
		return false
	}
	if n.byLower != nil {
		_, ok := n.byLower[lowerName(name)]
		return ok
	}
	for _, other := range n.list {
		if equalFold(other, name) {
			return true
		}
	}
	return false
}

// lowerName is equal for names that are equal without case in the ASCII range.
func lowerName(name string) string {
	b := []byte(name)
	for i, c := range b {
		b[i] = lower(c)
	}
	return string(b)
}

// equalFold compares without case in the ASCII range only: strings.EqualFold would take U+212A for
// the letter K.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if a[i] != b[i] && lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
