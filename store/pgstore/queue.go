package pgstore

import (
	"context"
	"slices"
	"sync"

	"restante/store"
)

// Commits of one account are made one after the other, those that wait together in one transaction.
// Plain appends go further: those of many accounts share a transaction, so that they share the wait
// for the log and for the standby. A mailbox that somebody else has locked is not waited for by the
// others: its commits are then made by themselves.

// lanes is how many transactions of appends of many accounts are under way at once, for each cell.
const lanes = 4

// Bounds of a group.
const (
	groupCommits = 256
	groupOctets  = 16 << 20 // of bodies and summaries
)

// queue has the accounts of which commits wait.
type queue struct {
	sync.Mutex
	ready []*account // none is twice
	lanes int        // that run
}

// enqueue has a commit made after those of the account that wait.
func (a *account) enqueue(m *commit) {
	a.queue.Lock()
	a.queue.waiting = append(a.queue.waiting, m)
	busy := a.queue.busy
	a.queue.busy = true
	a.queue.Unlock()
	if !busy {
		a.cell.schedule(a)
	}
}

// schedule has the waiting commits of an account made, of which none is under way.
func (c *cell) schedule(a *account) {
	c.queue.Lock()
	defer c.queue.Unlock()
	c.queue.ready = append(c.queue.ready, a)
	if c.queue.lanes < lanes {
		c.queue.lanes++
		c.running.Go(c.lane)
	}
}

// waiting returns all accounts of which commits wait. The lane ends when there is none.
func (c *cell) waiting() (ready []*account) {
	c.queue.Lock()
	defer c.queue.Unlock()
	ready, c.queue.ready = c.queue.ready, nil
	if len(ready) == 0 {
		c.queue.lanes--
	}
	return ready
}

// lane makes what waits, as long as something does.
func (c *cell) lane() {
	ctx := context.Background() // what is under way when the store closes is waited for
	for ready := c.waiting(); len(ready) > 0; ready = c.waiting() {
		var accounts []*account
		var commits []*commit
		octets := 0
		for i, a := range ready {
			if octets > groupOctets || len(commits) >= groupCommits {
				for _, later := range ready[i:] {
					c.schedule(later)
				}
				break
			}
			group, size := a.next()
			if !isPlain(group) {
				c.alone(ctx, a, group)
				continue
			}
			accounts, commits, octets = append(accounts, a), append(commits, group...), octets+size
		}
		if len(commits) == 0 {
			continue
		}
		held := c.runGroup(ctx, commits, len(accounts) > 1)
		for _, a := range accounts {
			if mine := commitsOf(held, a.id); len(mine) > 0 {
				c.alone(ctx, a, mine)
			} else {
				a.done()
			}
		}
	}
}

// alone makes commits of one account in a transaction of its own, which nobody else waits for.
func (c *cell) alone(ctx context.Context, a *account, commits []*commit) {
	c.running.Go(func() {
		c.run(ctx, commits)
		a.done()
	})
}

// isPlain reports whether commits do nothing but append messages.
func isPlain(commits []*commit) bool {
	for _, m := range commits {
		for _, op := range m.ops {
			if _, ok := op.(*store.Append); !ok {
				return false
			}
		}
	}
	return true
}

func commitsOf(commits []*commit, id store.AccountID) (mine []*commit) {
	for _, m := range commits {
		if slices.Contains(m.accounts, id) {
			mine = append(mine, m)
		}
	}
	return mine
}

// next takes the next commits of the account from its queue, and how many octets they have. It stays
// busy until done.
func (a *account) next() (group []*commit, octets int) {
	a.queue.Lock()
	defer a.queue.Unlock()
	for n, m := range a.queue.waiting {
		size := 0
		for _, e := range m.emails {
			size += len(e.body) + len(e.Summary)
		}
		if n > 0 && (octets+size > groupOctets || n == groupCommits || isPlain(group) != isPlain([]*commit{m})) {
			break
		}
		group, octets = append(group, m), octets+size
	}
	a.queue.waiting = a.queue.waiting[len(group):]
	return group, octets
}

// done has the commits made that have come to wait meanwhile.
func (a *account) done() {
	a.queue.Lock()
	a.queue.busy = len(a.queue.waiting) > 0
	busy := a.queue.busy
	a.queue.Unlock()
	if busy {
		a.cell.schedule(a)
	}
}
