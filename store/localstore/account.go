package localstore

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

var errNoUIDs = errors.New("localstore: the mailbox has no UIDs left")

func (a *account) ID() store.AccountID { return a.id }

func (a *account) Namespace() *mailbox.Namespace { return a.cur.Load().names }

func (a *account) Create(ctx context.Context, name string, use []imap.MailboxAttr) (mailbox.Entry, error) {
	var e mailbox.Entry
	err := a.s.change(ctx, func(t *tx) error {
		if _, err := t.account(a.id); err != nil {
			return err
		}
		s := t.state(a)
		e = mailbox.Entry{Name: imap.CanonicalName(name), ID: s.lastBox + 1, UIDValidity: newValidity(s.lastValidity), Use: slices.Clone(use)}
		_, err := t.do(&createRecord{account: a.id, entry: e})
		return err
	})
	if err != nil {
		return mailbox.Entry{}, err
	}
	return e, nil
}

func (a *account) Delete(ctx context.Context, name string) error {
	return a.s.retry(ctx, func() ([]*box, error) {
		e, ok := a.Namespace().Lookup(name)
		if !ok {
			return nil, nil // the change says what is wrong
		}
		b, err := a.pin(ctx, e.ID)
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return []*box{b}, nil
	}, func(t *tx) error {
		_, err := t.do(&deleteRecord{a.id, name})
		return err
	})
}

func (a *account) Rename(ctx context.Context, from, to string) error {
	return a.s.change(ctx, func(t *tx) error {
		_, err := t.do(&renameRecord{a.id, from, to})
		return err
	})
}

func (a *account) Subscribe(ctx context.Context, name string, on bool) error {
	return a.s.change(ctx, func(t *tx) error {
		_, err := t.do(&subscribeRecord{a.id, name, on})
		return err
	})
}

// pin is Store.pin for callers.
func (a *account) pin(ctx context.Context, id mailbox.ID) (*box, error) {
	if err := a.s.reading(ctx); err != nil {
		return nil, err
	}
	defer a.s.unread()
	return a.s.pin(a, id)
}

// meta returns what is known of a mailbox without loading it.
func (a *account) meta(ctx context.Context, id mailbox.ID) (boxMeta, error) {
	if err := a.s.reading(ctx); err != nil {
		return boxMeta{}, err
	}
	defer a.s.unread()
	if _, ok := a.Namespace().ByID(id); !ok {
		return boxMeta{}, mailboxNotFound(id)
	}
	if b := a.s.loaded(boxKey{a.id, id}); b != nil {
		return boxMeta{counts: b.cur.Load().Counts(), recent: b.recentFrom()}, nil
	}
	value, err := a.s.get(key(keyMailbox, uint64(a.id), uint64(id)))
	if err != nil {
		// It was created, or deleted, between the look at the names and this one.
		b, err := a.s.pin(a, id)
		if err != nil {
			return boxMeta{}, err
		}
		defer a.s.unpin(b)
		return boxMeta{counts: b.cur.Load().Counts(), recent: b.recentFrom()}, nil
	}
	return parseBoxMeta(value)
}

func (a *account) Status(ctx context.Context, id mailbox.ID) (mailbox.Counts, error) {
	m, err := a.meta(ctx, id)
	return m.counts, err
}

func (a *account) RecentFrom(ctx context.Context, id mailbox.ID) (imap.UID, error) {
	m, err := a.meta(ctx, id)
	return m.recent, err
}

func (a *account) Append(ctx context.Context, id mailbox.ID, msgs []store.NewMessage) (store.AppendResult, error) {
	b, err := a.pin(ctx, id)
	if err != nil {
		return store.AppendResult{}, err
	}
	defer a.s.unpin(b)
	if len(msgs) == 0 {
		return store.AppendResult{UIDValidity: b.cur.Load().UIDValidity}, nil
	}
	bodies := make([]newMessage, len(msgs))
	kept := false
	defer func() {
		for i := range bodies {
			if file := bodies[i].file; file != 0 && !kept {
				os.Remove(a.s.largePath(file))
			}
		}
	}()
	inline, summaries, large := int64(0), 0, false
	for i := range msgs {
		m := &msgs[i]
		if m.Size < 0 || m.Size > a.s.o.MaxMessage {
			return store.AppendResult{}, fmt.Errorf("localstore: %d octets: %w", m.Size, store.ErrTooBig)
		}
		if m.Size > a.s.o.InlineMessage || inline+m.Size > maxInlineBytes {
			large = true
			err = a.s.readLarge(&bodies[i], m)
		} else {
			inline += m.Size
			err = readInline(&bodies[i], m)
		}
		if err != nil {
			return store.AppendResult{}, err
		}
		if m.Summary != nil {
			bodies[i].summary = m.Summary()
			if summaries += len(bodies[i].summary); summaries > maxSummaryBytes {
				return store.AppendResult{}, fmt.Errorf("localstore: %d octets of summaries: %w", summaries, store.ErrTooBig)
			}
		}
		date := m.Date
		if date.IsZero() {
			date = time.Now()
		}
		bodies[i].date = mailbox.MakeDate(date)
	}
	if large {
		if err := a.s.hooks.syncDir(a.s.largeDir()); err != nil {
			return store.AppendResult{}, fmt.Errorf("localstore: large message: %w", err)
		}
	}
	var result store.AppendResult
	err = a.s.change(ctx, func(t *tx) error {
		_, v, err := t.version(a.id, id)
		if err != nil {
			return err
		}
		// All flags at once: a keyword that is new with one message is not given up for the next.
		var flags []imap.Flag
		for i := range msgs {
			flags = append(flags, msgs[i].Flags...)
		}
		known, _, err := v.Bits(flags)
		if err != nil {
			return err
		}
		if uint64(v.UIDNext)+uint64(len(msgs)) > 1<<32-1 {
			return errNoUIDs
		}
		r := &appendRecord{account: a.id, mailbox: id, modseq: v.HighestModSeq + 1, uid: v.UIDNext, id: t.nextMessage, messages: bodies}
		if known != v {
			r.keywords = flags
		}
		result.UIDValidity = v.UIDValidity
		result.UIDs = make([]imap.UID, len(msgs))
		for i := range msgs {
			result.UIDs[i] = v.UIDNext + imap.UID(i)
			for _, f := range msgs[i].Flags {
				bodies[i].flags |= known.Bit(f)
			}
		}
		_, err = t.do(r)
		return err
	})
	// After ErrFailed the change may be found by the next recovery, which removes the file if not.
	kept = err == nil || errors.Is(err, store.ErrFailed)
	if err != nil {
		return store.AppendResult{}, err
	}
	return result, nil
}

func readError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return store.ErrShortBody
	}
	return fmt.Errorf("localstore: reading a message: %w", err)
}

// readInline reads a body into memory, which grows with what has arrived: a client that
// announces much and sends little does not cost much.
func readInline(dst *newMessage, m *store.NewMessage) error {
	body := make([]byte, 0, min(m.Size, 64<<10))
	for int64(len(body)) < m.Size {
		if len(body) == cap(body) {
			grown := make([]byte, len(body), min(int64(cap(body))*4, m.Size))
			copy(grown, body)
			body = grown
		}
		n, err := io.ReadFull(m.Body, body[len(body):cap(body)])
		body = body[:len(body)+n]
		if err != nil {
			return readError(err)
		}
	}
	dst.body, dst.size, dst.sum = body, uint32(m.Size), crc32.Checksum(body, castagnoli)
	return nil
}

func largeName(file uint64) string { return fmt.Sprintf("%016x", file) }

func (s *Store) largePath(file uint64) string { return filepath.Join(s.largeDir(), largeName(file)) }

// readLarge streams a body to a file of its own and makes its octets durable; its name becomes
// so with the directory.
func (s *Store) readLarge(dst *newMessage, m *store.NewMessage) (err error) {
	dst.size = uint32(m.Size)
	if err := s.hooks.check("large"); err != nil {
		return fmt.Errorf("localstore: large message: %w", err)
	}
	file := rand.Uint64() | 1 // never used before, so that a late removal cannot hit another's
	f, err := os.OpenFile(s.largePath(file), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("localstore: large message: %w", err)
	}
	dst.file = file
	defer f.Close()
	buf := make([]byte, 64<<10)
	for left := m.Size; left > 0; {
		n, err := io.ReadFull(m.Body, buf[:min(int64(len(buf)), left)])
		if err != nil {
			return readError(err)
		}
		dst.sum = crc32.Update(dst.sum, castagnoli, buf[:n])
		if _, err := f.Write(buf[:n]); err != nil {
			return fmt.Errorf("localstore: large message: %w", err)
		}
		left -= int64(n)
	}
	if err := s.hooks.sync(f); err != nil {
		return fmt.Errorf("localstore: large message: %w", err)
	}
	return nil
}
