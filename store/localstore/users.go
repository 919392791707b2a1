package localstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// User implements store.Directory.
func (s *Store) User(ctx context.Context, name string) (store.User, error) {
	if err := s.reading(ctx); err != nil {
		return store.User{}, err
	}
	defer s.unread()
	return s.user(name)
}

func (s *Store) user(name string) (store.User, error) {
	value, err := s.get(append([]byte{keyUser}, name...))
	if errors.Is(err, pebble.ErrNotFound) {
		return store.User{}, userNotFound(name)
	}
	if err != nil {
		return store.User{}, err
	}
	u, ok := parseUser([]byte(name), value)
	if !ok {
		return u, s.damagedIndex("the row of user %q is damaged", name)
	}
	return u, nil
}

func userNotFound(name string) error {
	return fmt.Errorf("localstore: user %q: %w", name, store.ErrNotFound)
}

// Users implements store.Directory.
func (s *Store) Users(ctx context.Context) ([]store.User, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	defer s.unread()
	var users []store.User
	err := s.eachKey([]byte{keyUser}, func(k, value []byte) error {
		u, ok := parseUser(k[1:], value)
		if !ok {
			return s.damagedIndex("the row of user %q is damaged", k[1:])
		}
		users = append(users, u)
		return nil
	})
	return users, err
}

// user returns a user as the group in the making knows it.
func (t *tx) user(name string) (store.User, error) {
	if u, ok := t.users[name]; ok {
		if u == nil {
			return store.User{}, userNotFound(name)
		}
		return *u, nil
	}
	return t.s.user(name)
}

// CreateUser implements store.Directory.
func (s *Store) CreateUser(ctx context.Context, name string, secret []byte, initial ...store.InitialMailbox) (store.User, error) {
	u := store.User{Name: name, Secret: bytes.Clone(secret)}
	err := s.change(ctx, 0, false, func(t *tx) error {
		switch _, err := t.user(name); {
		case err == nil:
			return fmt.Errorf("localstore: user %q: %w", name, store.ErrExists)
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
		u.ID = t.nextAccount
		// Everything that can go wrong does so here, before the first record.
		names := mailbox.NewNamespace(nil, nil)
		validity := newValidity(0)
		var boxes []*createRecord
		for i, m := range append([]store.InitialMailbox{{Name: imap.Inbox}}, initial...) {
			r := &createRecord{account: u.ID, subscribed: true, entry: mailbox.Entry{Name: imap.CanonicalName(m.Name),
				ID: store.NewMailboxID(), UIDValidity: validity + uint32(i), Use: slices.Clone(m.Use)}}
			var err error
			if names, err = names.Create(r.entry); err == nil {
				names, err = names.Subscribe(m.Name, true)
			}
			if err != nil {
				return fmt.Errorf("localstore: user %q, mailbox %q: %w", name, m.Name, err)
			}
			boxes = append(boxes, r)
		}
		if _, err := t.do(&userRecord{u.ID, name, u.Secret}); err != nil {
			return err
		}
		for _, r := range boxes {
			if _, err := t.do(r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return store.User{}, err
	}
	return u, nil
}

// newValidity returns a UIDVALIDITY above last: the time, so that it is also above those of a
// store that was restored from an older copy.
func newValidity(last uint32) uint32 { return max(uint32(time.Now().Unix()), last+1) }

// SetSecret implements store.Directory.
func (s *Store) SetSecret(ctx context.Context, name string, secret []byte) error {
	secret = bytes.Clone(secret)
	return s.change(ctx, 0, false, func(t *tx) error {
		u, err := t.user(name)
		if err != nil {
			return err
		}
		if a, err := t.anyAccount(u.ID); err != nil {
			return err
		} else if t.state(a).residence.State == store.Moved {
			return movedAway(u.ID)
		}
		_, err = t.do(&secretRecord{u.ID, name, secret})
		return err
	})
}

// DeleteUser implements store.Directory.
func (s *Store) DeleteUser(ctx context.Context, name string) error {
	p := pins{s: s}
	defer p.unpin()
	u, err := s.User(ctx, name)
	if err != nil {
		return err
	}
	// What is missing, because it came or was renamed meanwhile, the change asks for.
	a, err := p.account(ctx, u.ID)
	if err != nil {
		return err
	}
	for e := range a.cur.Load().names.All() {
		if err := p.box(ctx, store.Ref{Account: u.ID, Mailbox: e.ID}); err != nil {
			return err
		}
	}
	return p.change(ctx, 0, false, func(t *tx) error {
		now, err := t.user(name)
		if err != nil {
			return err
		}
		_, err = t.do(&userGoneRecord{now.ID, name})
		return err
	})
}
