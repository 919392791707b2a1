package blobtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"

	"restante/blob"
)

// faultyDriver is a driver with a mistake.
type faultyDriver struct {
	*Memory
	fault string
	lock  sync.Mutex
	late  io.ReaderAt // a body that is read after Put
}

// ctx returns the context that the driver goes by.
func (s *faultyDriver) ctx(ctx context.Context, op Op) context.Context {
	if s.fault == "context ignored by "+string(op) {
		return context.Background()
	}
	return ctx
}

func (s *faultyDriver) Put(ctx context.Context, key blob.Key, body io.ReaderAt, size int64) error {
	ctx = s.ctx(ctx, Put)
	switch s.fault {
	case "put keeps what it has read":
		octets, err := io.ReadAll(io.NewSectionReader(body, 0, size))
		s.Damage(key, func([]byte) []byte { return octets })
		return errors.Join(err, ctx.Err())
	case "put loses the reader's error":
		var octets bytes.Buffer
		io.Copy(&octets, io.NewSectionReader(body, 0, size))
		if _, _, err := key.Parse(); err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		s.Damage(key, func([]byte) []byte { return octets.Bytes() })
		return nil
	case "put fills up":
		octets := make([]byte, size)
		if _, err := body.ReadAt(octets, 0); err != nil && err != io.EOF {
			return err
		}
		body = bytes.NewReader(octets)
	case "put takes the whole body":
		if b, ok := body.(*bytes.Reader); ok {
			size = b.Size()
		}
	case "put cuts off at 5 MiB":
		size = min(size, 5<<20)
	case "put loses what is empty":
		if size == 0 {
			return ctx.Err()
		}
	case "put locks while it reads":
		s.lock.Lock()
		defer s.lock.Unlock()
	case "put reads late":
		octets := make([]byte, size)
		if err := s.Memory.Put(ctx, key, body, size); err != nil {
			return err
		}
		s.Damage(key, func([]byte) []byte { return nil })
		s.lock.Lock()
		s.late = readerAt(func(p []byte, _ int64) (int, error) {
			n, err := body.ReadAt(octets, 0)
			s.Damage(key, func([]byte) []byte { return octets[:n] })
			return 0, err
		})
		s.lock.Unlock()
		return nil
	case "put leaks":
		go func() { select {} }()
	}
	return s.Memory.Put(ctx, key, body, size)
}

func (s *faultyDriver) Open(ctx context.Context, key blob.Key, offset int64) (io.ReadCloser, error) {
	ctx = s.ctx(ctx, Open)
	switch s.fault {
	case "offset ignored":
		offset = 0
	case "offset is one less":
		offset = max(offset-1, 0)
	case "put reads late":
		s.lock.Lock()
		if s.late != nil {
			s.late.ReadAt(nil, 0)
		}
		s.lock.Unlock()
	case "bad keys accepted":
		if _, _, err := key.Parse(); err != nil {
			return nil, blob.ErrNotFound
		}
	}
	r, err := s.Memory.Open(ctx, key, offset)
	switch {
	case s.fault == "what is not there is empty" && errors.Is(err, blob.ErrNotFound):
		return io.NopCloser(bytes.NewReader(nil)), nil
	case s.fault == "not found is another error" && errors.Is(err, blob.ErrNotFound):
		return nil, errors.New("404")
	case s.fault == "the end is an error" && err == nil && offset > 0:
		octets, _ := io.ReadAll(r)
		if len(octets) == 0 {
			return nil, errors.New("416")
		}
		return s.Memory.Open(ctx, key, offset)
	}
	return r, err
}

func (s *faultyDriver) Delete(ctx context.Context, keys ...blob.Key) error {
	ctx = s.ctx(ctx, Delete)
	switch s.fault {
	case "delete does nothing":
		if _, err := s.there(keys); err != nil {
			return err
		}
		return ctx.Err()
	case "delete removes the first only":
		keys = keys[:min(1, len(keys))]
	case "delete removes 1000 only":
		keys = keys[:min(1000, len(keys))]
	case "delete fails for what is not there":
		all, err := s.there(keys)
		if err == nil && !all {
			err = blob.ErrNotFound
		}
		if err != nil {
			return err
		}
	case "delete stops at what is not there":
		for i, key := range keys {
			if all, err := s.there([]blob.Key{key}); err == nil && !all {
				keys = keys[:i]
				break
			}
		}
	case "delete removes the generation":
		for _, key := range slices.Clone(keys) {
			for _, other := range s.Keys() {
				if len(key) > 9 && strings.HasPrefix(string(other), string(key[:9])) {
					keys = append(keys, other)
				}
			}
		}
	}
	return s.Memory.Delete(ctx, keys...)
}

// there reports whether all of some objects are there.
func (s *faultyDriver) there(keys []blob.Key) (bool, error) {
	stored := s.Keys()
	for _, key := range keys {
		if _, _, err := key.Parse(); err != nil {
			return false, err
		}
		if !slices.Contains(stored, key) {
			return false, nil
		}
	}
	return true, nil
}

func (s *faultyDriver) List(ctx context.Context, generation blob.Generation) iter.Seq2[blob.Object, error] {
	ctx = s.ctx(ctx, List)
	return func(yield func(blob.Object, error) bool) {
		n := 0
		if s.fault == "put locks while it reads" {
			s.lock.Lock()
			defer s.lock.Unlock()
		}
		for o, err := range s.Memory.List(ctx, generation) {
			if n++; s.fault == "list ends with the first page" && n > 1000 {
				return
			}
			switch s.fault {
			case "list has no sizes":
				o.Size = 0
			case "list swallows errors":
				if err != nil {
					return
				}
			case "list repeats":
				if err == nil && n == 1 && !yield(o, nil) {
					return
				}
			}
			if !yield(o, err) {
				return
			}
		}
		if s.fault == "list has all generations" {
			for _, key := range s.Keys() {
				if !strings.HasPrefix(string(key), generation.Prefix()) && !yield(blob.Object{Key: key}, nil) {
					return
				}
			}
		}
	}
}

func (s *faultyDriver) Check(ctx context.Context) error {
	if s.fault == "check fails" {
		return errors.New("no")
	}
	return s.Memory.Check(s.ctx(ctx, Check))
}

func (s *faultyDriver) Close() error {
	if s.fault == "close fails" {
		return errors.New("no")
	}
	return nil
}
