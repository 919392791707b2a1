package memstore

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// box is one mailbox. It is guarded by the store's mutex.
type box struct {
	store    *Store
	ref      store.Ref
	version  *mailbox.Version // the newest
	handles  map[*handle]struct{}
	messages map[imap.UID]message // of the newest version and of the ghosts
	ghosts   []ghost
	claimed  imap.UID // every UID below has been claimed as \Recent
}

// message is what is kept beside a mailbox.Row.
type message struct {
	ref     uint64 // as in the row
	body    []byte
	details store.Details
}

// ghost is a message that is removed but may still be held.
type ghost struct {
	uid    imap.UID
	modseq imap.ModSeq // of its removal
}

// collect drops the ghosts that no handle holds any more.
func (b *box) collect() {
	b.ghosts = slices.DeleteFunc(b.ghosts, func(g ghost) bool {
		for h := range b.handles {
			// A version from before the removal shows the message, or a later one that its
			// session may turn to does; one from after it shows it only as a ghost.
			if h.held.HighestModSeq < g.modseq || h.held.Ghosts().Contains(g.uid) {
				return false
			}
		}
		delete(b.messages, g.uid)
		return true
	})
}

// message returns what is kept beside a row, false when it is gone.
func (b *box) message(row *mailbox.Row) (message, bool) {
	m, ok := b.messages[row.UID]
	return m, ok && m.ref == row.Ref
}

// handle is a session's handle on a mailbox. held is guarded by the store's mutex.
type handle struct {
	box  *box
	held *mailbox.Version
	bell chan struct{}
}

// Open implements store.Mail.
func (s *Store) Open(ctx context.Context, _ store.Actor, ref store.Ref) (store.Mailbox, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	h := &handle{b, b.version, make(chan struct{}, 1)}
	b.handles[h] = struct{}{}
	return h, nil
}

func (h *handle) Ref() store.Ref        { return h.box.ref }
func (h *handle) Bell() <-chan struct{} { return h.bell }

func (h *handle) Version() *mailbox.Version {
	h.box.store.mu.Lock()
	defer h.box.store.mu.Unlock()
	return h.box.version
}

func (h *handle) Refresh(ctx context.Context) (*mailbox.Version, error) {
	if err := h.box.store.check(ctx); err != nil {
		return nil, err
	}
	return h.Version(), nil
}

func (h *handle) Hold(v *mailbox.Version) {
	h.box.store.mu.Lock()
	defer h.box.store.mu.Unlock()
	h.held = v
	h.box.collect()
}

func (h *handle) Close() error {
	h.box.store.mu.Lock()
	defer h.box.store.mu.Unlock()
	delete(h.box.handles, h)
	h.box.collect()
	return nil
}

func (h *handle) Changes(ctx context.Context, since imap.ModSeq) (*mailbox.Changes, error) {
	v, err := h.Refresh(ctx)
	if err != nil {
		return nil, err
	}
	return v.Changes(since)
}

func (h *handle) Body(ctx context.Context, row *mailbox.Row) (store.Body, error) {
	h.box.store.mu.Lock()
	defer h.box.store.mu.Unlock()
	if err := h.box.store.ready(ctx); err != nil {
		return nil, err
	}
	m, ok := h.box.message(row)
	if !ok {
		return nil, fmt.Errorf("memstore: UID %d of mailbox %d: %w", row.UID, h.box.ref.Mailbox, store.ErrGone)
	}
	return body{bytes.NewReader(m.body)}, nil
}

func (h *handle) Details(ctx context.Context, rows []mailbox.Row, buf []byte, limit int, out []store.Details) ([]byte, int, error) {
	h.box.store.mu.Lock()
	defer h.box.store.mu.Unlock()
	if err := h.box.store.ready(ctx); err != nil {
		return buf, 0, err
	}
	rows = rows[:min(len(rows), len(out))]
	n, need := 0, 0
	for n < len(rows) {
		m, _ := h.box.message(&rows[n])
		if n > 0 && need+len(m.details.Summary) > limit {
			break
		}
		need += len(m.details.Summary)
		n++
	}
	buf = slices.Grow(buf, need) // once, so that what out tells of stays in buf
	for i := range n {
		m, ok := h.box.message(&rows[i])
		if !ok {
			out[i] = store.Details{}
			continue
		}
		if out[i] = m.details; m.details.Summary != nil {
			start := len(buf)
			buf = append(buf, m.details.Summary...)
			out[i].Summary = buf[start:len(buf):len(buf)]
		}
	}
	return buf, n, nil
}

// body is the octets of one message.
type body struct{ *bytes.Reader }

func (b body) WriteRange(w io.Writer, offset, count int64) (int64, error) {
	return io.Copy(w, io.NewSectionReader(b.Reader, offset, count))
}

func (b body) Close() error { return nil }
