package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
)

// fetch is an object on its way into the cache, and those who wait for it. waiting and file are
// guarded by the cache's mutex, file and err by done too.
type fetch struct {
	object
	cancel  context.CancelFunc
	waiting int
	done    chan struct{}
	file    *file // with one reader, the fetch itself, while somebody waits
	err     error
}

// newFetch begins to fetch an object. It ends when nobody waits for it any more. c.mu is held.
func (c *Cache) newFetch(ctx context.Context, o object) *fetch {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &fetch{object: o, cancel: cancel, done: make(chan struct{})}
	c.mu.fetches[o] = f
	c.work.Go(func() {
		defer cancel()
		t, err := c.fetch(ctx, o)
		c.finish(f, t, err)
	})
	return f
}

// finish hands the file to those who wait.
func (c *Cache) finish(f *fetch, t *temporary, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.fetches[f.object] == f {
		delete(c.mu.fetches, f.object)
	}
	if f.err = err; err == nil {
		f.file = c.keep(t, f.object)
		f.file.readers += f.waiting
		c.release(f.file) // the fetch's own
	}
	close(f.done)
}

// leave is for who waits no longer.
func (c *Cache) leave(f *fetch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.waiting--; f.file != nil {
		c.release(f.file)
		return
	}
	if f.waiting == 0 && c.mu.fetches[f.object] == f {
		f.cancel()
		delete(c.mu.fetches, f.object) // who comes now begins anew
	}
}

// join returns what the fetch has brought for one of those who waited.
func (c *Cache) join(f *fetch) (*Body, error) {
	if f.err != nil {
		return nil, f.err
	}
	return &Body{cache: c, file: f.file}, nil
}

// fetch reads an object into a file. What the store fails at is tried again from where it broke off,
// with pauses; octets that are wrong are read once more from the beginning.
func (c *Cache) fetch(ctx context.Context, o object) (*temporary, error) {
	select {
	case c.turns <- struct{}{}:
		defer func() { <-c.turns }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	t, err := c.create(o.size)
	if err != nil {
		t.discard()
		return nil, err
	}
	in := &download{object: o, store: c.store, to: t.File, hash: sha256.New()}
	damaged := false
	for attempt := 1; ; attempt++ {
		switch err = in.read(ctx); {
		case err == nil:
			return t, nil
		case errors.Is(err, ErrNotFound):
			t.discard()
			return nil, fmt.Errorf("blob: object %s: %w", o.key, err)
		case errors.Is(err, ErrDamaged) && damaged:
			t.discard()
			return nil, err
		case errors.Is(err, ErrDamaged):
			damaged = true
			in.restart()
			continue
		case full(err):
			c.evictAll()
		}
		if attempt >= attempts || ctx.Err() != nil || c.pause(ctx, attempt) != nil {
			t.discard()
			return nil, fmt.Errorf("blob: object %s: %w", o.key, err)
		}
	}
}

// download is an object as far as it was read.
type download struct {
	object
	store Store
	to    *os.File
	hash  interface {
		io.Writer
		Sum([]byte) []byte
		Reset()
	}
	n int64
}

func (d *download) restart() {
	d.n = 0
	d.hash.Reset()
}

// read reads the object from where an earlier attempt ended. An error that is ErrDamaged names the
// key.
func (d *download) read(ctx context.Context) error {
	if d.n < d.size || d.size == 0 {
		r, err := d.store.Open(ctx, d.key, d.n)
		if err != nil {
			return err
		}
		_, err = io.Copy(d, io.LimitReader(r, d.size-d.n+1))
		r.Close()
		switch {
		case d.n > d.size:
			return fmt.Errorf("%w: %s is longer than %d octets", ErrDamaged, d.key, d.size)
		case err != nil:
			return err
		case d.n < d.size:
			return fmt.Errorf("%w: %s has %d octets instead of %d", ErrDamaged, d.key, d.n, d.size)
		}
	}
	if [sha256.Size]byte(d.hash.Sum(nil)) != d.sum {
		return fmt.Errorf("%w: the SHA-256 of %s is %x instead of %x", ErrDamaged, d.key, d.hash.Sum(nil), d.sum)
	}
	return nil
}

// Write takes what has arrived. What is too much is counted only.
func (d *download) Write(p []byte) (int, error) {
	n, err := d.to.WriteAt(p[:min(int64(len(p)), d.size-d.n)], d.n)
	d.hash.Write(p[:n])
	if d.n += int64(n); err == nil && n < len(p) {
		d.n++
		n = len(p)
	}
	return n, err
}
