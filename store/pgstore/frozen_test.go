package pgstore

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"restante/blob/blobtest"
	"restante/internal/pgtest"
	"restante/store"
)

// noticed is how long a store may take to notice that nothing passes, however slow the machine is. It
// is less than groupTimeout.
const noticed = 2 * time.Minute

// A server that stops to answer in the middle of a change, at whatever message, and closes nothing, is
// noticed: the change is not acknowledged, whatever has become of it, and later ones are made.
func TestFrozen(t *testing.T) {
	rnd := newRand(t)
	database := pgtest.Database(t, t.TempDir())
	var left atomic.Int64 // messages until everything freezes
	next := func() cut {
		if left.Add(-1) == 0 {
			return freeze
		}
		return cutNot
	}
	p, address := startProxy(t, database, next, next)
	t.Cleanup(p.thaw) // so that the stores can close
	objects := blobtest.NewMemory()
	s := openNodes(t, address, objects, func(o *Options) { o.Patience, o.answer = 1, time.Second })[0]
	direct := openNodes(t, database, objects, nil)[0]
	other := newWorker(t, direct, rnd, 0)
	other.store = direct
	w := other.beside(rnd, 1)
	w.store, w.patient = s, direct
	w.settle = func() { // the server hears that the connection is closed
		left.Store(0)
		p.thaw()
	}
	for _, ref := range w.boxes { // what is open is read on, in the middle of a change
		h, err := s.Open(context.Background(), store.System, ref)
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
	}
	w.append(t, 0)
	messages := int64(40)
	if testing.Short() {
		messages = 8
	}
	for n := int64(1); n <= messages; n += 3 {
		other.step(t)
		left.Store(n)
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.step(t)
		}()
		select {
		case <-done:
		case <-time.After(noticed):
			t.Fatalf("frozen at message %d: not noticed", n)
		}
		left.Store(0)
		p.thaw()
	}
	w.step(t)
	t.Logf("frozen %d times; of the commits that were not acknowledged %d were made, %d not", p.cuts[freeze].Load(), w.made, w.unmade)
	if w.made+w.unmade == 0 {
		t.Error("no commit failed")
	}
	compareWorkers(t, direct, other, w)
}
