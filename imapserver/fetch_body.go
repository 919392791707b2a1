package imapserver

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"time"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
	"restante/message"
	"restante/store"
	"restante/summary"
)

// fetched is one message while its sections are read. What it needs is opened when it is needed.
type fetched struct {
	c    *conn
	seq  imap.SeqNum
	row  mailbox.Row
	sum  summary.Summary
	body store.Body
	st   *message.Structure
}

func (m *fetched) reset(x *mailbox.Numbered) {
	m.close()
	m.seq, m.row, m.sum, m.st = x.Seq, x.Row, nil, nil
}

func (m *fetched) close() {
	if m.body != nil {
		m.body.Close()
		m.body = nil
	}
}

// open returns the message's octets.
func (m *fetched) open() (store.Body, error) {
	if m.body == nil {
		body, err := m.c.sel.box.Body(m.c.ctx, m.row.Ref)
		if err != nil {
			return nil, err
		}
		m.body = body
	}
	return m.body, nil
}

// summary returns the message's summary. One that is missing, or that another version wrote, is
// made again from the message.
func (m *fetched) summary() (summary.Summary, error) {
	if m.sum.Valid() {
		return m.sum, nil
	}
	body, err := m.open()
	if err != nil {
		return nil, err
	}
	w, finish := summary.NewBuilder()
	if _, err := io.Copy(w, io.NewSectionReader(body, 0, body.Size())); err != nil {
		return nil, err
	}
	m.sum = finish()
	return m.sum, nil
}

// structure returns where the message's parts are.
func (m *fetched) structure() (*message.Structure, error) {
	if m.st == nil {
		sum, err := m.summary()
		if err != nil {
			return nil, err
		}
		if m.st = sum.Structure(); m.st == nil {
			body, err := m.open()
			if err != nil {
				return nil, err
			}
			if m.st, err = message.Parse(io.NewSectionReader(body, 0, body.Size())); err != nil {
				return nil, err
			}
		}
	}
	return m.st, nil
}

// section writes BODY[...], as a literal, or NIL where there is no such part.
func (f *fetcher) section(s *imap.Section, partial *imap.Partial) error {
	if s.Text == "HEADER.FIELDS" || s.Text == "HEADER.FIELDS.NOT" {
		return f.headerFields(s, partial)
	}
	r := message.Range{Len: int64(f.msg.row.Size)}
	switch {
	case len(s.Part) == 0 && s.Text == "":
	case len(s.Part) == 0:
		sum, err := f.msg.summary()
		if err != nil {
			return f.missing(err)
		}
		if n := sum.HeaderLen(); s.Text == "HEADER" {
			r.Len = n
		} else {
			r = message.Range{Off: n, Len: r.Len - n}
		}
	default:
		st, err := f.msg.structure()
		if err != nil {
			return f.missing(err)
		}
		var ok bool
		if r, ok = st.Section(s); !ok {
			f.c.out = append(f.c.out, "NIL"...)
			return nil
		}
	}
	return f.octets(cut(r, partial))
}

// cut returns the part of a range that a partial fetch asks for.
func cut(r message.Range, p *imap.Partial) message.Range {
	if p == nil {
		return r
	}
	if p.Offset >= r.Len {
		return message.Range{Off: r.Off + r.Len}
	}
	return message.Range{Off: r.Off + p.Offset, Len: min(p.Count, r.Len-p.Offset)}
}

// maxInline is how many octets of a body are copied into the output; more are written past it.
const maxInline = 32 << 10

// octets writes a range of the message as a literal.
func (f *fetcher) octets(r message.Range) error {
	c := f.c
	body, err := f.msg.open()
	if err != nil {
		return f.missing(err)
	}
	mark := len(c.out)
	c.out = append(imapwire.AppendNumber(append(c.out, '{'), r.Len), "}\r\n"...)
	if r.Len <= maxInline {
		n := len(c.out)
		c.out = slices.Grow(c.out, int(r.Len))[:n+int(r.Len)]
		// Exactly as many: what stood in the buffer before is not for this client.
		if read, err := body.ReadAt(c.out[n:], r.Off); int64(read) != r.Len {
			c.out = c.out[:mark]
			if err == nil || err == io.EOF {
				err = errBroken
			}
			return f.missing(err)
		}
		return nil
	}
	return c.writeRange(body, r.Off, r.Len)
}

// writeSlice is how much of a body must get through within the write time-out.
const writeSlice = 256 << 10

// writeRange writes octets of a body past the output buffer.
func (c *conn) writeRange(body store.Body, off, n int64) error {
	if err := c.flush(); err != nil {
		return err
	}
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

// headerFields writes BODY[HEADER.FIELDS ...]: from the summary when it holds the fields,
// otherwise from the header.
func (f *fetcher) headerFields(s *imap.Section, partial *imap.Partial) error {
	c := f.c
	not := s.Text == "HEADER.FIELDS.NOT"
	if len(s.Part) == 0 {
		sum, err := f.msg.summary()
		if err != nil {
			return f.missing(err)
		}
		if out, ok := sum.HeaderFields(nil, s.Fields, not); ok {
			c.out = imapwire.AppendLiteral(c.out, slicePart(out, partial))
			return nil
		}
	}
	st, err := f.msg.structure()
	if err != nil {
		return f.missing(err)
	}
	r, ok := st.Section(&imap.Section{Part: s.Part, Text: "HEADER"})
	if !ok {
		c.out = append(c.out, "NIL"...)
		return nil
	}
	body, err := f.msg.open()
	if err != nil {
		return f.missing(err)
	}
	if r.Len > maxHeader {
		r.Len = maxHeader
	}
	header := make([]byte, r.Len)
	if _, err := body.ReadAt(header, r.Off); err != nil && err != io.EOF {
		return f.missing(err)
	}
	fields := message.FilterHeader(nil, header, s.Fields, not)
	c.out = imapwire.AppendLiteral(c.out, slicePart(fields, partial))
	return nil
}

// maxHeader is how much of a header is searched for fields.
const maxHeader = 16 << 20

func slicePart(b []byte, p *imap.Partial) []byte {
	r := cut(message.Range{Len: int64(len(b))}, p)
	return b[r.Off : r.Off+r.Len]
}

// decoded returns the contents of a part without their transfer encoding (RFC 3516 §4.2).
func (f *fetcher) decoded(s *imap.Section) (r io.Reader, ok bool, err error) {
	body, err := f.msg.open()
	if err != nil {
		return nil, false, err
	}
	if len(s.Part) == 0 {
		return io.NewSectionReader(body, 0, body.Size()), true, nil
	}
	st, err := f.msg.structure()
	if err != nil {
		return nil, false, err
	}
	rng, ok := st.Section(s)
	if !ok {
		return nil, false, nil
	}
	raw := io.NewSectionReader(body, rng.Off, rng.Len)
	node := st.Part(s.Part...)
	if node == nil || len(node.Children) > 0 {
		return raw, true, nil
	}
	r, err = message.DecodePart(node.Part, raw)
	return r, true, err
}

// errUnknownCTE answers BINARY of a part whose transfer encoding is unknown (RFC 3516 §4.3).
var errUnknownCTE = no(imap.CodeUnknownCTE, "The transfer encoding of this part is unknown")

// binary writes BINARY[...]. The contents are decoded twice, to know their length and whether they
// hold NUL before they are sent, unless they are short.
func (f *fetcher) binary(s *imap.Section, partial *imap.Partial) error {
	c := f.c
	r, ok, err := f.decoded(s)
	switch {
	case err != nil:
		return f.missing(unknownCTE(err))
	case !ok:
		c.out = append(c.out, "NIL"...)
		return nil
	}
	var scan binaryScan
	if _, err := io.Copy(&scan, limit(r, partial)); err != nil {
		return f.missing(err)
	}
	if scan.nul {
		c.out = append(c.out, '~')
	}
	c.out = append(imapwire.AppendNumber(append(c.out, '{'), scan.size), "}\r\n"...)
	if scan.size == int64(len(scan.head)) {
		c.out = append(c.out, scan.head...)
		return nil
	}
	if r, _, err = f.decoded(s); err == nil {
		_, err = io.CopyN(outWriter{c}, limit(r, partial), scan.size)
	}
	if err != nil {
		c.writeErr = fmt.Errorf("%w: %w", errBroken, err)
	}
	return c.writeErr
}

// binarySize writes the value of BINARY.SIZE[...].
func (f *fetcher) binarySize(s *imap.Section) error {
	r, ok, err := f.decoded(s)
	var scan binaryScan
	if err == nil && ok {
		_, err = io.Copy(&scan, r)
	}
	f.c.out = imapwire.AppendNumber(f.c.out, scan.size)
	if err != nil {
		return f.skip(unknownCTE(err))
	}
	return nil
}

func unknownCTE(err error) error {
	if err == message.ErrUnknownEncoding {
		return errUnknownCTE
	}
	return err
}

// limit returns the octets of r that a partial fetch asks for.
func limit(r io.Reader, p *imap.Partial) io.Reader {
	if p == nil {
		return r
	}
	return io.LimitReader(&skipper{r: r, n: p.Offset}, p.Count)
}

// skipper leaves out the first n octets of r.
type skipper struct {
	r io.Reader
	n int64
}

func (s *skipper) Read(p []byte) (int, error) {
	if s.n > 0 {
		n, err := io.CopyN(io.Discard, s.r, s.n)
		if s.n -= n; err != nil {
			return 0, err
		}
	}
	return s.r.Read(p)
}

// binaryScan counts what is written to it, keeps the first of it, and looks for NUL.
type binaryScan struct {
	size int64
	nul  bool
	head []byte
}

func (b *binaryScan) Write(p []byte) (int, error) {
	b.size += int64(len(p))
	b.nul = b.nul || bytes.IndexByte(p, 0) >= 0
	if len(b.head)+len(p) <= 1<<20 && int64(len(b.head)+len(p)) == b.size {
		b.head = append(b.head, p...)
	}
	return len(p), nil
}

// outWriter writes to the client through the output buffer.
type outWriter struct{ c *conn }

func (w outWriter) Write(p []byte) (int, error) {
	w.c.out = append(w.c.out, p...)
	return len(p), w.c.room()
}
