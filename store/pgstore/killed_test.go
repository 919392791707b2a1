package pgstore

import (
	"sync"
	"testing"
	"time"

	"restante/internal/pgtest"
	"restante/store/storetest"
)

// TestServerKilled kills PostgreSQL again and again, which keeps its log as it does in earnest, while
// two machines change the same mailboxes. One of them is patient: its commits are all made. The other
// one gives up at once: of a commit that it does not acknowledge all is there, or nothing. What was
// acknowledged is there, once.
func TestServerKilled(t *testing.T) {
	kills, between := 4, 60 // commits
	if testing.Short() {
		kills, between = 2, 40
	}
	rnd := newRand(t)
	server := pgtest.StartDurable(t)
	patience := []time.Duration{2 * time.Minute, 1} // a nanosecond: nothing is tried twice
	recorder := storetest.NewRecorder()
	nodes := openNodes(t, server.Database(t.TempDir()), openFolder(t), func(o *Options) {
		o.Patience, patience = patience[0], patience[1:]
	})
	const workers = 8
	var all []*worker
	for i := range workers {
		var w *worker
		if i%2 == 0 {
			w = newWorker(t, nodes[0], rnd, i)
		} else { // the same account, on the other machine
			w = all[i-1].beside(rnd, i)
			w.patient = nodes[0]
		}
		w.store = recorder.Record(nodes[i%2])
		all = append(all, w)
	}
	// Each makes as many commits as there can be before the last kill, so that there is load at each.
	steps := make(chan struct{}, workers*kills*between)
	var running sync.WaitGroup
	for _, w := range all {
		running.Go(func() {
			for range kills * between / 4 {
				w.step(t)
				steps <- struct{}{}
			}
		})
	}
	for range kills {
		for range between {
			<-steps
		}
		server.Kill()
		server.Start()
	}
	running.Wait()

	made, unmade := 0, 0
	for _, w := range all {
		made, unmade = made+w.made, unmade+w.unmade
	}
	t.Logf("of the commits that were not acknowledged %d were made, %d not", made, unmade)
	if made+unmade == 0 {
		t.Error("no commit failed")
	}
	for i := 0; i < workers; i += 2 {
		compareWorkers(t, nodes[0], all[i], all[i+1])
	}
	if err := recorder.Check(); err != nil {
		t.Error(err)
	}
	if problems, _ := checkAll(t, nodes[0], CheckOptions{Bodies: true}); len(problems) > 0 {
		t.Errorf("Check finds %q", problems)
	}
}
