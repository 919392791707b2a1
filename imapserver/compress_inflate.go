package imapserver

import (
	"bytes"
	"errors"
	"io"
	"math/bits"
	"sync"

	"github.com/klauspost/compress/flate"
)

// inflateInput decompresses what a client sends. An inflater is lent to it while a block of DEFLATE is
// received. Between two blocks any inflater can go on that is told where the next one begins and the
// last octets of the stream.
//
// Clients flush as zlib's Z_SYNC_FLUSH and Z_FULL_FLUSH do, so that a block ends with the last octet
// that was sent; or as Z_PARTIAL_FLUSH does, like mutt and isync, where it ends within that octet, and
// what is missing are zeros.
type inflateInput struct {
	src      io.Reader
	state    inflateState
	inflater *inflater // nil between two blocks
	window   []byte    // the last octets before the next block, up to inflateWindow
	begun    []byte    // the octets in which the next block begins, as far as they were received
	bit      uint8     // the bit of begun[0] with which it begins
	skip     int64     // how many octets of it have been returned
	flushed  bool      // the block before was empty
	first    [64]byte  // what is read without an inflater
	plain    []byte    // what was read behind the end of what is compressed
}

type inflateState uint8

const (
	notCompressed inflateState = iota
	compressed
	ending // what is compressed ends with the next flush
)

const (
	// inflateWindow is how far back DEFLATE can refer.
	inflateWindow = 32 << 10
	// inflateKept is up to how many octets of a block are kept. zlib's are shorter. Of a longer one the
	// end is heard when the next block is received.
	inflateKept = 128 << 10
)

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
		f := in.inflater
		n, err := f.read(p)
		switch {
		case n > 0 && in.state == ending:
			return 0, errNotDeflate
		case n > 0:
			return n, nil
		case in.state == ending && (f.over || err == io.EOF):
			in.plain = bytes.Clone(f.rest())
			in.release()
			in.state = notCompressed
		case in.state == ending && err == errNoMore:
			in.release()
			in.state = notCompressed
		case err == errNoMore && len(f.kept) < len(in.first):
			in.release()
		case err == errNoMore:
		case errors.As(err, new(flate.CorruptInputError)), errors.As(err, new(flate.InternalError)):
			return 0, errNotDeflate
		default:
			return 0, err
		}
	}
	in.window, in.begun = nil, nil
	if len(in.plain) > 0 {
		n := copy(p, in.plain)
		in.plain = in.plain[n:]
		return n, nil
	}
	return in.src.Read(p)
}

// lend sees to it that there is an inflater, and that it has something to do.
func (in *inflateInput) lend() error {
	f := in.inflater
	switch {
	case f == nil:
		octets := in.first[:0]
		if in.state == compressed || !in.atFlush() {
			n, err := in.src.Read(in.first[:])
			if n == 0 {
				return err
			}
			octets = in.first[:n]
		}
		f = inflaters.Get().(*inflater)
		in.inflater = f
		f.src = in.src
		f.kept = append(append(f.kept[:0], in.begun...), octets...)
		f.window = append(f.window[:0], in.window...)
		f.bit, f.flushed, f.lost = in.bit, in.flushed, false
		f.skip, f.total, f.ended = in.skip, 0, 0
	case f.stopped:
		if err := f.fill(); err != nil {
			return err
		}
	default:
		f.ending = in.state == ending
		return nil
	}
	f.ending = in.state == ending
	return f.begin()
}

// atFlush reports whether a flush is all that was received behind the last block.
func (in *inflateInput) atFlush() bool {
	return len(in.begun) == 0 && in.flushed || len(in.begun) > 0 && endsAsPartialFlush(in.begun)
}

// release gives the inflater back, where the next block begins.
func (in *inflateInput) release() {
	f := in.inflater
	in.begun, in.bit = append(in.begun[:0], f.kept...), f.bit
	in.skip, in.flushed = max(f.skip, f.total)-f.ended, f.flushed
	in.window = appendLast(in.window[:0], f.window, inflateWindow)
	f.src = nil
	inflaters.Put(f)
	in.inflater = nil
}

// inflater is what decompressing a block takes: some 130 KB, and inflateKept at most.
//
// Before package flate decodes anything it wants as many bits as are left at least: those of the sign
// that ends the block and 10 more, which the next block has if nothing else. Of those a partial flush
// holds back up to seven. So where what was received seems to end with such a flush, the inflater goes
// on with eight zeros, and what it finds is believed up to the end of the last block that lies before
// them. There it begins again.
type inflater struct {
	flate   io.Reader
	options [2]flate.ReaderOpt
	src     io.Reader
	buf     [4 << 10]byte

	window []byte // the last octets before the present block
	kept   []byte // the octets received, from that on in which the block begins
	bit    uint8  // the bit of kept[0] with which it begins
	next   int    // the octet of kept that is read next
	lost   bool   // the first octets of the block are not kept any more

	// Since the inflater began:
	base    int64 // how many octets were read before kept[0]
	surplus int64 // by how much flate's count of them is too high
	stored  bool  // what was read last belongs to a block that is not compressed
	total   int64 // octets that flate has returned
	ended   int64 // how many there are in blocks that have ended
	skip    int64 // how many had been returned before it began
	guessed bool  // zeros were read that were not received
	ending  bool  // what is compressed ends with the next flush
	flushed bool  // the block before was empty
	over    bool  // nothing behind it is compressed
	stopped bool  // errNoMore was returned
}

var inflaters = sync.Pool{New: func() any {
	f := new(inflater)
	f.flate = flate.NewReader(f)
	f.options = [...]flate.ReaderOpt{flate.WithPartialBlock(), flate.WithEobCallback(f.endBlock)}
	return f
}}

// errNoMore is for package flate, which asks for more than there is.
var errNoMore = errors.New("imapserver: nothing more was received")

// begin begins where a block begins.
func (f *inflater) begin() error {
	f.skip = max(f.skip, f.total) - f.ended
	f.next, f.base, f.surplus, f.stored = 0, 0, 0, false
	f.total, f.ended, f.guessed, f.over, f.stopped = 0, 0, false, false, false
	err := f.flate.(interface {
		ResetCP(io.Reader, flate.InflateCheckpoint) error
	}).ResetCP(f, flate.InflateCheckpoint{BitOffset: f.bit, Window: f.window})
	for _, option := range f.options { // resetting forgets them
		setOption(option, f.flate)
	}
	return err
}

// setOption sets an option of a reader, whose type package flate does not name.
func setOption[T any](option func(T), r io.Reader) { option(r.(T)) }

// read returns what was decompressed, or errNoMore.
func (f *inflater) read(p []byte) (int, error) {
	for {
		n, err := f.flate.Read(p)
		if f.guessed || f.over {
			// At an error, too, flate returns what it has of a block.
			if n = min(n, int(f.ended-f.total)); n <= 0 {
				f.stopped = true
				return 0, errNoMore
			}
		}
		known := int(min(max(f.skip-f.total, 0), int64(n)))
		f.total += int64(n)
		if n = copy(p, p[known:n]); n > 0 || err != nil {
			return n, err
		}
	}
}

// endBlock is called by package flate at the end of a block, before it returns the last of it.
func (f *inflater) endBlock(end flate.InflateCheckpoint) {
	if f.stored {
		// In a block that is not compressed, flate counts twice what it had read of it before it knew.
		f.surplus, f.stored = end.CompressedOffset-f.base-int64(f.next), false
	}
	octets := int(end.CompressedOffset - f.surplus - f.base)
	if f.over || octets > len(f.kept) || octets == len(f.kept) && end.BitOffset > 0 {
		return // it ends with what was guessed
	}
	f.kept = f.kept[:copy(f.kept, f.kept[octets:])]
	f.next -= octets
	f.base += int64(octets)
	f.bit, f.lost = end.BitOffset, false
	f.window = append(f.window[:0], end.Window...)
	f.flushed = end.UncompressedOffset == f.ended
	f.over = f.ending && f.flushed
	f.ended = end.UncompressedOffset
}

// ReadByte returns the next octet: package flate takes no more of them than it needs.
func (f *inflater) ReadByte() (byte, error) {
	if f.next == len(f.kept) {
		switch {
		case f.guessed, f.over, len(f.kept) == 0 && !f.lost && (f.flushed || !f.ending):
			return 0, errNoMore
		case !f.lost && len(f.kept) > 0 && endsAsPartialFlush(f.kept):
			f.guessed = true
			return 0, nil
		}
		if err := f.fill(); err != nil {
			return 0, err
		}
	}
	f.next++
	return f.kept[f.next-1], nil
}

// Read fills p with octets of a block that is not compressed, or of its length.
func (f *inflater) Read(p []byte) (n int, err error) {
	if f.guessed || f.over {
		return 0, errNoMore
	}
	f.stored = true
	for n < len(p) {
		if f.next == len(f.kept) {
			if err := f.fill(); err != nil {
				return n, err
			}
		}
		k := copy(p[n:], f.kept[f.next:])
		n, f.next = n+k, f.next+k
	}
	return n, nil
}

// fill waits for octets.
func (f *inflater) fill() error {
	if len(f.kept) > inflateKept {
		f.lost = true
		f.base += int64(f.next)
		f.kept, f.next = f.kept[:copy(f.kept, f.kept[f.next:])], 0
	}
	for {
		n, err := f.src.Read(f.buf[:])
		f.kept = append(f.kept, f.buf[:n]...)
		if n > 0 || err != nil {
			if n > 0 {
				err = nil
			}
			return err
		}
	}
}

// rest returns what was received behind the last block.
func (f *inflater) rest() []byte {
	if f.bit > 0 {
		return f.kept[1:]
	}
	return f.kept
}

// endsAsPartialFlush reports whether octets may end with what zlib writes for Z_PARTIAL_FLUSH: an
// empty block, which is the bits 0, 1, 0 and seven zeros, of which those are missing that would
// have begun another octet.
func endsAsPartialFlush(octets []byte) bool {
	last := uint16(octets[len(octets)-1]) << 8
	if len(octets) > 1 {
		last |= uint16(octets[len(octets)-2])
	}
	zeros := bits.LeadingZeros16(last)
	return 1 <= zeros && zeros <= 8 && last<<(zeros+1)>>15 == 0
}
