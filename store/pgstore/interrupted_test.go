package pgstore

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"restante/blob"
	"restante/blob/blobtest"
	"restante/internal/pgtest"
	"restante/store/storetest"
)

// TestCommitInterrupted makes thousands of commits on two machines, to the same mailboxes, while
// connections are cut, above all when a COMMIT is on its way. No commit fails, and what was
// acknowledged is there, once.
func TestCommitInterrupted(t *testing.T) {
	commits := 2400
	if testing.Short() {
		commits = 400
	}
	rnd := newRand(t)
	database := pgtest.Database(t, t.TempDir())
	var cutting atomic.Bool
	p, address := startProxy(t, database,
		func() cut { return []cut{cutBefore, cutAt, cutAfter, cutNot}[min(rnd.IntN(40), 3)] },
		func() cut {
			if cutting.Load() && rnd.IntN(500) == 0 {
				return cutAnywhere
			}
			return cutNot
		})
	objects := blobtest.NewMemory()
	recorder := storetest.NewRecorder()
	nodes := openNodes(t, address, objects, func(o *Options) { o.Patience = 2 * time.Minute })
	direct := openNodes(t, database, objects, nil)[0]

	cutting.Store(true) // whoever starts a machine is told that there is no database
	const workers = 8
	var all []*worker
	for i := range workers {
		if i%2 == 0 {
			all = append(all, newWorker(t, direct, rnd, i))
		} else { // the same account, on the other machine
			all = append(all, all[i-1].beside(rnd, i))
		}
		all[i].store = recorder.Record(nodes[i%2])
	}
	var running sync.WaitGroup
	for _, w := range all {
		running.Go(func() {
			for range commits / workers {
				w.step(t)
			}
		})
	}
	running.Wait()
	for _, what := range []cut{cutBefore, cutAt, cutAfter, cutAnywhere} {
		n := p.cuts[what].Load()
		t.Logf("%d cuts of kind %d", n, what)
		if n == 0 {
			t.Errorf("no cut of kind %d", what)
		}
	}
	for i := 0; i < workers; i += 2 {
		compareWorkers(t, direct, all[i], all[i+1])
	}
	if err := recorder.Check(); err != nil {
		t.Error(err)
	}
	for _, s := range nodes {
		if err := s.Close(); err != nil { // which waits for what is removed behind a commit
			t.Error(err)
		}
	}
	if got, want := objects.Keys(), namedObjects(t, direct); !slices.Equal(got, want) {
		t.Errorf("there are %d objects, %d are named", len(got), len(want))
	}
}

// namedObjects returns the keys that emails have.
func namedObjects(t *testing.T, s *Store) (keys []blob.Key) {
	t.Helper()
	rows, err := s.cells[0].db.pool.Query(context.Background(), `SELECT blob FROM email WHERE blob IS NOT NULL`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, blob.Key(key))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	return keys
}
