package storetest

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"restante/imap"
	"restante/store"
)

// testCorrupt damages a store that was closed properly: opening it fails, or reading what is
// damaged does, but nothing is missing or different without an error.
func testCorrupt(t *testing.T, o Opener) {
	e := newEnv(t, o)
	rnd := newRand(t)
	a := e.account(crashUser)
	for i := range 4 {
		b := e.box(a, fmt.Sprintf("box %d", i))
		for range 10 {
			uids := e.fill(b, 4)
			e.flag(b, imap.StoreAdd, []imap.Flag{imap.Flagged, "work"}, uids[:2]...)
			e.expunge(b, uids[3])
		}
		e.add(b, e.message(b, strings.Repeat(text(), 20_000*(i%2)+1)))
		e.reopen()
		a = e.account(crashUser)
	}
	want, err := load(e.store, a.ID())
	e.must(err)
	e.close()
	whole := e.dir
	times := 10
	if testing.Short() {
		times = 3
	}
	for range times {
		e.dir = t.TempDir()
		e.must(os.CopyFS(e.dir, os.DirFS(whole)))
		what := o.Corrupt(e.dir, rnd)
		report, lost := inspect(e, want)
		if lost != nil {
			t.Errorf("%s: %v", what, lost)
		}
		t.Logf("%s: reported as: %v", what, report)
	}
	e.dir = whole
	e.open()
}

// inspect opens a damaged store. It returns the error that tells of the damage, nil if there is
// none, and what got lost without one.
func inspect(e *env, want *state) (report, lost error) {
	s, err := e.opener.Open(e.dir)
	if err != nil {
		return err, nil
	}
	defer func() { report = errors.Join(report, s.Close()) }()
	u, err := s.User(e.ctx, crashUser)
	if err == nil {
		var got *state
		if got, err = load(s, u.ID); err == nil {
			return nil, want.compare(got, "")
		}
	}
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrGone) {
		return nil, err // as if it had never been there
	}
	return err, nil
}
