package summary

import (
	"encoding/binary"
	"io"
	"strings"
	"sync"
	"time"

	"restante/imapwire"
	"restante/internal/maildate"
	"restante/message"
)

// NewBuilder returns a writer that the message is written through, in pieces of any size, and a
// function that ends it and returns the summary. The writer never fails. finish may be called
// once, and the writer not used after it.
func NewBuilder() (w io.Writer, finish func() []byte) {
	b := builders.Get().(*builder)
	b.scanner.Reset()
	b.head = b.head[:0]
	return b, func() []byte {
		sum := summarise(b.scanner.Result(), b.head)
		b.scanner.Reset()
		builders.Put(b)
		return sum
	}
}

// builder scans a message and keeps its beginning.
type builder struct {
	scanner *message.Scanner
	head    []byte
}

func (b *builder) Write(p []byte) (int, error) {
	if room := maxHead - len(b.head); room > 0 {
		b.head = append(b.head, p[:min(room, len(p))]...)
	}
	return b.scanner.Write(p)
}

// builders keep their buffers from message to message.
var builders = sync.Pool{New: func() any { return &builder{scanner: message.NewScanner()} }}

// scratch is what a summary is put together in before its size is known.
type scratch struct{ out, part []byte }

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// maxScratch is the size of buffers that are worth keeping, in octets.
const maxScratch = 64 << 10

// Build returns the summary of a message that was just scanned. It has no preview.
func Build(st *message.Structure) Summary { return summarise(st, nil) }

// summarise is Build with the beginning of the message, to make the preview of.
func summarise(st *message.Structure, head []byte) Summary {
	b := scratches.Get().(*scratch)
	flags, part := byte(0), b.part[:0]
	var unix int64
	var day int64
	if t, ok := maildate.Parse(st.Envelope.RawDate); ok {
		flags |= hasDate
		unix, day = t.Unix(), dayOf(t)
	}
	out := append(b.out[:0], version, 0)

	part = binary.AppendVarint(part, st.Root.BodyStart)
	part = binary.AppendVarint(part, unix)
	part = binary.AppendVarint(part, day)
	out = appendSection(out, part)
	out, part = appendRendered(out, part, st)

	var names []byte
	complete := int64(len(st.Header)) == st.Root.BodyStart
	if complete {
		part, names, complete = appendFields(part[:0], st.Header)
	}
	if complete {
		flags |= allFields
	} else {
		part, names = part[:0], nil
	}
	out = appendSection(out, part)
	out = appendSection(out, names)
	if strings.HasSuffix(st.Header, "\n\r\n") || st.Header == "\r\n" {
		flags |= blankLine
	} else if strings.HasSuffix(st.Header, "\n\n") || st.Header == "\n" {
		flags |= blankLineLF
	}
	out = appendSection(out, appendStructure(part[:0], st))
	text, ok := headPreview(head, st)
	if ok {
		flags |= hasPreview
	}
	out = appendSection(out, []byte(text))
	out[1] = flags

	sum := append(make(Summary, 0, len(out)), out...)
	if cap(out) <= maxScratch && cap(part) <= maxScratch {
		b.out, b.part = out, part
		scratches.Put(b)
	}
	return sum
}

// maxRendered is how many octets of what is sent are kept, of ENVELOPE, BODY and BODYSTRUCTURE together.
// A part without anything takes five octets of a message and 130 of them; what ten thousand such parts
// make is not stored and read again and again, but made when somebody asks for it. A hundred
// attachments, or five hundred recipients, fit in.
const maxRendered = 32 << 10

// appendRendered appends the sections that are kept as they are sent, those left empty that are too
// long: the longest first, until the others fit. scratch is returned for use again.
func appendRendered(dst, scratch []byte, st *message.Structure) (out, _ []byte) {
	scratch = AppendEnvelope(scratch[:0], st)
	a := len(scratch)
	scratch = AppendBody(scratch, st)
	b := len(scratch)
	scratch = AppendBodyStructure(scratch, st)
	rendered := [...][]byte{scratch[:a], scratch[a:b], scratch[b:]}
	for total := len(scratch); total > maxRendered; {
		longest := 0
		for i := range rendered {
			if len(rendered[i]) > len(rendered[longest]) {
				longest = i
			}
		}
		total -= len(rendered[longest])
		rendered[longest] = nil
	}
	for _, r := range rendered {
		dst = appendSection(dst, r)
	}
	return dst, scratch
}

// AppendEnvelope appends the value of ENVELOPE of a message that was scanned, as it stands in a FETCH
// response: what Summary.Envelope returns when it is kept. The same goes for the next two.
func AppendEnvelope(dst []byte, st *message.Structure) []byte {
	return imapwire.AppendEnvelope(dst, st.Envelope)
}

// AppendBody appends the value of BODY.
func AppendBody(dst []byte, st *message.Structure) []byte {
	return imapwire.AppendBodyStructure(dst, st.Root.Part, false)
}

// AppendBodyStructure appends the value of BODYSTRUCTURE.
func AppendBodyStructure(dst []byte, st *message.Structure) []byte {
	return imapwire.AppendBodyStructure(dst, st.Root.Part, true)
}

// dayOf returns the calendar day of t as it is written, in days since 1 January 1970.
func dayOf(t time.Time) int64 {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400
}

func appendSection(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// appendFields appends the kept fields of a header block, and returns the hashes of the names of
// the others. It reports false when they are too much.
func appendFields(dst []byte, header string) (fields, names []byte, ok bool) {
	var buf [128]byte
	names = buf[:0]
	for f := range message.Fields(header) {
		if f.Name == "" {
			continue // HEADER.FIELDS cannot ask for it
		}
		n, hash := numberOf(f.Name)
		if n == notKept {
			if names = appendHash(names, hash); len(names) > maxNames {
				return dst, nil, false
			}
			continue
		}
		dst = binary.AppendUvarint(append(dst, byte(n)), uint64(len(f.Raw)))
		dst = append(dst, f.Raw...)
		if len(dst) > maxFields {
			return dst, nil, false
		}
	}
	return dst, names, true
}

func appendHash(names []byte, hash uint16) []byte {
	for i := 0; i+1 < len(names); i += 2 {
		if binary.LittleEndian.Uint16(names[i:]) == hash {
			return names
		}
	}
	return binary.LittleEndian.AppendUint16(names, hash)
}
