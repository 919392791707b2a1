package storetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// Follow returns a store for tests that stands for another machine: its handles on mailboxes show
// no Version of the store that is given, but what they have made themselves of Changes. What is
// committed through it is visible at once; what is committed otherwise, when its bell has rung or
// after Refresh. Both have to be closed by one Close.
func Follow(inner store.Store) store.Store {
	f := &follower{Store: inner}
	f.mu.open = map[*followed]struct{}{}
	return f
}

// follower is a store made by Follow.
type follower struct {
	store.Store
	mu struct {
		sync.Mutex
		open map[*followed]struct{}
	}
}

var _ store.Decorator = (*follower)(nil)

// Unwrap implements store.Decorator.
func (f *follower) Unwrap() store.Mail { return f.Store }

// Commit implements store.Mail.
func (f *follower) Commit(ctx context.Context, actor store.Actor, ops ...store.Op) ([]store.Outcome, error) {
	out, err := f.Store.Commit(ctx, actor, ops...)
	if err == nil {
		f.catchUp(ctx)
	}
	return out, err
}

// DeleteUser implements store.Directory.
func (f *follower) DeleteUser(ctx context.Context, name string) error {
	err := f.Store.DeleteUser(ctx, name)
	if err == nil {
		f.catchUp(ctx)
	}
	return err
}

// catchUp brings all handles up to date after a change that has been made, whatever ctx says.
func (f *follower) catchUp(ctx context.Context) {
	for _, h := range f.handles() {
		// A handle that cannot be brought up to date is of a store that is closed or lost.
		_ = h.catchUp(context.WithoutCancel(ctx))
	}
}

func (f *follower) handles() (out []*followed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for h := range f.mu.open {
		out = append(out, h)
	}
	return out
}

// Open implements store.Mail.
func (f *follower) Open(ctx context.Context, actor store.Actor, ref store.Ref) (store.Mailbox, error) {
	inner, err := f.Store.Open(ctx, actor, ref)
	if err != nil {
		return nil, err
	}
	h := &followed{Mailbox: inner, store: f, bell: make(chan struct{}, 1), done: make(chan struct{}), stopped: make(chan struct{})}
	h.version.Store(mailbox.New(inner.Version().UIDValidity))
	f.add(h)
	if err := h.catchUp(ctx); err != nil {
		f.remove(h)
		return nil, errors.Join(err, inner.Close())
	}
	drain(h.bell)
	go h.listen()
	return h, nil
}

func (f *follower) add(h *followed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.open[h] = struct{}{}
}

func (f *follower) remove(h *followed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.mu.open, h)
}

// followed is a handle whose versions are made of changes.
type followed struct {
	store.Mailbox
	store         *follower
	bell          chan struct{}
	done, stopped chan struct{} // listen is to end, and has ended
	version       atomic.Pointer[mailbox.Version]
	making        sync.Mutex // is held by who makes the next version
}

// listen follows the mailbox until the handle is closed.
func (h *followed) listen() {
	defer close(h.stopped)
	for {
		select {
		case <-h.Mailbox.Bell():
			_ = h.catchUp(context.Background()) // as in follower.catchUp
		case <-h.done:
			return
		}
	}
}

// catchUp makes the newest version, and rings the bell if it is another one.
func (h *followed) catchUp(ctx context.Context) error {
	h.making.Lock()
	defer h.making.Unlock()
	old := h.version.Load()
	c, err := h.Mailbox.Changes(ctx, old.HighestModSeq)
	var next *mailbox.Version
	if err == nil {
		next, err = old.Apply(c)
	}
	if errors.Is(err, store.ErrTooOld) || errors.Is(err, mailbox.ErrTooManyKeywords) {
		next, err = h.load(ctx)
	}
	if err != nil || next == old {
		return err
	}
	h.version.Store(next)
	select {
	case h.bell <- struct{}{}:
	default:
	}
	return nil
}

// load makes a version of all that the mailbox holds.
func (h *followed) load(ctx context.Context) (*mailbox.Version, error) {
	v, err := h.Mailbox.Refresh(ctx)
	if err != nil {
		return nil, err
	}
	if v.Deleted {
		return h.version.Load().WithDeleted(v.HighestModSeq), nil
	}
	var rows []mailbox.Row
	far := map[imap.UID]mailbox.FarBits{}
	for _, r := range v.Rows() {
		if rows = append(rows, *r); v.Far(r) {
			far[r.UID] = v.Set(r).Far
		}
	}
	return mailbox.Load(v.Counts(), v.Keywords(), rows, far)
}

func (h *followed) Version() *mailbox.Version { return h.version.Load() }
func (h *followed) Bell() <-chan struct{}     { return h.bell }

func (h *followed) Refresh(ctx context.Context) (*mailbox.Version, error) {
	if err := h.catchUp(ctx); err != nil {
		return nil, err
	}
	return h.Version(), nil
}

func (h *followed) Close() error {
	close(h.done)
	<-h.stopped
	h.store.remove(h)
	return h.Mailbox.Close()
}
