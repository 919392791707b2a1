// Package memstore keeps users and mail in memory. It is the reference model that storetest
// compares other drivers with, and a store for tests: as plain as possible, and strict. The octets
// of a removed message are dropped at once when no handle holds them, and a row of one mailbox
// means nothing in another.
//
// One mutex guards everything. A commit works on copies, which are published at its end.
package memstore

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// Options are the bounds of a store, and its clock. The zero value is that of New.
type Options struct {
	// History is how many octets each mailbox remembers of what was removed from it: 16 for each
	// run of UIDs. 0 is mailbox.DefaultHistory.
	History int
	// MaxMessage is how many octets a message may have. 0 is what a mailbox.Row can tell, 4 GiB
	// less one.
	MaxMessage int64
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Store is a store.Store in memory.
type Store struct {
	options Options
	mu      struct {
		sync.Mutex
		closed      bool
		users       map[string]store.User
		accounts    map[store.AccountID]*account
		lastAccount store.AccountID
		lastRef     uint64 // of a message
	}
}

var (
	_ store.Store  = (*Store)(nil)
	_ store.Recent = (*Store)(nil)
)

// New returns an empty store.
func New() *Store { return Open(Options{}) }

// Open returns an empty store.
func Open(o Options) *Store {
	if o.MaxMessage == 0 {
		o.MaxMessage = store.MaxMessageSize
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Store{options: o}
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

// user returns a user. s.mu is held.
func (s *Store) user(ctx context.Context, name string) (store.User, error) {
	if err := s.ready(ctx); err != nil {
		return store.User{}, err
	}
	u, ok := s.mu.users[name]
	if !ok {
		return store.User{}, fmt.Errorf("memstore: user %q: %w", name, store.ErrNotFound)
	}
	return u, nil
}

// User implements store.Directory.
func (s *Store) User(ctx context.Context, name string) (store.User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.user(ctx, name)
	u.Secret = bytes.Clone(u.Secret)
	return u, err
}

// Users implements store.Directory.
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

// CreateUser implements store.Directory.
func (s *Store) CreateUser(ctx context.Context, name string, secret []byte, initial ...store.InitialMailbox) (store.User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return store.User{}, err
	}
	if _, taken := s.mu.users[name]; taken {
		return store.User{}, fmt.Errorf("memstore: user %q: %w", name, store.ErrExists)
	}
	a := newAccount(s, s.mu.lastAccount+1)
	d := newDraft(s)
	d.addAccount(a)
	for _, m := range append([]store.InitialMailbox{{Name: imap.Inbox}}, initial...) {
		_, _, err := d.create(&store.Create{Account: a.id, Name: m.Name, Use: m.Use})
		if err == nil {
			err = d.subscribe(&store.Subscribe{Account: a.id, Name: m.Name, On: true})
		}
		if err != nil {
			return store.User{}, fmt.Errorf("memstore: user %q, mailbox %q: %w", name, m.Name, err)
		}
	}
	d.publish()
	s.mu.lastAccount = a.id
	s.mu.accounts[a.id] = a
	s.mu.users[name] = store.User{ID: a.id, Name: name, Secret: bytes.Clone(secret)}
	return store.User{ID: a.id, Name: name, Secret: bytes.Clone(secret)}, nil
}

// SetSecret implements store.Directory.
func (s *Store) SetSecret(ctx context.Context, name string, secret []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.user(ctx, name)
	if err != nil {
		return err
	}
	u.Secret = bytes.Clone(secret)
	s.mu.users[name] = u
	return nil
}

// DeleteUser implements store.Directory.
func (s *Store) DeleteUser(ctx context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.user(ctx, name)
	if err != nil {
		return err
	}
	d := newDraft(s)
	a, err := d.account(u.ID)
	if err != nil {
		return err
	}
	for id := range a.boxes {
		b, err := d.box(store.Ref{Account: u.ID, Mailbox: id})
		if err != nil {
			return err
		}
		b.delete()
	}
	a.names = mailbox.NewNamespace(nil, nil)
	d.publish()
	delete(s.mu.users, name)
	delete(s.mu.accounts, u.ID)
	return nil
}

// find returns a mailbox. s.mu is held.
func (s *Store) find(ctx context.Context, ref store.Ref) (*box, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	if a, ok := s.mu.accounts[ref.Account]; ok {
		if b, ok := a.boxes[ref.Mailbox]; ok {
			return b, nil
		}
	}
	return nil, fmt.Errorf("memstore: mailbox %d of account %d: %w", ref.Mailbox, ref.Account, store.ErrNotFound)
}

// Status implements store.Mail.
func (s *Store) Status(ctx context.Context, _ store.Actor, ref store.Ref) (mailbox.Counts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(ctx, ref)
	if err != nil {
		return mailbox.Counts{}, err
	}
	return b.version.Counts(), nil
}

// ClaimRecent implements store.Recent.
func (s *Store) ClaimRecent(ctx context.Context, _ store.Actor, ref store.Ref, below imap.UID) (imap.UID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(ctx, ref)
	if err != nil {
		return 0, err
	}
	from := b.claimed
	b.claimed = max(from, below)
	return from, nil
}

// RecentFrom implements store.Recent.
func (s *Store) RecentFrom(ctx context.Context, _ store.Actor, ref store.Ref) (imap.UID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(ctx, ref)
	if err != nil {
		return 0, err
	}
	return b.claimed, nil
}

// Commit implements store.Mail.
func (s *Store) Commit(ctx context.Context, _ store.Actor, ops ...store.Op) ([]store.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	d := newDraft(s)
	quotas := d.quotas(ops)
	outcomes := make([]store.Outcome, len(ops))
	for i, op := range ops {
		var blame store.Ref
		var err error
		if outcomes[i], blame, err = d.do(op); err != nil {
			return nil, &store.OpError{Index: i, Ref: blame, Err: err}
		}
	}
	for i := range quotas {
		if err := quotas[i].Check(ops, d.usage(quotas[i].Account)); err != nil {
			return nil, err
		}
	}
	d.publish()
	return outcomes, nil
}

// Close implements store.Store. What the store held is lost.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.closed = true
	return nil
}
