package localstore

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// handle is one session's hold on a mailbox. UIDs are never used again, so a message can be read
// when its UID is in the newest version or in one that a handle of the mailbox holds or has seen.
type handle struct {
	box  *box
	bell chan struct{}
	mailbox.Holder
}

// Open implements store.Mail.
func (s *Store) Open(ctx context.Context, _ store.Actor, ref store.Ref) (store.Mailbox, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	defer s.unread()
	b, err := s.pinned(ref)
	if err != nil {
		return nil, err
	}
	return s.newHandle(b), nil
}

// newHandle returns a handle on a mailbox that is pinned.
func (s *Store) newHandle(b *box) *handle {
	h := &handle{box: b, bell: make(chan struct{}, 1)}
	b.addHandle(h)
	s.addHandle(h)
	h.Hold(h.Version())
	return h
}

// pinned returns a mailbox, which is pinned.
func (s *Store) pinned(ref store.Ref) (*box, error) {
	a, err := s.account(ref.Account)
	if err == nil {
		err = a.here()
	}
	if err != nil {
		return nil, err
	}
	return s.pin(a, ref.Mailbox)
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

func (h *handle) Ref() store.Ref        { return h.box.ref() }
func (h *handle) Bell() <-chan struct{} { return h.bell }

func (h *handle) Version() *mailbox.Version { return h.Holder.Version(h.box) }

// Newest implements mailbox.Source.
func (b *box) Newest() *mailbox.Version { return b.cur.Load() }

func (h *handle) Refresh(ctx context.Context) (*mailbox.Version, error) {
	if err := h.box.account.s.check(ctx); err != nil {
		return nil, err
	}
	if a := h.box.account; a.cur.Load().residence.State == store.Moved {
		return nil, movedAway(a.id)
	}
	return h.Version(), nil
}

func (h *handle) Changes(ctx context.Context, since imap.ModSeq) (*mailbox.Changes, error) {
	v, err := h.Refresh(ctx)
	if err != nil {
		return nil, err
	}
	return v.Changes(since)
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
	delete(b.mu.handles, h)
}

func (s *Store) removeHandle(h *handle) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.mu.handles[h]
	delete(s.mu.handles, h)
	return ok
}

// readable reports whether a message is in the mailbox, or a handle holds it.
func (b *box) readable(row *mailbox.Row) bool {
	return b.cur.Load().HasMessage(row) || b.holds(row)
}

func (b *box) holds(row *mailbox.Row) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for h := range b.mu.handles {
		if h.Holds(row) {
			return true
		}
	}
	return false
}

// heldMessages returns the messages that were removed from their mailboxes but that handles still
// hold. It costs what was removed since the versions that they hold.
func (s *Store) heldMessages() map[uint64]struct{} {
	held := map[uint64]struct{}{}
	for v, b := range s.heldVersions() {
		for _, x := range mailbox.Diff(v, b.cur.Load()).Expunged {
			held[x.Row.Ref] = struct{}{}
		}
	}
	return held
}

// heldVersions returns the versions that handles hold, other than the newest.
func (s *Store) heldVersions() map[*mailbox.Version]*box {
	s.mu.Lock()
	defer s.mu.Unlock()
	versions := map[*mailbox.Version]*box{}
	for h := range s.mu.handles {
		for _, v := range h.Versions() {
			if v != nil && v != h.box.cur.Load() {
				versions[v] = h.box
			}
		}
	}
	return versions
}

// detailsRun is of how many rows Details finds out at once whether they are there.
const detailsRun = 64

// Details implements store.Mailbox.
func (h *handle) Details(ctx context.Context, rows []mailbox.Row, buf []byte, limit int, out []store.Details) ([]byte, int, error) {
	s := h.box.account.s
	if err := s.reading(ctx); err != nil {
		return buf, 0, err
	}
	defer s.unread()
	rows = rows[:min(len(rows), len(out))]
	if len(rows) == 0 {
		return buf, 0, nil
	}
	low, high := rows[0].Ref, rows[0].Ref
	for i := range rows {
		low, high = min(low, rows[i].Ref), max(high, rows[i].Ref)
	}
	it, err := s.index.NewIter(&pebble.IterOptions{LowerBound: key(keyMessage, low), UpperBound: keyEnd(key(keyMessage, high))})
	if err != nil {
		return buf, 0, s.indexError(err)
	}
	defer it.Close()
	start, n := len(buf), 0
	newest := h.box.cur.Load()
	k := key(keyMessage, 0)
	last := uint64(0) // where the iterator is, 0: nowhere
	there := 0        // rows before this one are in the newest version
	for ; n < len(rows); n++ {
		row := &rows[n]
		out[n] = store.Details{}
		if n%detailsRun == 0 && newest.HasRows(rows[n:min(n+detailsRun, len(rows))]) {
			there = n + detailsRun
		}
		if n >= there && !newest.HasMessage(row) && !h.box.holds(row) {
			continue
		}
		if last != 0 && row.Ref == last+1 {
			it.Next()
		} else if row.Ref != last {
			it.SeekGE(keyPut(k, row.Ref))
		}
		if last = 0; !it.Valid() {
			continue
		}
		if last = keyNum(it.Key()); last != row.Ref {
			continue
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return buf, 0, s.indexError(err)
		}
		m, ok := parseMessage(value)
		if !ok {
			return buf, 0, s.damagedIndex("the row of message %d is damaged", row.Ref)
		}
		if n > 0 && len(buf)-start+len(m.summary) > limit {
			break
		}
		// Until all are there only the length is right: buf may still move.
		out[n] = store.Details{Summary: m.summary[:len(m.summary):len(m.summary)], EmailID: m.emailID, ThreadID: m.threadID}
		buf = append(buf, m.summary...)
	}
	if err := it.Error(); err != nil {
		return buf, 0, s.indexError(err)
	}
	for i := range out[:n] {
		if length := len(out[i].Summary); length > 0 {
			out[i].Summary = buf[start : start+length : start+length]
			start += length
		} else {
			out[i].Summary = nil
		}
	}
	return buf, n, nil
}
