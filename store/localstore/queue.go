package localstore

import (
	"context"
	"slices"
	"sync"

	"restante/store"
)

// maxWaiting is how many changes of one account may wait for the writer. Whoever has another waits
// until there is room.
const maxWaiting = 512

// queue holds the changes that wait for the writer: a line for each account, which are served in
// turn, so that an account with many changes delays no other.
type queue struct {
	wake chan struct{} // holds an element when there may be something to take
	shut chan struct{} // closed by close

	mu struct {
		sync.Mutex
		closed bool
		lines  map[store.AccountID]*line // with somebody in them
		ready  []*line                   // with changes to take, in the order of their turns
	}
}

// line is what waits for one account.
type line struct {
	account store.AccountID
	room    chan struct{} // an element for each change in it

	// Guarded by queue.mu.
	users   int // calls of submit that are not done
	changes []*change
}

func (q *queue) init() {
	q.wake, q.shut = make(chan struct{}, 1), make(chan struct{})
	q.mu.lines = map[store.AccountID]*line{}
}

// submit waits until the writer has made a change. When ctx ends before its turn has come, it is
// taken back; afterwards its outcome is awaited, so that it is never guessed.
func (q *queue) submit(ctx context.Context, c *change) error {
	l, err := q.enter(c.account)
	if err != nil {
		return err
	}
	defer q.leave(l)
	select {
	case l.room <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-q.shut:
		return store.ErrClosed
	}
	if !q.add(l, c) {
		<-l.room
		return store.ErrClosed
	}
	ring(q.wake)
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
	}
	if q.withdraw(l, c) {
		return ctx.Err()
	}
	<-c.done
	return c.err
}

// enter returns the line of an account, which stays until leave.
func (q *queue) enter(account store.AccountID) (*line, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.mu.closed {
		return nil, store.ErrClosed
	}
	l := q.mu.lines[account]
	if l == nil {
		l = &line{account: account, room: make(chan struct{}, maxWaiting)}
		q.mu.lines[account] = l
	}
	l.users++
	return l, nil
}

func (q *queue) leave(l *line) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if l.users--; l.users == 0 {
		delete(q.mu.lines, l.account)
	}
}

func (q *queue) add(l *line, c *change) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.mu.closed {
		return false
	}
	if l.changes = append(l.changes, c); len(l.changes) == 1 {
		q.mu.ready = append(q.mu.ready, l)
	}
	return true
}

// withdraw takes a change out of its line. It returns false when the writer has it.
func (q *queue) withdraw(l *line, c *change) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(l.changes, c)
	if i < 0 {
		return false
	}
	l.changes = slices.Delete(l.changes, i, i+1)
	if len(l.changes) == 0 {
		q.mu.ready = slices.DeleteFunc(q.mu.ready, func(o *line) bool { return o == l })
	}
	<-l.room
	return true
}

// take returns the change whose turn it is, or nil; and whether none will ever come again.
func (q *queue) take() (c *change, ended bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.mu.ready) == 0 {
		return nil, q.mu.closed
	}
	l := q.mu.ready[0]
	q.mu.ready = slices.Delete(q.mu.ready, 0, 1)
	c = l.changes[0]
	if l.changes = slices.Delete(l.changes, 0, 1); len(l.changes) > 0 {
		q.mu.ready = append(q.mu.ready, l)
	}
	<-l.room
	return c, false
}

// close refuses further changes. Those that wait are still made.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.mu.closed = true
	close(q.shut)
	ring(q.wake)
}
