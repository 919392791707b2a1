package blob

import (
	"bytes"
	"context"
	"io"
)

type Cache struct{ s Store }
type Body struct{ *bytes.Reader }

func NewCache(dir string, limit int64, s Store) (*Cache, error) { return &Cache{s}, nil }
func (c *Cache) Open(ctx context.Context, key Key, size int64, sum [32]byte) (*Body, error) {
	r, err := c.s.Open(ctx, key, 0)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	return &Body{bytes.NewReader(b)}, err
}
func (c *Cache) Add(key Key, body io.ReaderAt, size int64) {}
func (c *Cache) Close() error                              { return nil }
func (b *Body) WriteRange(w io.Writer, offset, count int64) (int64, error) {
	return io.Copy(w, io.NewSectionReader(b, offset, count))
}
func (b *Body) Close() error { return nil }
