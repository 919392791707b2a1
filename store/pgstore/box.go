package pgstore

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// box is what this machine knows of a mailbox. It exists while somebody has it open, and for a while
// afterwards.
type box struct {
	cell    *cell
	account store.AccountID
	id      mailbox.ID
	cur     atomic.Pointer[known] // nil before the first load
	users   int                   // handles, and who opens one; guarded by cell.mu

	// load is held by whoever reads the mailbox for the first time, so that others wait for that.
	load chan struct{}

	mu struct {
		sync.Mutex
		handles map[*handle]struct{}
	}
}

// known is a version and the timeline of the server that told of it.
type known struct {
	version *mailbox.Version
	epoch   int64
}

// before reports whether k is older than other.
func (k *known) before(other *known) bool {
	switch {
	case k == nil:
		return true
	case k.epoch != other.epoch:
		return k.epoch < other.epoch
	case k.version.Deleted:
		return false
	case other.version.Deleted:
		return true
	}
	return k.version.HighestModSeq < other.version.HighestModSeq
}

func (b *box) ref() store.Ref { return store.Ref{Account: b.account, Mailbox: b.id} }

// publish makes a version the newest, unless a newer one is known, and tells the sessions.
func (b *box) publish(k *known) {
	for {
		old := b.cur.Load()
		if !old.before(k) {
			return
		}
		if !b.cur.CompareAndSwap(old, k) {
			continue
		}
		if old != nil && old.version != k.version {
			b.ring()
			b.cell.noteChanged(b.account, b.id, k.version.HighestModSeq)
		}
		return
	}
}

func (b *box) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for h := range b.mu.handles {
		ring(h.bell)
	}
}

// catchUp returns what there is, given the mailbox's row, which is locked or in the same snapshot:
// what is known already, with what has happened since, or all of it.
func (b *box) catchUp(ctx context.Context, q querier, epoch int64, h *head) (*known, error) {
	old := b.cur.Load()
	epoch = max(epoch, h.epoch)
	// A version that was read on another timeline may have what a failover has taken back.
	if old == nil || old.epoch != epoch || old.version.UIDValidity != h.counts.UIDValidity || old.version.Deleted {
		v, err := readVersion(ctx, q, b.account, h, b.cell.options.History)
		return &known{v, epoch}, err
	}
	v := old.version
	if v.HighestModSeq >= h.counts.HighestModSeq {
		return old, nil
	}
	c, err := readChanges(ctx, q, b.account, h, v.HighestModSeq, v.UIDNext)
	if err == nil {
		v, err = v.Apply(c)
	}
	if errors.Is(err, mailbox.ErrTooOld) || errors.Is(err, mailbox.ErrTooManyKeywords) {
		v, err = readVersion(ctx, q, b.account, h, b.cell.options.History)
	}
	if err != nil {
		return nil, err
	}
	return &known{v, epoch}, nil
}

// refresh reads what has happened, and publishes it. It is as new as the moment of the call.
func (b *box) refresh(ctx context.Context) error {
	return b.cell.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		k, err := b.readKnown(ctx, conn)
		if err != nil {
			return err
		}
		b.publish(k)
		return nil
	})
}

// readKnown reads what there is. The row alone comes first: mostly nothing has happened.
func (b *box) readKnown(ctx context.Context, conn *pgx.Conn) (*known, error) {
	epoch := epochOf(conn)
	h, err := scanHead(conn.QueryRow(ctx, selectHead, int64(b.account), int64(b.id)))
	old := b.cur.Load()
	deleted := func() (*known, error) {
		if old == nil {
			return nil, mailboxNotFound(b.id)
		}
		return &known{old.version.WithDeleted(old.version.HighestModSeq + 1), max(epoch, old.epoch)}, nil
	}
	switch {
	case notFound(err):
		return deleted()
	case err != nil:
		return nil, err
	case h.state == stateMoved:
		return nil, movedAway(b.account)
	case old != nil && old.epoch == max(epoch, h.epoch) && old.version.HighestModSeq >= h.counts.HighestModSeq:
		return old, nil
	}
	// All that follows has to be of one moment.
	if _, err := conn.Exec(ctx, snapshot); err != nil {
		return nil, err
	}
	defer conn.Exec(ctx, "ROLLBACK")
	if h, err = scanHead(conn.QueryRow(ctx, selectHead, int64(b.account), int64(b.id))); err != nil {
		if notFound(err) { // just now
			return deleted()
		}
		return nil, err
	}
	return b.catchUp(ctx, conn, epoch, h)
}

// changes returns what has happened after a mod-sequence, as the database has it.
func (b *box) changes(ctx context.Context, since imap.ModSeq) (c *mailbox.Changes, err error) {
	err = b.cell.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, snapshot); err != nil {
			return err
		}
		defer conn.Exec(ctx, "ROLLBACK")
		h, err := scanHead(conn.QueryRow(ctx, selectHead, int64(b.account), int64(b.id)))
		if notFound(err) {
			return mailboxNotFound(b.id)
		}
		if err != nil {
			return err
		}
		c, err = readChanges(ctx, conn, b.account, h, since, 0)
		return err
	})
	return c, err
}
