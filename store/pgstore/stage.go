package pgstore

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"sync"

	"restante/blob"
	"restante/internal/spool"
	"restante/store"
)

// staged is a body that waits to be committed: here, and, when it is too large for the database, in
// the object store.
type staged struct {
	cell    *cell
	account store.AccountID
	size    int64
	sum     [sha256.Size]byte

	mu struct {
		sync.Mutex
		spool spool.Spool
		key   blob.Key // of the object, "" when there is none
		state stagedState
	}
}

type stagedState int

const (
	stagedReady     stagedState = iota
	stagedInUse                 // by a commit under way
	stagedDiscarded             // meanwhile; removed when the commit fails
	stagedGone
)

// stage reads a body. One that is too large for the database is put into the object store.
func (c *cell) stage(ctx context.Context, account store.AccountID, body io.Reader) (store.Staged, error) {
	if err := c.open(ctx); err != nil {
		return nil, err
	}
	b := &staged{cell: c, account: account}
	b.mu.spool = spool.Spool{Dir: c.options.CacheDir, Limit: int64(c.options.InlineLimit)} // what is large is in a file
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(&b.mu.spool, hash), io.LimitReader(body, c.options.MaxMessage+1))
	switch {
	case err != nil:
		err = fmt.Errorf("pgstore: reading a message: %w", err)
	case n > c.options.MaxMessage:
		err = fmt.Errorf("pgstore: more than %d octets: %w", c.options.MaxMessage, store.ErrTooBig)
	}
	b.size = n
	hash.Sum(b.sum[:0])
	if err == nil && b.isLarge() {
		b.mu.key, err = c.put(ctx, account, &b.mu.spool, n)
	}
	if err != nil {
		b.mu.spool.Close()
		return nil, err
	}
	return b, nil
}

// isLarge reports whether the body's place is the object store.
func (b *staged) isLarge() bool { return b.size > int64(b.cell.options.InlineLimit) }

// put makes a body an object of an account in this cell.
func (c *cell) put(ctx context.Context, account store.AccountID, body io.ReaderAt, size int64) (key blob.Key, err error) {
	err = c.db.retry(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, putTimeout(size))
		defer cancel()
		key = blob.NewKey(c.generation(), uint64(account)) // a failed one may turn up later
		if err := c.blobs.Put(ctx, key, body, size); err != nil {
			return transientError{fmt.Errorf("pgstore: storing a body: %w", err)}
		}
		return nil
	})
	return key, err
}

func (b *staged) Size() int64 { return b.size }

// begin makes the body a commit's own: ErrStale when it cannot be.
func (b *staged) begin() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.state != stagedReady {
		return store.ErrStale
	}
	b.mu.state = stagedInUse
	return nil
}

// end says what became of the commit.
func (b *staged) end(committed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case committed:
		b.mu.key = "" // it is a message's
		b.drop()
	case b.mu.state == stagedDiscarded:
		b.drop()
	default:
		b.mu.state = stagedReady
	}
}

func (b *staged) Discard() {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch b.mu.state {
	case stagedReady:
		b.drop()
	case stagedInUse:
		b.mu.state = stagedDiscarded
	}
}

// drop gives everything back. b.mu is held.
func (b *staged) drop() {
	b.mu.spool.Close()
	if b.mu.key != "" {
		b.cell.forget(b.mu.key)
	}
	b.mu.key, b.mu.state = "", stagedGone
}

// octets returns a small body.
func (b *staged) octets() ([]byte, error) {
	octets := make([]byte, b.size)
	_, err := io.ReadFull(b.mu.spool.Reader(), octets)
	return octets, err
}
