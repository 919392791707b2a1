package memstore

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"restante/store"
)

// staged is a body that waits to be committed. gone is guarded by the store's mutex.
type staged struct {
	store *Store
	body  []byte
	gone  bool // committed or discarded
}

// Stage implements store.Mail.
func (s *Store) Stage(ctx context.Context, _ store.Actor, _ store.AccountID, body io.Reader) (store.Staged, error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	var octets bytes.Buffer
	n, err := io.Copy(&octets, io.LimitReader(body, s.options.MaxMessage+1))
	if err != nil {
		return nil, fmt.Errorf("memstore: reading a message: %w", err)
	}
	if n > s.options.MaxMessage {
		return nil, fmt.Errorf("memstore: more than %d octets: %w", s.options.MaxMessage, store.ErrTooBig)
	}
	return &staged{store: s, body: octets.Bytes()}, nil
}

// check is ready for those who do not hold s.mu.
func (s *Store) check(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready(ctx)
}

func (b *staged) Size() int64 { return int64(len(b.body)) }

func (b *staged) Discard() {
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	b.gone = true
}
