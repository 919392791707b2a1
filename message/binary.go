package message

import (
	"bytes"
	"encoding/base64"
	"io"
	"strings"
)

// Encoded is a message as it can be sent in a literal of IMAP, which holds no NUL (RFC 9051 §4.3.1).
// Its readers read the original, and encode it while they do.
type Encoded struct {
	ra       io.ReaderAt // the original
	total    int64       // its octets
	pieces   []piece
	size     int64
	replaced int64
}

// piece is a range of the original and how it is encoded, or text that stands in its place.
type piece struct {
	Range
	text   string
	encode pieceEncoding
}

type pieceEncoding uint8

const (
	asText        pieceEncoding = iota
	asItIs                      // NUL as replacement
	asQuotedOctet               // NUL as "=00"
	asBase64
)

// replacement stands for a NUL that nothing can carry: U+FFFD.
const replacement = "\xef\xbf\xbd"

// EncodeBinary returns the message of size octets that ra holds with its binary parts in base64, so that
// everything that is made of it afterwards agrees: sizes, BODYSTRUCTURE, sections and partials, and
// BINARY gives back the original octets (RFC 3516 §4.4, §6). A message without NUL stays as it is, octet
// by octet, whatever transfer encoding its parts have. Of one with NUL
//
//   - parts that are not encoded and hold NUL, and all parts whose Content-Transfer-Encoding is
//     "binary", become base64, in their header fields too. A message that is no MIME message becomes
//     one: it is text/plain (RFC 2045 §5.2) with the two fields that base64 needs. Messages and
//     multiparts cannot be base64 (RFC 2045 §6.4): what is in them is encoded, and where they are
//     "binary" they become "8bit".
//   - in quoted-printable parts NUL becomes "=00".
//   - elsewhere nothing can carry NUL: in headers, boundaries and what is around parts, in parts that
//     have no header, and in those whose transfer encoding is base64 already or unknown. It becomes
//     U+FFFD there, and Replaced counts it, for those who must not lose data (RFC 3516 §4.4).
//
// Digital signatures over what is encoded, such as those of OpenPGP, S/MIME and DKIM, do not fit it any
// more: they cover the transfer encoding, and mail with NUL has none that an IMAP client could be shown.
// The error is ra's.
func EncodeBinary(ra io.ReaderAt, size int64) (*Encoded, error) {
	e := &Encoded{ra: ra, total: size}
	n, err := e.countNUL(Range{Len: size})
	if err != nil {
		return nil, err
	}
	if n == 0 {
		e.pieces, e.size = []piece{{Range: Range{Len: size}, encode: asItIs}}, size
		return e, nil
	}
	st, err := Parse(io.NewSectionReader(ra, 0, size))
	if err != nil {
		return nil, err
	}
	if err := e.node(st.Root, true); err != nil {
		return nil, err
	}
	return e, e.upTo(size)
}

// Size returns the size of the message, encoded, in octets.
func (e *Encoded) Size() int64 { return e.size }

// Replaced returns how many NUL octets are lost, each of which is U+FFFD now.
func (e *Encoded) Replaced() int64 { return e.replaced }

// Reader returns a reader of the message, encoded. Its errors are those of the original.
func (e *Encoded) Reader() io.Reader { return &encodedReader{e: e} }

// countNUL counts the NUL octets in a range.
func (e *Encoded) countNUL(r Range) (int64, error) {
	var c nulCounter
	_, err := io.Copy(&c, io.NewSectionReader(e.ra, r.Off, r.Len))
	return int64(c), err
}

type nulCounter int64

func (c *nulCounter) Write(p []byte) (int, error) {
	*c += nulCounter(bytes.Count(p, []byte{0}))
	return len(p), nil
}

// end returns the offset up to which the original is in pieces.
func (e *Encoded) end() int64 {
	if len(e.pieces) == 0 {
		return 0
	}
	last := e.pieces[len(e.pieces)-1]
	return last.Off + last.Len
}

// upTo adds what is left of the original up to an offset as it is.
func (e *Encoded) upTo(off int64) error {
	r := Range{Off: e.end(), Len: off - e.end()}
	if r.Len <= 0 {
		return nil
	}
	n, err := e.countNUL(r)
	e.replaced += n
	e.add(piece{Range: r, encode: asItIs}, r.Len+n*int64(len(replacement)-1))
	return err
}

// add adds a piece that becomes size octets.
func (e *Encoded) add(p piece, size int64) {
	e.pieces = append(e.pieces, p)
	e.size += size
}

// replace puts text in the place of a range behind what is in pieces.
func (e *Encoded) replace(r Range, text string) error {
	if err := e.upTo(r.Off); err != nil {
		return err
	}
	e.add(piece{Range: r, text: text}, int64(len(text)))
	return nil
}

// node adds a part, as far as anything in it changes. whole says that its header is that of a message.
func (e *Encoded) node(n *Node, whole bool) error {
	encoding := normalEncoding(n.Part.Encoding)
	if len(n.Children) > 0 {
		if encoding == "binary" {
			if err := e.header(n, "8bit", false); err != nil {
				return err
			}
		}
		for _, c := range n.Children {
			if err := e.node(c, n.Message()); err != nil {
				return err
			}
		}
		return nil
	}
	if n.HeaderStart == n.BodyStart || n.Part.Is("message", "") {
		return nil
	}
	nul, err := e.countNUL(n.body())
	if err != nil {
		return err
	}
	switch {
	case nul > 0 && encoding == "quoted-printable":
		if err := e.upTo(n.BodyStart); err != nil {
			return err
		}
		e.add(piece{Range: n.body(), encode: asQuotedOctet}, n.body().Len+2*nul)
	case encoding == "binary", nul > 0 && (encoding == "7bit" || encoding == "8bit"):
		if err := e.header(n, "base64", whole); err != nil {
			return err
		}
		if err := e.upTo(n.BodyStart); err != nil {
			return err
		}
		e.add(piece{Range: n.body(), encode: asBase64}, base64Size(n.body().Len))
		if n.End == e.total {
			return e.replace(Range{Off: n.End}, "\r\n")
		}
	}
	return nil
}

// header adds the header of a part with another transfer encoding, and with mime as that of a MIME
// message.
func (e *Encoded) header(n *Node, encoding string, mime bool) error {
	r := n.header()
	block, err := readRange(e.ra, Range{r.Off, min(r.Len, MaxHeader)})
	if err != nil {
		return err
	}
	var (
		text   = "Content-Transfer-Encoding: " + encoding + "\r\n"
		fields []Range // those that the header has for the encoding
		off    = r.Off
		front  = r.Off // where new fields stand: behind lines that are none, such as mbox's "From "
	)
	for f := range Fields(string(block)) {
		length := int64(len(f.Raw))
		switch {
		case f.Name == "" && front == off && front+length-r.Off < restHeader/2:
			front += length
		case f.Is("Content-Transfer-Encoding"):
			fields = append(fields, Range{off, length})
		case f.Is("MIME-Version"):
			mime = false
		}
		off += length
	}
	if mime {
		text = "MIME-Version: 1.0\r\n" + text
	}
	// In front of the other fields, where the scanner's limits cannot hide it.
	if err := e.replace(Range{Off: front}, text); err != nil {
		return err
	}
	for _, f := range fields {
		if err := e.replace(f, ""); err != nil {
			return err
		}
	}
	return nil
}

// encodedReader reads an Encoded.
type encodedReader struct {
	e   *Encoded
	i   int       // of the next piece
	cur io.Reader // nil: the next piece has not begun
}

func (r *encodedReader) Read(p []byte) (int, error) {
	for {
		if r.cur == nil {
			if r.i == len(r.e.pieces) {
				return 0, io.EOF
			}
			r.cur = r.e.open(&r.e.pieces[r.i])
			r.i++
		}
		n, err := r.cur.Read(p)
		if err == io.EOF {
			r.cur, err = nil, nil
		}
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
	}
}

func (e *Encoded) open(p *piece) io.Reader {
	original := io.NewSectionReader(e.ra, p.Off, p.Len)
	switch p.encode {
	case asText:
		return strings.NewReader(p.text)
	case asQuotedOctet:
		return &decoder{r: original, decode: nulReplacer("=00").decode}
	case asBase64:
		return &decoder{r: original, decode: new(base64Encoder).decode}
	}
	return &decoder{r: original, decode: nulReplacer(replacement).decode}
}

// nulReplacer puts itself in the place of every NUL.
type nulReplacer string

func (by nulReplacer) decode(dst, src []byte, _ bool) []byte {
	for {
		i := bytes.IndexByte(src, 0)
		if i < 0 {
			return append(dst, src...)
		}
		dst = append(append(dst, src[:i]...), by...)
		src = src[i+1:]
	}
}

// base64Line is how many octets make a line of base64 (RFC 2045 §6.8).
const base64Line = 57

// base64Encoder encodes in lines. The last one has no line break: that before a boundary ends it.
type base64Encoder struct {
	rest  []byte
	begun bool
}

func (b *base64Encoder) decode(dst, src []byte, eof bool) []byte {
	b.rest = append(b.rest, src...)
	left := b.rest
	for len(left) >= base64Line || eof && len(left) > 0 {
		if b.begun {
			dst = append(dst, "\r\n"...)
		}
		b.begun = true
		n := min(base64Line, len(left))
		dst = base64.StdEncoding.AppendEncode(dst, left[:n])
		left = left[n:]
	}
	b.rest = append(b.rest[:0], left...)
	return dst
}

// base64Size returns how many octets base64Encoder makes of n.
func base64Size(n int64) int64 {
	if n == 0 {
		return 0
	}
	return (n+2)/3*4 + (n-1)/base64Line*2
}
