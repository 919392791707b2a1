package blobtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"restante/blob"
)

func testCheck(e *env) { e.must(e.Check(e.Context())) }

// An object has the octets that were stored, however many.
func testSizes(e *env) {
	for _, size := range []int{0, 1, 5<<20 + 1, 20 << 20} {
		key := e.put(size)
		e.has(key, size, 0)
		if listed, ok := e.listed(e.generation)[key]; !ok || listed != int64(size) {
			e.Errorf("an object of %d octets is listed: %v, with %d", size, ok, listed)
		}
	}
}

func testOffsets(e *env) {
	const size = 100_000
	key := e.put(size)
	for _, offset := range []int64{0, 1, 4096, size - 1, size, size + 1} {
		e.has(key, size, offset)
	}
	empty := e.put(0)
	e.has(empty, 0, 0)
	e.has(empty, 0, 1)
}

func testNotFound(e *env) {
	key := e.key()
	e.gone(key)
	if _, err := e.read(key, 7); !errors.Is(err, blob.ErrNotFound) {
		e.Errorf("from an offset on: %v instead of ErrNotFound", err)
	}
	if listed := e.listed(e.generation); len(listed) != 0 {
		e.Errorf("a generation that nobody has used has %v", listed)
	}
}

// What is not a key can name anything.
func testBadKey(e *env) {
	good := string(e.put(10))
	for _, bad := range []blob.Key{"", "a", "../../etc/passwd", blob.Key(good[:len(good)-1]), blob.Key(good + "/x"), blob.Key(good[:9] + ".." + good[11:])} {
		if err := e.Put(e.Context(), bad, bytes.NewReader(nil), 0); !errors.Is(err, blob.ErrBadKey) {
			e.Errorf("Put(%q): %v instead of ErrBadKey", bad, err)
		}
		if _, err := e.read(bad, 0); !errors.Is(err, blob.ErrBadKey) {
			e.Errorf("Open(%q): %v instead of ErrBadKey", bad, err)
		}
		if err := e.Delete(e.Context(), bad); !errors.Is(err, blob.ErrBadKey) {
			e.Errorf("Delete(%q): %v instead of ErrBadKey", bad, err)
		}
	}
}

var errBody = errors.New("blobtest: the body cannot be read")

// readerAt is a body that a function reads.
type readerAt func(p []byte, offset int64) (int, error)

func (r readerAt) ReadAt(p []byte, offset int64) (int, error) { return r(p, offset) }

// A body that cannot be read leaves nothing, however far it was read.
func testPutFails(e *env) {
	for _, size := range []int{10, 5<<20 + 1, 20 << 20} {
		for _, until := range []int64{0, int64(size) / 2, int64(size) - 1} {
			key := e.key()
			whole := bytes.NewReader(content(key, size))
			body := readerAt(func(p []byte, offset int64) (int, error) {
				if offset+int64(len(p)) <= until {
					return whole.ReadAt(p, offset)
				}
				n, _ := whole.ReadAt(p[:max(0, until-offset)], offset)
				return n, errBody
			})
			if err := e.Put(e.Context(), key, body, int64(size)); !errors.Is(err, errBody) {
				e.Errorf("a body that fails after %d of %d octets: %v", until, size, err)
			}
			e.nothing(key)
		}
	}
}

func (e *env) nothing(key blob.Key) {
	e.Helper()
	e.gone(key)
	if size, ok := e.listed(e.generation)[key]; ok {
		e.Errorf("an object of %d octets is listed", size)
	}
}

// Neither does one that has fewer octets than Put is told.
func testPutShort(e *env) {
	for _, size := range []int{1, 1000, 5 << 20} {
		key := e.key()
		if err := e.Put(e.Context(), key, bytes.NewReader(content(key, size-1)), int64(size)); err == nil {
			e.Errorf("a body of %d octets that has %d was stored", size, size-1)
		}
		e.nothing(key)
	}
	key := e.key() // the size counts, not what the body has
	e.must(e.Put(e.Context(), key, bytes.NewReader(content(key, 1000)), 999))
	octets, err := e.read(key, 0)
	if err != nil || !bytes.Equal(octets, content(key, 1000)[:999]) {
		e.Errorf("999 of 1000 octets: %d, %v", len(octets), err)
	}
}

// A body is the caller's again when Put has returned.
func testPutReturns(e *env) {
	var returned, late atomic.Bool
	key := e.key()
	octets := content(key, 1<<20)
	body := readerAt(func(p []byte, offset int64) (int, error) {
		if returned.Load() {
			late.Store(true)
		}
		return bytes.NewReader(octets).ReadAt(p, offset)
	})
	e.must(e.Put(e.Context(), key, body, int64(len(octets))))
	returned.Store(true)
	clear(octets)
	e.has(key, len(octets), 0)
	if late.Load() {
		e.Error("the body was read after Put")
	}
}

// A body that comes slowly delays nobody else.
func testPutTogether(e *env) {
	slow := e.key()
	octets := content(slow, 1000)
	reading, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	body := readerAt(func(p []byte, offset int64) (int, error) {
		once.Do(func() { close(reading) })
		<-release
		return bytes.NewReader(octets).ReadAt(p, offset)
	})
	stored := make(chan error)
	go func() { stored <- e.Put(e.Context(), slow, body, int64(len(octets))) }()
	<-reading
	others := make(chan struct{})
	go func() {
		defer close(others)
		ctx := e.Context()
		key := e.key()
		if err := e.Put(ctx, key, bytes.NewReader(content(key, 10)), 10); err != nil {
			e.Error(err)
		}
		e.has(key, 10, 0)
		if err := e.Delete(ctx, key); err != nil {
			e.Error(err)
		}
		if _, ok := e.listed(e.generation)[slow]; ok {
			e.Error("an object is listed that is being stored")
		}
	}()
	select {
	case <-others:
	case <-time.After(patience):
		e.Error("while a body is read nothing else is done")
	}
	close(release)
	<-others
	e.must(<-stored)
	e.has(slow, len(octets), 0)
}

// Who has read enough may close, and keeps nothing busy.
func testCloseEarly(e *env) {
	const size = 5 << 20
	key := e.put(size)
	for range 20 {
		r, err := e.Open(e.Context(), key, 1)
		e.must(err)
		var p [10]byte
		if _, err := io.ReadFull(r, p[:]); err != nil || !bytes.Equal(p[:], content(key, size)[1:11]) {
			e.Errorf("%x: %v", p, err)
		}
		e.must(r.Close())
	}
	e.has(key, size, 0)
}

// No operation begins when the context has ended, and one that is under way ends with it.
func testContext(e *env) {
	const size = 5 << 20
	key, other := e.put(size), e.key()
	ctx, cancel := context.WithCancel(e.Context())
	r, err := e.Open(ctx, key, 0)
	e.must(err)
	cancel()
	n, err := io.Copy(io.Discard, r)
	if !errors.Is(err, context.Canceled) {
		e.Errorf("the reader: %d octets, %v", n, err)
	}
	e.must(r.Close())

	for name, err := range map[string]error{
		"Put":    e.Put(ctx, other, bytes.NewReader(content(other, 10)), 10),
		"Delete": e.Delete(ctx, key),
		"Check":  e.Check(ctx),
	} {
		if !errors.Is(err, context.Canceled) {
			e.Errorf("%s: %v", name, err)
		}
	}
	if _, err := e.Open(ctx, key, 0); !errors.Is(err, context.Canceled) {
		e.Errorf("Open: %v", err)
	}
	err = nil
	for _, err = range e.List(ctx, e.generation) {
	}
	if !errors.Is(err, context.Canceled) {
		e.Errorf("List: %v", err)
	}
	e.nothing(other)
	e.has(key, size, 0)

	ctx, cancel = context.WithCancel(e.Context())
	defer cancel()
	whole := bytes.NewReader(content(other, size))
	body := readerAt(func(p []byte, offset int64) (int, error) {
		if offset > size/2 {
			cancel()
		}
		return whole.ReadAt(p, offset)
	})
	if err := e.Put(ctx, other, body, size); !errors.Is(err, context.Canceled) {
		e.Errorf("Put whose context ends: %v", err)
	}
}
