package pgstore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"restante/blob/fsblob"
	"restante/imap"
	"restante/internal/pgtest"
	"restante/store"
	"restante/store/localstore"
	"restante/store/move"
)

// openCells opens a store with the cells north and south.
func openCells(t *testing.T, dir string, step func(string) error) *Store {
	t.Helper()
	pgtest.Database(t, "") // or skip
	o := Options{Memory: 32 << 20, CacheDir: t.TempDir(), step: step}
	for _, name := range []string{"north", "south"} {
		address, err := pgtest.MakeSchema(os.Getenv(pgtest.ServerEnv), dir+name)
		if err != nil {
			t.Fatal(err)
		}
		blobs, err := fsblob.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		o.Cells = append(o.Cells, CellConfig{Name: name, Database: address, Blobs: blobs, Full: name == "south"})
	}
	s, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// mail returns how many messages a user has in INBOX; -1 when there is nobody to log in as.
func mail(t *testing.T, s store.Store) int {
	t.Helper()
	ctx := context.Background()
	u, err := s.User(ctx, "ann")
	if errors.Is(err, store.ErrNotFound) {
		return -1
	} else if err != nil {
		t.Fatal(err)
	}
	a, err := s.Account(ctx, store.System, u.ID)
	if errors.Is(err, store.ErrMoved) {
		return -1
	} else if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	e, _ := a.Namespace().Lookup(imap.Inbox)
	counts, err := s.Status(ctx, store.System, store.Ref{Account: u.ID, Mailbox: e.ID})
	if err != nil {
		t.Fatal(err)
	}
	return int(counts.Messages)
}

// TestMoveInterrupted ends the last steps of a move between each two that the databases make: the
// mail is in one place at each moment, also on a machine that did not see it, and the next attempt
// brings it to its end.
func TestMoveInterrupted(t *testing.T) {
	ctx := context.Background()
	killed := errors.New("killed")
	for _, within := range []bool{true, false} {
		for _, at := range []string{"accepted", "relocated"} {
			if !within && at == "relocated" {
				continue
			}
			dir := t.TempDir()
			fail := true
			s := openCells(t, dir, func(name string) error {
				if fail && name == at {
					return killed
				}
				return nil
			})
			defer s.Close()
			var from store.Movable = s
			job := &move.Job{From: s, To: s, Within: within, ToName: "there"}
			if within {
				var err error
				if job.To, err = s.Cell("south"); err != nil {
					t.Fatal(err)
				}
			} else {
				local, err := localstore.Open(t.TempDir(), &localstore.Options{NoSync: true, Reserve: -1})
				if err != nil {
					t.Fatal(err)
				}
				defer local.Close()
				job.From, from = local, local
			}
			fillUser(t, from)
			other := openCells(t, dir, nil)
			defer other.Close()
			if within && mail(t, other) != 2 {
				t.Fatal("another machine has other mail")
			}
			if _, err := job.User(ctx, "ann"); !errors.Is(err, killed) {
				t.Fatal(err)
			}
			if within {
				if n, m := mail(t, s), mail(t, other); n != 2 || m != 2 {
					t.Errorf("after %s: %d and %d messages", at, n, m)
				}
			} else if n := mail(t, other); n != -1 || mail(t, from) != -1 {
				t.Errorf("after %s: %d messages in the target, %d in the source", at, n, mail(t, from))
			}
			fail = false
			if r, err := job.User(ctx, "ann"); err != nil || !r.Already {
				t.Fatalf("%+v, %v", r, err)
			}
			if n, m := mail(t, s), mail(t, other); n != 2 || m != 2 {
				t.Errorf("moved after %s: %d and %d messages", at, n, m)
			}
			if problems, _ := checkAll(t, s, CheckOptions{Bodies: true}); len(problems) > 0 {
				t.Errorf("after %s: %q", at, problems)
			}
		}
	}
}

// fillUser makes ann with two messages.
func fillUser(t *testing.T, s store.Store) store.Ref {
	t.Helper()
	ctx := context.Background()
	u, err := s.CreateUser(ctx, "ann", nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.Account(ctx, store.System, u.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	e, _ := a.Namespace().Lookup(imap.Inbox)
	inbox := store.Ref{Account: u.ID, Mailbox: e.ID}
	for _, text := range []string{"small", strings.Repeat("large", 10_000)} {
		body, err := s.Stage(ctx, store.System, u.ID, strings.NewReader(text))
		if err == nil {
			_, err = s.Commit(ctx, store.System, &store.Append{Mailbox: inbox, Messages: []store.NewMessage{{Body: body}}})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return inbox
}

// TestFence checks that a fence has changes wait, on every machine, that one which nobody takes away
// is taken away by whoever meets it, and that its owner then cannot hand the account over.
func TestFence(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s, other := openCells(t, dir, nil), openCells(t, dir, nil)
	defer s.Close()
	defer other.Close()
	inbox := fillUser(t, s)
	fence, err := s.Fence(ctx, inbox.Account)
	if err != nil {
		t.Fatal(err)
	}
	flag := func(s *Store, f imap.Flag) error {
		_, err := s.Commit(ctx, store.System, &store.StoreFlags{Mailbox: inbox, UIDs: imap.UIDs(1), Op: imap.StoreAdd, Flags: []imap.Flag{f}})
		return err
	}
	changed := make(chan error, 1)
	go func() { changed <- flag(other, "one") }()
	if n := mail(t, other); n != 2 {
		t.Errorf("a fenced account has %d messages", n)
	}
	select {
	case err := <-changed:
		t.Fatalf("a change did not wait: %v", err)
	default:
	}
	fence.Release()
	if err := <-changed; err != nil {
		t.Error(err)
	}
	if fence, err = s.Fence(ctx, inbox.Account); err != nil {
		t.Fatal(err)
	}
	// As if a minute had passed.
	err = s.cells[0].db.write(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `UPDATE account SET since = since - interval '2 minutes'`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := flag(other, "two"); err != nil {
		t.Error(err)
	}
	if err := fence.Leave(ctx, "there"); !errors.Is(err, store.ErrUnfenced) {
		t.Errorf("an account left after its fence had lapsed: %v", err)
	}
	fence.Release()
	if err := flag(s, "three"); err != nil {
		t.Error(err)
	}
}

// TestTakenOver checks that of two who take the same account in the earlier one can do nothing any
// more.
func TestTakenOver(t *testing.T) {
	ctx := context.Background()
	s := openCells(t, t.TempDir(), nil)
	defer s.Close()
	inbox := fillUser(t, s)
	south, err := s.Cell("south")
	if err != nil {
		t.Fatal(err)
	}
	names, validity, err := s.Names(ctx, inbox.Account)
	if err != nil {
		t.Fatal(err)
	}
	first, err := south.Arrive(ctx, inbox.Account)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.SetNames(ctx, names, validity); err != nil {
		t.Fatal(err)
	}
	second, err := south.Arrive(ctx, inbox.Account)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.SetNames(ctx, names, validity); !errors.Is(err, store.ErrTakenOver) {
		t.Errorf("the first: %v", err)
	}
	if err := second.SetNames(ctx, names, validity); err != nil {
		t.Error(err)
	}
	if err := first.Discard(ctx); !errors.Is(err, store.ErrTakenOver) {
		t.Errorf("the first discards: %v", err)
	}
	if err := second.Discard(ctx); err != nil {
		t.Error(err)
	}
}
