package imapserver

import (
	"slices"
	"sync"

	"restante/store"
)

// turns lets one command of each user work at a time, of those that work for long: however many
// searches somebody begins, they share one processor, and the others are there for everybody else.
// Those of one user take turns, a check long each, in the order in which they asked (conn.waitTurn).
// Between users the processors are shared as between any goroutines, one of each user.
type turns struct {
	mu struct {
		sync.Mutex
		byUser map[store.AccountID][]turn // the first has the turn, the others wait
	}
}

// turn is a place among the commands of a user. It is closed when its turn comes.
type turn chan struct{}

// begun is the place of whoever is the only one of a user, and has the turn at once.
var begun = func() turn {
	t := make(turn)
	close(t)
	return t
}()

// join returns a place behind the others of the user.
func (t *turns) join(id store.AccountID) turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine := begun
	if len(t.mu.byUser[id]) > 0 {
		mine = make(turn)
	}
	if t.mu.byUser == nil {
		t.mu.byUser = map[store.AccountID][]turn{}
	}
	t.mu.byUser[id] = append(t.mu.byUser[id], mine)
	return mine
}

// end gives up a place, whether its turn has come or not.
func (t *turns) end(id store.AccountID, mine turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.mu.byUser[id]
	i := slices.Index(all, mine)
	all = slices.Delete(all, i, i+1)
	switch {
	case len(all) == 0:
		delete(t.mu.byUser, id)
		return
	case i == 0:
		close(all[0])
	}
	t.mu.byUser[id] = all
}

// wanted reports whether others of the user wait.
func (t *turns) wanted(id store.AccountID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.mu.byUser[id]) > 1
}
