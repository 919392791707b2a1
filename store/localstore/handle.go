package localstore

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// handle is one session's hold on a mailbox.
type handle struct {
	box  *box
	bell chan struct{}
	held atomic.Pointer[hold]

	// The session's: the version that Version returned last, and a group before which none of
	// its messages was removed.
	seen    *mailbox.Version
	seenSeq uint64
}

// hold is a version that a session shows. Its messages were there after group seq.
type hold struct {
	version *mailbox.Version
	seq     uint64
}

func (a *account) Open(ctx context.Context, id mailbox.ID) (store.Mailbox, error) {
	if err := a.s.reading(ctx); err != nil {
		return nil, err
	}
	defer a.s.unread()
	b, err := a.s.pin(a, id)
	if err != nil {
		return nil, err
	}
	h := &handle{box: b, bell: make(chan struct{}, 1)}
	h.held.Store(&hold{nil, a.s.seq.Load()}) // holds everything from here on
	b.addHandle(h)
	a.s.addHandle(h)
	h.Hold(h.Version())
	return h, nil
}

func (b *box) addHandle(h *handle) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.handles == nil {
		b.mu.handles = map[*handle]struct{}{}
	}
	b.mu.handles[h] = struct{}{}
}

func (s *Store) addHandle(h *handle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.handles[h] = struct{}{}
}

// oldest returns a group before and in which everything that was removed is not held any more.
// It runs on the writer's goroutine, so that nothing becomes newer meanwhile.
func (s *Store) oldest() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	seq := s.seq.Load()
	for h := range s.mu.handles {
		// A session that shows the newest version sees nothing that was removed.
		if held := h.held.Load(); held.version != h.box.cur.Load() {
			seq = min(seq, held.seq)
		}
	}
	return seq
}

func (h *handle) ID() mailbox.ID        { return h.box.id }
func (h *handle) Bell() <-chan struct{} { return h.bell }

func (h *handle) Version() *mailbox.Version {
	seq := h.box.account.s.seq.Load() // first: what v shows was there after that
	v := h.box.cur.Load()
	if v != h.seen {
		h.seen, h.seenSeq = v, seq
	}
	return v
}

func (h *handle) Hold(v *mailbox.Version) {
	held := h.held.Load()
	switch {
	case v == held.version:
	case v == h.seen:
		h.held.Store(&hold{v, h.seenSeq})
	default: // a view made of the one before and a newer one
		h.held.Store(&hold{v, held.seq})
	}
}

func (h *handle) Close() error {
	s := h.box.account.s
	if s.removeHandle(h) {
		h.box.removeHandle(h)
		s.unpin(h.box)
	}
	return nil
}

func (b *box) removeHandle(h *handle) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if delete(b.mu.handles, h); len(b.mu.handles) == 0 {
		b.mu.gone = removed{}
	}
}

func (s *Store) removeHandle(h *handle) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.mu.handles[h]
	delete(s.mu.handles, h)
	return ok
}

func (h *handle) ClaimRecent(below imap.UID) imap.UID {
	from := h.box.claim(below)
	if below > from {
		s := h.box.account.s
		s.mu.Lock()
		defer s.mu.Unlock()
		s.touch(h.box)
	}
	return from
}

func (b *box) claim(below imap.UID) imap.UID {
	b.mu.Lock()
	defer b.mu.Unlock()
	from := b.mu.recent
	b.mu.recent = max(from, below)
	return from
}

func (h *handle) change(ctx context.Context, run func(*tx) error) error {
	return h.box.account.s.change(ctx, run)
}

func (h *handle) StoreFlags(ctx context.Context, set imap.UIDSet, op imap.StoreOp, flags []imap.Flag) (modseq imap.ModSeq, err error) {
	err = h.change(ctx, func(t *tx) error {
		_, v, err := t.version(h.box.account.id, h.box.id)
		if err != nil {
			return err
		}
		r := &storeRecord{account: h.box.account.id, mailbox: h.box.id, modseq: v.HighestModSeq + 1, set: set.Resolve(v.MaxUID()), op: op}
		if !exists(v, r.set) {
			return nil
		}
		if op == imap.StoreRemove {
			for _, f := range flags { // what the mailbox does not know, no message carries
				r.bits |= v.Bit(f)
			}
		} else {
			known, bits, err := v.Bits(flags)
			if err != nil {
				return err
			}
			if r.bits = bits; known != v {
				r.keywords = flags
			}
		}
		n, err := t.do(r)
		if n > 0 {
			modseq = r.modseq
		}
		return err
	})
	return modseq, err
}

// exists reports whether the version has a message of the set.
func exists(v *mailbox.Version, set imap.UIDSet) bool {
	for range v.RowsByUID(set) {
		return true
	}
	return false
}

func (h *handle) Expunge(ctx context.Context, set imap.UIDSet) (removed imap.UIDSet, err error) {
	err = h.change(ctx, func(t *tx) error {
		_, v, err := t.version(h.box.account.id, h.box.id)
		if err != nil {
			return err
		}
		for _, r := range v.RowsByUID(set) {
			if r.Flags&mailbox.BitDeleted != 0 {
				removed.Add(r.UID)
			}
		}
		if removed.Empty() {
			return nil
		}
		_, err = t.do(&expungeRecord{h.box.account.id, h.box.id, v.HighestModSeq + 1, removed})
		return err
	})
	if err != nil {
		return imap.UIDSet{}, err
	}
	return removed, nil
}

func (h *handle) Copy(ctx context.Context, set imap.UIDSet, dst mailbox.ID) (store.CopyResult, error) {
	return h.transfer(ctx, set, dst, false)
}

func (h *handle) Move(ctx context.Context, set imap.UIDSet, dst mailbox.ID) (store.CopyResult, error) {
	return h.transfer(ctx, set, dst, true)
}

// transfer is Copy and Move.
func (h *handle) transfer(ctx context.Context, set imap.UIDSet, dst mailbox.ID, move bool) (result store.CopyResult, err error) {
	a := h.box.account
	to, err := a.pin(ctx, dst)
	if err != nil {
		return result, err
	}
	defer a.s.unpin(to)
	err = h.change(ctx, func(t *tx) error {
		_, from, err := t.version(a.id, h.box.id)
		if err != nil {
			return err
		}
		_, v, err := t.version(a.id, dst)
		if err != nil {
			return err
		}
		result.UIDValidity = v.UIDValidity
		r := &copyRecord{account: a.id, src: h.box.id, dst: dst, move: move, set: from.Existing(set), uid: v.UIDNext}
		n := r.set.Len()
		if n == 0 {
			return nil
		}
		if uint64(v.UIDNext)+uint64(n) > 1<<32-1 {
			return errNoUIDs
		}
		if _, err := t.do(r); err != nil {
			return err
		}
		result.Source, result.Dest = make([]imap.UID, 0, n), make([]imap.UID, n)
		for u := range r.set.All() {
			result.Dest[len(result.Source)] = r.uid + imap.UID(len(result.Source))
			result.Source = append(result.Source, u)
		}
		return nil
	})
	if err != nil {
		return store.CopyResult{}, err
	}
	return result, nil
}

func (h *handle) Summaries(ctx context.Context, refs []uint64, buf []byte, out [][]byte) ([]byte, error) {
	s := h.box.account.s
	if err := s.reading(ctx); err != nil {
		return buf, err
	}
	defer s.unread()
	clear(out[:len(refs)])
	if len(refs) == 0 {
		return buf, nil
	}
	gone := h.box.gone(refs...)
	low, high := slices.Min(refs), slices.Max(refs)
	it, err := s.index.NewIter(&pebble.IterOptions{LowerBound: key(keyMessage, low), UpperBound: keyEnd(key(keyMessage, high))})
	if err != nil {
		return buf, err
	}
	defer it.Close()
	ends := make([]int, len(refs)) // of each summary in buf, which may still move
	start := len(buf)
	k := key(keyMessage, 0)
	last := uint64(0) // where the iterator is, 0: nowhere
	for i, ref := range refs {
		if last != 0 && ref == last+1 {
			it.Next()
		} else if ref != last {
			it.SeekGE(keyPut(k, ref))
		}
		if last = 0; it.Valid() {
			last = keyNum(it.Key())
		}
		if last == ref && !gone[ref] {
			value, err := it.ValueAndErr()
			if err != nil {
				return buf, err
			}
			m, ok := parseMessage(value)
			if !ok {
				return buf, fmt.Errorf("%w: the row of message %d is damaged", ErrCorrupt, ref)
			}
			buf = append(buf, m.summary...)
		}
		ends[i] = len(buf)
	}
	if err := it.Error(); err != nil {
		return buf, err
	}
	for i, end := range ends {
		if end > start {
			out[i] = buf[start:end:end]
		}
		start = end
	}
	return buf, nil
}
