package message

import (
	"bytes"
	"io"

	"restante/imap"
)

// maxFilter is how many octets of a header block HEADER.FIELDS looks at. All of it must be in
// memory, since the answer's size comes before the answer.
const maxFilter = 4 << 20

// Part returns the node with the given part number, nil if there is none (RFC 9051 §6.4.5.1). No
// number at all is the message. Part 1 of a message that is not multipart is its body, and the
// node the message's.
func (st *Structure) Part(number ...uint32) *Node {
	n := st.Root
	inside := true // n is a message and not a part that holds one
	for _, i := range number {
		if !inside && n.Message() && len(n.Children) > 0 {
			n, inside = n.Children[0], true
		}
		switch {
		case n.Part.Multipart() && i >= 1 && int64(i) <= int64(len(n.Children)):
			n = n.Children[i-1]
		case inside && !n.Part.Multipart() && i == 1:
		default:
			return nil
		}
		inside = false
	}
	return n
}

// Section returns where in the message a section is. It reports false for a section that does
// not exist: a part that is not there, HEADER or TEXT of a part that is no message. For
// HEADER.FIELDS and HEADER.FIELDS.NOT the range is that of the whole header, to be filtered with
// FilterHeader. The range of an empty section is empty, and BODY[] is the message.
func (st *Structure) Section(sec *imap.Section) (Range, bool) {
	n := st.Part(sec.Part...)
	if n == nil {
		return Range{}, false
	}
	if sec.Text == "MIME" {
		return n.header(), len(sec.Part) > 0
	}
	if sec.Text == "" {
		if len(sec.Part) == 0 {
			return Range{0, st.Size}, true
		}
		return n.body(), true
	}
	if len(sec.Part) > 0 {
		if !n.Message() || len(n.Children) == 0 {
			return Range{}, false
		}
		n = n.Children[0]
	}
	switch sec.Text {
	case "HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT":
		return n.header(), true
	case "TEXT":
		return n.body(), true
	}
	return Range{}, false
}

// Open returns the contents of a section of the message in ra, with header fields filtered. Its
// Size is the section's. It reports false for a section that does not exist. The error is ra's;
// only the filtering of header fields reads.
func (st *Structure) Open(ra io.ReaderAt, sec *imap.Section) (*io.SectionReader, bool, error) {
	r, ok := st.Section(sec)
	if !ok {
		return nil, false, nil
	}
	if sec.Text != "HEADER.FIELDS" && sec.Text != "HEADER.FIELDS.NOT" {
		return io.NewSectionReader(ra, r.Off, r.Len), true, nil
	}
	header, err := readRange(ra, Range{r.Off, min(r.Len, maxFilter)})
	if err != nil {
		return nil, true, err
	}
	out := FilterHeader(nil, header, sec.Fields, sec.Text == "HEADER.FIELDS.NOT")
	return io.NewSectionReader(bytes.NewReader(out), 0, int64(len(out))), true, nil
}

// readRange reads a range that is known to be small.
func readRange(ra io.ReaderAt, r Range) ([]byte, error) {
	b := make([]byte, r.Len)
	n, err := ra.ReadAt(b, r.Off)
	if n == len(b) {
		err = nil
	} else if err == io.EOF {
		err = io.ErrUnexpectedEOF // the message is shorter than when it was scanned
	}
	return b[:n], err
}
