package blob

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// Body is an object that was compared with its hash. It is one open file, shared by all who read the
// object, and stays readable when the cache has removed the file or was closed. It must be closed;
// its methods may be called concurrently, and return os.ErrClosed after Close.
type Body struct {
	cache  *Cache
	file   *file
	closed atomic.Bool
}

// file is an open file. Its fields are guarded by the cache's mutex.
type file struct {
	*os.File
	size    int64
	readers int
	entry   *cached // nil when the file is not of the cache, or not any more
}

// Size returns the octets of the body.
func (b *Body) Size() int64 { return b.file.size }

// ReadAt is that of io.ReaderAt.
func (b *Body) ReadAt(p []byte, offset int64) (int, error) {
	if b.closed.Load() {
		return 0, os.ErrClosed
	}
	return b.file.ReadAt(p, offset)
}

var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// WriteRange writes count octets from offset to w, or as many as the body has there, and returns how
// many they were.
func (b *Body) WriteRange(w io.Writer, offset, count int64) (int64, error) {
	if offset < 0 || count < 0 {
		return 0, errors.New("blob: negative range")
	}
	buf := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buf)
	return io.CopyBuffer(w, io.NewSectionReader(b, offset, count), buf[:])
}

// Close gives the file back. Further calls do nothing.
func (b *Body) Close() error {
	if b.closed.Swap(true) {
		return nil
	}
	b.cache.mu.Lock()
	defer b.cache.mu.Unlock()
	b.cache.release(b.file)
	return nil
}
