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

// handle is one session's hold on a mailbox. held is guarded by the store's mutex.
type handle struct {
	account *account
	box     *box
	held    *mailbox.Version
	bell    chan struct{}
}

func (h *handle) ID() mailbox.ID            { return h.box.id }
func (h *handle) Version() *mailbox.Version { return h.box.version.Load() }
func (h *handle) Bell() <-chan struct{}     { return h.bell }

func (h *handle) Hold(v *mailbox.Version) {
	h.account.store.mu.Lock()
	defer h.account.store.mu.Unlock()
	h.held = v
	h.box.sweep()
}

func (h *handle) Close() error {
	h.account.store.mu.Lock()
	defer h.account.store.mu.Unlock()
	delete(h.box.handles, h)
	h.box.sweep()
	return nil
}

func (h *handle) ClaimRecent(below imap.UID) (from imap.UID) {
	h.account.store.mu.Lock()
	defer h.account.store.mu.Unlock()
	from = h.box.claimed
	h.box.claimed = max(from, below)
	return from
}

// ready says why the mailbox cannot be changed. The store's mutex is held.
func (h *handle) ready(ctx context.Context) error {
	_, err := h.account.find(ctx, h.box.id)
	return err
}

func (h *handle) StoreFlags(ctx context.Context, set imap.UIDSet, op imap.StoreOp, flags []imap.Flag) (imap.ModSeq, error) {
	h.account.store.mu.Lock()
	defer h.account.store.mu.Unlock()
	if err := h.ready(ctx); err != nil {
		return 0, err
	}
	v := h.Version()
	if set = v.Existing(set); set.Empty() {
		return 0, nil
	}
	var bits mailbox.FlagBits
	if op == imap.StoreRemove {
		for _, f := range flags { // what the mailbox does not know, no message carries
			bits |= v.Bit(f)
		}
	} else {
		var err error
		if v, bits, err = v.Bits(flags); err != nil {
			return 0, err
		}
	}
	modseq := v.HighestModSeq + 1
	v, changed := v.Store(set, op, bits, modseq)
	if changed == 0 {
		return 0, nil
	}
	h.box.publish(v)
	return modseq, nil
}

func (h *handle) Expunge(ctx context.Context, set imap.UIDSet) (removed imap.UIDSet, err error) {
	h.account.store.mu.Lock()
	defer h.account.store.mu.Unlock()
	if err := h.ready(ctx); err != nil {
		return removed, err
	}
	v := h.Version()
	modseq := v.HighestModSeq + 1
	v, rows := v.Expunge(v.Existing(set), true, modseq)
	if len(rows) == 0 {
		return removed, nil
	}
	for _, r := range rows {
		removed.Add(r.UID)
	}
	h.box.publish(v)
	h.box.bury(rows, modseq)
	return removed, nil
}

func (h *handle) Copy(ctx context.Context, set imap.UIDSet, dst mailbox.ID) (store.CopyResult, error) {
	return h.transfer(ctx, set, dst, false)
}

func (h *handle) Move(ctx context.Context, set imap.UIDSet, dst mailbox.ID) (store.CopyResult, error) {
	return h.transfer(ctx, set, dst, true)
}

// transfer is Copy and Move.
func (h *handle) transfer(ctx context.Context, set imap.UIDSet, dst mailbox.ID, move bool) (store.CopyResult, error) {
	h.account.store.mu.Lock()
	defer h.account.store.mu.Unlock()
	if err := h.ready(ctx); err != nil {
		return store.CopyResult{}, err
	}
	to, err := h.account.find(ctx, dst)
	if err != nil {
		return store.CopyResult{}, err
	}
	from, v := h.Version(), to.version.Load()
	result := store.CopyResult{UIDValidity: v.UIDValidity}
	if set = from.Existing(set); set.Empty() {
		return result, nil
	}

	// All keywords at once: one that is new with one message is not given up for the next.
	var used mailbox.FlagBits
	for _, r := range from.RowsByUID(set) {
		used |= r.Flags
	}
	v, _, err = v.Bits(from.Flags(used))
	if err != nil {
		return store.CopyResult{}, err
	}
	modseq := v.HighestModSeq + 1
	var removed, rows []mailbox.Row
	for _, r := range from.RowsByUID(set) {
		row := *r
		row.UID, row.ModSeq, row.Flags = v.UIDNext+imap.UID(len(rows)), modseq, 0
		for _, f := range from.Flags(r.Flags) {
			row.Flags |= v.Bit(f)
		}
		row.Ref = to.add(h.box.messages[r.Ref])
		removed, rows = append(removed, *r), append(rows, row)
		result.Source, result.Dest = append(result.Source, r.UID), append(result.Dest, row.UID)
	}
	v = v.Append(rows)
	switch {
	case !move:
		to.publish(v)
	case to == h.box:
		v, _ = v.Expunge(set, false, modseq)
		to.publish(v)
		to.bury(removed, modseq)
	default:
		to.publish(v)
		modseq = from.HighestModSeq + 1
		left, _ := from.Expunge(set, false, modseq)
		h.box.publish(left)
		h.box.bury(removed, modseq)
	}
	return result, nil
}

func (h *handle) Body(ctx context.Context, ref uint64) (store.Body, error) {
	h.account.store.mu.Lock()
	defer h.account.store.mu.Unlock()
	if err := h.account.store.ready(ctx); err != nil {
		return nil, err
	}
	m, ok := h.box.messages[ref]
	if !ok {
		return nil, fmt.Errorf("memstore: message %d: %w", ref, store.ErrGone)
	}
	return body{bytes.NewReader(m.body)}, nil
}

func (h *handle) Summaries(ctx context.Context, refs []uint64, buf []byte, out [][]byte) ([]byte, error) {
	h.account.store.mu.Lock()
	defer h.account.store.mu.Unlock()
	if err := h.account.store.ready(ctx); err != nil {
		return buf, err
	}
	need := 0
	for _, ref := range refs {
		need += len(h.box.messages[ref].summary)
	}
	buf = slices.Grow(buf, need) // once, so that what out tells of stays in buf
	for i, ref := range refs {
		out[i] = nil
		if s := h.box.messages[ref].summary; s != nil {
			start := len(buf)
			buf = append(buf, s...)
			out[i] = buf[start:len(buf):len(buf)]
		}
	}
	return buf, nil
}

// body is the octets of one message.
type body struct{ *bytes.Reader }

func (b body) WriteRange(w io.Writer, offset, count int64) (int64, error) {
	return io.Copy(w, io.NewSectionReader(b.Reader, offset, count))
}

func (b body) Close() error { return nil }
