package localstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/cockroachdb/pebble/v2"

	"restante/mailbox"
	"restante/store"
)

// account is the shared state of one account. It lives while somebody refers to it: a handle, a
// mailbox of it, a change under way or the next checkpoint.
type account struct {
	s   *Store
	id  store.AccountID
	cur atomic.Pointer[accountState]
	// usage is the newest; the writer's to set.
	usage atomic.Pointer[usage]

	fence   atomic.Pointer[fence]   // changes wait until it is released; the writer's to set
	arrival atomic.Pointer[arrival] // the latest, of an account that comes from another store

	mu struct {
		sync.Mutex
		handles map[*accountHandle]struct{}
		changed map[mailbox.ID]uint64 // the newest group that has changed a mailbox
		since   uint64                // changed knows of all groups from this one on
	}
}

// accountState is an immutable state of an account.
type accountState struct {
	names        *mailbox.Namespace
	lastValidity uint32 // the highest UIDVALIDITY that was ever used
	gone         bool
	residence    store.Residence
}

// maxChanged is of how many mailboxes an account remembers when they have changed.
const maxChanged = 4096

func newAccount(s *Store, id store.AccountID) *account {
	a := &account{s: s, id: id}
	a.mu.handles, a.mu.changed = map[*accountHandle]struct{}{}, map[mailbox.ID]uint64{}
	a.mu.since = s.seq.Load() + 1 // a change under way would have kept the account in memory
	a.cur.Store(&accountState{names: mailbox.NewNamespace(nil, nil)})
	a.usage.Store(&usage{})
	return a
}

func accountNotFound(id store.AccountID) error {
	return fmt.Errorf("localstore: account %d: %w", id, store.ErrNotFound)
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
	state, ok := parseAccountState(value)
	if !ok {
		return nil, s.damagedIndex("the row of account %d is damaged", id)
	}
	u, err := s.loadUsage(id)
	if err != nil {
		return nil, err
	}
	a := newAccount(s, id)
	a.cur.Store(state)
	a.usage.Store(&u)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addAccount(a)
	return a, nil
}

// accountHandle is a session's handle on an account.
type accountHandle struct {
	*account
	bell chan struct{}
}

// Account implements store.Mail.
func (s *Store) Account(ctx context.Context, _ store.Actor, id store.AccountID) (store.Account, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	defer s.unread()
	a, err := s.account(id)
	if err != nil {
		return nil, err
	}
	if err := a.here(); err != nil {
		return nil, err
	}
	h := &accountHandle{a, make(chan struct{}, 1)}
	a.addHandle(h)
	return h, nil
}

func (a *account) addHandle(h *accountHandle) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.handles[h] = struct{}{}
}

// note remembers in which mailboxes group seq has changed something.
func (a *account) note(ids []mailbox.ID, seq uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range ids {
		a.mu.changed[id] = seq
	}
	if len(a.mu.changed) > maxChanged {
		seqs := slices.Sorted(maps.Values(a.mu.changed))
		a.mu.since = seqs[len(seqs)/2] + 1
		maps.DeleteFunc(a.mu.changed, func(_ mailbox.ID, seq uint64) bool { return seq < a.mu.since })
	}
}

func (a *account) ring() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for h := range a.mu.handles {
		ring(h.bell)
	}
}

// ring puts an element into a bell that has none.
func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

func (h *accountHandle) ID() store.AccountID   { return h.id }
func (h *accountHandle) Bell() <-chan struct{} { return h.bell }

// Namespace has no names when the account has moved away.
func (h *accountHandle) Namespace() *mailbox.Namespace {
	s := h.cur.Load()
	if s.residence.State == store.Moved {
		return mailbox.NewNamespace(nil, nil)
	}
	return s.names
}

func (h *accountHandle) Refresh(ctx context.Context) (*mailbox.Namespace, error) {
	if err := h.s.check(ctx); err != nil {
		return nil, err
	}
	if h.cur.Load().residence.State == store.Moved {
		return nil, movedAway(h.id)
	}
	return h.Namespace(), nil
}

// Changed tells a moment by the sequence number of the group that comes next.
func (h *accountHandle) Changed(since uint64) (ids []mailbox.ID, now uint64, all bool) {
	now = h.s.seq.Load() + 1 // first: what comes meanwhile is told again
	h.mu.Lock()
	defer h.mu.Unlock()
	if since < h.mu.since || since == 0 {
		return nil, now, false
	}
	for id, seq := range h.mu.changed {
		if seq >= since {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, now, true
}

func (h *accountHandle) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.mu.handles, h)
	return nil
}
