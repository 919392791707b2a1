package localstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"restante/store"
)

// body is the octets of one message: a piece of a segment, or a file of its own.
type body struct {
	file *os.File
	own  bool // Close closes file
	off  int64
	size int64
}

func (h *handle) Body(ctx context.Context, ref uint64) (store.Body, error) {
	s := h.box.account.s
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	defer s.unread()
	if h.box.gone(ref) {
		return nil, gone(ref)
	}
	m, err := s.message(ref)
	if err != nil {
		return nil, err
	}
	for {
		b, err := s.openBody(&m)
		if err == nil {
			return b, nil
		}
		// Compaction may have moved it, or a checkpoint removed it, since.
		old := m
		if m, err = s.message(ref); err != nil {
			return nil, err
		}
		if m.pos == old.pos {
			return nil, fmt.Errorf("%w: message %d is at position %d (file %016x), which is missing", ErrCorrupt, ref, m.pos, m.file)
		}
	}
}

func gone(ref uint64) error { return fmt.Errorf("localstore: message %d: %w", ref, store.ErrGone) }

// message reads a message's row; its summary is not set. ErrGone.
func (s *Store) message(ref uint64) (message, error) {
	value, closer, err := s.index.Get(key(keyMessage, ref))
	if errors.Is(err, pebble.ErrNotFound) {
		return message{}, gone(ref)
	}
	if err != nil {
		return message{}, err
	}
	defer closer.Close()
	m, ok := parseMessage(value)
	if !ok {
		return message{}, fmt.Errorf("%w: the row of message %d is damaged", ErrCorrupt, ref)
	}
	m.summary = nil
	return m, nil
}

func (s *Store) openBody(m *message) (*body, error) {
	if m.file != 0 {
		f, err := os.Open(s.largePath(m.file))
		if err != nil {
			return nil, err
		}
		return &body{file: f, own: true, size: int64(m.size)}, nil
	}
	g := s.log.find(m.pos)
	if g == nil {
		if m.size == 0 {
			return &body{}, nil
		}
		return nil, os.ErrNotExist
	}
	f, err := g.open()
	if err != nil {
		return nil, err
	}
	return &body{file: f, off: int64(m.pos - g.base), size: int64(m.size)}, nil
}

func (b *body) Size() int64 { return b.size }

func (b *body) Close() error {
	if b.own {
		return b.file.Close()
	}
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
	n, err := b.file.ReadAt(p, b.off+off)
	if err == nil && short {
		err = io.EOF
	}
	if errors.Is(err, os.ErrClosed) {
		err = store.ErrClosed
	}
	return n, err
}

// Above this many octets the kernel copies from the file to the socket.
const sendfileMin = 32 << 10

var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

func (b *body) WriteRange(w io.Writer, offset, count int64) (int64, error) {
	if offset < 0 || count < 0 {
		return 0, errors.New("localstore: negative range")
	}
	count = min(count, max(b.size-offset, 0))
	if count >= sendfileMin {
		if n, ok, err := sendfile(w, b.file, b.off+offset, count); ok {
			return n, err
		}
	}
	buf := buffers.Get().(*[64 << 10]byte)
	defer buffers.Put(buf)
	var done int64
	for done < count {
		n, err := b.ReadAt(buf[:min(int64(len(buf)), count-done)], offset+done)
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
