package blobtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"restante/blob"
)

// Memory is an object store in memory: the model for the others.
type Memory struct {
	mu struct {
		sync.Mutex
		objects map[blob.Key][]byte
	}
}

var _ blob.Store = (*Memory)(nil)

// NewMemory returns an empty store.
func NewMemory() *Memory {
	s := &Memory{}
	s.mu.objects = map[blob.Key][]byte{}
	return s
}

// Put keeps an object.
func (s *Memory) Put(ctx context.Context, key blob.Key, body io.ReaderAt, size int64) error {
	if _, _, err := key.Parse(); err != nil {
		return err
	}
	octets, err := io.ReadAll(&reader{ctx, io.NewSectionReader(body, 0, size)})
	if err == nil && int64(len(octets)) < size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("blobtest: object %s: %w", key, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.mu.objects[key]; ok {
		return fmt.Errorf("blobtest: object %s is there already", key)
	}
	s.mu.objects[key] = octets
	return nil
}

// Open reads an object.
func (s *Memory) Open(ctx context.Context, key blob.Key, offset int64) (io.ReadCloser, error) {
	if _, _, err := key.Parse(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	octets, ok := s.mu.objects[key]
	if !ok {
		return nil, fmt.Errorf("blobtest: %w: %s", blob.ErrNotFound, key)
	}
	return io.NopCloser(&reader{ctx, bytes.NewReader(octets[min(offset, int64(len(octets))):])}), nil
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// Delete removes objects.
func (s *Memory) Delete(ctx context.Context, keys ...blob.Key) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		if _, _, err := key.Parse(); err != nil {
			return err
		}
		delete(s.mu.objects, key)
	}
	return nil
}

// Keys returns the keys of all objects, in order.
func (s *Memory) Keys() []blob.Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.mu.objects))
}

// Damage changes the octets of an object, behind the back of whoever has stored it.
func (s *Memory) Damage(key blob.Key, change func([]byte) []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.objects[key] = change(slices.Clone(s.mu.objects[key]))
}

// List yields the objects of a generation as they were when it began.
func (s *Memory) List(ctx context.Context, generation blob.Generation) iter.Seq2[blob.Object, error] {
	return func(yield func(blob.Object, error) bool) {
		for _, o := range s.objects(generation) {
			if err := ctx.Err(); err != nil {
				yield(blob.Object{}, err)
				return
			}
			if !yield(o, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(blob.Object{}, err)
		}
	}
}

func (s *Memory) objects(generation blob.Generation) (out []blob.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, octets := range s.mu.objects {
		if strings.HasPrefix(string(key), generation.Prefix()) {
			out = append(out, blob.Object{Key: key, Size: int64(len(octets))})
		}
	}
	return out
}

// Check reports whether the context has ended.
func (s *Memory) Check(ctx context.Context) error { return ctx.Err() }

// Close does nothing.
func (s *Memory) Close() error { return nil }
