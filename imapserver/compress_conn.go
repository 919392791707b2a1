package imapserver

import (
	"bytes"
	"net"
	"sync"

	"github.com/klauspost/compress/flate"

	"restante/internal/deepstack"
)

// deflateConn is a connection on which both sides compress (RFC 4978 §3). One goroutine may read and
// another write.
//
// Whatever is written is compressed at once and ends with a flush, so a batch of answers is a unit, and
// no compressor belongs to a connection: it would have 800 KB, of which nothing is needed between two
// batches but the octets to which the next may refer, and there the server chooses how many. What is
// received is decompressed with up to 32 KB of what the client has sent before, as the client
// chooses; that is all that is held while it is idle (inflater).
type deflateConn struct {
	net.Conn
	active bool
	sent   []byte // the last octets that were written, up to sentHistory
	in     inflateInput
}

const (
	// sentHistory is how many octets of the answers before the next may refer to. With 2 KB small
	// answers get nearly as short as with 32 (BenchmarkDeflate).
	sentHistory = 2 << 10
	// deflateUnit is how many octets are compressed at a time.
	deflateUnit = 64 << 10
	// smallUnit is up to how many octets are compressed without a table of earlier matches in the heap:
	// the other compressor leaves units of less than 128 octets as they are.
	smallUnit = 2 << 10
)

var (
	deflaters = sync.Pool{New: func() any {
		w, err := flate.NewWriter(nil, deflateLevel)
		if err != nil {
			panic(err) // no such level
		}
		return w
	}}
	deflateBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}
)

// deflateLevel gives most of what the highest level gives, three times as fast (BenchmarkDeflate).
const deflateLevel = 5

// NetConn returns the connection below.
func (d *deflateConn) NetConn() net.Conn { return d.Conn }

// begin begins to compress, in both directions.
func (d *deflateConn) begin() {
	d.active, d.sent = true, nil
	d.in = inflateInput{src: d.Conn, state: compressed}
}

// end ends it: what is written from now on is sent as it is, and what the client sends is taken as it
// is behind the end of what it has compressed.
func (d *deflateConn) end() {
	d.active, d.sent = false, nil
	d.in.end()
}

// Write compresses p and sends it.
func (d *deflateConn) Write(p []byte) (written int, err error) {
	if !d.active {
		return d.Conn.Write(p)
	}
	for len(p) > 0 {
		unit := p[:min(len(p), deflateUnit)]
		if err := d.writeUnit(unit); err != nil {
			return written, err
		}
		written += len(unit)
		p = p[len(unit):]
	}
	return written, nil
}

func (d *deflateConn) writeUnit(unit []byte) error {
	b := deflateBuffers.Get().(*bytes.Buffer)
	defer deflateBuffers.Put(b)
	b.Reset()
	if err := deflate(b, unit, d.sent); err != nil {
		return err
	}
	d.sent = appendLast(d.sent, unit, sentHistory)
	// While the client does not read, its connection holds no compressor.
	_, err := d.Conn.Write(b.Bytes())
	return err
}

// deflate appends unit to b, compressed, as blocks that end on an octet, so that the client can read
// all of it. They may refer to history, which the client has got before.
func deflate(b *bytes.Buffer, unit, history []byte) error {
	if len(unit) <= smallUnit {
		return deepstack.Run(func() error { return flate.StatelessDeflate(b, unit, false, history) })
	}
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.ResetDict(b, history)
	if _, err := w.Write(unit); err != nil {
		return err
	}
	return w.Flush()
}

// Read returns what the client has sent, decompressed.
func (d *deflateConn) Read(p []byte) (int, error) { return d.in.read(p) }

// appendLast appends p to the last octets of a stream, of which at most limit are kept.
func appendLast(last, p []byte, limit int) []byte {
	p = p[max(0, len(p)-limit):]
	if over := len(last) + len(p) - limit; over > 0 {
		last = last[:copy(last, last[over:])]
	}
	if need := len(last) + len(p); need > cap(last) {
		last = append(make([]byte, 0, min(limit, max(need, 2*cap(last)))), last...)
	}
	return append(last, p...)
}
