package imapclient

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime/quotedprintable"
	"strconv"
	"strings"

	"restante/imap"
	"restante/internal/charset"
)

// DownloadOptions say how a section is fetched.
type DownloadOptions struct {
	Offset   int64                   // where to begin, in octets as transferred; not with Decode
	Chunk    int64                   // octets of one partial fetch; default 256 KiB
	Max      int64                   // most octets to take, as transferred; 0: no limit; more is imap.ErrTooBig
	Decode   bool                    // remove the transfer encoding, and turn text into UTF-8
	Progress func(done, total int64) // octets as transferred; total is -1 when it is not known
}

// Download writes a section, such as "1.2", "HEADER" or "" for the whole message, to w, in pieces,
// and returns how many octets it wrote. It does not set \Seen. Two pieces are under way at a time. After
// a lost connection it goes on behind the last octet that arrived. UID and offset of every piece are
// checked. A section that does not exist is imap.ErrMissing, a message that does not
// imap.ErrExpunged. o may be nil.
func (mb *Mailbox) Download(ctx context.Context, uid imap.UID, section string, w io.Writer, o *DownloadOptions) (int64, error) {
	if o == nil {
		o = new(DownloadOptions)
	}
	d := &download{mb: mb, ctx: ctx, uid: uid, o: *o, at: o.Offset, total: -1}
	if d.o.Chunk <= 0 {
		d.o.Chunk = 256 << 10
	}
	var err error
	if d.section, err = parseSection(section); err != nil {
		return 0, err
	}
	defer d.stop()
	part, err := d.describe()
	if err != nil {
		return 0, err
	}
	var r io.Reader = d
	if o.Decode && part != nil {
		if o.Offset != 0 {
			return 0, errors.New("imapclient: download: an offset cannot be combined with decoding")
		}
		r = decoded(d, part)
	}
	return io.Copy(w, r)
}

// parseSection parses "1.2.MIME".
func parseSection(s string) (*imap.Section, error) {
	out := &imap.Section{}
	for s != "" {
		word, rest, _ := strings.Cut(s, ".")
		n, err := strconv.ParseUint(word, 10, 32)
		if err != nil || n == 0 {
			break
		}
		out.Part = append(out.Part, uint32(n))
		s = rest
	}
	switch u := strings.ToUpper(s); u {
	case "", "HEADER", "TEXT":
		out.Text = u
	case "MIME":
		out.Text = u
		if len(out.Part) == 0 {
			return nil, fmt.Errorf("imapclient: section %q: MIME needs a part", s)
		}
	default:
		return nil, fmt.Errorf("imapclient: section %q is none", s)
	}
	return out, nil
}

// download reads a section piece by piece.
type download struct {
	mb      *Mailbox
	ctx     context.Context
	uid     imap.UID
	section *imap.Section
	o       DownloadOptions
	at      int64 // of the next octet to fetch
	total   int64
	piece   []byte
	end     bool
	err     error   // behind piece
	parts   bool    // the server fetches parts
	chunks  []chunk // under way, in their order
}

// chunk is a part of a section on its way.
type chunk struct {
	at int64
	s  *Stream[*imap.Message]
}

// maxChunks is how many are under way at a time.
const maxChunks = 2

// describe finds the part that the section is the content of, nil when it is something else, and
// how much there is of it.
func (d *download) describe() (*imap.Part, error) {
	item := imap.FetchStructure
	if d.section.Text != "" || len(d.section.Part) == 0 {
		item = imap.FetchSize
	}
	for m, err := range d.mb.Fetch(d.ctx, imap.UIDs(d.uid), item) {
		if err != nil {
			return nil, err
		}
		if m.UID != d.uid {
			continue
		}
		if m.Structure == nil {
			if len(d.section.Part) == 0 && d.section.Text == "" {
				d.total = m.Size
			}
			return nil, nil
		}
		for p := range m.Structure.Walk() {
			if p.ID != d.section.PartNumber() {
				continue
			}
			if p.Multipart() {
				return nil, nil
			}
			d.total = p.Size
			return p, nil
		}
		return nil, d.missing()
	}
	return nil, &imap.Error{Op: "FETCH", Mailbox: d.mb.name, Status: "OK", Text: "no message has UID " + strconv.FormatUint(uint64(d.uid), 10), Kind: imap.ErrExpunged}
}

func (d *download) Read(p []byte) (int, error) {
	for len(d.piece) == 0 {
		if d.end {
			return 0, io.EOF
		}
		if err := d.fetch(); err != nil {
			return 0, err
		}
	}
	n := copy(p, d.piece)
	d.piece = d.piece[n:]
	return n, nil
}

// WriteTo saves a copy.
func (d *download) WriteTo(w io.Writer) (total int64, err error) {
	for {
		n, err := w.Write(d.piece)
		total += int64(n)
		if d.piece = nil; err != nil || d.end {
			return total, err
		}
		if err := d.fetch(); err != nil {
			return total, err
		}
	}
}

// fetch gets the next piece: a chunk, or what arrived of one before the connection was lost. The section
// ends with the first chunk that is shorter than asked.
func (d *download) fetch() error {
	for tries := 0; ; tries++ {
		if d.err != nil {
			return d.err
		}
		body, err := d.next()
		if err != nil {
			d.stop()
			if len(body) == 0 && d.mb.c.again(d.ctx, err, tries) {
				continue
			}
			if len(body) == 0 || !d.mb.c.again(d.ctx, err, 0) {
				d.err = err
			}
		} else {
			d.end = d.end || int64(len(body)) < d.o.Chunk
		}
		d.at += int64(len(body))
		if d.o.Max > 0 && d.at > d.o.Max {
			return &imap.Error{Op: "FETCH", Mailbox: d.mb.name, Status: "OK", Text: "section is longer than allowed", Kind: imap.ErrTooBig}
		}
		if d.piece = body; d.o.Progress != nil && len(body) > 0 {
			d.o.Progress(d.at, d.total)
		}
		if len(body) > 0 || d.end {
			return nil
		}
	}
}

// next reads the chunk that is under way, when it has seen to it that one is. With an error it returns
// what arrived before it.
func (d *download) next() ([]byte, error) {
	if err := d.ask(); err != nil {
		return nil, err
	}
	c := d.chunks[0]
	d.chunks = d.chunks[1:]
	return d.read(c)
}

// ask makes sure that a chunk is under way, and, once the server has shown that it fetches parts,
// another one behind it, so that nothing waits for a round trip.
func (d *download) ask() error {
	for {
		at := d.at
		if n := len(d.chunks); n > 0 {
			at = d.chunks[n-1].at + d.o.Chunk
			if !d.parts || n >= maxChunks || d.total >= 0 && at >= d.total || d.o.Max > 0 && at > d.o.Max {
				return nil
			}
		}
		item := imap.FetchItem{Name: "BODY", Peek: true, Section: d.section}.WithPartial(at, d.o.Chunk)
		var s *Stream[*imap.Message]
		if err := d.mb.with(d.ctx, func(k *Conn) { s = k.Fetch(d.ctx, imap.UIDs(d.uid), item) }); err != nil {
			return err
		}
		d.chunks = append(d.chunks, chunk{at, s})
	}
}

// stop gives up what is under way.
func (d *download) stop() {
	for _, c := range d.chunks {
		c.s.Close()
	}
	d.chunks = nil
}

// read reads one chunk and checks that it is the one.
func (d *download) read(c chunk) (data []byte, err error) {
	told, found := false, false
	for m, err := range c.s.All() {
		if err != nil {
			return data, err
		}
		if m.UID != d.uid {
			continue
		}
		told = true
		b := m.Body(d.section.String())
		if b.Nil || b.Origin >= 0 && b.Origin != c.at || found {
			continue
		}
		var whole bytes.Buffer
		_, err := b.WriteTo(&whole)
		if errors.Is(err, imap.ErrMissing) {
			continue
		}
		if data, found = whole.Bytes(), true; b.Origin < 0 { // the server does not do partial fetches: this is all of it
			data = data[min(c.at, int64(len(data))):]
			d.end = err == nil
		} else {
			d.parts = true
		}
		if err != nil {
			return data, err
		}
	}
	if found || d.at > d.o.Offset && (told || d.total >= 0 && d.at >= d.total) {
		return data, nil // some servers say NIL behind the end
	}
	return nil, d.missing()
}

func (d *download) missing() error {
	return fmt.Errorf("imapclient: section %q of UID %d: %w", d.section, d.uid, imap.ErrMissing)
}

// decoded returns the content of a part: without transfer encoding, text as UTF-8.
func decoded(r io.Reader, p *imap.Part) io.Reader {
	switch strings.ToLower(strings.TrimSpace(p.Encoding)) {
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, &base64Only{r: r})
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	}
	if cs := p.Params.Get("charset"); p.Is("text", "") && cs != "" {
		r, _ = charset.Reader(cs, r) // an unknown one is guessed
	}
	return r
}

// base64Only leaves out what is no base64: mail is full of stray octets, and what follows the
// padding does not belong to the content.
type base64Only struct {
	r    io.Reader
	n    int // octets passed on
	done bool
}

func (b *base64Only) Read(p []byte) (int, error) {
	for {
		if b.done {
			return 0, io.EOF
		}
		n, err := b.r.Read(p)
		keep := p[:0]
		for _, c := range p[:n] {
			switch {
			case b.done:
			case c == '=' && b.n%4 >= 2:
				keep = append(keep, c)
				b.n++
				b.done = b.n%4 == 0
			case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/':
				keep = append(keep, c)
				b.n++
			}
		}
		if err == io.EOF && len(keep) == 0 && !b.done && b.n%4 >= 2 { // the padding was forgotten
			keep = append(keep, "=="[:4-b.n%4]...)
			b.done = true
		}
		if len(keep) > 0 || err != nil {
			if len(keep) > 0 {
				err = nil
			}
			return len(keep), err
		}
	}
}
