package localstore

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// grave is a message that no row refers to. It is removed when no session can see it.
type grave struct {
	id  uint64
	seq uint64 // of the group that removed its last row
}

// snapshot is a consistent state: what the log says before state.pos, as far as it differs from
// the last checkpoint. It is cheap, because everything in it is immutable.
type snapshot struct {
	state
	oldest   uint64 // see Store.oldest
	boxes    []boxSnapshot
	accounts map[*account]*accountState
	deltas   []delta
	live     map[uint64]int64
}

type boxSnapshot struct {
	*box
	version *mailbox.Version
	recent  imap.UID
}

// janitor is the goroutine that writes checkpoints and compacts.
func (s *Store) janitor() {
	defer close(s.swept)
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
	return s.compact()
}

// take takes a snapshot, between two groups. On Close, when the writer has ended, it is called
// by the one goroutine that is left.
func (s *Store) take() *snapshot {
	n := &snapshot{state: state{s.log.pos, s.log.seq, s.nextMessage, s.nextAccount}, deltas: s.deltas, oldest: s.oldest()}
	s.deltas, s.dirtyBytes, s.dirtyRows = nil, 0, 0
	s.mu.Lock()
	defer s.mu.Unlock()
	for b := range s.mu.touched {
		b.touched, b.flushing = false, true
		n.boxes = append(n.boxes, boxSnapshot{b, b.cur.Load(), 0})
	}
	clear(s.mu.touched)
	n.accounts = make(map[*account]*accountState, len(s.mu.touchedAccounts))
	for a := range s.mu.touchedAccounts {
		n.accounts[a] = a.cur.Load()
	}
	clear(s.mu.touchedAccounts)
	n.live = maps.Clone(s.mu.live)
	return n
}

// writeCheckpoint brings the index's tables to the state of now, and makes them durable.
func (s *Store) writeCheckpoint() error {
	var n *snapshot
	if !s.onWriter(func() { n = s.take() }) {
		n = s.take()
	}
	if n.pos == s.checkpoint.pos && len(n.boxes) == 0 && !slices.ContainsFunc(s.graves, func(g grave) bool { return g.seq <= n.oldest }) {
		return nil
	}
	batch := s.index.NewBatch()
	defer batch.Close()
	slices.SortFunc(n.boxes, func(a, b boxSnapshot) int {
		return cmp.Or(cmp.Compare(a.account.id, b.account.id), cmp.Compare(a.id, b.id))
	})
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
	if err := s.bury(batch, n); err != nil {
		return err
	}
	files, reaped, err := s.reap(batch, n)
	if err != nil {
		return err
	}
	for _, g := range s.log.all() {
		n.live[g.base] += 0 // also when nothing lives in it
		batch.Set(key(keySegment, g.base), binary.LittleEndian.AppendUint64(nil, uint64(n.live[g.base])), nil)
	}
	batch.Set([]byte{keyFormat}, binary.LittleEndian.AppendUint64([]byte{indexFormat}, s.log.id), nil)
	batch.Set([]byte{keyState}, n.state.encode(), nil)
	if err := s.hooks.check("checkpoint"); err != nil {
		return err
	}
	if err := batch.Commit(noSync); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	if err := s.index.Flush(); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	s.checkpoint, s.live = n.state, n.live
	for _, f := range files {
		if err := os.Remove(s.largePath(f)); err != nil && !os.IsNotExist(err) {
			s.o.Log.Warn("localstore: cannot remove the file of a message that is gone", "err", err)
		}
	}
	s.noteWritten(n, reaped)
	s.prune(n.oldest)
	runtime.KeepAlive(n.accounts) // nobody may load them from the index before it has them
	return nil
}

// noteWritten notes that the index has what is in the snapshot.
func (s *Store) noteWritten(n *snapshot, reaped map[uint64]int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for base, octets := range reaped {
		s.mu.live[base] -= octets
	}
	for i := range n.boxes {
		b := &n.boxes[i]
		b.saved, b.flushing = b.version, false
		s.rest(b.box)
	}
	for id, a := range s.mu.accounts {
		if a.Value() == nil {
			delete(s.mu.accounts, id)
		}
	}
}

// write adds to the batch what has changed in a mailbox.
func (b *boxSnapshot) write(batch *pebble.Batch) {
	prefix := key(keyTable, uint64(b.account.id), uint64(b.id))
	meta := key(keyMailbox, uint64(b.account.id), uint64(b.id))
	if b.version.Deleted {
		batch.DeleteRange(prefix, keyEnd(prefix), nil)
		batch.Delete(meta, nil)
		return
	}
	batch.Set(meta, (&boxMeta{b.version.Counts(), b.recent, b.version.Keywords()}).encode(), nil)
	var value []byte
	mailbox.Dirty(b.saved, b.version, func(chunk uint32, rows []mailbox.Row) {
		if rows == nil {
			batch.Delete(tableKey(b.key(), chunk), nil)
			return
		}
		value = appendRows(value[:0], rows)
		batch.Set(tableKey(b.key(), chunk), value, nil)
	})
}

// bury updates how many rows refer to the messages, and makes graves of those that none does.
func (s *Store) bury(batch *pebble.Batch, n *snapshot) error {
	slices.SortFunc(n.deltas, func(a, b delta) int { return cmp.Compare(a.id, b.id) })
	it, err := s.index.NewIter(&pebble.IterOptions{LowerBound: []byte{keyCopies}, UpperBound: []byte{keyCopies + 1}})
	if err != nil {
		return err
	}
	defer it.Close()
	k := key(keyCopies, 0)
	for i := 0; i < len(n.deltas); {
		d := n.deltas[i]
		for i++; i < len(n.deltas) && n.deltas[i].id == d.id; i++ {
			d.n += n.deltas[i].n
			d.seq = max(d.seq, n.deltas[i].seq)
		}
		if d.n == 0 {
			continue
		}
		old := 1
		if it.SeekGE(keyPut(k, d.id)) && keyNum(it.Key()) == d.id {
			value, err := it.ValueAndErr()
			if err != nil {
				return err
			}
			x, _ := binary.Uvarint(value)
			old = int(x)
		}
		switch count := old + d.n; {
		case count < 0:
			return fmt.Errorf("%w: message %d is referred to %d times", ErrCorrupt, d.id, count)
		case count == 0:
			batch.Delete(k, nil)
			batch.Set(keyPut(key(keyGrave, 0), d.id), nil, nil)
			s.graves = append(s.graves, grave{d.id, d.seq})
		case count == 1:
			batch.Delete(k, nil)
		default:
			batch.Set(k, binary.AppendUvarint(nil, uint64(count)), nil)
		}
	}
	return it.Error()
}

// reap removes the messages in graves that no session can see. It returns the files to be
// removed, and how much less of the segments is needed.
func (s *Store) reap(batch *pebble.Batch, n *snapshot) (files []uint64, reaped map[uint64]int64, err error) {
	reaped = map[uint64]int64{}
	left := s.graves[:0:0]
	for _, g := range s.graves {
		if g.seq > n.oldest {
			left = append(left, g)
			continue
		}
		m, err := s.message(g.id)
		if err != nil {
			return nil, nil, err
		}
		if m.file != 0 {
			files = append(files, m.file)
			batch.Delete(key(keyLarge, m.file), nil)
		} else {
			base := s.log.base(m.pos)
			reaped[base] += m.weight
			n.live[base] -= m.weight
		}
		batch.Delete(key(keyMessage, g.id), nil)
		batch.Delete(key(keyGrave, g.id), nil)
	}
	s.graves = left
	return files, reaped, nil
}
