package message

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"restante/imap"
)

// ErrUnknownEncoding says that a part has a Content-Transfer-Encoding that cannot be removed. The
// server answers with UNKNOWN-CTE (RFC 9051 §7.1).
var ErrUnknownEncoding = errors.New("message: unknown content transfer encoding")

// DecodeTransfer returns a reader of the contents of r without their Content-Transfer-Encoding
// (RFC 2045 §6). What does not belong into base64 or quoted-printable is skipped or passed on as
// it is; it is no error. Otherwise the error is ErrUnknownEncoding or r's.
func DecodeTransfer(encoding string, r io.Reader) (io.Reader, error) {
	switch normalEncoding(encoding) {
	case "7bit", "8bit", "binary":
		return r, nil
	case "base64":
		return &decoder{r: r, decode: new(base64Decoder).decode}, nil
	case "quoted-printable":
		return &decoder{r: r, decode: new(qpDecoder).decode}, nil
	}
	return nil, ErrUnknownEncoding
}

// normalEncoding returns an encoding in lower case and mends common misspellings. A missing one
// is 7bit (RFC 2045 §6.1).
func normalEncoding(s string) string {
	switch s = strings.ToLower(strings.Trim(s, " \t")); s {
	case "", "7-bit", "7bits", "none":
		return "7bit"
	case "8-bit", "8bits":
		return "8bit"
	case "quoted_printable", "quotedprintable", "q":
		return "quoted-printable"
	case "base-64", "b":
		return "base64"
	}
	return s
}

// DecodePart returns the decoded contents of a part whose body r holds, as BINARY sends them
// (RFC 9051 §7.5.2): the lines of text end in CRLF even when they are stored with a bare LF.
// Octets that came out of base64 are sent exactly.
func DecodePart(p *imap.Part, r io.Reader) (io.Reader, error) {
	d, err := DecodeTransfer(p.Encoding, r)
	if err != nil || !p.Is("text", "") {
		return d, err
	}
	switch normalEncoding(p.Encoding) {
	case "base64", "binary":
		return d, nil
	}
	return &decoder{r: d, decode: new(crlfEncoder).decode}, nil
}

// decoder is a reader that passes what r yields through a function. The function appends what it
// makes of src to dst; at the end it is called once more with eof.
type decoder struct {
	r      io.Reader
	decode func(dst, src []byte, eof bool) []byte
	in     []byte
	out    []byte
	off    int // of out, what was read already
	err    error
}

const decodeChunk = 16 << 10

func (d *decoder) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if d.in == nil {
		d.in = make([]byte, decodeChunk)
	}
	for d.off == len(d.out) {
		if d.err != nil {
			return 0, d.err
		}
		n, err := d.r.Read(d.in)
		d.err = err
		d.out, d.off = d.decode(d.out[:0], d.in[:n], err == io.EOF), 0
	}
	n := copy(p, d.out[d.off:])
	d.off += n
	return n, nil
}

// base64Decoder decodes base64 (RFC 2045 §6.8). Other characters are skipped, padding ends a
// group of four wherever it stands, and what follows is decoded too: lists of base64 pieces glued
// together are not rare.
type base64Decoder struct {
	bits  uint32
	nbits uint
}

// base64Values maps an octet to its value, or to 0xFF.
var base64Values = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xFF
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := range len(alphabet) {
		t[alphabet[i]] = byte(i)
	}
	return t
}()

func (d *base64Decoder) decode(dst, src []byte, _ bool) []byte {
	for len(src) > 0 {
		for d.nbits == 0 && len(src) >= 4 {
			a, b, c, e := base64Values[src[0]], base64Values[src[1]], base64Values[src[2]], base64Values[src[3]]
			if a|b|c|e == 0xFF {
				break
			}
			dst = append(dst, a<<2|b>>4, b<<4|c>>2, c<<6|e)
			src = src[4:]
		}
		if len(src) == 0 {
			break
		}
		c := src[0]
		src = src[1:]
		v := base64Values[c]
		if v == 0xFF {
			if c == '=' {
				d.nbits = 0
			}
			continue
		}
		d.bits, d.nbits = d.bits<<6|uint32(v), d.nbits+6
		if d.nbits >= 8 {
			d.nbits -= 8
			dst = append(dst, byte(d.bits>>d.nbits))
		}
	}
	return dst
}

// qpDecoder decodes quoted-printable (RFC 2045 §6.7). White space at the end of a line is removed,
// an "=" that starts neither a hexadecimal pair nor a soft line break stays.
type qpDecoder struct{ rest []byte }

func (d *qpDecoder) decode(dst, src []byte, eof bool) []byte {
	if len(d.rest) > 0 {
		src = append(d.rest, src...)
		d.rest = nil
	}
	for len(src) > 0 {
		i := bytes.IndexByte(src, '\n')
		switch {
		case i >= 0:
			dst = appendQPLine(dst, src[:i])
			src = src[i+1:]
		case eof:
			return appendQPLast(dst, src)
		case len(src) < decodeChunk:
			d.rest = append(d.rest, src...)
			return dst
		default: // an endless line
			n := len(src) - keepQP(src)
			dst = appendQP(dst, src[:n])
			d.rest = append(d.rest, src[n:]...)
			return dst
		}
	}
	return dst
}

// keepQP returns how much of an unfinished line cannot be decoded yet: white space, which may turn
// out to be at the line's end, a soft line break and half an encoded octet.
func keepQP(s []byte) int {
	n := len(s)
	for n > 0 && (s[n-1] == ' ' || s[n-1] == '\t' || s[n-1] == '\r') && len(s)-n < 1000 {
		n--
	}
	for k := 1; k <= 2 && k <= n; k++ {
		if s[n-k] == '=' {
			return len(s) - n + k
		}
	}
	return len(s) - n
}

// appendQPLine decodes a line that stood before a line feed.
func appendQPLine(dst, line []byte) []byte {
	crlf := false
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line, crlf = line[:n-1], true
	}
	line = bytes.TrimRight(line, " \t")
	if n := len(line); n > 0 && line[n-1] == '=' {
		return appendQP(dst, line[:n-1]) // a soft line break
	}
	dst = appendQP(dst, line)
	if crlf {
		dst = append(dst, '\r')
	}
	return append(dst, '\n')
}

// appendQPLast decodes the last line, behind which there is no line feed.
func appendQPLast(dst, line []byte) []byte {
	line = bytes.TrimRight(line, " \t")
	if n := len(line); n > 0 && line[n-1] == '=' {
		line = line[:n-1]
	}
	return appendQP(dst, line)
}

// appendQP decodes the encoded octets in a line or a piece of one.
func appendQP(dst, s []byte) []byte {
	for {
		i := bytes.IndexByte(s, '=')
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(dst, s[:i]...)
		if i+2 < len(s) {
			if hi, lo := unhex(s[i+1]), unhex(s[i+2]); hi >= 0 && lo >= 0 {
				dst = append(dst, byte(hi<<4|lo))
				s = s[i+3:]
				continue
			}
		}
		dst = append(dst, '=')
		s = s[i+1:]
	}
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

// crlfEncoder ends every line in CRLF.
type crlfEncoder struct{ last byte }

func (e *crlfEncoder) decode(dst, src []byte, _ bool) []byte {
	for len(src) > 0 {
		i := bytes.IndexByte(src, '\n')
		if i < 0 {
			e.last = src[len(src)-1]
			return append(dst, src...)
		}
		if i > 0 {
			e.last = src[i-1]
		}
		dst = append(dst, src[:i]...)
		if e.last != '\r' {
			dst = append(dst, '\r')
		}
		dst = append(dst, '\n')
		e.last = '\n'
		src = src[i+1:]
	}
	return dst
}
