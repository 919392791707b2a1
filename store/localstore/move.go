package localstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// Accounts that go to another store. What stays behind is a copy that nobody sees, until the user is
// deleted.

func movedAway(id store.AccountID) error {
	return fmt.Errorf("localstore: account %d: %w", id, store.ErrMoved)
}

// here returns an error unless the account is one that can be used.
func (a *account) here() error {
	switch s := a.cur.Load(); {
	case s.gone || s.residence.State == store.Arriving:
		return accountNotFound(a.id)
	case s.residence.State == store.Moved:
		return movedAway(a.id)
	}
	return nil
}

// Identity implements store.Mover: what every segment carries.
func (s *Store) Identity(ctx context.Context) (string, error) {
	return fmt.Sprintf("localstore %016x", s.log.id), s.check(ctx)
}

// existing returns an account that is not gone.
func (s *Store) existing(ctx context.Context, id store.AccountID) (*account, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	defer s.unread()
	a, err := s.account(id)
	if err == nil && a.cur.Load().gone {
		err = accountNotFound(id)
	}
	return a, err
}

// Residence implements store.Mover.
func (s *Store) Residence(ctx context.Context, id store.AccountID) (store.Residence, error) {
	a, err := s.existing(ctx, id)
	if err != nil {
		return store.Residence{}, err
	}
	return a.cur.Load().residence, nil
}

// Names implements store.Mover.
func (s *Store) Names(ctx context.Context, id store.AccountID) (*mailbox.Namespace, uint32, error) {
	a, err := s.existing(ctx, id)
	if err == nil {
		err = a.here()
	}
	if err != nil {
		return nil, 0, err
	}
	state := a.cur.Load()
	return state.names, state.lastValidity, nil
}

// History implements store.Mover.
func (s *Store) History(ctx context.Context, ref store.Ref) ([]mailbox.Expunged, imap.ModSeq, error) {
	a, err := s.existing(ctx, ref.Account)
	if err == nil {
		err = a.here()
	}
	if err != nil {
		return nil, 0, err
	}
	return a.history(ctx, ref.Mailbox)
}

func (a *account) history(ctx context.Context, id mailbox.ID) ([]mailbox.Expunged, imap.ModSeq, error) {
	b, err := a.pin(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	defer a.s.unpin(b)
	v := b.cur.Load()
	return slices.Collect(v.Removed(0)), v.HistorySince(), nil
}

func (a *account) pin(ctx context.Context, id mailbox.ID) (*box, error) {
	if err := a.s.reading(ctx); err != nil {
		return nil, err
	}
	defer a.s.unread()
	return a.s.pin(a, id)
}

// fence has the changes of an account wait.
type fence struct {
	account  *account
	released chan struct{} // closed by Release
	once     sync.Once
}

// fencedError is that of a change that has to wait.
type fencedError struct{ released <-chan struct{} }

func (fencedError) Error() string { return "localstore: the account is being moved" }

func isFenced(err error) bool {
	var fenced fencedError
	return errors.As(err, &fenced)
}

// awaitFence waits for what a fencedError names.
func (s *Store) awaitFence(ctx context.Context, err error) error {
	var fenced fencedError
	errors.As(err, &fenced)
	select {
	case <-fenced.released:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.queue.shut:
		return store.ErrClosed
	}
}

// Fence implements store.Mover. It stands between two changes of the writer; an earlier fence ends.
func (s *Store) Fence(ctx context.Context, id store.AccountID) (store.Fence, error) {
	a, err := s.existing(ctx, id)
	if err != nil {
		return nil, err
	}
	f := &fence{account: a, released: make(chan struct{})}
	var earlier *fence
	err = s.change(ctx, id, false, func(*tx) error {
		if err := a.here(); err != nil {
			return err
		}
		earlier = a.fence.Swap(f)
		return nil
	})
	if earlier != nil {
		earlier.Release()
	}
	return f, err
}

func (f *fence) Release() {
	f.once.Do(func() {
		f.account.fence.CompareAndSwap(f, nil)
		close(f.released)
	})
}

// Leave implements store.Fence.
func (f *fence) Leave(ctx context.Context, to string) error {
	a := f.account
	err := a.s.change(ctx, a.id, false, func(t *tx) error {
		if a.fence.Load() != f {
			return store.ErrUnfenced
		}
		_, err := t.do(&residenceRecord{a.id, store.Residence{State: store.Moved, To: to}})
		return err
	})
	if err != nil {
		return err
	}
	f.Release() // whoever waits is told that it has moved
	for h := range a.s.openHandles() {
		if h.box.account == a {
			ring(h.bell)
		}
	}
	return nil
}

// openHandles returns the handles that there are.
func (s *Store) openHandles() map[*handle]struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	handles := make(map[*handle]struct{}, len(s.mu.handles))
	for h := range s.mu.handles {
		handles[h] = struct{}{}
	}
	return handles
}

// arrival is an account that comes from another store.
type arrival struct{ account *account }

// Arrive implements store.Mover.
func (s *Store) Arrive(ctx context.Context, id store.AccountID) (store.Arrival, error) {
	a, err := s.existing(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		if err := s.change(ctx, id, false, func(t *tx) error {
			if _, err := t.anyAccount(id); !errors.Is(err, store.ErrNotFound) {
				return err
			}
			_, err := t.do(&arrivingRecord{id})
			return err
		}); err != nil {
			return nil, err
		}
		a, err = s.existing(ctx, id)
	}
	if err != nil {
		return nil, err
	}
	if a.cur.Load().residence.State != store.Arriving {
		return nil, fmt.Errorf("localstore: account %d: %w", id, store.ErrExists)
	}
	r := &arrival{account: a}
	a.arrival.Store(r)
	return r, nil
}

// change makes a change unless another has begun to take the account in.
func (r *arrival) change(ctx context.Context, p *pins, adds bool, run func(*tx) error) error {
	return p.change(ctx, r.account.id, adds, func(t *tx) error {
		if r.account.arrival.Load() != r {
			return store.ErrTakenOver
		}
		return run(t)
	})
}

// pinAll pins all mailboxes of the account.
func (r *arrival) pinAll(ctx context.Context, p *pins) error {
	for e := range r.account.cur.Load().names.All() {
		if err := p.box(ctx, store.Ref{Account: r.account.id, Mailbox: e.ID}); err != nil {
			return err
		}
	}
	return nil
}

// SetNames implements store.Arrival.
func (r *arrival) SetNames(ctx context.Context, names *mailbox.Namespace, lastValidity uint32) error {
	p := pins{s: r.account.s}
	defer p.unpin()
	if err := r.pinAll(ctx, &p); err != nil {
		return err
	}
	record := &namesRecord{account: r.account.id, lastValidity: lastValidity, entries: slices.Collect(names.All()), subscribed: slices.Collect(names.Subscribed())}
	return r.change(ctx, &p, false, func(t *tx) error {
		if _, err := t.do(record); err != nil {
			return err
		}
		for id, m := range names.AllMetadata() {
			ref := store.Ref{Account: r.account.id, Mailbox: id}
			if _, err := t.do(&metadataRecord{mailbox: ref, set: []mailbox.Metadata{m}}); err != nil {
				return err
			}
		}
		_, err := t.do(&quotaRecord{r.account.id, names.Quota()})
		return err
	})
}

// Names implements store.Arrival.
func (r *arrival) Names(context.Context) (*mailbox.Namespace, uint32, error) {
	s := r.account.cur.Load()
	return s.names, s.lastValidity, nil
}

// Open implements store.Arrival.
func (r *arrival) Open(ctx context.Context, id mailbox.ID) (store.Mailbox, error) {
	b, err := r.account.pin(ctx, id)
	if err != nil {
		return nil, err
	}
	return r.account.s.newHandle(b), nil
}

// History implements store.Arrival.
func (r *arrival) History(ctx context.Context, id mailbox.ID) ([]mailbox.Expunged, imap.ModSeq, error) {
	return r.account.history(ctx, id)
}

// Stage implements store.Arrival.
func (r *arrival) Stage(ctx context.Context, body io.Reader) (store.Staged, error) {
	return r.account.s.Stage(ctx, store.System, r.account.id, body)
}

// Import implements store.Arrival.
func (r *arrival) Import(ctx context.Context, id mailbox.ID, part *mailbox.Import, bodies []*store.NewMessage, recent imap.UID, _ bool) (_ []uint64, err error) {
	s, ref := r.account.s, store.Ref{Account: r.account.id, Mailbox: id}
	c := &commit{pins: pins{s: s}}
	defer c.unpin()
	defer func() { c.letGo(err == nil || errors.Is(err, store.ErrFailed)) }()
	if err := c.box(ctx, ref); err != nil {
		return nil, err
	}
	b := c.boxes[ref]
	if b == nil {
		return nil, mailboxNotFound(id)
	}
	for _, m := range bodies {
		if m == nil {
			continue
		}
		body, ok := m.Body.(*staged)
		if !ok || body.s != s || !body.use(c) {
			return nil, store.ErrStale
		}
		c.bodies = append(c.bodies, body)
	}
	var record *importRecord
	err = r.change(ctx, &c.pins, len(c.bodies) > 0, func(t *tx) error {
		for _, body := range c.bodies {
			body.first = nil
		}
		v := t.newest(b)
		record = &importRecord{mailbox: ref, id: t.nextMessage, part: *part, rows: make([]importedRow, len(part.Rows))}
		record.part.Rows, record.part.Far = nil, nil
		for i := range part.Rows {
			row, m := &part.Rows[i], &record.rows[i]
			m.uid, m.modseq, m.date, m.saved = row.UID, row.ModSeq, row.Date, row.Saved
			m.flags = mailbox.FlagSet{Bits: row.Flags, Far: part.Far[row.UID]}
			switch _, _, there := v.Find(row.UID); {
			case there:
				m.source = rowKnown
			case bodies[i] != nil:
				m.source = rowNew
				c.message(bodies[i], &m.newMessage)
			default:
				m.source, m.id, m.size = rowShared, row.Ref, row.Size
			}
		}
		_, err := t.do(record)
		return err
	})
	if err != nil {
		return nil, err
	}
	b.claimRecent(recent)
	return record.refs, nil
}

// claimRecent notes that every UID below was claimed.
func (b *box) claimRecent(below imap.UID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.recent = max(b.mu.recent, below)
}

// Accept implements store.Arrival.
func (r *arrival) Accept(ctx context.Context, name string, secret []byte) error {
	s := r.account.s
	p := pins{s: s}
	defer p.unpin()
	copied := store.AccountID(0) // of the user, who has moved away and comes back
	if u, err := s.User(ctx, name); err == nil && u.ID != r.account.id {
		a, err := p.account(ctx, u.ID)
		if err != nil {
			return err
		}
		if a.cur.Load().residence.State != store.Moved {
			return fmt.Errorf("localstore: user %q: %w", name, store.ErrExists)
		}
		copied = u.ID
		for e := range a.cur.Load().names.All() {
			if err := p.box(ctx, store.Ref{Account: u.ID, Mailbox: e.ID}); err != nil {
				return err
			}
		}
	} else if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return r.change(ctx, &p, false, func(t *tx) error {
		u, err := t.user(name)
		switch {
		case err == nil && u.ID != copied && u.ID != r.account.id:
			return fmt.Errorf("localstore: user %q: %w", name, store.ErrExists)
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return err
		}
		undo := t.savepoint()
		if err == nil && copied != 0 && u.ID == copied {
			if _, err := t.do(&userGoneRecord{copied, name}); err != nil {
				undo()
				return err
			}
		}
		if _, err := t.do(&residenceRecord{account: r.account.id}); err != nil {
			undo()
			return err
		}
		if _, err := t.do(&secretRecord{r.account.id, name, slices.Clone(secret)}); err != nil {
			undo()
			return err
		}
		return nil
	})
}

// Discard implements store.Arrival.
func (r *arrival) Discard(ctx context.Context) error {
	p := pins{s: r.account.s}
	defer p.unpin()
	if err := r.pinAll(ctx, &p); err != nil {
		return err
	}
	return r.change(ctx, &p, false, func(t *tx) error {
		_, err := t.do(&userGoneRecord{account: r.account.id})
		return err
	})
}
