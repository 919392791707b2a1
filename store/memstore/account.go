package memstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// account is the mail of one user. Everything but namespace is guarded by the store's mutex.
type account struct {
	store        *Store
	id           store.AccountID
	namespace    atomic.Pointer[mailbox.Namespace]
	boxes        map[mailbox.ID]*box
	lastID       mailbox.ID
	lastValidity uint32
	gone         bool
}

func (a *account) ID() store.AccountID { return a.id }

func (a *account) Namespace() *mailbox.Namespace { return a.namespace.Load() }

// ready says why nothing can be done with the account. The store's mutex is held.
func (a *account) ready(ctx context.Context) error {
	if err := a.store.ready(ctx); err != nil {
		return err
	}
	if a.gone {
		return fmt.Errorf("memstore: account %d: %w", a.id, store.ErrNotFound)
	}
	return nil
}

// find returns a mailbox. The store's mutex is held.
func (a *account) find(ctx context.Context, id mailbox.ID) (*box, error) {
	if err := a.ready(ctx); err != nil {
		return nil, err
	}
	b, ok := a.boxes[id]
	if !ok {
		return nil, fmt.Errorf("memstore: mailbox %d: %w", id, store.ErrNotFound)
	}
	return b, nil
}

// create makes a mailbox. The store's mutex is held.
func (a *account) create(name string, use []imap.MailboxAttr) (mailbox.Entry, error) {
	e := mailbox.Entry{
		Name:        imap.CanonicalName(name),
		ID:          a.lastID + 1,
		UIDValidity: max(a.lastValidity+1, uint32(time.Now().Unix())),
		Use:         slices.Clone(use),
	}
	names, err := a.namespace.Load().Create(e)
	if err != nil {
		return mailbox.Entry{}, err
	}
	b := &box{id: e.ID, handles: map[*handle]struct{}{}, messages: map[uint64]message{}, claimed: 1}
	b.version.Store(mailbox.New(e.UIDValidity))
	a.boxes[e.ID] = b
	a.lastID, a.lastValidity = e.ID, e.UIDValidity
	a.namespace.Store(names)
	return e, nil
}

func (a *account) Create(ctx context.Context, name string, use []imap.MailboxAttr) (mailbox.Entry, error) {
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	if err := a.ready(ctx); err != nil {
		return mailbox.Entry{}, err
	}
	return a.create(name, use)
}

func (a *account) Delete(ctx context.Context, name string) error {
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	if err := a.ready(ctx); err != nil {
		return err
	}
	old := a.namespace.Load()
	names, err := old.Delete(name)
	if err != nil {
		return err
	}
	e, _ := old.Lookup(name)
	b := a.boxes[e.ID]
	delete(a.boxes, e.ID)
	a.namespace.Store(names)
	b.remove()
	return nil
}

func (a *account) Rename(ctx context.Context, from, to string) error {
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	if err := a.ready(ctx); err != nil {
		return err
	}
	names, err := a.namespace.Load().Rename(from, to)
	if err != nil {
		return err
	}
	a.namespace.Store(names)
	return nil
}

func (a *account) Subscribe(ctx context.Context, name string, on bool) error {
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	if err := a.ready(ctx); err != nil {
		return err
	}
	names, err := a.namespace.Load().Subscribe(name, on)
	if err != nil {
		return err
	}
	a.namespace.Store(names)
	return nil
}

func (a *account) Status(ctx context.Context, id mailbox.ID) (mailbox.Counts, error) {
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	b, err := a.find(ctx, id)
	if err != nil {
		return mailbox.Counts{}, err
	}
	return b.version.Load().Counts(), nil
}

func (a *account) RecentFrom(ctx context.Context, id mailbox.ID) (imap.UID, error) {
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	b, err := a.find(ctx, id)
	if err != nil {
		return 0, err
	}
	return b.claimed, nil
}

func (a *account) Open(ctx context.Context, id mailbox.ID) (store.Mailbox, error) {
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	b, err := a.find(ctx, id)
	if err != nil {
		return nil, err
	}
	h := &handle{account: a, box: b, held: b.version.Load(), bell: make(chan struct{}, 1)}
	b.handles[h] = struct{}{}
	return h, nil
}

func (a *account) Append(ctx context.Context, id mailbox.ID, msgs []store.NewMessage) (store.AppendResult, error) {
	if _, err := a.Status(ctx, id); err != nil {
		return store.AppendResult{}, err // before anything is read
	}
	read := make([]message, len(msgs))
	for i := range msgs {
		var err error
		if read[i], err = readMessage(&msgs[i]); err != nil {
			return store.AppendResult{}, err
		}
	}

	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	b, err := a.find(ctx, id)
	if err != nil {
		return store.AppendResult{}, err
	}
	v := b.version.Load()
	result := store.AppendResult{UIDValidity: v.UIDValidity}
	if len(msgs) == 0 {
		return result, nil
	}
	// All flags at once: a keyword that is new with one message is not given up for the next.
	var flags []imap.Flag
	for i := range msgs {
		flags = append(flags, msgs[i].Flags...)
	}
	if v, _, err = v.Bits(flags); err != nil {
		return store.AppendResult{}, err
	}
	rows := make([]mailbox.Row, len(msgs))
	for i := range msgs {
		m := &msgs[i]
		date := m.Date
		if date.IsZero() {
			date = time.Now()
		}
		var bits mailbox.FlagBits
		for _, f := range m.Flags {
			bits |= v.Bit(f)
		}
		rows[i] = mailbox.Row{UID: v.UIDNext + imap.UID(i), Size: uint32(m.Size), Flags: bits,
			ModSeq: v.HighestModSeq + 1, Date: mailbox.MakeDate(date), Ref: b.add(read[i])}
		result.UIDs = append(result.UIDs, rows[i].UID)
	}
	b.publish(v.Append(rows))
	return result, nil
}

// readMessage reads a message's body to its end and asks for its summary.
func readMessage(m *store.NewMessage) (message, error) {
	if m.Size > store.MaxMessageSize {
		return message{}, store.ErrTooBig
	}
	if m.Size < 0 {
		return message{}, fmt.Errorf("memstore: a message of %d octets", m.Size)
	}
	var body bytes.Buffer
	_, err := io.CopyN(&body, m.Body, m.Size)
	if errors.Is(err, io.EOF) {
		return message{}, store.ErrShortBody
	}
	if err != nil {
		return message{}, fmt.Errorf("memstore: reading a message: %w", err)
	}
	out := message{body: body.Bytes()}
	if m.Summary != nil {
		out.summary = bytes.Clone(m.Summary())
	}
	return out, nil
}
