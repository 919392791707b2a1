package imapserver

import (
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

// inflateInput decompresses what a client sends. An inflater is lent to it while there is something to
// decompress. A client that flushes as zlib's Z_SYNC_FLUSH and Z_FULL_FLUSH do ends its commands on an
// octet, and from there on any inflater can go on that is told the last octets of the stream. With
// Z_PARTIAL_FLUSH, as mutt flushes, they end between two bits, and the inflater has to wait with it.
type inflateInput struct {
	src      io.Reader
	state    inflateState
	inflater *inflater // nil between two commands
	received []byte    // the last octets that were returned, up to inflateWindow
	first    [64]byte  // what is read without an inflater
	plain    []byte    // what was read behind the end of what is compressed
}

type inflateState uint8

const (
	notCompressed inflateState = iota
	compressed
	ending // what is compressed ends with the next flush
)

// inflateWindow is how far back DEFLATE can refer (RFC 1951).
const inflateWindow = 32 << 10

// errNotDeflate ends the connection of a client that sends something else.
var errNotDeflate = protocolError("What was received is not compressed with DEFLATE")

// end says that what is sent behind the next flush is not compressed.
func (in *inflateInput) end() { in.state = ending }

// read returns octets that were decompressed, or are not compressed any more.
func (in *inflateInput) read(p []byte) (int, error) {
	for in.state != notCompressed {
		if err := in.lend(); err != nil {
			return 0, err
		}
		if in.inflater == nil {
			break
		}
		n, err := in.inflater.Read(p)
		switch {
		case n > 0 && in.state == ending:
			return 0, errNotDeflate
		case n > 0:
			in.received = appendLast(in.received, p[:n], inflateWindow)
			return n, nil
		case err == errFlushed, err == io.EOF && in.state == ending:
			in.release()
		case errors.As(err, new(flate.CorruptInputError)), errors.As(err, new(flate.InternalError)):
			return 0, errNotDeflate
		default:
			return 0, err
		}
	}
	if len(in.plain) > 0 {
		n := copy(p, in.plain)
		in.plain = in.plain[n:]
		return n, nil
	}
	return in.src.Read(p)
}

// lend waits for octets and gets an inflater for them, unless there is one. Behind the end there is
// none.
func (in *inflateInput) lend() error {
	switch {
	case in.inflater != nil:
		in.inflater.input.ending = in.state == ending
		return nil
	case in.state == ending:
		in.state, in.received = notCompressed, nil
		return nil
	}
	n, err := in.src.Read(in.first[:])
	if n == 0 {
		return err
	}
	in.inflater = inflaters.Get().(*inflater)
	return in.inflater.begin(in.src, in.first[:n], in.received)
}

// release gives the inflater back, at a flush.
func (in *inflateInput) release() {
	if in.state == ending {
		in.plain = append([]byte(nil), in.inflater.input.octets...)
	}
	in.inflater.input = flateInput{}
	inflaters.Put(in.inflater)
	in.inflater = nil
}

// inflater is what decompressing takes, 45 KB.
type inflater struct {
	io.Reader
	input flateInput
	buf   [4 << 10]byte
}

var inflaters = sync.Pool{New: func() any {
	f := new(inflater)
	f.Reader = flate.NewReader(&f.input)
	return f
}}

// begin makes the inflater read from src, of which octets have been read already, behind window.
func (f *inflater) begin(src io.Reader, octets, window []byte) error {
	f.input = flateInput{src: src, buf: f.buf[:]}
	f.input.octets = f.buf[:copy(f.buf[:], octets)]
	if err := f.Reader.(flate.Resetter).Reset(&f.input, window); err != nil {
		return err
	}
	setOption(flate.WithPartialBlock(), f.Reader) // Reset forgets it
	return nil
}

// setOption sets an option of a reader, whose type package flate does not name.
func setOption[T any](option func(T), r io.Reader) { option(r.(T)) }

// flateInput is what an inflater reads: octet by octet where it looks for codes, so that it takes no
// more than it needs.
type flateInput struct {
	src     io.Reader
	buf     []byte
	octets  []byte // of buf, that have not been read
	last    uint32 // the last four octets that were read
	flushed bool   // they are the empty block with which a flush ends
	ending  bool   // nothing behind the next flush is compressed
}

// errFlushed is for an inflater that asks for the next block behind a flush.
var errFlushed = errors.New("imapserver: nothing behind the flush")

// ReadByte returns the next octet.
func (in *flateInput) ReadByte() (byte, error) {
	if in.flushed && (in.ending || len(in.octets) == 0) {
		return 0, errFlushed
	}
	in.flushed = false
	if err := in.fill(); err != nil {
		return 0, err
	}
	b := in.octets[0]
	in.octets = in.octets[1:]
	in.last = in.last<<8 | uint32(b)
	return b, nil
}

// Read fills p: with the length of a block that is not compressed, or with octets of the block.
func (in *flateInput) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if err := in.fill(); err != nil {
			return n, err
		}
		k := copy(p[n:], in.octets)
		n, in.octets = n+k, in.octets[k:]
	}
	for _, b := range p[max(0, len(p)-4):] {
		in.last = in.last<<8 | uint32(b)
	}
	in.flushed = in.last == 0x0000ffff
	return n, nil
}

// fill waits for octets unless there are some.
func (in *flateInput) fill() error {
	for len(in.octets) == 0 {
		n, err := in.src.Read(in.buf)
		if n == 0 && err != nil {
			return err
		}
		in.octets = in.buf[:n]
	}
	return nil
}
