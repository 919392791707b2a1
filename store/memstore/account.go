package memstore

import (
	"context"
	"fmt"
	"slices"

	"restante/mailbox"
	"restante/store"
)

// account is the mail of one user. It is guarded by the store's mutex.
type account struct {
	store        *Store
	id           store.AccountID
	names        *mailbox.Namespace
	boxes        map[mailbox.ID]*box
	lastID       mailbox.ID // that the store has made
	lastValidity uint32
	handles      map[*accountHandle]struct{}

	changed      []mailbox.ID // in which mailboxes something has changed, oldest first
	changedSince uint64       // how many changes there were before them, from 1
}

// maxChanged is how many changes an account remembers for Changed.
const maxChanged = 1000

func newAccount(s *Store, id store.AccountID) *account {
	return &account{store: s, id: id, names: mailbox.NewNamespace(nil, nil), boxes: map[mailbox.ID]*box{},
		handles: map[*accountHandle]struct{}{}, changedSince: 1}
}

// noteChanged remembers in which mailboxes something has changed.
func (a *account) noteChanged(ids ...mailbox.ID) {
	a.changed = append(a.changed, ids...)
	if n := len(a.changed) - maxChanged; n > 0 {
		a.changed = slices.Clone(a.changed[n:])
		a.changedSince += uint64(n)
	}
}

// ring tells the handles that something has changed.
func (a *account) ring() {
	for h := range a.handles {
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

// accountHandle is a session's handle on an account.
type accountHandle struct {
	account *account
	bell    chan struct{}
}

// Account implements store.Mail.
func (s *Store) Account(ctx context.Context, _ store.Actor, id store.AccountID) (store.Account, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	a, ok := s.mu.accounts[id]
	if !ok {
		return nil, fmt.Errorf("memstore: account %d: %w", id, store.ErrNotFound)
	}
	h := &accountHandle{a, make(chan struct{}, 1)}
	a.handles[h] = struct{}{}
	return h, nil
}

func (h *accountHandle) ID() store.AccountID   { return h.account.id }
func (h *accountHandle) Bell() <-chan struct{} { return h.bell }

func (h *accountHandle) Namespace() *mailbox.Namespace {
	h.account.store.mu.Lock()
	defer h.account.store.mu.Unlock()
	return h.account.names
}

func (h *accountHandle) Refresh(ctx context.Context) (*mailbox.Namespace, error) {
	if err := h.account.store.check(ctx); err != nil {
		return nil, err
	}
	return h.Namespace(), nil
}

func (h *accountHandle) Usage(ctx context.Context) (mailbox.Usage, mailbox.Quota, error) {
	s := h.account.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return nil, nil, err
	}
	return newDraft(s).usage(h.account.id), h.account.names.Quota(), nil
}

func (h *accountHandle) Changed(since uint64) (ids []mailbox.ID, now uint64, all bool) {
	a := h.account
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	now = a.changedSince + uint64(len(a.changed))
	if since < a.changedSince || since > now {
		return nil, now, false
	}
	ids = slices.Clone(a.changed[since-a.changedSince:])
	slices.Sort(ids)
	return slices.Compact(ids), now, true
}

func (h *accountHandle) Close() error {
	h.account.store.mu.Lock()
	defer h.account.store.mu.Unlock()
	delete(h.account.handles, h)
	return nil
}
