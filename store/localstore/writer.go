package localstore

import (
	"context"
	"fmt"
	"time"

	"restante/store"
)

// A group takes what waits, but not more than this.
const (
	maxGroupChanges = 512
	maxGroupBytes   = 8 << 20
)

// maxDirtyRows is how many rows may have changed since a checkpoint before the next one.
const maxDirtyRows = 1 << 20

// change is a request to the writer. It runs on the writer's goroutine; when it returns an error
// it has changed nothing.
type change struct {
	account store.AccountID // in whose line it waits
	run     func(*tx) error
	err     error
	done    chan struct{}
}

// change makes a change durable, and returns when everybody can see it.
func (s *Store) change(ctx context.Context, account store.AccountID, run func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.queue.submit(ctx, &change{account: account, run: run, done: make(chan struct{})})
}

// write is the writer's goroutine. It ends when the queue is closed and empty.
func (s *Store) write() {
	defer close(s.written)
	for {
		select {
		case f := <-s.control:
			f()
		default:
		}
		c, ended := s.queue.take()
		switch {
		case c != nil:
			s.group(c)
		case ended:
			return
		default:
			select {
			case <-s.queue.wake:
			case f := <-s.control:
				f()
			}
		}
	}
}

// group makes first, and what else waits, one group. There is no waiting for more: while a group
// is being synced, the next one gathers.
func (s *Store) group(first *change) {
	start := time.Now()
	if err := s.rotate(); err != nil {
		s.fail(err)
	}
	t := s.begin(s.log.pos, s.log.seq+1, s.groupBuf)
	changes := s.changes[:0]
	for c := first; c != nil; c, _ = s.queue.take() {
		if err := s.failed(); err != nil {
			c.err = err
		} else {
			c.err = c.run(t)
		}
		if changes = append(changes, c); len(changes) >= maxGroupChanges || len(t.buf) >= maxGroupBytes {
			break
		}
	}
	if len(t.buf) > groupHeaderLen {
		sync, err := s.log.append(t.buf)
		if err == nil {
			err = t.publish()
		} else if cut := s.log.cut(); cut != nil {
			s.o.Log.Error("localstore: cannot cut off the group that failed", "err", cut)
		}
		if err != nil {
			s.fail(err)
			for _, c := range changes {
				if c.err == nil {
					c.err = s.failed()
				}
			}
		} else if s.o.OnCommit != nil {
			s.o.OnCommit(Commit{Changes: len(changes), Bytes: len(t.buf), Position: s.log.pos, Sync: sync, Total: time.Since(start)})
		}
	}
	t.end()
	for i, c := range changes {
		close(c.done)
		changes[i] = nil
	}
	s.changes = changes
	if s.groupBuf = t.buf; cap(s.groupBuf) > 2*maxGroupBytes {
		s.groupBuf = nil
	}
	if s.dirtyBytes >= s.o.CheckpointBytes || s.dirtyRows >= maxDirtyRows {
		s.kickJanitor()
	}
}

// rotate starts a new segment when the active one is full.
func (s *Store) rotate() error {
	if s.failed() != nil || s.log.pos-s.log.active.base < uint64(s.o.SegmentSize) {
		return nil
	}
	return s.log.create()
}

// fail stops all further changes.
func (s *Store) fail(err error) {
	err = fmt.Errorf("%w: %w", store.ErrFailed, err)
	if s.failure.CompareAndSwap(nil, &err) {
		s.o.Log.Error("localstore: changes cannot be made durable; the store must be reopened", "err", err)
	}
}

// failed returns the error with which changes are answered after a failure, or nil.
func (s *Store) failed() error {
	if err := s.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// onWriter runs f between two groups. It returns false when the writer has ended.
func (s *Store) onWriter(f func()) bool {
	done := make(chan struct{})
	select {
	case s.control <- func() { f(); close(done) }:
		<-done
		return true
	case <-s.written:
		return false
	}
}
