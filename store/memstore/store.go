// Package memstore keeps users and mail in memory. It is the reference model that storetest
// compares other drivers with, and a store for tests: as plain as possible, and strict. The octets
// of a removed message are dropped at once when no handle holds them, and a Ref of one mailbox
// means nothing in another.
//
// One mutex guards everything but the newest versions and namespaces, which are atomic pointers.
package memstore

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// Store is a store.Store in memory.
type Store struct {
	mu struct {
		sync.Mutex
		closed      bool
		users       map[string]store.User
		accounts    map[store.AccountID]*account
		lastAccount store.AccountID
	}
}

var _ store.Store = (*Store)(nil)

// New returns an empty store.
func New() *Store {
	s := &Store{}
	s.mu.users = map[string]store.User{}
	s.mu.accounts = map[store.AccountID]*account{}
	return s
}

// ready says why nothing can be done: the context has ended or the store is closed. s.mu is held.
func (s *Store) ready(ctx context.Context) error {
	if s.mu.closed {
		return store.ErrClosed
	}
	return ctx.Err()
}

// User implements store.Store.
func (s *Store) User(ctx context.Context, name string) (store.User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return store.User{}, err
	}
	u, ok := s.mu.users[name]
	if !ok {
		return store.User{}, fmt.Errorf("memstore: user %q: %w", name, store.ErrNotFound)
	}
	u.Secret = bytes.Clone(u.Secret)
	return u, nil
}

// Users implements store.Store.
func (s *Store) Users(ctx context.Context) ([]store.User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	users := slices.SortedFunc(maps.Values(s.mu.users), func(a, b store.User) int { return cmp.Compare(a.Name, b.Name) })
	for i := range users {
		users[i].Secret = bytes.Clone(users[i].Secret)
	}
	return users, nil
}

// CreateUser implements store.Store.
func (s *Store) CreateUser(ctx context.Context, name string, secret []byte, initial ...store.InitialMailbox) (store.User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return store.User{}, err
	}
	if _, taken := s.mu.users[name]; taken {
		return store.User{}, fmt.Errorf("memstore: user %q: %w", name, store.ErrExists)
	}
	a := &account{store: s, id: s.mu.lastAccount + 1, boxes: map[mailbox.ID]*box{}}
	a.namespace.Store(mailbox.NewNamespace(nil, nil))
	for _, m := range append([]store.InitialMailbox{{Name: imap.Inbox}}, initial...) {
		if _, err := a.create(m.Name, m.Use); err != nil {
			return store.User{}, fmt.Errorf("memstore: user %q, mailbox %q: %w", name, m.Name, err)
		}
		names, err := a.namespace.Load().Subscribe(m.Name, true)
		if err != nil {
			return store.User{}, err
		}
		a.namespace.Store(names)
	}
	s.mu.lastAccount = a.id
	s.mu.accounts[a.id] = a
	s.mu.users[name] = store.User{ID: a.id, Name: name, Secret: bytes.Clone(secret)}
	return store.User{ID: a.id, Name: name, Secret: bytes.Clone(secret)}, nil
}

// SetSecret implements store.Store.
func (s *Store) SetSecret(ctx context.Context, name string, secret []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return err
	}
	u, ok := s.mu.users[name]
	if !ok {
		return fmt.Errorf("memstore: user %q: %w", name, store.ErrNotFound)
	}
	u.Secret = bytes.Clone(secret)
	s.mu.users[name] = u
	return nil
}

// DeleteUser implements store.Store.
func (s *Store) DeleteUser(ctx context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return err
	}
	u, ok := s.mu.users[name]
	if !ok {
		return fmt.Errorf("memstore: user %q: %w", name, store.ErrNotFound)
	}
	a := s.mu.accounts[u.ID]
	delete(s.mu.users, name)
	delete(s.mu.accounts, u.ID)
	a.namespace.Store(mailbox.NewNamespace(nil, nil))
	for id, b := range a.boxes {
		delete(a.boxes, id)
		b.remove()
	}
	a.gone = true
	return nil
}

// Account implements store.Store.
func (s *Store) Account(ctx context.Context, id store.AccountID) (store.Account, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	a, ok := s.mu.accounts[id]
	if !ok {
		return nil, fmt.Errorf("memstore: account %d: %w", id, store.ErrNotFound)
	}
	return a, nil
}

// Close implements store.Store. What the store held is lost.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.closed = true
	return nil
}

// box is one mailbox. Everything but version is guarded by the store's mutex.
type box struct {
	id       mailbox.ID
	version  atomic.Pointer[mailbox.Version] // the newest
	handles  map[*handle]struct{}
	messages map[uint64]message // by Ref; of the newest version and of the ghosts
	lastRef  uint64
	ghosts   []ghost
	claimed  imap.UID // every UID below has been claimed as \Recent
}

type message struct{ body, summary []byte }

// ghost is a message that is removed but may still be held.
type ghost struct {
	uid    imap.UID
	ref    uint64
	modseq imap.ModSeq // of its removal
}

// publish makes v the newest version and tells the handles.
func (b *box) publish(v *mailbox.Version) {
	b.version.Store(v)
	for h := range b.handles {
		select {
		case h.bell <- struct{}{}:
		default:
		}
	}
}

// bury makes ghosts of rows that were removed with modseq, and drops those that nobody holds.
func (b *box) bury(rows []mailbox.Row, modseq imap.ModSeq) {
	for _, r := range rows {
		b.ghosts = append(b.ghosts, ghost{r.UID, r.Ref, modseq})
	}
	b.sweep()
}

// sweep drops the ghosts that no handle holds any more.
func (b *box) sweep() {
	b.ghosts = slices.DeleteFunc(b.ghosts, func(g ghost) bool {
		for h := range b.handles {
			// A version from before the removal shows the message, or a later one that its
			// session may turn to does; one from after it shows it only as a ghost.
			if h.held.HighestModSeq < g.modseq || h.held.Ghosts().Contains(g.uid) {
				return false
			}
		}
		delete(b.messages, g.ref)
		return true
	})
}

// remove publishes the end of the mailbox.
func (b *box) remove() {
	old := b.version.Load()
	modseq := old.HighestModSeq + 1
	b.publish(old.WithDeleted(modseq))
	var rows []mailbox.Row
	for _, r := range old.Rows() {
		rows = append(rows, *r)
	}
	b.bury(rows, modseq)
}

// add makes a message of the box and returns its Ref.
func (b *box) add(m message) uint64 {
	b.lastRef++
	b.messages[b.lastRef] = m
	return b.lastRef
}
