package move_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"restante/blob/fsblob"
	"restante/imap"
	"restante/internal/pgtest"
	"restante/mailbox"
	"restante/store"
	"restante/store/localstore"
	"restante/store/move"
	"restante/store/pgstore"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var ctx = context.Background()

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// place is a store that can be opened again, and the part of it that accounts go to.
type place struct {
	open func(t testing.TB) store.Movable
	cell string // of the store, "" for all of it
}

func (p place) target(t testing.TB, s store.Movable) store.Movable {
	if p.cell == "" {
		return s
	}
	m, err := s.(*pgstore.Store).Cell(p.cell)
	must(t, err)
	return m
}

func localPlace(t testing.TB) place {
	dir := t.TempDir()
	return place{open: func(t testing.TB) store.Movable {
		s, err := localstore.Open(dir, &localstore.Options{NoSync: true, Reserve: -1})
		must(t, err)
		return s
	}}
}

// sharedPlace is a store with two cells, of which the first takes new users.
func sharedPlace(t testing.TB) place {
	dir := t.TempDir()
	var o pgstore.Options
	for _, name := range []string{"north", "south"} {
		pgtest.Database(t, "") // or skip
		address, err := pgtest.MakeSchema(os.Getenv(pgtest.ServerEnv), dir+name)
		must(t, err)
		blobs, err := fsblob.Open(filepath.Join(dir, name))
		must(t, err)
		o.Cells = append(o.Cells, pgstore.CellConfig{Name: name, Database: address, Blobs: blobs, Full: name == "south"})
	}
	o.Memory = 32 << 20
	return place{open: func(t testing.TB) store.Movable {
		o := o
		o.CacheDir = t.TempDir()
		s, err := pgstore.Open(ctx, o)
		must(t, err)
		return s
	}}
}

// fill gives a user some of everything.
func fill(t testing.TB, s store.Store) store.AccountID {
	t.Helper()
	u, err := s.CreateUser(ctx, "ann", []byte("secret"), store.InitialMailbox{Name: "Sent", Use: []imap.MailboxAttr{imap.AttrSent}})
	must(t, err)
	do := func(ops ...store.Op) []store.Outcome {
		t.Helper()
		out, err := s.Commit(ctx, store.System, ops...)
		must(t, err)
		return out
	}
	inbox, sent := ref(t, s, u.ID, imap.Inbox), ref(t, s, u.ID, "Sent")
	message := func(i int, text string) store.NewMessage {
		body, err := s.Stage(ctx, store.System, u.ID, strings.NewReader(text))
		must(t, err)
		return store.NewMessage{Body: body, Summary: []byte(fmt.Sprint("summary ", i)), Flags: []imap.Flag{imap.Seen, imap.Flag(fmt.Sprint("k", i))},
			Date: time.Date(2020, 1, i+1, 0, 0, 0, 0, time.FixedZone("", 3600)), Saved: time.Unix(int64(1e9+i), 0), ThreadID: store.ThreadID(i)}
	}
	for i, text := range []string{"one", "", strings.Repeat("three ", 10_000), strings.Repeat("four", 300_000), "five", "six"} {
		do(&store.Append{Mailbox: inbox, Messages: []store.NewMessage{message(i, text)}})
	}
	var many []imap.Flag // some of them are far ones
	for i := range 80 {
		many = append(many, imap.Flag(fmt.Sprint("many", i)))
	}
	do(&store.StoreFlags{Mailbox: inbox, UIDs: imap.UIDs(2), Op: imap.StoreAdd, Flags: many})
	do(&store.Copy{From: inbox, To: sent, UIDs: imap.UIDs(1, 3)})
	do(&store.Copy{From: inbox, To: inbox, UIDs: imap.UIDs(4)})
	do(&store.Expunge{Mailbox: inbox, UIDs: imap.UIDs(1, 6), Undeleted: true})
	do(&store.Create{Account: u.ID, Name: "a/b"}, &store.Subscribe{Account: u.ID, Name: "nowhere", On: true}, &store.Subscribe{Account: u.ID, Name: "Sent"})
	do(&store.SetMetadata{Mailbox: sent, Set: []mailbox.Metadata{{Name: "/shared/comment", Value: "\x00"}, {Name: "/private/comment"}}},
		&store.SetMetadata{Mailbox: store.Ref{Account: u.ID}, Set: []mailbox.Metadata{{Name: "/private/x", Value: "mine"}}})
	do(&store.Copy{From: inbox, To: ref(t, s, u.ID, "a/b"), UIDs: imap.UIDs(5), Move: true})
	do(&store.StoreFlags{Mailbox: sent, UIDs: imap.UIDs(1), Op: imap.StoreSet, Flags: []imap.Flag{imap.Deleted}})
	part, _ := store.Find[store.Recent](s)
	_, err = part.ClaimRecent(ctx, store.System, inbox, 5)
	must(t, err)
	return u.ID
}

func ref(t testing.TB, s store.Mail, account store.AccountID, name string) store.Ref {
	t.Helper()
	a, err := s.Account(ctx, store.System, account)
	must(t, err)
	defer a.Close()
	e, ok := a.Namespace().Lookup(name)
	if !ok {
		t.Fatalf("there is no %s", name)
	}
	return store.Ref{Account: account, Mailbox: e.ID}
}

// describe tells everything of a user: an error when there is none to log in as.
func describe(s store.Movable, name string) (string, error) {
	var out strings.Builder
	u, err := s.User(ctx, name)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(&out, "user %s %q\n", u.Name, u.Secret)
	a, err := s.Account(ctx, store.System, u.ID)
	if err != nil {
		return "", err
	}
	defer a.Close()
	for id, m := range a.Namespace().AllMetadata() {
		fmt.Fprintf(&out, "%d %+q\n", id, m)
	}
	for e := range a.Namespace().All() {
		r := store.Ref{Account: u.ID, Mailbox: e.ID}
		b, err := s.Open(ctx, store.System, r)
		if err != nil {
			return "", err
		}
		defer b.Close()
		status, err := s.Status(ctx, store.System, r)
		if err != nil {
			return "", err
		}
		v := b.Version()
		if v.Counts() != status {
			return "", fmt.Errorf("STATUS is %+v, the mailbox has %+v", status, v.Counts())
		}
		removed, since, err := s.History(ctx, r)
		if err != nil {
			return "", err
		}
		part, _ := store.Find[store.Recent](s)
		recent, err := part.RecentFrom(ctx, store.System, r)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&out, "%+v\n %+v\n %q\n expunged since %d %v, recent from %d\n", e, v.Counts(), v.Keywords(), since, removed, recent)
		shared := map[uint64]int{}
		for _, row := range v.Rows() {
			d := make([]store.Details, 1)
			if _, _, err := b.Details(ctx, []mailbox.Row{*row}, nil, 1, d); err != nil {
				return "", err
			}
			body, err := b.Body(ctx, row)
			if err != nil {
				return "", err
			}
			h := sha256.New()
			_, err = io.Copy(h, io.NewSectionReader(body, 0, body.Size()))
			body.Close()
			if err != nil {
				return "", err
			}
			if shared[row.Ref] == 0 {
				shared[row.Ref] = len(shared) + 1
			}
			fmt.Fprintf(&out, "  UID %d modseq %d %q %v %v size %d message %d %x %q %x %d\n", row.UID, row.ModSeq, v.Flags(v.Set(row)), row.Date, row.Saved, row.Size,
				shared[row.Ref], h.Sum(nil), d[0].Summary, d[0].EmailID, d[0].ThreadID)
		}
	}
	fmt.Fprintf(&out, "subscribed %q\n", slices.Collect(a.Namespace().Subscribed()))
	return out.String(), nil
}

// ways are the places between which accounts move.
var ways = []struct {
	name string
	make func(t testing.TB) (from, to place)
}{
	{"local to local", func(t testing.TB) (place, place) { return localPlace(t), localPlace(t) }},
	{"local to shared", func(t testing.TB) (place, place) { return localPlace(t), sharedPlace(t) }},
	{"shared to local", func(t testing.TB) (place, place) { return sharedPlace(t), localPlace(t) }},
	{"cell to cell", func(t testing.TB) (place, place) {
		p := sharedPlace(t)
		return p, place{p.open, "south"}
	}},
}

// pair is an open source and target.
type pair struct {
	from, to store.Movable
	within   bool
}

func openPair(t testing.TB, from, to place) pair {
	p := pair{from: from.open(t)}
	if p.within = to.cell != ""; p.within {
		p.to = to.target(t, p.from)
	} else {
		p.to = to.open(t)
	}
	return p
}

func (p pair) close(t testing.TB) {
	must(t, p.from.Close())
	if !p.within {
		must(t, p.to.Close())
	}
}

func (p pair) job() *move.Job {
	return &move.Job{From: p.from, To: p.to, Within: p.within, ToName: "there"}
}

func TestMove(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			from, to := way.make(t)
			p := openPair(t, from, to)
			id := fill(t, p.from)
			want, err := describe(p.from, "ann")
			must(t, err)
			session, err := p.from.Account(ctx, store.ActorOf(id), id)
			must(t, err)
			box, err := p.from.Open(ctx, store.ActorOf(id), ref(t, p.from, id, imap.Inbox))
			must(t, err)
			r, err := p.job().User(ctx, "ann")
			must(t, err)
			if r.Messages != 7 || r.Mailboxes != 3 || r.Already {
				t.Errorf("moved %+v", r)
			}
			<-session.Bell()
			<-box.Bell()
			if n := session.Namespace().Len(); n != 0 {
				t.Errorf("a session has %d mailboxes", n)
			}
			if _, err := session.Refresh(ctx); !errors.Is(err, store.ErrMoved) {
				t.Errorf("a session that refreshes: %v", err)
			}
			if _, err := box.Refresh(ctx); !errors.Is(err, store.ErrMoved) {
				t.Errorf("a session that refreshes a mailbox: %v", err)
			}
			if _, err := p.from.Account(ctx, store.System, id); !p.within && !errors.Is(err, store.ErrMoved) {
				t.Errorf("a new session: %v", err)
			}
			box.Close()
			session.Close()
			p.close(t)
			p = openPair(t, from, to)
			defer p.close(t)
			got, err := describe(p.to, "ann")
			must(t, err)
			if got != want {
				t.Fatalf("it has become\n%s\nwant\n%s", got, want)
			}
			if r, err = p.job().User(ctx, "ann"); err != nil || !r.Already {
				t.Errorf("moved again: %+v, %v", r, err)
			}
		})
	}
}

// errKilled ends a move as kill -9 does: nothing is done any more.
var errKilled = errors.New("killed")

// TestKilled ends a move before each step, and looks where the mail is: in exactly one place, or, in
// the moment between two stores, whole in the one that has yet to accept it.
func TestKilled(t *testing.T) {
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
				_, err = job.User(ctx, "ann")
				if steps < n {
					must(t, err)
					p.close(t)
					if n < 6 {
						t.Errorf("a move has %d steps", n-1)
					}
					return
				}
				if !errors.Is(err, errKilled) {
					t.Fatal(err)
				}
				p.close(t)
				p = openPair(t, from, to)
				at := ""
				for _, x := range []struct {
					name string
					s    store.Movable
				}{{"source", p.from}, {"target", p.to}} {
					if p.within && x.s == p.to {
						continue // one directory
					}
					got, err := describe(x.s, "ann")
					if err == nil {
						if at += x.name; got != want {
							t.Fatalf("after step %d, %s, the %s has\n%s\nwant\n%s", n, last, x.name, got, want)
						}
					} else if !errors.Is(err, store.ErrMoved) && !errors.Is(err, store.ErrNotFound) {
						t.Fatal(err)
					}
				}
				if at != "source" && (at != "" || last != "accept") {
					t.Errorf("after step %d, %s, the mail is in %q", n, last, at)
				}
				_, err = p.job().User(ctx, "ann")
				must(t, err)
				got, err := describe(p.to, "ann")
				must(t, err)
				if got != want {
					t.Fatalf("moved after step %d, %s, it has become\n%s\nwant\n%s", n, last, got, want)
				}
				p.close(t)
			}
		})
	}
}

// TestThereAndBack moves an account away and back, with changes at both places.
func TestThereAndBack(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			from, to := way.make(t)
			if to.cell != "" {
				from.cell = "north"
			}
			p := openPair(t, from, to)
			fill(t, p.from)
			for range 2 {
				_, err := p.job().User(ctx, "ann")
				must(t, err)
				u, err := p.to.User(ctx, "ann")
				must(t, err)
				inbox := ref(t, p.to, u.ID, imap.Inbox)
				_, err = p.to.Commit(ctx, store.System, &store.StoreFlags{Mailbox: inbox, UIDs: imap.UIDRange(1, 3), Op: imap.StoreAdd, Flags: []imap.Flag{"new"}},
					&store.Expunge{Mailbox: inbox, UIDs: imap.UIDs(3), Undeleted: true})
				must(t, err)
				want, err := describe(p.to, "ann")
				must(t, err)
				back := p.job()
				back.From, back.To = p.to, p.from
				if p.within {
					back.To = from.target(t, p.from)
				}
				_, err = back.User(ctx, "ann")
				must(t, err)
				got, err := describe(p.from, "ann")
				must(t, err)
				if got != want {
					t.Fatalf("it has become\n%s\nwant\n%s", got, want)
				}
			}
			p.close(t)
		})
	}
}
