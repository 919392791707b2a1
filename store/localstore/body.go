package localstore

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"restante/mailbox"
	"restante/store"
)

// bufferLen is the size of a message up to which its body is read at once.
const bufferLen = 64 << 10

var buffers = sync.Pool{New: func() any { return new([bufferLen]byte) }}

// body is the octets of one message. They were compared with their CRC before anybody sees them. A
// large one is read in blocks, of which each is compared with what it was then.
type body struct {
	small *[bufferLen]byte // all of it, if it is small
	sums  []uint32         // CRC32C of each block, if it is large
	bad   func() error     // what is said of a block that has changed
	file  *os.File         // or else where it is: a segment, or a file of its own
	open  *openFile        // the segment's, which Close gives back
	own   bool             // Close closes file
	off   int64
	size  int64

	mu struct {
		sync.Mutex
		block *[bufferLen]byte // the one read last, for readers that take little at once
		n     int64            // its number
	}
}

// Body implements store.Mailbox.
func (h *handle) Body(ctx context.Context, row *mailbox.Row) (store.Body, error) {
	s := h.box.account.s
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	defer s.unread()
	if !h.box.readable(row) {
		return nil, messageGone(row.Ref)
	}
	return s.body(row.Ref)
}

func (s *Store) body(ref uint64) (*body, error) {
	m, err := s.message(ref)
	if err != nil {
		return nil, err
	}
	for {
		b, err := s.openBody(&m)
		if err == nil {
			if err = s.verify(b, ref, &m); err != nil {
				b.Close()
				return nil, err
			}
			return b, nil
		}
		// Compaction may have moved it, or a checkpoint removed it, since.
		old := m
		if m, err = s.message(ref); err != nil {
			return nil, err
		}
		if m.pos == old.pos {
			return nil, fmt.Errorf("%w: message %d: %s is missing", ErrCorrupt, ref, s.place(&m))
		}
	}
}

func messageGone(ref uint64) error {
	return fmt.Errorf("localstore: message %d: %w", ref, store.ErrGone)
}

// message reads a message's row; its summary is not set. ErrGone.
func (s *Store) message(ref uint64) (message, error) {
	value, closer, err := s.index.Get(key(keyMessage, ref))
	if errors.Is(err, pebble.ErrNotFound) {
		return message{}, messageGone(ref)
	}
	if err != nil {
		return message{}, s.indexError(err)
	}
	defer closer.Close()
	m, ok := parseMessage(value)
	if !ok {
		return message{}, s.damagedIndex("the row of message %d is damaged", ref)
	}
	m.summary = nil
	return m, nil
}

// place says where a message's octets are.
func (s *Store) place(m *message) string {
	if m.file != 0 {
		return s.largePath(m.file)
	}
	if g := s.log.find(m.pos); g != nil {
		return fmt.Sprintf("%s, octet %d", g.path, m.pos-g.base)
	}
	return fmt.Sprintf("position %d of the log", m.pos)
}

func (s *Store) openBody(m *message) (*body, error) {
	if m.size == 0 {
		return &body{small: buffers.Get().(*[bufferLen]byte)}, nil
	}
	if m.file != 0 {
		f, err := os.Open(s.largePath(m.file))
		if err != nil {
			return nil, err
		}
		return &body{file: f, own: true, size: int64(m.size)}, nil
	}
	g := s.log.find(m.pos)
	if g == nil {
		return nil, os.ErrNotExist
	}
	f, err := s.log.files.acquire(g)
	if err != nil {
		return nil, err
	}
	return &body{file: f.File, open: f, off: int64(m.pos - g.base), size: int64(m.size)}, nil
}

// verify compares a body with its CRC, and keeps it if it is small. Large ones are compared as a whole
// only once: clients fetch them in pieces. From then on the CRCs of their blocks are known.
func (s *Store) verify(b *body, ref uint64, m *message) (err error) {
	if b.small != nil {
		return nil
	}
	if b.size > bufferLen {
		return s.verifyLarge(b, ref, *m)
	}
	b.small = buffers.Get().(*[bufferLen]byte)
	if _, err := b.file.ReadAt(b.small[:b.size], b.off); err != nil {
		return fmt.Errorf("localstore: message %d: %w", ref, err)
	}
	if crc32.Checksum(b.small[:b.size], castagnoli) != m.sum {
		return s.damagedBody(ref, m)
	}
	b.letGo()
	return nil
}

func (s *Store) damagedBody(ref uint64, m *message) error {
	return fmt.Errorf("%w: message %d is damaged at %s", ErrCorrupt, ref, s.place(m))
}

func (s *Store) verifyLarge(b *body, ref uint64, m message) (err error) {
	b.bad = func() error {
		s.verified.remove(ref) // the next one to open it is told before anything is sent
		return s.damagedBody(ref, &m)
	}
	if b.sums = s.verified.get(ref); b.sums != nil {
		return nil
	}
	var sum uint32
	if b.sums, sum, err = b.sum(); err != nil {
		return fmt.Errorf("localstore: message %d: %w", ref, err)
	}
	if sum != m.sum {
		return s.damagedBody(ref, &m)
	}
	s.verified.add(ref, b.sums)
	return nil
}

// letGo closes what a body that is in memory was read from.
func (b *body) letGo() {
	if b.open != nil {
		b.open.release()
	}
	if b.own {
		b.file.Close()
	}
	b.open, b.file, b.own = nil, nil, false
}

// blockLen returns how many octets a block has.
func (b *body) blockLen(n int64) int64 { return min(bufferLen, b.size-n*bufferLen) }

// sum returns the CRCs of a body's blocks, and that of all of it.
func (b *body) sum() (blocks []uint32, whole uint32, err error) {
	buf := buffers.Get().(*[bufferLen]byte)
	defer buffers.Put(buf)
	for n := int64(0); n*bufferLen < b.size; n++ {
		p := buf[:b.blockLen(n)]
		if _, err := b.file.ReadAt(p, b.off+n*bufferLen); err != nil {
			return nil, 0, err
		}
		blocks = append(blocks, crc32.Checksum(p, castagnoli))
		whole = crc32.Update(whole, castagnoli, p)
	}
	return blocks, whole, nil
}

// readBlock reads a block, into the beginning of p, and compares it.
func (b *body) readBlock(p []byte, n int64) ([]byte, error) {
	p = p[:b.blockLen(n)]
	switch _, err := b.file.ReadAt(p, b.off+n*bufferLen); {
	case errors.Is(err, os.ErrClosed):
		return nil, store.ErrClosed
	case err != nil:
		return nil, err
	case crc32.Checksum(p, castagnoli) != b.sums[n]:
		return nil, b.bad()
	}
	return p, nil
}

// verified knows the CRCs of the blocks of messages that were compared with theirs.
type verified struct {
	mu struct {
		sync.Mutex
		sums   map[uint64][]uint32
		blocks int // of all
	}
}

// maxVerified is how many blocks are remembered: 64 GiB of messages, in 4 MiB.
const maxVerified = 1 << 20

func (v *verified) get(ref uint64) []uint32 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.mu.sums[ref]
}

func (v *verified) add(ref uint64, sums []uint32) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.mu.sums == nil || v.mu.blocks+len(sums) > maxVerified {
		v.mu.sums, v.mu.blocks = map[uint64][]uint32{}, 0
	}
	v.mu.blocks += len(sums) - len(v.mu.sums[ref])
	v.mu.sums[ref] = sums
}

func (v *verified) remove(ref uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.mu.blocks -= len(v.mu.sums[ref])
	delete(v.mu.sums, ref)
}

func (b *body) Size() int64 { return b.size }

func (b *body) Close() error {
	if b.small != nil {
		buffers.Put(b.small)
		b.small = nil
	}
	b.letGoBlock()
	b.letGo()
	b.size = 0
	return nil
}

func (b *body) letGoBlock() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.block != nil {
		buffers.Put(b.mu.block)
		b.mu.block = nil
	}
}

func (b *body) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("localstore: negative offset")
	}
	if off >= b.size {
		return 0, io.EOF
	}
	short := int64(len(p)) > b.size-off
	if short {
		p = p[:b.size-off]
	}
	if b.small != nil {
		n = copy(p, b.small[off:])
	}
	for n < len(p) {
		k, err := b.readPart(p[n:], off+int64(n))
		if n += k; err != nil {
			return n, err
		}
	}
	if short {
		err = io.EOF
	}
	return n, err
}

// readPart reads octets of one block of a large body.
func (b *body) readPart(p []byte, off int64) (int, error) {
	n, at := off/bufferLen, off%bufferLen
	if at == 0 && int64(len(p)) >= b.blockLen(n) {
		whole, err := b.readBlock(p, n)
		return len(whole), err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.block == nil || b.mu.n != n {
		buf := b.mu.block
		if b.mu.block = nil; buf == nil {
			buf = buffers.Get().(*[bufferLen]byte)
		}
		if _, err := b.readBlock(buf[:], n); err != nil {
			buffers.Put(buf)
			return 0, err
		}
		b.mu.block, b.mu.n = buf, n
	}
	return copy(p, b.mu.block[at:b.blockLen(n)]), nil
}

func (b *body) WriteRange(w io.Writer, offset, count int64) (int64, error) {
	if offset < 0 || count < 0 {
		return 0, errors.New("localstore: negative range")
	}
	count = min(count, max(b.size-offset, 0))
	if count == 0 {
		return 0, nil
	}
	if b.small != nil {
		n, err := w.Write(b.small[offset : offset+count])
		return int64(n), err
	}
	buf := buffers.Get().(*[bufferLen]byte)
	defer buffers.Put(buf)
	for done := int64(0); done < count; {
		at := offset + done
		block, err := b.readBlock(buf[:], at/bufferLen)
		if err != nil {
			return done, err
		}
		block = block[at%bufferLen:]
		n, err := w.Write(block[:min(int64(len(block)), count-done)])
		if done += int64(n); err != nil {
			return done, err
		}
	}
	return count, nil
}
