package imapwire

import (
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
)

// Literal is a literal that a framer left in the stream (RFC 9051 §4.3), for somebody to read or
// to refuse. It is valid until the next call on its framer.
type Literal struct {
	Size    int64 // octets announced
	NonSync bool  // sent without waiting: "{n+}", RFC 7888 §4
	Binary  bool  // literal8, "~{n}": may hold NUL

	src  literalSource
	left int64
	// begun says that reading has begun, so the sender is known to send all of it.
	begun bool
}

// literalSource is the framer under a Literal.
type literalSource interface {
	// more consumes and returns at least one octet and at most max of what is buffered, after
	// reading from the connection when nothing is. The octets are valid until the next call.
	more(max int64) ([]byte, error)
	// direct reads into p past the buffer, or returns 0 when something is buffered.
	direct(p []byte) (int, error)
}

// Remaining returns how many octets have not been read yet.
func (l *Literal) Remaining() int64 { return l.left }

// Read reads the octets of the literal and then reports io.EOF. A connection that ends too early is
// io.ErrUnexpectedEOF.
func (l *Literal) Read(p []byte) (n int, err error) {
	if l.left == 0 {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	l.begun = true
	p = p[:min(int64(len(p)), l.left)]
	if len(p) >= bufferSize {
		n, err = l.src.direct(p)
	}
	if n == 0 && err == nil {
		var b []byte
		b, err = l.src.more(int64(len(p)))
		n = copy(p, b)
	}
	l.left -= int64(n)
	if n > 0 {
		err = nil
	}
	return n, unexpected(err)
}

// WriteTo writes what is left of the literal to w, straight from the framer's buffer.
func (l *Literal) WriteTo(w io.Writer) (written int64, err error) {
	for l.left > 0 {
		l.begun = true
		b, err := l.src.more(l.left)
		if err != nil {
			return written, unexpected(err)
		}
		l.left -= int64(len(b))
		n, err := w.Write(b)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// skip reads past what is left.
func (l *Literal) skip() error {
	_, err := l.WriteTo(discard{})
	return err
}

// discard is a writer that keeps nothing. Unlike io.Discard it has no ReadFrom, so that WriteTo
// does not go through a buffer.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// ErrLineTooLong says that a line was longer than the framer's limit. On the server the rest of the
// command has been read and thrown away, and the next command can be read.
var ErrLineTooLong = errors.New("imapwire: line too long")

// ErrEndlessLine says that a line does not end within what the server's framer skips. The connection
// has to be closed.
var ErrEndlessLine = errors.New("imapwire: line without end")

// LiteralTooBig says that a literal is over the framer's limit.
type LiteralTooBig struct {
	Tag     string // of the command, on the server; "" when there was none
	Size    int64  // octets announced
	NonSync bool
	// Fatal says that the place in the stream is lost, so the connection has to be closed.
	// Otherwise the command is over and the next one can be read.
	Fatal bool
}

// Error says how big it is.
func (e *LiteralTooBig) Error() string {
	return fmt.Sprintf("imapwire: literal of %d octets is too big", e.Size)
}

// announcementLen is how much of a line's end is looked at for the announcement of a literal.
const announcementLen = 32

// announcement finds "{n}", "{n+}" or "~{n}" at the end of a line that has no line end any more,
// and returns where it starts. A size that no number64 can hold is the highest one.
func announcement(line []byte) (lit Literal, start int, ok bool) {
	i := len(line) - 1
	if i < 2 || line[i] != '}' {
		return lit, 0, false
	}
	low := max(0, len(line)-announcementLen)
	if i--; line[i] == '+' {
		lit.NonSync = true
		i--
	}
	end := i
	for i >= low && is(line[i], digitChar) {
		i--
	}
	if i == end || i < low || line[i] != '{' {
		return lit, 0, false
	}
	for _, c := range line[i+1 : end+1] {
		d := int64(c - '0')
		if lit.Size > (math.MaxInt64-d)/10 {
			lit.Size = math.MaxInt64
			break
		}
		lit.Size = lit.Size*10 + d
	}
	if i > low && line[i-1] == '~' {
		lit.Binary = true
		i--
	}
	return lit, i, true
}

// bufferSize is the size of the server's read buffers.
const bufferSize = 16 << 10

// slab is a slice in a pool.
type slab struct{ b []byte }

// slabs is a pool of slices that have, and keep, one size.
type slabs struct {
	pool sync.Pool
	size int
}

func (p *slabs) get() *slab {
	if s, ok := p.pool.Get().(*slab); ok {
		return s
	}
	return &slab{make([]byte, p.size)}
}

// put gives a slab back, unless it has grown much.
func (p *slabs) put(s *slab) {
	if cap(s.b) <= 4*p.size {
		s.b = s.b[:cap(s.b)]
		p.pool.Put(s)
	}
}

var (
	readBuffers  = slabs{size: bufferSize}
	frameBuffers = slabs{size: 4 << 10}
)

// maxEmptyReads is how often a reader may return nothing without an error.
const maxEmptyReads = 100

// readSome reads until there is something or an error.
func readSome(src io.Reader, p []byte) (int, error) {
	for range maxEmptyReads {
		if n, err := src.Read(p); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}
