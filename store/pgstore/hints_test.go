package pgstore

import (
	"context"
	"testing"

	"restante/internal/pgtest"
	"restante/store"
)

// A hint is not lost for a mailbox that is being read for the first time: what is read may be older.
func TestHintWhileLoading(t *testing.T) {
	ctx := context.Background()
	s := openNodes(t, pgtest.Database(t, t.TempDir()), openFolder(t), nil)[0]
	u, err := s.CreateUser(ctx, "ann", nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.Account(ctx, store.System, u.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	e, _ := a.Namespace().Lookup("INBOX")
	c := s.cells[0]
	b := c.box(store.Ref{Account: u.ID, Mailbox: e.ID})
	defer c.release(b)
	c.hints.heard(boxHint{b.ref(), 2})
	c.hints.running.Wait()
	if b.cur.Load() == nil {
		t.Error("nobody has looked")
	}
}
