package localstore

import (
	"container/list"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/cockroachdb/pebble/v2"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// What is in memory. An account lives while somebody refers to it: a caller, a mailbox of it, or
// the next checkpoint. A mailbox lives while it is pinned (by a handle or a change under way) or
// a checkpoint has yet to write it; after that it may be thrown away to make room.

// account is the shared state of one account.
type account struct {
	s   *Store
	id  store.AccountID
	cur atomic.Pointer[accountState]
}

// accountState is an immutable state of an account.
type accountState struct {
	names        *mailbox.Namespace
	lastBox      mailbox.ID // the highest that was ever used
	lastValidity uint32     // the highest UIDVALIDITY that was ever used
	gone         bool
}

func newAccount(s *Store, id store.AccountID) *account {
	a := &account{s: s, id: id}
	a.cur.Store(&accountState{names: mailbox.NewNamespace(nil, nil)})
	return a
}

type boxKey struct {
	account store.AccountID
	id      mailbox.ID
}

// box is the shared state of one mailbox.
type box struct {
	account *account
	id      mailbox.ID
	cur     atomic.Pointer[mailbox.Version] // the newest, once it is loaded
	load    sync.Once
	loadErr error
	saved   *mailbox.Version // what the index has, nil for nothing; the janitor's

	// Guarded by Store.mu.
	pins     int
	touched  bool // the next checkpoint has to write it
	flushing bool // the checkpoint under way writes it
	idle     *list.Element
	idleCost int

	mu struct {
		sync.Mutex
		handles map[*handle]struct{}
		recent  imap.UID // every UID below was claimed as \Recent
		gone    removed
	}
}

func newBox(a *account, id mailbox.ID) *box {
	b := &box{account: a, id: id}
	b.load.Do(func() {}) // there is nothing to load
	b.mu.recent = 1
	return b
}

func (b *box) key() boxKey { return boxKey{b.account.id, b.id} }

// ring tells every handle that there is a newer version.
func (b *box) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for h := range b.mu.handles {
		select {
		case h.bell <- struct{}{}:
		default:
		}
	}
}

func (b *box) recentFrom() imap.UID {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.recent
}

func accountNotFound(id store.AccountID) error {
	return fmt.Errorf("localstore: account %d: %w", id, store.ErrNotFound)
}

func mailboxNotFound(id mailbox.ID) error {
	return fmt.Errorf("localstore: mailbox %d: %w", id, store.ErrNotFound)
}

// addAccount makes an account known. s.mu is held.
func (s *Store) addAccount(a *account) { s.mu.accounts[a.id] = weak.Make(a) }

func (s *Store) knownAccount(id store.AccountID) *account {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.accounts[id].Value()
}

// account returns an account, gone or not, from memory or from the index.
func (s *Store) account(id store.AccountID) (*account, error) {
	if a := s.knownAccount(id); a != nil {
		return a, nil
	}
	// One at a time, so that nobody brings back what another has loaded and changed since.
	s.loading.Lock()
	defer s.loading.Unlock()
	if a := s.knownAccount(id); a != nil {
		return a, nil
	}
	value, err := s.get(key(keyAccount, uint64(id)))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, accountNotFound(id)
	}
	if err != nil {
		return nil, err
	}
	state, err := parseAccountState(value)
	if err != nil {
		return nil, err
	}
	a := newAccount(s, id)
	a.cur.Store(state)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addAccount(a)
	return a, nil
}

// loaded returns a mailbox that is in memory, or nil.
func (s *Store) loaded(k boxKey) *box {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.mu.boxes[k]; b != nil && b.cur.Load() != nil {
		return b
	}
	return nil
}

// pinLoaded pins a mailbox if it is in memory.
func (s *Store) pinLoaded(k boxKey) *box {
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
	k := boxKey{a.id, id}
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
	if s.mu.boxes[b.key()] == b {
		delete(s.mu.boxes, b.key())
	}
}

func (s *Store) unpin(b *box) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.pins--
	s.rest(b)
}

// touch says that the next checkpoint has to write the mailbox. s.mu is held.
func (s *Store) touch(b *box) {
	b.touched = true
	s.mu.touched[b] = struct{}{}
}

// rest puts a mailbox that nobody needs with the idle ones, and throws away the ones that have
// been idle for longest when there are too many. s.mu is held.
func (s *Store) rest(b *box) {
	if b.pins > 0 || b.touched || b.flushing || b.idle != nil || s.mu.boxes[b.key()] != b {
		return
	}
	b.idleCost = b.cur.Load().Len() + 64
	b.idle = s.mu.idle.PushFront(b)
	s.mu.idleCost += b.idleCost
	for s.mu.idleCost > s.o.CacheRows {
		old := s.mu.idle.Remove(s.mu.idle.Back()).(*box)
		s.mu.idleCost -= old.idleCost
		old.idle = nil
		delete(s.mu.boxes, old.key())
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
	meta, err := parseBoxMeta(value)
	if err != nil {
		return err
	}
	prefix := key(keyTable, uint64(b.account.id), uint64(b.id))
	it, err := s.index.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: keyEnd(prefix)})
	if err != nil {
		return err
	}
	defer it.Close()
	rows := make([]mailbox.Row, 0, meta.counts.Messages)
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		if rows, ok = parseRows(rows, value); !ok {
			return fmt.Errorf("%w: the table of mailbox %d of account %d is damaged", ErrCorrupt, b.id, b.account.id)
		}
	}
	if err := it.Error(); err != nil {
		return err
	}
	v := mailbox.Load(meta.counts, meta.keywords, rows)
	if v.Counts() != meta.counts {
		return fmt.Errorf("%w: the table of mailbox %d of account %d has %+v, expected %+v", ErrCorrupt, b.id, b.account.id, v.Counts(), meta.counts)
	}
	b.mu.recent = meta.recent // nobody else has the box yet
	b.saved = v
	b.cur.Store(v)
	return nil
}
