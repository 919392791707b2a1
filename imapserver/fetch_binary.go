package imapserver

import (
	"bytes"
	"fmt"
	"io"

	"restante/imap"
	"restante/imapwire"
	"restante/message"
)

// binaryExtension is BINARY and BINARY.SIZE: parts without their transfer encoding.
var binaryExtension = extension{
	name: "BINARY", rfc: "RFC 3516",
	capabilities: afterLogin(string(imap.CapBinary)),
	fetchItems: map[string]fetchItem{
		"BINARY[]": {needs: needsSummary | setsSeen, unreadable: "NIL", value: func(f *fetcher, item *imap.FetchItem) error {
			return f.binary(item.Section, item.Partial)
		}},
		"BINARY.SIZE[]": {needs: needsSummary, unreadable: "0", value: func(f *fetcher, item *imap.FetchItem) error {
			return f.binarySize(item.Section)
		}},
	},
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
		return unknownCTE(err)
	case !ok:
		c.out = append(c.out, "NIL"...)
		return nil
	}
	var scan binaryScan
	if _, err := io.Copy(&scan, partialReader(r, partial)); err != nil {
		return err
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
		_, err = io.CopyN(outWriter{f}, partialReader(r, partial), scan.size)
	}
	if err != nil && f.seen.err == nil {
		// The literal was announced: its octets can be neither sent nor taken back.
		c.writeErr = fmt.Errorf("%w: %w", errBroken, err)
		return c.writeErr
	}
	return err
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
		return unknownCTE(err)
	}
	return nil
}

func unknownCTE(err error) error {
	if err == message.ErrUnknownEncoding {
		return errUnknownCTE
	}
	return err
}

// partialReader returns the octets of r that a partial fetch asks for.
func partialReader(r io.Reader, p *imap.Partial) io.Reader {
	if p == nil {
		return r
	}
	return io.LimitReader(&offsetReader{r: r, n: p.Offset}, p.Count)
}

// offsetReader leaves out the first n octets of r.
type offsetReader struct {
	r io.Reader
	n int64
}

func (s *offsetReader) Read(p []byte) (int, error) {
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
type outWriter struct{ f *fetcher }

func (w outWriter) Write(p []byte) (int, error) {
	w.f.c.out = append(w.f.c.out, p...)
	return len(p), w.f.room()
}
