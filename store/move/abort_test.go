package move_test

import (
	"errors"
	"testing"

	"restante/imap"
	"restante/store"
	"restante/store/move"
)

// checkAborted wants a user's mail to be where it was, and to be changed, and nothing of it elsewhere.
func checkAborted(t *testing.T, p pair, want string) {
	t.Helper()
	got, err := describe(p.from, "ann")
	must(t, err)
	if got != want {
		t.Fatalf("the source has\n%s\nwant\n%s", got, want)
	}
	u, err := p.from.User(ctx, "ann")
	must(t, err)
	_, err = p.from.Commit(ctx, store.System, &store.StoreFlags{Mailbox: ref(t, p.from, u.ID, imap.Inbox), UIDs: imap.UIDs(2), Op: imap.StoreAdd, Flags: []imap.Flag{"after"}})
	must(t, err)
	id := u.ID
	if !p.within {
		identity, err := p.from.Identity(ctx)
		must(t, err)
		id = store.MovedID(identity, id)
	}
	if r, err := p.to.Residence(ctx, id); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("the target has the account: %+v, %v", r, err)
	}
}

// TestAbort gives up a move that was killed before each of its steps: all is as if it had not begun,
// unless the account has left. A later move succeeds.
func TestAbort(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			for n := 1; ; n++ {
				from, to := way.make(t)
				p := openPair(t, from, to)
				fill(t, p.from)
				want, err := describe(p.from, "ann")
				must(t, err)
				job, steps, last := p.job(), 0, ""
				job.Step = func(name string) error {
					if steps++; steps == n {
						last = name
						return errKilled
					}
					return nil
				}
				if _, err = job.User(ctx, "ann"); steps < n {
					must(t, err)
					if _, err := p.job().Abort(ctx, "ann"); !errors.Is(err, move.ErrHandedOver) {
						t.Errorf("after the end: %v", err)
					}
					p.close(t)
					return
				}
				p.close(t)
				p = openPair(t, from, to)
				r, err := p.job().Abort(ctx, "ann")
				if last == "accept" {
					if !errors.Is(err, move.ErrHandedOver) {
						t.Fatalf("after it has left: %v", err)
					}
				} else {
					must(t, err)
					if n > 1 && r.Mailboxes != 3 {
						t.Errorf("after step %d, %s: %+v", n, last, r)
					}
					checkAborted(t, p, want)
					if r, err := p.job().Abort(ctx, "ann"); err != nil || r.Mailboxes != 0 {
						t.Errorf("again: %+v, %v", r, err)
					}
					want, err = describe(p.from, "ann")
					must(t, err)
				}
				_, err = p.job().User(ctx, "ann")
				must(t, err)
				got, err := describe(p.to, "ann")
				must(t, err)
				if got != want {
					t.Fatalf("moved after all, it has become\n%s\nwant\n%s", got, want)
				}
				p.close(t)
			}
		})
	}
}

// TestAbortUnderWay gives up a move that goes on: it does not succeed, and the account does not leave,
// unless it has left before.
func TestAbortUnderWay(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			for n := 1; ; n++ {
				from, to := way.make(t)
				p := openPair(t, from, to)
				fill(t, p.from)
				want, err := describe(p.from, "ann")
				must(t, err)
				job, steps, last := p.job(), 0, ""
				job.Step = func(name string) error {
					if steps++; steps == n {
						last = name
						_, err := p.job().Abort(ctx, "ann")
						if (name == "accept") != errors.Is(err, move.ErrHandedOver) || name != "accept" && err != nil {
							t.Errorf("step %d, %s: %v", n, name, err)
						}
					}
					return nil
				}
				_, err = job.User(ctx, "ann")
				switch {
				case steps < n || last == "accept":
					must(t, err)
				case err == nil:
					t.Fatalf("given up before step %d, %s, the user has moved", n, last)
				default:
					checkAborted(t, p, want)
				}
				p.close(t)
				if steps < n {
					return
				}
			}
		})
	}
}
