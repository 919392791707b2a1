package imap

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func bodies() map[string]func(s string) *BodySection {
	return map[string]func(s string) *BodySection{
		"memory": func(s string) *BodySection { return NewBody("1", []byte(s)) },
		"reader": func(s string) *BodySection {
			return bodyReader("1", int64(len(s)), iotest.OneByteReader(strings.NewReader(s+"next response")))
		},
	}
}

func bodyReader(section string, size int64, r io.Reader) *BodySection {
	b := NewBody(section, nil)
	b.Stream(size, r)
	return b
}

func TestBodySection(t *testing.T) {
	const text = "Subject: x\r\n\r\nhello"
	for name, body := range bodies() {
		if got, err := io.ReadAll(body(text)); string(got) != text || err != nil {
			t.Errorf("%s: Read: %q, %v", name, got, err)
		}
		var buf bytes.Buffer
		if n, err := body(text).WriteTo(&buf); buf.String() != text || n != int64(len(text)) || err != nil {
			t.Errorf("%s: WriteTo: %q, %d, %v", name, &buf, n, err)
		}
		b := body(text)
		if got, err := b.Bytes(); string(got) != text || err != nil || b.String() != text {
			t.Errorf("%s: Bytes: %q, %v, then %q", name, got, err, b)
		}
		if got, err := io.ReadAll(b); string(got) != text || err != nil {
			t.Errorf("%s: Read behind Bytes: %q, %v", name, got, err)
		}
		b = body(text)
		io.ReadFull(b, make([]byte, 9))
		if b.String() != "x\r\n\r\nhello" || b.Len() != int64(len(text)) {
			t.Errorf("%s: %q is left of %d", name, b, b.Len())
		}
	}
}

// A connection that ends in the middle of a body is an error, whichever way it is read.
func TestBodySectionCut(t *testing.T) {
	for name, read := range map[string]func(b *BodySection) error{
		"Read":    func(b *BodySection) error { _, err := io.ReadAll(b); return err },
		"WriteTo": func(b *BodySection) error { _, err := b.WriteTo(io.Discard); return err },
		"Bytes":   func(b *BodySection) error { _, err := b.Bytes(); return err },
		"Keep":    func(b *BodySection) error { return (&Message{Bodies: []*BodySection{b}}).Keep() },
	} {
		if err := read(bodyReader("", 10, strings.NewReader("short"))); err != io.ErrUnexpectedEOF {
			t.Errorf("%s: %v", name, err)
		}
		if err := read((&Message{}).Body("1.2")); name != "Keep" && !errors.Is(err, ErrMissing) {
			t.Errorf("%s of a missing body: %v", name, err)
		}
	}
}

func TestMessageMerge(t *testing.T) {
	m := &Message{Seq: 3, Flags: []Flag{Seen}, Items: ItemFlags, Bodies: []*BodySection{NewBody("1", []byte("old")), NewBody("2", nil)}}
	m.Merge(&Message{Seq: 3, UID: 9, Size: 5, Items: ItemUID | ItemSize, Extra: []RawItem{{"X", "1"}},
		Bodies: []*BodySection{NewBody("1", []byte("new")), NewBody("header", []byte("h"))}})
	m.Merge(&Message{Seq: 3, Flags: []Flag{Deleted}, Items: ItemFlags, Defects: []Defect{{Quirk: "q"}}})
	if m.Seq != 3 || m.UID != 9 || m.Size != 5 || len(m.Flags) != 1 || m.Flags[0] != Deleted || len(m.Defects) != 1 {
		t.Errorf("%+v", m)
	}
	if m.Body("1").String() != "new" || m.Body("HEADER").String() != "h" || len(m.Bodies) != 3 || m.Body() != m.Bodies[0] {
		t.Errorf("%+v", m.Bodies)
	}
	structure := &Part{Type: "text"}
	m.Merge(&Message{Structure: structure, Items: ItemStructure})
	m.Merge(&Message{Structure: &Part{}, Items: ItemBody})
	if m.Structure != structure {
		t.Error("BODY replaced BODYSTRUCTURE")
	}
	for item, want := range map[string]bool{"UID": true, "flags": true, "ENVELOPE": false, "BODYSTRUCTURE": true,
		"BODY": true, "X": true, "Y": false, "RFC822": false, "RFC822.HEADER": true, "RFC822.SIZE": true, "BINARY.SIZE": false} {
		if m.Has(RawFetch(item)) != want {
			t.Errorf("Has(%s) = %v", item, !want)
		}
	}
	if !m.Has(Headers) || m.Has(RFC822) || m.Has(FetchItem{Name: "BINARY", Section: &Section{Part: []uint32{1}}}) {
		t.Error("Has of sections")
	}
	if s := m.Items.String(); s != "UID FLAGS RFC822.SIZE BODY BODYSTRUCTURE" {
		t.Error(s)
	}
}

func TestSectionString(t *testing.T) {
	for want, s := range map[string]Section{
		"":                              {},
		"1.2":                           {Part: []uint32{1, 2}},
		"TEXT":                          {Text: "TEXT"},
		"4.HEADER.FIELDS.NOT (Date To)": {Part: []uint32{4}, Text: "HEADER.FIELDS.NOT", Fields: []string{"Date", "To"}},
	} {
		if got := s.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
