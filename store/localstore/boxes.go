package localstore

import (
	"container/list"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// Which mailboxes are in memory. A mailbox is while it is pinned (by a handle or a change under way) or
// a checkpoint has yet to write it; after that it may be thrown away to make room.

// box is the shared state of one mailbox.
type box struct {
	account *account
	id      mailbox.ID
	cur     atomic.Pointer[mailbox.Version] // the newest, once it is loaded
	load    sync.Once
	loadErr error
	saved   *mailbox.Version // what the index has, nil for nothing; the janitor's
	history savedHistory     // the same of the history; the janitor's

	// Guarded by Store.mu.
	pins     int
	dirty    bool // the next checkpoint has to write it
	flushing bool // the checkpoint under way writes it
	idle     *list.Element
	idleCost int

	mu struct {
		sync.Mutex
		handles map[*handle]struct{}
		recent  imap.UID // every UID below was claimed as \Recent
	}
}

func newBox(a *account, id mailbox.ID) *box {
	b := &box{account: a, id: id}
	b.load.Do(func() {}) // there is nothing to load
	b.mu.recent = 1
	return b
}

func (b *box) ref() store.Ref { return store.Ref{Account: b.account.id, Mailbox: b.id} }

// ring tells every handle that there is a newer version.
func (b *box) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for h := range b.mu.handles {
		ring(h.bell)
	}
}

func (b *box) recentFrom() imap.UID {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.recent
}

func mailboxNotFound(id mailbox.ID) error {
	return fmt.Errorf("localstore: mailbox %d: %w", id, store.ErrNotFound)
}

// loaded returns a mailbox that is in memory, or nil.
func (s *Store) loaded(k store.Ref) *box {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.mu.boxes[k]; b != nil && b.cur.Load() != nil {
		return b
	}
	return nil
}

// pinLoaded pins a mailbox if it is in memory.
func (s *Store) pinLoaded(k store.Ref) *box {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.mu.boxes[k]
	if b == nil || b.cur.Load() == nil {
		return nil
	}
	s.addPin(b)
	return b
}

// addPin counts a pin. s.mu is held.
func (s *Store) addPin(b *box) {
	b.pins++
	if b.idle != nil {
		s.mu.idle.Remove(b.idle)
		s.mu.idleCost -= b.idleCost
		b.idle = nil
	}
}

// pin returns a mailbox and keeps it in memory until unpin.
func (s *Store) pin(a *account, id mailbox.ID) (*box, error) {
	b := s.pinUnloaded(a, id)
	if b == nil {
		return nil, mailboxNotFound(id)
	}
	b.load.Do(func() { b.loadErr = s.load(b) })
	if b.loadErr != nil {
		s.dropBox(b)
		return nil, b.loadErr
	}
	return b, nil
}

func (s *Store) pinUnloaded(a *account, id mailbox.ID) *box {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := store.Ref{Account: a.id, Mailbox: id}
	b := s.mu.boxes[k]
	if b == nil {
		// Names change under the same lock: a mailbox that was deleted is not brought back.
		if _, ok := a.cur.Load().names.ByID(id); !ok {
			return nil
		}
		b = &box{account: a, id: id}
		s.mu.boxes[k] = b
	}
	s.addPin(b)
	return b
}

// dropBox forgets a mailbox that could not be loaded.
func (s *Store) dropBox(b *box) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.pins--
	if s.mu.boxes[b.ref()] == b {
		delete(s.mu.boxes, b.ref())
	}
}

func (s *Store) unpin(b *box) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.pins--
	s.makeIdle(b)
}

// markDirty says that the next checkpoint has to write the mailbox. s.mu is held.
func (s *Store) markDirty(b *box) {
	b.dirty = true
	s.mu.dirtyBoxes[b] = struct{}{}
}

// makeIdle puts a mailbox that nobody needs with the idle ones, and throws away the ones that have
// been idle for longest when there are too many. s.mu is held.
func (s *Store) makeIdle(b *box) {
	if b.pins > 0 || b.dirty || b.flushing || b.idle != nil || s.mu.boxes[b.ref()] != b {
		return
	}
	b.idleCost = b.cur.Load().Len() + 64
	b.idle = s.mu.idle.PushFront(b)
	s.mu.idleCost += b.idleCost
	for s.mu.idleCost > s.o.CacheRows {
		old := s.mu.idle.Remove(s.mu.idle.Back()).(*box)
		s.mu.idleCost -= old.idleCost
		old.idle = nil
		delete(s.mu.boxes, old.ref())
	}
}

// load reads a mailbox from the index.
func (s *Store) load(b *box) error {
	value, err := s.get(key(keyMailbox, uint64(b.account.id), uint64(b.id)))
	if errors.Is(err, pebble.ErrNotFound) {
		return mailboxNotFound(b.id)
	}
	if err != nil {
		return err
	}
	meta, ok := parseBoxMeta(value)
	if !ok {
		return s.damagedIndex("the row of mailbox %d of account %d is damaged", b.id, b.account.id)
	}
	rows := make([]mailbox.Row, 0, meta.counts.Messages)
	var far map[imap.UID]mailbox.FarBits
	if err := s.eachKey(key(keyTable, uint64(b.account.id), uint64(b.id)), func(_, value []byte) error {
		if rows, far, ok = parseTable(rows, far, value); !ok {
			return s.damagedIndex("the table of mailbox %d of account %d is damaged", b.id, b.account.id)
		}
		return nil
	}); err != nil {
		return err
	}
	v, err := mailbox.Load(meta.counts, meta.keywords, rows, far)
	if err != nil || v.Counts() != meta.counts {
		return s.damagedIndex("the table of mailbox %d of account %d is not the one that belongs to its row", b.id, b.account.id)
	}
	if v, err = s.loadHistory(b, v, meta.historySince); err != nil {
		return err
	}
	b.mu.recent = meta.recent // nobody else has the box yet
	b.saved = v
	b.cur.Store(v)
	return nil
}
