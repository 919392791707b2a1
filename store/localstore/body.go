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

// body is the octets of one message. They were compared with their CRC before anybody sees them.
type body struct {
	small *[bufferLen]byte // all of it, if it is small
	file  *os.File         // or else where it is: a segment, or a file of its own
	open  *openFile        // the segment's, which Close gives back
	own   bool             // Close closes file
	off   int64
	size  int64
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

// verify compares a body with its CRC, and keeps it if it is small. Large ones are compared only
// once: clients fetch them in pieces.
func (s *Store) verify(b *body, ref uint64, m *message) error {
	if b.small != nil {
		return nil
	}
	if b.size <= bufferLen {
		b.small = buffers.Get().(*[bufferLen]byte)
		if _, err := b.file.ReadAt(b.small[:b.size], b.off); err != nil {
			return fmt.Errorf("localstore: message %d: %w", ref, err)
		}
		if crc32.Checksum(b.small[:b.size], castagnoli) != m.sum {
			return fmt.Errorf("%w: message %d is damaged at %s", ErrCorrupt, ref, s.place(m))
		}
		b.letGo()
		return nil
	}
	if s.verified.has(ref) {
		return nil
	}
	sum, err := b.sum()
	if err != nil {
		return fmt.Errorf("localstore: message %d: %w", ref, err)
	}
	if sum != m.sum {
		return fmt.Errorf("%w: message %d is damaged at %s", ErrCorrupt, ref, s.place(m))
	}
	s.verified.add(ref)
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

// sum returns the CRC of a body.
func (b *body) sum() (sum uint32, err error) {
	buf := buffers.Get().(*[bufferLen]byte)
	defer buffers.Put(buf)
	for off := int64(0); off < b.size; {
		n, err := b.ReadAt(buf[:], off)
		if err != nil && (err != io.EOF || n == 0) {
			return 0, err
		}
		sum = crc32.Update(sum, castagnoli, buf[:n])
		off += int64(n)
	}
	return sum, nil
}

// verified remembers some messages.
type verified struct {
	mu struct {
		sync.Mutex
		refs map[uint64]struct{}
	}
}

func (v *verified) has(ref uint64) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, ok := v.mu.refs[ref]
	return ok
}

func (v *verified) add(ref uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.mu.refs == nil || len(v.mu.refs) >= 10_000 {
		v.mu.refs = map[uint64]struct{}{}
	}
	v.mu.refs[ref] = struct{}{}
}

func (b *body) Size() int64 { return b.size }

func (b *body) Close() error {
	if b.small != nil {
		buffers.Put(b.small)
		b.small = nil
	}
	b.letGo()
	b.size = 0
	return nil
}

func (b *body) ReadAt(p []byte, off int64) (int, error) {
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
	var err error
	n := len(p)
	if b.small != nil {
		copy(p, b.small[off:])
	} else if n, err = b.file.ReadAt(p, b.off+off); errors.Is(err, os.ErrClosed) {
		err = store.ErrClosed
	}
	if err == nil && short {
		err = io.EOF
	}
	return n, err
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
	if n, ok, err := sendfile(w, b.file, b.off+offset, count); ok {
		return n, err
	}
	buf := buffers.Get().(*[bufferLen]byte)
	defer buffers.Put(buf)
	var done int64
	for done < count {
		n, err := b.ReadAt(buf[:min(bufferLen, count-done)], offset+done)
		if n > 0 {
			n, err = w.Write(buf[:n])
			done += int64(n)
		}
		if err != nil && (err != io.EOF || done < count) {
			return done, err
		}
	}
	return done, nil
}
