package storetest

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

type faultyMailbox struct {
	store.Mailbox
	s     *faulty
	first *mailbox.Version
}

func (b *faultyMailbox) Version() *mailbox.Version {
	if b.s.fault == "stale version" {
		return b.first
	}
	return b.Mailbox.Version()
}

func (b *faultyMailbox) Refresh(ctx context.Context) (*mailbox.Version, error) {
	if b.s.fault == "refresh is old" {
		return b.first, nil
	}
	return b.Mailbox.Refresh(ctx)
}

func (b *faultyMailbox) Bell() <-chan struct{} {
	if b.s.fault == "no bell" {
		return nil
	}
	return b.Mailbox.Bell()
}

func (b *faultyMailbox) Hold(v *mailbox.Version) {
	switch {
	case b.s.fault == "hold for ever":
	case b.s.fault == "hold nothing", b.s.fault == "hold no ghosts" && !v.Ghosts().Empty():
		b.Mailbox.Hold(b.Mailbox.Version())
	default:
		b.Mailbox.Hold(v)
	}
}

func (b *faultyMailbox) Changes(ctx context.Context, since imap.ModSeq) (*mailbox.Changes, error) {
	c, err := b.Mailbox.Changes(ctx, since)
	switch b.s.fault {
	case "changes too old are not told", "changes too old are told too late":
		v := b.Mailbox.Version()
		if errors.Is(err, store.ErrTooOld) && (b.s.fault == "changes too old are not told" || since+3 >= v.HistorySince()) {
			if c, err = v.Changes(v.HistorySince()); err == nil {
				c.Since = since
			}
		}
	case "the end of a mailbox is too old":
		if err == nil && c.Deleted {
			return nil, store.ErrTooOld
		}
	}
	if err != nil {
		return nil, err
	}
	faulty := *c
	switch b.s.fault {
	case "changes lose an expunge":
		faulty.Expunged = c.Expunged[:max(0, len(c.Expunged)-1)]
	case "changes lose a row":
		faulty.Rows = c.Rows[min(1, len(c.Rows)):]
	case "open loses what was removed":
		faulty.Expunged = slices.DeleteFunc(slices.Clone(c.Expunged), func(x mailbox.Expunged) bool { return x.ModSeq <= b.s.opened })
	}
	return &faulty, nil
}

func (b *faultyMailbox) Details(ctx context.Context, rows []mailbox.Row, buf []byte, limit int, out []store.Details) ([]byte, int, error) {
	if b.s.fault == "details without a limit" {
		limit = 1 << 30
	}
	old := slices.Clone(out)
	buf, n, err := b.Mailbox.Details(ctx, rows, buf, limit, out)
	for i := range n {
		switch b.s.fault {
		case "details are left over":
			if out[i].EmailID == 0 {
				out[i] = old[i]
			}
		case "details lose the thread":
			out[i].ThreadID = 0
		case "copy changes the email ID":
			out[i].EmailID ^= store.EmailID(rows[i].UID)<<32 | store.EmailID(b.Ref().Mailbox)
		}
	}
	return buf, n, err
}

func (b *faultyMailbox) Body(ctx context.Context, row *mailbox.Row) (store.Body, error) {
	body, err := b.Mailbox.Body(ctx, row)
	if b.s.fault == "body cut off" && err == nil {
		return cutBody{body}, nil
	}
	return body, err
}

type cutBody struct{ store.Body }

func (b cutBody) WriteRange(w io.Writer, offset, count int64) (int64, error) {
	return b.Body.WriteRange(w, offset, min(count, 1<<20))
}

// faultyOnDisk is a diary with a fault that shows when it is opened, or whose file is damaged so
// that it cannot notice. It is not persistent when the fault is none of these.
func faultyOnDisk(fault string) Opener {
	open := func(dir string) (store.Store, error) {
		s, err := openDiary(dir)
		if err != nil {
			return nil, err
		}
		return &faulty{Store: s, fault: fault}, nil
	}
	o := Opener{Open: open, Persistent: true}
	damage := func(dir string, _ *rand.Rand) string {
		if err := damageDiary(dir, fault); err != nil {
			return err.Error()
		}
		return fault
	}
	damagedOpen := func(dir string) (store.Store, error) {
		if err := damageDiary(dir, fault); err != nil {
			return nil, err
		}
		return open(dir)
	}
	switch fault {
	case "operations one at a time", "messages one at a time":
	case "tear loses a message":
		o.Tear = damage
	case "corrupt loses a message":
		o.Corrupt = damage
	case "open loses a message", "open loses a flag", "open adds a message", "open loses a mailbox", "open loses the last append":
		o.Open = damagedOpen
	case "open loses everything":
		o.Open = func(dir string) (store.Store, error) {
			if err := os.RemoveAll(filepath.Join(dir, "diary")); err != nil {
				return nil, err
			}
			return open(dir)
		}
	case "open loses what was removed":
		o.Open = func(dir string) (store.Store, error) {
			s, err := open(dir)
			if err == nil {
				if b := firstMailbox(s); b != nil {
					s.(*faulty).opened = b.Version().HighestModSeq
					err = b.Close()
				}
			}
			return s, err
		}
	default:
		o = Opener{}
	}
	return o
}

// firstMailbox opens the first mailbox of the first user, nil if there is none.
func firstMailbox(s store.Store) store.Mailbox {
	users, err := s.Users(context.Background())
	if err != nil || len(users) == 0 {
		return nil
	}
	names, err := namesOf(s, users[0].ID)
	if err != nil {
		return nil
	}
	e, _ := names.Lookup("INBOX")
	b, err := s.Open(context.Background(), store.System, store.Ref{Account: users[0].ID, Mailbox: e.ID})
	if err != nil {
		return nil
	}
	return b
}

// damageDiary does what the fault says to the mailbox that every worker adds to, or to any other
// when there is no such, if it has messages.
func damageDiary(dir, fault string) error {
	if fault == "open loses the last append" {
		return forgetLastAppend(dir)
	}
	s, err := openDiary(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	ctx := context.Background()
	u, err := s.User(ctx, crashUser)
	if err != nil {
		return nil // at the very beginning
	}
	names, err := namesOf(s, u.ID)
	if err != nil {
		return err
	}
	for e := range names.All() {
		if _, shared := names.Lookup(crashShared); shared && e.Name != crashShared {
			continue
		}
		ref := store.Ref{Account: u.ID, Mailbox: e.ID}
		c, err := s.Status(ctx, store.System, ref)
		if err != nil {
			return err
		}
		if c.Messages == 0 {
			continue
		}
		b, err := s.Open(ctx, store.System, ref)
		if err != nil {
			return err
		}
		first := imap.UIDs(b.Version().At(1).UID)
		if err := b.Close(); err != nil {
			return err
		}
		var op store.Op
		switch fault {
		case "open loses a flag":
			op = &store.StoreFlags{Mailbox: ref, UIDs: first, Op: imap.StoreSet, Flags: []imap.Flag{"lost"}}
		case "open adds a message":
			body, err := s.Stage(ctx, store.System, u.ID, strings.NewReader("added"))
			if err != nil {
				return err
			}
			op = &store.Append{Mailbox: ref, Messages: []store.NewMessage{{Body: body}}}
		case "open loses a mailbox":
			op = &store.Delete{Account: u.ID, Name: e.Name}
		default:
			op = &store.Expunge{Mailbox: ref, UIDs: first, Undeleted: true}
		}
		_, err = s.Commit(ctx, store.System, op)
		return err
	}
	return nil
}

// forgetLastAppend cuts a diary off before the last commit that appended messages.
func forgetLastAppend(dir string) error {
	path := filepath.Join(dir, "diary")
	all, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	at := -1
	for pos := 0; ; {
		e, n, err := readEntry(all[pos:])
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		if slices.ContainsFunc(e.Ops, func(op diaryOp) bool { return op.What == "append" && len(op.Messages) > 0 }) {
			at = pos
		}
		pos += n
	}
	if at < 0 {
		return nil
	}
	return os.Truncate(path, int64(at))
}
