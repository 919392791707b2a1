package pgstore

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"sync/atomic"
	"testing"

	"restante/blob"
	"restante/blob/fsblob"
	"restante/imap"
	"restante/internal/pgtest"
	"restante/mailbox"
	"restante/store"
	"restante/store/storetest"
)

// Two machines pass as one driver, also when no hint arrives: each finds out what the other has done
// by looking.
func TestStoreOnNodes(t *testing.T) {
	pgtest.Database(t, "") // or skip
	recorder := storetest.NewRecorder()
	storetest.Run(t, storetest.Opener{
		Open: func(dir string) (store.Store, error) {
			a := &alternating{}
			for i := range a.nodes {
				s, err := openTest(dir)
				if err != nil {
					return nil, errors.Join(err, a.Close())
				}
				h := s.cells[0].hints
				h.transport = mute{h.transport}
				a.nodes[i] = s
			}
			return recorder.Record(a), nil
		},
		History: testHistory,
	})
	if err := recorder.Check(); err != nil {
		t.Error(err)
	}
}

// openNodes opens a store of two machines: a schema, and objects in blobs.
func openNodes(t *testing.T, database string, blobs blob.Store, change func(*Options)) (nodes [2]*Store) {
	t.Helper()
	for i := range nodes {
		o := Options{
			Cells:   []CellConfig{{Name: "one", Database: database, Blobs: blobs}},
			History: testHistory, Memory: 1 << 20, CacheDir: t.TempDir(), CacheOctets: 1 << 20, InlineLimit: 64,
		}
		if change != nil {
			change(&o)
		}
		s, err := Open(context.Background(), o)
		if err == nil {
			err = seedFault(s)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		nodes[i] = s
	}
	return nodes
}

func openFolder(t *testing.T) blob.Store {
	t.Helper()
	blobs, err := fsblob.Open(filepath.Join(t.TempDir(), "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	return blobs
}

// mute is a transport that sends nothing.
type mute struct{ transport }

func (mute) publish([]byte) error { return nil }

// alternating is two machines: every call, and every handle, is another one's than the last. When a
// change is made all machines look what has changed.
type alternating struct {
	nodes [2]*Store
	calls atomic.Uint32
	made  atomic.Uint32 // commits
}

func (a *alternating) next() *Store { return a.nodes[a.calls.Add(1)%2] }

func (a *alternating) look(ctx context.Context, err error) error {
	if err != nil {
		return err
	}
	for _, s := range a.nodes {
		if err := s.cells[0].lookOnce(context.WithoutCancel(ctx)); err != nil && !errors.Is(err, store.ErrClosed) {
			return err
		}
	}
	return nil
}

func (a *alternating) User(ctx context.Context, name string) (store.User, error) {
	return a.next().User(ctx, name)
}

func (a *alternating) Users(ctx context.Context) ([]store.User, error) { return a.next().Users(ctx) }

func (a *alternating) CreateUser(ctx context.Context, name string, secret []byte, initial ...store.InitialMailbox) (store.User, error) {
	u, err := a.next().CreateUser(ctx, name, secret, initial...)
	return u, a.look(ctx, err)
}

func (a *alternating) SetSecret(ctx context.Context, name string, secret []byte) error {
	return a.next().SetSecret(ctx, name, secret)
}

func (a *alternating) DeleteUser(ctx context.Context, name string) error {
	return a.look(ctx, a.next().DeleteUser(ctx, name))
}

func (a *alternating) Account(ctx context.Context, actor store.Actor, id store.AccountID) (store.Account, error) {
	return a.next().Account(ctx, actor, id)
}

func (a *alternating) Open(ctx context.Context, actor store.Actor, ref store.Ref) (store.Mailbox, error) {
	return a.next().Open(ctx, actor, ref)
}

func (a *alternating) Status(ctx context.Context, actor store.Actor, ref store.Ref) (mailbox.Counts, error) {
	return a.next().Status(ctx, actor, ref)
}

// Stage makes a body ready on the machine that is to make the next commit.
func (a *alternating) Stage(ctx context.Context, actor store.Actor, id store.AccountID, body io.Reader) (store.Staged, error) {
	return a.nodes[a.made.Load()%2].Stage(ctx, actor, id, body)
}

// Commit makes a change on the next machine, or on that of its bodies: as a session does.
func (a *alternating) Commit(ctx context.Context, actor store.Actor, ops ...store.Op) ([]store.Outcome, error) {
	s := a.nodes[(a.made.Add(1)-1)%2]
	for _, op := range ops {
		if op, ok := op.(*store.Append); ok && len(op.Messages) > 0 {
			for _, node := range a.nodes {
				if b, ok := op.Messages[0].Body.(*staged); ok && b.cell == node.cells[0] {
					s = node
				}
			}
			break
		}
	}
	out, err := s.Commit(ctx, actor, ops...)
	return out, a.look(ctx, err)
}

func (a *alternating) ClaimRecent(ctx context.Context, actor store.Actor, ref store.Ref, below imap.UID) (imap.UID, error) {
	return a.next().ClaimRecent(ctx, actor, ref, below)
}

func (a *alternating) RecentFrom(ctx context.Context, actor store.Actor, ref store.Ref) (imap.UID, error) {
	return a.next().RecentFrom(ctx, actor, ref)
}

func (a *alternating) Close() (err error) {
	for _, s := range a.nodes {
		if s != nil {
			err = errors.Join(err, s.Close())
		}
	}
	return err
}
