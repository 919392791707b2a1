package localstore

import (
	"context"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// meta returns what is known of a mailbox, without loading it when it is not in memory.
func (s *Store) meta(ctx context.Context, ref store.Ref) (boxMeta, error) {
	if err := s.reading(ctx); err != nil {
		return boxMeta{}, err
	}
	defer s.unread()
	a, err := s.account(ref.Account)
	if err == nil {
		err = a.here()
	}
	if err != nil {
		return boxMeta{}, err
	}
	if _, ok := a.cur.Load().names.ByID(ref.Mailbox); !ok {
		return boxMeta{}, mailboxNotFound(ref.Mailbox)
	}
	if b := s.loaded(ref); b != nil {
		return boxMeta{counts: b.cur.Load().Counts(), recent: b.recentFrom()}, nil
	}
	value, err := s.get(key(keyMailbox, uint64(ref.Account), uint64(ref.Mailbox)))
	if errors.Is(err, pebble.ErrNotFound) {
		// It was created, or deleted, between the look at the names and this one.
		b, err := s.pin(a, ref.Mailbox)
		if err != nil {
			return boxMeta{}, err
		}
		defer s.unpin(b)
		return boxMeta{counts: b.cur.Load().Counts(), recent: b.recentFrom()}, nil
	}
	if err != nil {
		return boxMeta{}, err
	}
	m, ok := parseBoxMeta(value)
	if !ok {
		return m, s.damagedIndex("the row of mailbox %d of account %d is damaged", ref.Mailbox, ref.Account)
	}
	return m, nil
}

// Status implements store.Mail.
func (s *Store) Status(ctx context.Context, _ store.Actor, ref store.Ref) (mailbox.Counts, error) {
	m, err := s.meta(ctx, ref)
	return m.counts, err
}

// RecentFrom implements store.Recent.
func (s *Store) RecentFrom(ctx context.Context, _ store.Actor, ref store.Ref) (imap.UID, error) {
	m, err := s.meta(ctx, ref)
	return m.recent, err
}

// ClaimRecent implements store.Recent.
func (s *Store) ClaimRecent(ctx context.Context, _ store.Actor, ref store.Ref, below imap.UID) (imap.UID, error) {
	if err := s.reading(ctx); err != nil {
		return 0, err
	}
	defer s.unread()
	b, err := s.pinned(ref)
	if err != nil {
		return 0, err
	}
	defer s.unpin(b)
	from := b.claim(below)
	if below > from {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.markDirty(b)
	}
	return from, nil
}

func (b *box) claim(below imap.UID) imap.UID {
	b.mu.Lock()
	defer b.mu.Unlock()
	from := b.mu.recent
	b.mu.recent = max(from, below)
	return from
}
