package imapserver

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"restante/imap"
	"restante/imapwire"
	"restante/message"
	"restante/store"
)

// isHeaderFields reports whether a section is not a range of the message, but some of its fields.
func isHeaderFields(s *imap.Section) bool {
	return s.Text == "HEADER.FIELDS" || s.Text == "HEADER.FIELDS.NOT"
}

// section writes BODY[...], as a literal, or NIL where there is no such part.
func (f *fetcher) section(s *imap.Section, partial *imap.Partial) error {
	if isHeaderFields(s) {
		return f.fields(s, partial)
	}
	r, ok, err := f.msg.sectionRange(s)
	if err != nil {
		return err
	}
	if !ok {
		f.c.out = append(f.c.out, "NIL"...)
		return nil
	}
	return f.octets(partialRange(r, partial))
}

// sectionRange returns where in the message a section is, or false when there is no such part.
func (m *openMessage) sectionRange(s *imap.Section) (message.Range, bool, error) {
	r := message.Range{Len: int64(m.row.Size)}
	switch {
	case len(s.Part) == 0 && s.Text == "":
		return r, true, nil
	case len(s.Part) == 0:
		sum, err := m.summary()
		if err != nil {
			return r, false, err
		}
		if n := sum.HeaderLen(); s.Text == "HEADER" {
			r.Len = n
		} else {
			r = message.Range{Off: n, Len: r.Len - n}
		}
		return r, true, nil
	}
	st, err := m.structure()
	if err != nil {
		return r, false, err
	}
	r, ok := st.Section(s)
	return r, ok, nil
}

// partialRange returns the part of a range that a partial fetch asks for.
func partialRange(r message.Range, p *imap.Partial) message.Range {
	if p == nil {
		return r
	}
	if p.Offset >= r.Len {
		return message.Range{Off: r.Off + r.Len}
	}
	left := r.Len - p.Offset
	if p.Count > 0 { // 0 is for a URL that names all the rest
		left = min(left, p.Count)
	}
	return message.Range{Off: r.Off + p.Offset, Len: left}
}

// maxInline is how many octets of a body are copied into the output; more are written past it.
const maxInline = 32 << 10

// errBroken says that a message is shorter than its row has it.
var errBroken = errors.New("imapserver: a message could not be read to its end")

// octets writes a range of the message as a literal.
func (f *fetcher) octets(r message.Range) error {
	c := f.c
	body, err := f.msg.open()
	if err != nil {
		return err
	}
	c.out = append(imapwire.AppendNumber(append(c.out, '{'), r.Len), "}\r\n"...)
	if r.Len <= maxInline {
		n := len(c.out)
		c.out = slices.Grow(c.out, int(r.Len))[:n+int(r.Len)]
		// Exactly as many: what stood in the buffer before is not for this client.
		if read, err := body.ReadAt(c.out[n:], r.Off); int64(read) != r.Len {
			if err == nil || err == io.EOF {
				err = errBroken
			}
			return err
		}
		return nil
	}
	if err := f.flush(); err != nil {
		return err
	}
	return c.writeRange(body, r.Off, r.Len)
}

// writeSlice is how much of a body must get through within the write time-out.
const writeSlice = 256 << 10

// writeRange writes octets of a body past the output buffer, which is empty.
func (c *conn) writeRange(body store.Body, off, n int64) error {
	c.endTurn()
	for n > 0 {
		c.nc.SetWriteDeadline(time.Now().Add(c.s.limits.WriteTimeout))
		slice := min(n, writeSlice)
		done, err := body.WriteRange(c.nc, off, slice)
		if err != nil || done != slice {
			// The literal was announced: its octets can be neither sent nor taken back.
			if err == nil {
				err = io.ErrUnexpectedEOF
			}
			c.writeErr = fmt.Errorf("%w: %w", errBroken, err)
			return c.writeErr
		}
		off, n = off+slice, n-slice
	}
	return nil
}

// fields writes BODY[HEADER.FIELDS ...].
func (f *fetcher) fields(s *imap.Section, partial *imap.Partial) error {
	header, ok, err := f.msg.filteredHeader(s)
	if err != nil {
		return err
	}
	if !ok {
		f.c.out = append(f.c.out, "NIL"...)
		return nil
	}
	f.literal(header, partial)
	return nil
}

// filteredHeader returns the fields that HEADER.FIELDS or HEADER.FIELDS.NOT means, or false when there
// is no such part: from the summary when it holds them, otherwise from the header.
func (m *openMessage) filteredHeader(s *imap.Section) ([]byte, bool, error) {
	not := s.Text == "HEADER.FIELDS.NOT"
	if len(s.Part) == 0 {
		sum, err := m.summary()
		if err != nil {
			return nil, false, err
		}
		if out, ok := sum.HeaderFields(nil, s.Fields, not); ok {
			return out, true, nil
		}
	}
	st, err := m.structure()
	if err != nil {
		return nil, false, err
	}
	r, ok := st.Section(&imap.Section{Part: s.Part, Text: "HEADER"})
	if !ok {
		return nil, false, nil
	}
	header, err := m.readHeader(r)
	if err != nil {
		return nil, false, err
	}
	return message.FilterHeader(nil, header, s.Fields, not), true, nil
}

// literal writes octets, or the part of them that a partial fetch asks for.
func (f *fetcher) literal(b []byte, p *imap.Partial) {
	r := partialRange(message.Range{Len: int64(len(b))}, p)
	f.c.out = imapwire.AppendLiteral(f.c.out, b[r.Off:r.Off+r.Len])
}
