package localstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// TestArrive takes an account in by each kind of record, and looks after each whether a crash and the
// loss of the index leave it as it was.
func TestArrive(t *testing.T) {
	dir := t.TempDir()
	var pos uint64
	s := openQuiet(t, dir, &Options{InlineMessage: 100, OnCommit: func(c Commit) { pos = c.Position }})
	const id = 1<<62 | 5
	arrived, err := s.Arrive(ctx, id)
	must(t, err)
	arriving := func(s *Store) string {
		a, err := s.Arrive(ctx, id)
		must(t, err)
		var out strings.Builder
		names, validity, err := a.Names(ctx)
		must(t, err)
		fmt.Fprintln(&out, validity)
		for e := range names.All() {
			b, err := a.Open(ctx, e.ID)
			must(t, err)
			v := b.Version()
			removed, since, err := a.History(ctx, e.ID)
			must(t, err)
			fmt.Fprintln(&out, e, v.Counts(), v.Keywords(), removed, since)
			for _, r := range v.Rows() {
				text, err := readBody(b, *r)
				must(t, err)
				fmt.Fprintln(&out, r.UID, r.ModSeq, v.Flags(v.Set(r)), r.Date, r.Saved, text)
			}
			must(t, b.Close())
		}
		return out.String()
	}
	same := func() {
		t.Helper()
		want := arriving(s)
		for _, lost := range []bool{false, true} {
			copied := crashed(t, dir)
			if lost {
				must(t, os.RemoveAll(filepath.Join(copied, "index")))
			}
			again := openTest(t, copied, nil)
			if got := arriving(again); got != want {
				t.Fatalf("after a crash it has\n%s\nwant\n%s", got, want)
			}
			if users, err := again.Users(ctx); err != nil || len(users) != 0 {
				t.Errorf("users: %v, %v", users, err)
			}
			if _, err := again.Account(ctx, store.System, id); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("an account that is on its way: %v", err)
			}
			must(t, again.Close())
			checkStore(t, copied)
		}
		arrived, err = s.Arrive(ctx, id)
		must(t, err)
	}
	same()
	entries := []mailbox.Entry{{Name: "INBOX", ID: 7, UIDValidity: 70}, {Name: "Sent", ID: 8, UIDValidity: 80, Use: []imap.MailboxAttr{imap.AttrSent}}}
	must(t, arrived.SetNames(ctx, mailbox.NewNamespace(entries, []string{"INBOX", "x"}), 90))
	same()
	add := func(box mailbox.ID, p mailbox.Import, texts ...string) []uint64 {
		t.Helper()
		bodies := make([]*store.NewMessage, len(p.Rows))
		for i, text := range texts {
			if text == "" {
				continue
			}
			body, err := arrived.Stage(ctx, strings.NewReader(text))
			must(t, err)
			bodies[i] = &store.NewMessage{Body: body, Summary: []byte("about " + text[:1]), EmailID: 5}
		}
		refs, err := arrived.Import(ctx, box, &p, bodies, 3, true)
		must(t, err)
		return refs
	}
	row := func(uid imap.UID, modseq imap.ModSeq, flags mailbox.FlagBits) mailbox.Row {
		return mailbox.Row{UID: uid, ModSeq: modseq, Flags: flags, Date: mailbox.MakeDate(time.Unix(int64(uid), 0)), Saved: 9}
	}
	refs := add(7, mailbox.Import{Rows: []mailbox.Row{row(3, 50, 1), row(4, 20, 1<<5), row(9, 30, 0)}, Far: map[imap.UID]mailbox.FarBits{9: {1}},
		Keywords: []imap.Flag{"work"}, UIDNext: 12, HighestModSeq: 60, HistorySince: 10, Expunged: []mailbox.Expunged{{ModSeq: 40, First: 1, Last: 2}}},
		"small", strings.Repeat("large", 100), "third")
	same()
	shared := row(1, 2, 0)
	shared.Ref, shared.Size = refs[0], 5
	add(8, mailbox.Import{Rows: []mailbox.Row{shared, row(2, 3, 0)}, UIDNext: 3, HighestModSeq: 3}, "", "fourth")
	same()
	s.sweepNow(t)
	add(7, mailbox.Import{Rows: []mailbox.Row{row(3, 61, 0)}, Gone: imap.UIDs(4), Keywords: []imap.Flag{"other"}, UIDNext: 13, HighestModSeq: 62,
		HistorySince: 45, Expunged: []mailbox.Expunged{{ModSeq: 62, First: 4, Last: 4}}})
	same()
	must(t, arrived.SetNames(ctx, mailbox.NewNamespace([]mailbox.Entry{{Name: "INBOX", ID: 7, UIDValidity: 70}, {Name: "new", ID: 9, UIDValidity: 1}}, nil), 91))
	same()
	earlier, err := s.Arrive(ctx, id)
	must(t, err)
	arrived, err = s.Arrive(ctx, id)
	must(t, err)
	if err := earlier.Accept(ctx, "ann", nil); !errors.Is(err, store.ErrTakenOver) {
		t.Errorf("accepted by who was taken over: %v", err)
	}
	newUser(t, s, "bob")
	if err := arrived.Accept(ctx, "bob", nil); !errors.Is(err, store.ErrExists) {
		t.Errorf("accepted under a name that is taken: %v", err)
	}
	before := pos
	must(t, arrived.Accept(ctx, "ann", []byte("secret")))
	if pos == before {
		t.Error("nothing was written")
	}
	want, err := describe(s, id)
	must(t, err)
	copied := crashed(t, dir)
	again := openTest(t, copied, nil)
	u, err := again.User(ctx, "ann")
	must(t, err)
	got, err := describe(again, u.ID)
	must(t, err)
	if got != want || string(u.Secret) != "secret" {
		t.Errorf("accepted it has\n%s\nwant\n%s", got, want)
	}
	must(t, again.Close())
	checkStore(t, copied)
	must(t, s.Close())
	checkStore(t, dir)
}

// TestDiscard removes what has come, and takes the same account in once more at once.
func TestDiscard(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, nil)
	for n := range 3 {
		a, err := s.Arrive(ctx, 1<<62)
		must(t, err)
		names, _, err := a.Names(ctx)
		must(t, err)
		if names.Len() != 0 {
			t.Errorf("attempt %d begins with %d mailboxes", n, names.Len())
		}
		must(t, a.SetNames(ctx, mailbox.NewNamespace([]mailbox.Entry{{Name: "INBOX", ID: 7, UIDValidity: 70}}, nil), 70))
		if n < 2 {
			must(t, a.Discard(ctx))
		}
	}
	must(t, s.Close())
	checkStore(t, dir)
	s = openTest(t, dir, nil)
	a, err := s.Arrive(ctx, 1<<62)
	must(t, err)
	if names, _, err := a.Names(ctx); err != nil || names.Len() != 1 {
		t.Errorf("%d mailboxes, %v", names.Len(), err)
	}
	must(t, s.Close())
}

// TestFence checks that changes wait for a fence, that an earlier fence is void, and what remains when
// the account has left.
func TestFence(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, nil)
	u := newUser(t, s, "ann")
	_, err := u.add("one")
	must(t, err)
	earlier, err := s.Fence(ctx, u.id)
	must(t, err)
	fence, err := s.Fence(ctx, u.id)
	must(t, err)
	earlier.Release()
	if err := earlier.Leave(ctx, "there"); !errors.Is(err, store.ErrUnfenced) {
		t.Errorf("an account left by a fence that is void: %v", err)
	}
	changed := make(chan error, 2)
	go func() { changed <- u.flag(u.inbox, imap.UIDs(1), imap.StoreAdd, imap.Seen) }()
	bob := newUser(t, s, "bob") // who does not wait
	_, err = bob.add("two")
	must(t, err)
	select {
	case err := <-changed:
		t.Fatalf("a change did not wait: %v", err)
	default:
	}
	fence.Release()
	must(t, <-changed)
	if fence, err = s.Fence(ctx, u.id); err != nil {
		t.Fatal(err)
	}
	go func() { changed <- u.flag(u.inbox, imap.UIDs(1), imap.StoreAdd, imap.Flagged) }()
	must(t, fence.Leave(ctx, "there"))
	if err := <-changed; !errors.Is(err, store.ErrMoved) {
		t.Errorf("a change of an account that has left: %v", err)
	}
	for range 2 {
		if r, err := s.Residence(ctx, u.id); err != nil || r != (store.Residence{State: store.Moved, To: "there"}) {
			t.Errorf("it is %+v, %v", r, err)
		}
		if _, err := s.Account(ctx, store.System, u.id); !errors.Is(err, store.ErrMoved) {
			t.Errorf("opened: %v", err)
		}
		if err := s.SetSecret(ctx, "ann", nil); !errors.Is(err, store.ErrMoved) {
			t.Errorf("a new secret: %v", err)
		}
		must(t, s.Close())
		checkStore(t, dir)
		s = openTest(t, dir, nil)
	}
	must(t, s.DeleteUser(ctx, "ann"))
	must(t, s.Close())
	if c := checkStore(t, dir); c.Messages != 1 || c.Accounts != 1 {
		t.Errorf("%+v", c)
	}
}
