package imapwire

import (
	"bytes"
	"io"
)

// ResponseReaderOptions are the limits of a ResponseReader. Zero fields stand for the defaults.
type ResponseReaderOptions struct {
	// StreamOver is the size in octets above which a literal is not collected but handed to the
	// caller; 32 KiB. So is a smaller one when those of one response come to more than 16 times that.
	StreamOver int64
	MaxLine    int   // octets of one response without its literals; 64 MiB
	MaxLiteral int64 // octets of one literal; 1 GiB
}

func (o ResponseReaderOptions) withDefaults() ResponseReaderOptions {
	if o.StreamOver <= 0 {
		o.StreamOver = 32 << 10
	}
	if o.MaxLine <= 0 {
		o.MaxLine = 64 << 20
	}
	if o.MaxLiteral <= 0 {
		o.MaxLiteral = 1 << 30
	}
	return o
}

// inlineFactor times StreamOver is how much the literals inside one frame may hold.
const inlineFactor = 16

// ResponseReader is the client's framer: it finds the responses in what a server sends. It is
// tolerant: lines may end in a bare LF, NULs in front of a response are skipped, and only the
// announcement of a literal at the end of a line has a meaning. While it waits for a response it
// holds no buffer but its own few octets. It is for one goroutine at a time.
type ResponseReader struct {
	src io.Reader
	o   ResponseReaderOptions

	buf    []byte // idle, the slab, or for a long response one of its own
	slab   *slab
	start  int   // of the frame: buf[start:r]
	r, w   int   // what is buffered: buf[r:w]
	srcErr error // came with the last octets

	inline int64 // octets of the literals in the response so far
	used   int   // octets of the response without literals, in the frames returned so far
	cut    bool  // the frame returned last is the first part of a SEARCH, whose rest begins at r
	lit    Literal

	idle [idleSize]byte
}

// clientBufferSize holds a literal that is not streamed and the lines around it, several times.
const clientBufferSize = 128 << 10

var clientBuffers = slabs{size: clientBufferSize}

// NewResponseReader returns a framer on a connection.
func NewResponseReader(r io.Reader, o ResponseReaderOptions) *ResponseReader {
	return &ResponseReader{src: r, o: o.withDefaults()}
}

// Buffered returns how many octets have been read from the connection but not been returned yet.
// More than 0 behind the OK to STARTTLS is an attack (RFC 9051 §6.2.1).
func (r *ResponseReader) Buffered() int { return r.w - r.r }

// ReadResponse returns one response without its line end, literals in place.
//
// A literal that is too big for that is handed over: lit != nil, and the frame ends with its
// announcement, line end included. The caller reads lit as far as it likes and calls Next for the
// rest of the response. A call of ReadResponse instead goes on with the next response; the rest of
// this one is skipped.
//
// Errors: io.EOF when the connection ends between two responses, io.ErrUnexpectedEOF within one;
// ErrLineTooLong and *LiteralTooBig, after which the connection has to be closed; what the connection
// returned. After an error of the connection between two responses, such as a deadline, it can be
// called again.
//
// A long SEARCH is returned in pieces as it arrives, each of which is a SEARCH itself: that it may
// come in any number of responses, everybody knows who asks for one (RFC 3501 §7.2.5).
//
// The frame is valid until the next call, on the literal or on the reader.
func (r *ResponseReader) ReadResponse() (frame []byte, lit *Literal, err error) {
	for r.lit.src != nil {
		if _, _, err := r.Next(); err != nil {
			return nil, nil, err
		}
	}
	if r.cut {
		r.cut = false
		r.r -= len(searchName)
		copy(r.buf[r.r:], searchName)
		return r.scan()
	}
	r.inline, r.used = 0, 0
	for r.r < r.w && r.buf[r.r] == 0 {
		r.r++
	}
	for r.r == r.w {
		if err := r.wait(); err != nil {
			return nil, nil, err
		}
		for r.r < r.w && r.buf[r.r] == 0 {
			r.r++
		}
	}
	return r.scan()
}

// Next returns the part of a response that follows a literal which was handed over, as ReadResponse
// does. What has not been read of the literal is skipped.
func (r *ResponseReader) Next() (frame []byte, lit *Literal, err error) {
	if err := r.lit.skip(); err != nil {
		return nil, nil, err
	}
	r.lit = Literal{}
	return r.scan()
}

// scan finds the end of the frame that starts at r.r.
func (r *ResponseReader) scan() (frame []byte, lit *Literal, err error) {
	r.start = r.r
	line := r.r // where the line starts, or the rest of it behind a literal
	inline := 0 // octets of the literals in this frame
	for {
		i := bytes.IndexByte(r.buf[r.r:r.w], '\n')
		if i < 0 {
			r.r = r.w
		} else {
			r.r += i + 1
		}
		n := r.used + r.r - r.start - inline
		if n > r.o.MaxLine+len("\r\n") {
			return nil, nil, ErrLineTooLong
		}
		if i < 0 {
			if piece := r.searchPiece(); piece != nil {
				return piece, nil, nil
			}
			shift := r.start
			if err := r.grow(); err != nil {
				return nil, nil, err
			}
			line -= shift
			continue
		}
		text := bytes.TrimSuffix(r.buf[line:r.r-1], []byte("\r"))
		l, _, ok := announcement(text)
		if !ok || !r.literals() {
			return r.buf[r.start : line+len(text) : line+len(text)], nil, nil
		}
		if l.Size > r.o.MaxLiteral {
			return nil, nil, &LiteralTooBig{Size: l.Size, NonSync: l.NonSync, Fatal: true}
		}
		if l.Size > r.o.StreamOver || r.inline+l.Size > inlineFactor*r.o.StreamOver {
			r.used = n
			r.lit = l
			r.lit.src, r.lit.left = r, l.Size
			return r.buf[r.start:r.r:r.r], &r.lit, nil
		}
		r.inline += l.Size
		inline += int(l.Size)
		for left := int(l.Size); ; {
			have := min(left, r.w-r.r)
			r.r += have
			if left -= have; left == 0 {
				break
			}
			if err := r.grow(); err != nil {
				return nil, nil, err
			}
		}
		line = r.r
	}
}

// searchName begins the response that is cut into pieces of at least so many octets.
const (
	searchName = "* SEARCH"
	pieceSize  = clientBufferSize / 2
)

// searchPiece returns what has arrived of a long SEARCH, up to a space, and nil of anything else. The
// rest is a SEARCH of its own when it is read: its first octets stand where this one's last ones do.
func (r *ResponseReader) searchPiece() []byte {
	b := r.buf[r.start:r.w]
	if len(b) < pieceSize || string(b[:len(searchName)]) != searchName || bytes.IndexByte(b, '(') >= 0 {
		return nil
	}
	end := bytes.LastIndexByte(b, ' ')
	if end < 2*len(searchName) {
		return nil
	}
	r.used += end - len(searchName)
	r.r, r.cut = r.start+end, true
	return b[:end:end]
}

// literals reports whether the response that is being read can hold literals. A status response
// cannot: what looks like an announcement at its end is text (RFC 9051 §7.1).
func (r *ResponseReader) literals() bool {
	if r.used > 0 {
		return true // it held one
	}
	b := r.buf[r.start:r.r]
	if len(b) < 2 || b[0] != '*' || b[1] != ' ' {
		return false
	}
	b = b[2:]
	for i, c := range b {
		if c == ' ' || c == '\r' || c == '\n' {
			b = b[:i]
			break
		}
	}
	switch len(b) {
	case 2:
		return !equalFold(b, "OK") && !equalFold(b, "NO")
	case 3:
		return !equalFold(b, "BAD") && !equalFold(b, "BYE")
	case 7:
		return !equalFold(b, "PREAUTH")
	}
	return true
}

// Detach leaves the last frame to the caller for good: the reader goes on in another buffer. It is
// not for a frame of up to 64 octets, which may lie in the few octets that the reader waits with.
func (r *ResponseReader) Detach() {
	before := 0 // octets that the rest of a SEARCH is to begin with
	if r.cut {
		before = len(searchName)
	}
	rest := r.buf[r.r-before : r.w]
	s, b := (*slab)(nil), []byte(nil)
	if len(rest) < clientBufferSize {
		s = clientBuffers.get()
		b = s.b
	} else {
		b = make([]byte, 2*len(rest))
	}
	n := copy(b, rest)
	r.slab, r.buf, r.start, r.r, r.w = s, b, 0, before, n
}

// wait reads the first octets of a response. Nothing is buffered.
func (r *ResponseReader) wait() error {
	r.release()
	r.buf = r.idle[:]
	return r.readInto()
}

// release gives the buffer back.
func (r *ResponseReader) release() {
	if r.slab != nil {
		clientBuffers.put(r.slab)
	}
	r.slab, r.buf, r.start, r.r, r.w = nil, nil, 0, 0, 0
}

// grow reads more of the frame that begins at start, which moves to the start of the buffer. All
// that was buffered is part of the frame.
func (r *ResponseReader) grow() error {
	have := r.buf[r.start:r.w]
	switch {
	case len(have) < clientBufferSize && r.slab == nil:
		s := clientBuffers.get()
		copy(s.b, have)
		r.slab, r.buf = s, s.b
	case len(have) < len(r.buf):
		if r.start > 0 {
			copy(r.buf, have)
		}
	default:
		b := make([]byte, 2*len(r.buf))
		copy(b, have)
		if r.slab != nil {
			clientBuffers.put(r.slab)
		}
		r.slab, r.buf = nil, b
	}
	r.start, r.r, r.w = 0, len(have), len(have)
	return unexpected(r.readInto())
}

// readInto reads into what is free of the buffer.
func (r *ResponseReader) readInto() error {
	if err := r.srcErr; err != nil {
		r.srcErr = nil
		return err
	}
	n, err := readSome(r.src, r.buf[r.w:])
	r.w += n
	if n > 0 {
		r.srcErr, err = err, nil
	}
	return err
}

// more implements literalSource.
func (r *ResponseReader) more(max int64) ([]byte, error) {
	if r.r == r.w {
		r.start = r.w
		if err := r.grow(); err != nil {
			return nil, err
		}
	}
	n := int(min(max, int64(r.w-r.r)))
	r.r += n
	return r.buf[r.r-n : r.r], nil
}

// direct implements literalSource.
func (r *ResponseReader) direct(p []byte) (int, error) {
	if r.r < r.w {
		return 0, nil
	}
	if err := r.srcErr; err != nil {
		r.srcErr = nil
		return 0, err
	}
	return readSome(r.src, p)
}
