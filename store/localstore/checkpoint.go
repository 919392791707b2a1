package localstore

import (
	"cmp"
	"encoding/binary"
	"errors"
	"maps"
	"os"
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// changes are what has changed since the last checkpoint, and the state that the log says before
// state.pos. They are collected quickly, because everything in them is immutable.
type changes struct {
	state
	boxes      []boxState
	accounts   map[*account]*accountState
	references []references
	live       map[uint64]int64
}

// boxState is a mailbox that a checkpoint writes.
type boxState struct {
	*box
	version     *mailbox.Version
	recent      imap.UID
	nextHistory savedHistory // what the index has afterwards
}

// compare orders mailboxes by account and ID, one that is gone before a new one with its ID.
func (b *boxState) compare(other *boxState) int {
	gone := func(b *boxState) int {
		if b.version.Deleted {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(b.account.id, other.account.id), cmp.Compare(b.id, other.id), cmp.Compare(gone(b), gone(other)))
}

// janitor is the goroutine that writes checkpoints and compacts.
func (s *Store) janitor() {
	defer close(s.swept)
	s.patience = s.stop
	defer func() { s.patience = nil }()
	tick := time.NewTicker(s.o.CheckpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
		case <-s.kick:
		}
		if s.failed() != nil {
			continue
		}
		if err := s.sweep(); err != nil && !errors.Is(err, store.ErrClosed) && s.failed() == nil {
			s.fail(err)
		}
	}
}

// sweep writes a checkpoint and gives back space.
func (s *Store) sweep() error {
	if err := s.writeCheckpoint(); err != nil {
		return err
	}
	err := s.compact()
	s.reserve.isFull() // it may have space again
	return err
}

// collectChanges is done between two groups. On Close, when the writer has ended, and before it has
// begun, the one goroutine there is does it.
func (s *Store) collectChanges() *changes {
	n := &changes{state: state{s.log.pos, s.log.seq, s.nextMessage, s.nextAccount}, references: s.references}
	s.references, s.dirtyBytes, s.dirtyRows = nil, 0, 0
	s.mu.Lock()
	defer s.mu.Unlock()
	for b := range s.mu.dirtyBoxes {
		b.dirty, b.flushing = false, true
		n.boxes = append(n.boxes, boxState{box: b, version: b.cur.Load()})
	}
	clear(s.mu.dirtyBoxes)
	n.accounts = make(map[*account]*accountState, len(s.mu.dirtyAccounts))
	for a := range s.mu.dirtyAccounts {
		if s.mu.accounts[a.id].Value() == a { // not one that is gone, whose ID has arrived again
			n.accounts[a] = a.cur.Load()
		}
	}
	clear(s.mu.dirtyAccounts)
	n.live = maps.Clone(s.mu.live)
	return n
}

// writeCheckpoint brings the index's tables to the state of now, and makes them durable.
func (s *Store) writeCheckpoint() error {
	var n *changes
	if !s.onWriter(func() { n = s.collectChanges() }) {
		n = s.collectChanges()
	}
	return s.saveCheckpoint(n)
}

func (s *Store) saveCheckpoint(n *changes) error {
	if n.pos == s.checkpoint.pos && len(n.boxes) == 0 && len(s.removable()) == 0 {
		return nil
	}
	batch := s.index.NewBatch()
	defer batch.Close()
	sortedBoxes(n.boxes)
	for i := range n.boxes {
		n.boxes[i].recent = n.boxes[i].recentFrom()
		n.boxes[i].write(batch)
	}
	for a, state := range n.accounts {
		if state.gone {
			batch.Delete(key(keyAccount, uint64(a.id)), nil)
		} else {
			batch.Set(key(keyAccount, uint64(a.id)), state.encode(), nil)
		}
	}
	if err := s.updateReferences(batch, n); err != nil {
		return err
	}
	files, freed, err := s.removeUnreferenced(batch, n)
	if err != nil {
		return err
	}
	for _, g := range s.log.all() {
		n.live[g.base] += 0 // also when nothing lives in it
		batch.Set(key(keySegment, g.base), binary.LittleEndian.AppendUint64(nil, uint64(n.live[g.base])), nil)
	}
	batch.Set([]byte{keyFormat}, binary.LittleEndian.AppendUint64([]byte{indexFormat}, s.log.id), nil)
	batch.Set([]byte{keyState}, n.state.append(nil), nil)
	if err := s.hooks.check("checkpoint"); err != nil {
		return err
	}
	s.unfinished = true
	if err := s.index.commit(batch); err != nil {
		return s.indexError(err)
	}
	if err := s.index.flush(s.patience); err != nil {
		return s.indexError(err)
	}
	s.unfinished = false
	s.checkpoint, s.live = n.state, n.live
	for _, f := range files {
		if err := os.Remove(s.largePath(f)); err != nil && !os.IsNotExist(err) {
			s.o.Log.Warn("localstore: cannot remove the file of a message that is gone", "err", err)
		}
	}
	s.noteSaved(n, freed)
	runtime.KeepAlive(n.accounts) // nobody may load them from the index before it has them
	return nil
}

// noteSaved notes that the index has the changes.
func (s *Store) noteSaved(n *changes, freed map[uint64]int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for base, octets := range freed {
		s.mu.live[base] -= octets
	}
	for i := range n.boxes {
		b := &n.boxes[i]
		b.saved, b.history, b.flushing = b.version, b.nextHistory, false
		s.makeIdle(b.box)
	}
	for id, a := range s.mu.accounts {
		if a.Value() == nil {
			delete(s.mu.accounts, id)
		}
	}
}

// write adds to the batch what has changed in a mailbox.
func (b *boxState) write(batch *pebble.Batch) {
	meta := key(keyMailbox, uint64(b.account.id), uint64(b.id))
	if b.version.Deleted {
		for _, letter := range []byte{keyTable, keyHistory} {
			prefix := key(letter, uint64(b.account.id), uint64(b.id))
			batch.DeleteRange(prefix, keyEnd(prefix), nil)
		}
		batch.Delete(meta, nil)
		return
	}
	batch.Set(meta, (&boxMeta{b.version.Counts(), b.recent, b.version.HistorySince(), b.version.Keywords()}).encode(), nil)
	var value []byte
	mailbox.Dirty(b.saved, b.version, func(chunk uint32, rows []mailbox.Row) {
		if rows == nil {
			batch.Delete(tableKey(b.box, chunk), nil)
			return
		}
		value = appendTable(value[:0], b.version, rows)
		batch.Set(tableKey(b.box, chunk), value, nil)
	})
	b.writeHistory(batch)
}
