package pgstore

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"restante/blob/blobtest"
	"restante/internal/pgtest"
	"restante/store"
)

// A database that cannot be reached for a while makes commits wait, and no longer than patience says.
func TestUnavailable(t *testing.T) {
	const patience = 3 * time.Second
	ctx := context.Background()
	rnd := newRand(t)
	database := pgtest.Database(t, t.TempDir())
	never := func() cut { return cutNot }
	p, address := startProxy(t, database, never, never)
	objects := blobtest.NewMemory()
	s := openNodes(t, address, objects, func(o *Options) { o.Patience = patience })[0]
	direct := openNodes(t, database, objects, nil)[0]
	w := newWorker(t, direct, rnd, 1)
	w.store = s
	w.append(t, 0)

	// It is there again before patience ends.
	p.refusing.Store(true)
	p.cutAll()
	before, done := p.refused.Load(), make(chan struct{})
	go func() {
		defer close(done)
		w.append(t, 0)
	}()
	for p.refused.Load() < before+2 {
		time.Sleep(time.Millisecond)
	}
	p.refusing.Store(false)
	<-done

	// It is not.
	p.refusing.Store(true)
	p.cutAll()
	var running sync.WaitGroup
	for what, f := range map[string]func() error{
		"Commit": func() error {
			_, err := s.Commit(ctx, store.System, &store.Create{Account: w.boxes[0].Account, Name: "never"})
			return err
		},
		"Status":  func() error { _, err := s.Status(ctx, store.System, w.boxes[0]); return err },
		"Open":    func() error { _, err := s.Open(ctx, store.System, w.boxes[0]); return err },
		"Account": func() error { _, err := s.Account(ctx, store.System, w.boxes[0].Account); return err },
		"User":    func() error { _, err := s.User(ctx, "nobody"); return err },
	} {
		running.Go(func() {
			start := time.Now()
			err := f()
			if took := time.Since(start); !errors.Is(err, store.ErrUnavailable) || took < patience-retryPauseMax {
				t.Errorf("%s after %v: %v", what, took, err)
			}
		})
	}
	running.Wait()
	p.refusing.Store(false)
	w.append(t, 1)
	compareWorkers(t, direct, w)
	a, err := direct.Account(ctx, store.System, w.boxes[0].Account)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, made := a.Namespace().Lookup("never"); made {
		t.Error("what never reached the database was made")
	}
}

// An outcome that nobody can find out is told as unavailable, whatever it was; then its objects stay.
func TestOutcomeUnknown(t *testing.T) {
	ctx := context.Background()
	database := pgtest.Database(t, t.TempDir())
	var p *proxy
	var commits atomic.Int32
	p, address := startProxy(t, database, func() cut {
		if commits.Add(1) == 2 {
			p.refusing.Store(true)
			return cutAfter
		}
		return cutNot
	}, func() cut { return cutNot })
	objects := blobtest.NewMemory()
	s := openNodes(t, address, objects, func(o *Options) { o.Patience = time.Second })[0]
	direct := openNodes(t, database, objects, nil)[0]
	w := newWorker(t, direct, newRand(t), 1)
	w.store = s
	w.append(t, 0)
	body := stageLarge(t, s, w.boxes[0].Account)
	if _, err := s.Commit(ctx, store.System, &store.Append{Mailbox: w.boxes[0], Messages: []store.NewMessage{{Body: body}}}); !errors.Is(err, store.ErrUnavailable) {
		t.Fatal(err)
	}
	body.Discard()
	p.refusing.Store(false)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	h, err := direct.Open(ctx, store.System, w.boxes[0])
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	v := h.Version()
	last := v.At(1)
	for _, r := range v.Rows() {
		last = *r
	}
	if text, err := readText(ctx, h, &last); err != nil || text != largeText {
		t.Errorf("it was made, and its body is %.50q, %v", text, err)
	}
}
