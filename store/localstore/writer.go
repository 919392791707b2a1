package localstore

import (
	"context"
	"errors"
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
	adds    bool            // messages: it waits for space
	run     func(*tx) error
	err     error
	done    chan struct{}
}

// change makes a change durable, and returns when everybody can see it.
func (s *Store) change(ctx context.Context, account store.AccountID, adds bool, run func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.queue.submit(ctx, &change{account: account, adds: adds, run: run, done: make(chan struct{})})
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
	if err := s.rotate(); err != nil {
		s.fail(err)
	}
	full := s.reserve.isFull()
	t := s.begin(s.log.pos, s.log.seq+1, s.groupBuf)
	changes := s.changes[:0]
	for c := first; c != nil; c, _ = s.queue.take() {
		s.run(t, c, full)
		if changes = append(changes, c); len(changes) >= maxGroupChanges || len(t.buf) >= maxGroupBytes {
			break
		}
	}
	err := s.writeGroup(t, len(changes), full)
	if errors.Is(err, store.ErrNoSpace) && !full {
		// Once more, without those that add messages.
		t.end()
		t = s.begin(s.log.pos, s.log.seq+1, t.buf)
		for _, c := range changes {
			if c.err == nil {
				s.run(t, c, true)
			}
		}
		err = s.writeGroup(t, len(changes), true)
	}
	t.end()
	for i, c := range changes {
		if c.err == nil {
			c.err = err
		}
		close(c.done)
		changes[i] = nil
	}
	s.changes = changes
	if s.groupBuf = t.buf; cap(s.groupBuf) > 2*maxGroupBytes {
		s.groupBuf = nil
	}
	if s.dirtyBytes >= s.o.CheckpointBytes || s.dirtyRows >= maxDirtyRows || full && s.dirtyBytes > 0 {
		s.kickJanitor()
	}
}

// run makes a change a part of the group, or sets its error.
func (s *Store) run(t *tx, c *change, full bool) {
	if c.err = s.failed(); c.err != nil {
		return
	}
	if c.err = s.index.stuck(); c.err != nil {
		return
	}
	if c.adds && full {
		c.err = store.ErrNoSpace
		return
	}
	c.err = c.run(t)
}

// writeGroup makes a group durable and publishes it. After ErrNoSpace all is as before; after every
// other error the store has failed.
func (s *Store) writeGroup(t *tx, changes int, full bool) error {
	if len(t.buf) == groupHeaderLen {
		return nil
	}
	start := time.Now()
	sync, err := s.log.append(t.buf, full)
	if err != nil {
		var unsynced *syncError
		cut := s.log.cut()
		if cut != nil {
			s.o.Log.Error("localstore: cannot cut off the group that failed", "err", cut)
		} else if isNoSpace(err) && !errors.As(err, &unsynced) {
			s.reserve.met()
			return spaceError(err)
		}
	} else {
		err = t.publish()
	}
	if err != nil {
		s.fail(err)
		return s.failed()
	}
	if s.o.OnCommit != nil {
		s.o.OnCommit(Commit{Changes: changes, Bytes: len(t.buf), Position: s.log.pos, Sync: sync, Total: time.Since(start)})
	}
	return nil
}

// rotate starts a new segment when the active one is full. Without space for that the old one grows.
func (s *Store) rotate() error {
	if s.failed() != nil || s.log.pos-s.log.active.base < uint64(s.o.SegmentSize) {
		return nil
	}
	err := s.log.create()
	var unsynced *syncError
	if isNoSpace(err) && !errors.As(err, &unsynced) {
		s.reserve.met()
		return nil
	}
	return err
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
