package admin

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"restante/cmd/restante/internal/mailfile"
	"restante/imap"
	"restante/internal/spool"
	"restante/mailbox"
	"restante/message"
	"restante/store"
	"restante/summary"
)

// Messages are imported in batches, each one change of the store.
const (
	batchMessages = 200
	batchOctets   = 4 << 20
)

func (a *storeAPI) Import(ctx context.Context, name string, boxes []ImportBox, next func() (int, *mailfile.Message, error), done func(ImportProgress)) error {
	user, err := a.user(ctx, name)
	if err != nil {
		return err
	}
	for _, box := range boxes {
		if err := checkBox(box); err != nil {
			return err
		}
	}
	b := batch{store: a.store, done: done, boxes: make([]importBox, len(boxes))}
	defer b.close()
	for i, box := range boxes {
		if b.boxes[i].ref, err = a.findOrCreate(ctx, user.ID, box); err != nil {
			return err
		}
	}
	for {
		box, m, err := next()
		if err == io.EOF {
			return b.flush(ctx)
		}
		if err == nil && (box < 0 || box >= len(boxes)) {
			err = fmt.Errorf("there is no mailbox %d for a message", box)
		}
		if err == nil {
			err = b.add(ctx, box, m)
		}
		if err != nil {
			return errors.Join(err, b.flush(ctx))
		}
	}
}

// findOrCreate returns the mailbox, and subscribes to it as it says.
func (a *storeAPI) findOrCreate(ctx context.Context, id store.AccountID, box ImportBox) (store.Ref, error) {
	account, err := a.store.Account(ctx, store.System, id)
	if err != nil {
		return store.Ref{}, err
	}
	defer account.Close()
	var ops []store.Op
	e, exists := account.Namespace().Lookup(box.Name)
	if !exists {
		ops = append(ops, &store.Create{Account: id, Name: box.Name})
	}
	if box.Subscribed != nil && *box.Subscribed || box.Subscribed == nil && !exists {
		ops = append(ops, &store.Subscribe{Account: id, Name: box.Name, On: true})
	}
	if len(ops) == 0 {
		return store.Ref{Account: id, Mailbox: e.ID}, nil
	}
	out, err := a.store.Commit(ctx, store.System, ops...)
	if err != nil {
		return store.Ref{}, fmt.Errorf("making the mailbox %q: %w", box.Name, err)
	}
	if exists {
		return store.Ref{Account: id, Mailbox: e.ID}, nil
	}
	return store.Ref{Account: id, Mailbox: out[0].Created.ID}, nil
}

// importBox is a mailbox during an import.
type importBox struct {
	ref    store.Ref
	before *heldBefore // nil until the first message comes
}

// batch collects messages of one mailbox and appends them at once.
type batch struct {
	store    store.Mail
	boxes    []importBox
	done     func(ImportProgress)
	box      int // where messages go
	messages []store.NewMessage
	size     int64
	known    int // messages that were left out since done was told
}

func (b *batch) add(ctx context.Context, box int, m *mailfile.Message) error {
	if box != b.box {
		if err := b.flush(ctx); err != nil {
			return err
		}
		b.box = box
	}
	to := &b.boxes[box]
	if to.before == nil {
		before, err := holdBefore(ctx, b.store, to.ref)
		if err != nil {
			return err
		}
		to.before = before
	}
	s := spool.Spool{Limit: batchOctets}
	defer s.Close()
	switch _, err := io.CopyN(&s, m.Body, m.Size); {
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	case err != nil:
		return err
	}
	encoded, err := message.EncodeBinary(&s, s.Size())
	if err != nil {
		return err
	}
	w, finish := summary.NewBuilder()
	digest := sha256.New() // of what is stored
	body, err := b.store.Stage(ctx, store.System, to.ref.Account, io.TeeReader(encoded.Reader(), io.MultiWriter(w, digest)))
	if err != nil {
		return err
	}
	known, err := to.before.take(ctx, body.Size(), digest)
	if err != nil || known {
		body.Discard()
		if known {
			b.known++
		}
		if err == nil && b.known >= batchMessages {
			err = b.flush(ctx)
		}
		return err
	}
	b.messages = append(b.messages, store.NewMessage{Flags: m.Flags, Date: m.Date, Body: body, Summary: finish()})
	b.size += body.Size()
	if len(b.messages) >= batchMessages || b.size >= batchOctets {
		return b.flush(ctx)
	}
	return nil
}

func (b *batch) flush(ctx context.Context) error {
	if len(b.messages) > 0 {
		if _, err := b.store.Commit(ctx, store.System, &store.Append{Mailbox: b.boxes[b.box].ref, Messages: b.messages}); errors.Is(err, store.ErrOverQuota) {
			return fmt.Errorf("%w; 'restante user quota' sets what the user may have, and another import goes on where this one ends", err)
		} else if err != nil {
			return err
		}
	}
	if p := (ImportProgress{Imported: len(b.messages), Known: b.known}); p != (ImportProgress{}) {
		b.done(p)
	}
	b.discard()
	b.known = 0
	return nil
}

// discard forgets the messages; those that were appended stay.
func (b *batch) discard() {
	for i := range b.messages {
		b.messages[i].Body.Discard()
	}
	b.messages, b.size = b.messages[:0], 0
}

func (b *batch) close() {
	b.discard()
	for _, box := range b.boxes {
		if box.before != nil {
			box.before.handle.Close()
		}
	}
}

// heldBefore is what a mailbox held when an import began. Each message of it stands for one that is
// imported: two of the same octets stay two.
type heldBefore struct {
	handle  store.Mailbox
	version *mailbox.Version
	bySize  map[int64][]imap.UID
	digests map[int64]map[[sha256.Size]byte]int // of the sizes that were looked at: how many are left
}

func holdBefore(ctx context.Context, s store.Mail, ref store.Ref) (*heldBefore, error) {
	handle, err := s.Open(ctx, store.System, ref)
	if err != nil {
		return nil, err
	}
	h := &heldBefore{handle: handle, version: handle.Version(), bySize: map[int64][]imap.UID{}, digests: map[int64]map[[sha256.Size]byte]int{}}
	for _, row := range h.version.Rows() {
		h.bySize[int64(row.Size)] = append(h.bySize[int64(row.Size)], row.UID)
	}
	return h, nil
}

// take reports whether the mailbox holds a message that no other has been taken for. Only messages of
// the same size are read.
func (h *heldBefore) take(ctx context.Context, size int64, digest hash.Hash) (bool, error) {
	left, ok := h.digests[size]
	if !ok {
		left = map[[sha256.Size]byte]int{}
		for _, uid := range h.bySize[size] {
			_, row, ok := h.version.Find(uid)
			if !ok {
				continue
			}
			sum, err := h.sum(ctx, &row)
			if errors.Is(err, store.ErrGone) {
				continue
			} else if err != nil {
				return false, err
			}
			left[sum]++
		}
		h.digests[size] = left
		delete(h.bySize, size)
	}
	sum := [sha256.Size]byte(digest.Sum(nil))
	if left[sum] == 0 {
		return false, nil
	}
	left[sum]--
	return true, nil
}

func (h *heldBefore) sum(ctx context.Context, row *mailbox.Row) (sum [sha256.Size]byte, err error) {
	body, err := h.handle.Body(ctx, row)
	if err != nil {
		return sum, err
	}
	defer body.Close()
	digest := sha256.New()
	if _, err := body.WriteRange(digest, 0, body.Size()); err != nil {
		return sum, err
	}
	return [sha256.Size]byte(digest.Sum(nil)), nil
}
