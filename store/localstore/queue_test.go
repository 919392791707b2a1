package localstore

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"restante/store"
)

// waiting returns how many changes of an account wait.
func (q *queue) waiting(account store.AccountID) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if l := q.mu.lines[account]; l != nil {
		return len(l.changes)
	}
	return 0
}

// submitted submits a change on a goroutine of its own, and returns when it waits.
func submitted(t *testing.T, q *queue, ctx context.Context, wg *sync.WaitGroup, c *change) *error {
	t.Helper()
	before := q.waiting(c.account)
	c.done = make(chan struct{})
	outcome := new(error)
	wg.Go(func() { *outcome = q.submit(ctx, c) })
	for q.waiting(c.account) == before {
		runtime.Gosched()
	}
	return outcome
}

// TestQueueFair checks that accounts are served in turn, and each in order.
func TestQueueFair(t *testing.T) {
	var q queue
	q.init()
	var wg sync.WaitGroup
	var names []string
	mine := map[*change]string{}
	for _, c := range []struct {
		account store.AccountID
		name    string
	}{{1, "a1"}, {1, "a2"}, {1, "a3"}, {1, "a4"}, {2, "b1"}, {3, "c1"}, {2, "b2"}} {
		x := &change{account: c.account}
		mine[x] = c.name
		submitted(t, &q, ctx, &wg, x)
	}
	for {
		c, _ := q.take()
		if c == nil {
			break
		}
		names = append(names, mine[c])
		close(c.done)
	}
	wg.Wait()
	want := []string{"a1", "b1", "c1", "a2", "b2", "a3", "a4"}
	for i := range want {
		if i >= len(names) || names[i] != want[i] {
			t.Fatalf("the order was %v, want %v", names, want)
		}
	}
	if len(q.mu.lines) != 0 || len(q.mu.ready) != 0 {
		t.Errorf("%d lines are left, %d are ready", len(q.mu.lines), len(q.mu.ready))
	}
}

// TestQueueFull checks that an account with a full line delays no other, that whoever waits for room,
// or for the writer, can give up, and that closing ends what waits for room.
func TestQueueFull(t *testing.T) {
	var q queue
	q.init()
	var wg sync.WaitGroup
	for range maxWaiting {
		submitted(t, &q, ctx, &wg, &change{account: 1})
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := q.submit(ended, &change{account: 1, done: make(chan struct{})}); !errors.Is(err, context.Canceled) || q.waiting(1) != maxWaiting {
		t.Errorf("a full line: %v, %d wait", err, q.waiting(1))
	}
	other := &change{account: 2}
	submitted(t, &q, ctx, &wg, other)
	waits, cancel := context.WithCancel(ctx)
	gave := submitted(t, &q, waits, &wg, &change{account: 3})
	cancel()
	eventually(t, "a change that was taken back", func() bool { return q.waiting(3) == 0 })
	full := make(chan error)
	go func() { full <- q.submit(ctx, &change{account: 1, done: make(chan struct{})}) }()
	q.close()
	if err := <-full; !errors.Is(err, store.ErrClosed) {
		t.Errorf("waiting for room in a queue that is closed: %v", err)
	}
	n := 0
	for {
		c, over := q.take()
		if c == nil {
			if !over {
				t.Error("a closed queue has not ended")
			}
			break
		}
		if n++; n == 2 && c != other {
			t.Error("the second change is not that of the other account")
		}
		close(c.done)
	}
	wg.Wait()
	if n != maxWaiting+1 || !errors.Is(*gave, context.Canceled) {
		t.Errorf("%d changes were made; who gave up got %v", n, *gave)
	}
}
