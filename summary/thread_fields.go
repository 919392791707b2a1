package summary

import (
	"bytes"
	"encoding/binary"
	"slices"

	"restante/message"
)

// ThreadFields are the fields that say which message a message answers, each as it is in the message or
// nil. Of several of one name it is the first.
type ThreadFields struct{ MessageID, InReplyTo, References []byte }

// of returns the field of a name in kept, nil for those that do not matter here.
func (f *ThreadFields) of(name string) *[]byte {
	switch name {
	case "message-id":
		return &f.MessageID
	case "in-reply-to":
		return &f.InReplyTo
	case "references":
		return &f.References
	}
	return nil
}

// ThreadFields returns those fields. It reports false when the summary does not know: then the header
// has to be read.
func (s Summary) ThreadFields() (f ThreadFields, ok bool) {
	if !s.flag(allFields) {
		return f, false
	}
	for rest := s.section(fields); len(rest) > 0; {
		n, k := binary.Uvarint(rest[1:])
		if k <= 0 || n > uint64(len(rest)-1-k) {
			break
		}
		end := 1 + k + int(n)
		if int(rest[0]) < len(kept) {
			if field := f.of(kept[rest[0]]); field != nil && *field == nil {
				*field = rest[1+k : end]
			}
		}
		rest = rest[end:]
	}
	return f, true
}

// HeaderThreadFields returns those fields of a header.
func HeaderThreadFields(header []byte) (f ThreadFields) {
	for field := range message.Fields(string(header)) {
		for _, name := range [...]string{"message-id", "in-reply-to", "references"} {
			if to := f.of(name); field.Is(name) && *to == nil {
				*to = []byte(field.Raw)
			}
		}
	}
	return f
}

// NextMessageID returns the first message ID in a field, in the one form that RFC 5256 §3 wants: without
// brackets, white space, and the quotes and backslashes of what need not be quoted; and what is behind
// it. It is nil when there is none. scratch is where one is put that is not as it stands there.
func NextMessageID(field, scratch []byte) (id, rest []byte) {
	for {
		start := bytes.IndexByte(field, '<')
		if start < 0 {
			return nil, nil
		}
		field = field[start+1:]
		// Nearly always there is nothing to change.
		end := bytes.IndexByte(field, '>')
		if end < 0 {
			end = len(field)
		}
		if id = field[:end]; !bytes.ContainsAny(id, "\" \t\r\n<\\") {
			if end < len(field) && valid(id) {
				return id, field[end+1:]
			}
			field = field[end:]
			continue
		}
		if id, field = unquotedID(field, scratch); valid(id) {
			return id, field
		}
	}
}

// unquotedID returns the ID that ends before the first ">" that is not quoted, and what is behind it. One
// that does not end is nil.
func unquotedID(field, scratch []byte) (id, rest []byte) {
	id, quoted := scratch[:0], false
	for i := 0; i < len(field); i++ {
		switch c := field[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && i+1 < len(field):
			i++
			id = append(id, field[i])
		case c == '<' && !quoted:
			return nil, field[i:]
		case c == '>' && !quoted:
			return id, field[i+1:]
		case c == '\r', c == '\n', !quoted && (c == ' ' || c == '\t'):
		default:
			id = append(id, c)
		}
	}
	return nil, nil
}

// valid reports whether an ID has something on both sides of an "@".
func valid(id []byte) bool {
	at := slices.Index(id, '@')
	return at > 0 && at < len(id)-1
}
