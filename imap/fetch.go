package imap

import "strconv"

// FetchItem is one data item of FETCH (RFC 9051 §6.4.5). The macros ALL, FAST and FULL stand for
// several items and never appear here.
type FetchItem struct {
	// Name in upper case: "FLAGS", "BODY", "BINARY.SIZE", "RFC822.HEADER"; an extension's with its
	// arguments, "PREVIEW (LAZY)".
	Name    string
	Peek    bool     // BODY.PEEK, BINARY.PEEK: does not set \Seen
	Section *Section // BODY[...], BINARY[...], BINARY.SIZE[...]; nil for BODY, the structure without extensions
	Partial *Partial // <offset.count>
}

// Section names a part of a message (RFC 9051 §6.4.5.1). The zero value is the whole message.
type Section struct {
	Part   []uint32 // part numbers from the outside in
	Text   string   // "", "HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT", "TEXT" or "MIME"
	Fields []string // header field names for HEADER.FIELDS and HEADER.FIELDS.NOT
}

// Partial is a range of octets of a section.
type Partial struct {
	Offset int64
	Count  int64 // at least 1
}

// The data items without parameters.
var (
	FetchUID       = FetchItem{Name: "UID"}
	FetchFlags     = FetchItem{Name: "FLAGS"}
	FetchModSeq    = FetchItem{Name: "MODSEQ"} // RFC 7162 §3.1.4.2
	FetchEnvelope  = FetchItem{Name: "ENVELOPE"}
	FetchStructure = FetchItem{Name: "BODYSTRUCTURE"}
	FetchBody      = FetchItem{Name: "BODY"} // BODYSTRUCTURE without extension data
	FetchDate      = FetchItem{Name: "INTERNALDATE"}
	FetchSize      = FetchItem{Name: "RFC822.SIZE"}

	// Peek is the whole message, BODY.PEEK[].
	Peek = FetchItem{Name: "BODY", Peek: true, Section: &Section{}}
	// RFC822 is the whole message, BODY[], and marks it as read: the server sets \Seen, unless the
	// mailbox is selected for reading only. To look at mail without that, use Peek.
	RFC822  = FetchItem{Name: "BODY", Section: &Section{}}
	Headers = FetchItem{Name: "BODY", Peek: true, Section: &Section{Text: "HEADER"}} // BODY.PEEK[HEADER]
)

// HeaderFields returns BODY.PEEK[HEADER.FIELDS (names)].
func HeaderFields(names ...string) FetchItem {
	return FetchItem{Name: "BODY", Peek: true, Section: &Section{Text: "HEADER.FIELDS", Fields: names}}
}

// RawFetch returns an item by its name, for extensions that this package has no name for.
func RawFetch(item string) FetchItem { return FetchItem{Name: item} }

// WithPartial returns the item limited to count octets from offset.
func (f FetchItem) WithPartial(offset, count int64) FetchItem {
	f.Partial = &Partial{offset, count}
	return f
}

// PartNumber returns the part's number as it is written, "1.2", "" for the whole message.
func (s *Section) PartNumber() string {
	var b []byte
	for i, n := range s.Part {
		if i > 0 {
			b = append(b, '.')
		}
		b = strconv.AppendUint(b, uint64(n), 10)
	}
	return string(b)
}
