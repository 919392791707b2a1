package storetest_test

import (
	"context"
	"strings"
	"testing"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
	"restante/store/memstore"
	"restante/store/storetest"
)

// The follower passes as a driver.
func TestFollower(t *testing.T) {
	o := memstore.Options{History: 16 << 10, MaxMessage: 8 << 20}
	storetest.Run(t, storetest.Opener{Open: func(string) (store.Store, error) { return storetest.Follow(memstore.Open(o)), nil },
		History: o.History, MaxMessage: o.MaxMessage})
}

// It passes also when nearly everything is too old for it, so that it has to load whole mailboxes.
func TestFollowerLoads(t *testing.T) {
	ctx := context.Background()
	inner := memstore.Open(memstore.Options{History: 1})
	s := storetest.Follow(inner)
	defer s.Close()
	ref, b := openInbox(t, s)
	defer b.Close()
	for range 3 {
		deliver(t, inner, ref, keywords(150)...)
	}
	old, err := b.Refresh(ctx)
	if err != nil || old.Len() != 3 {
		t.Fatal(old, err)
	}
	commit(t, inner, &store.Expunge{Mailbox: ref, UIDs: imap.UIDs(2), Undeleted: true})
	if _, err := b.Changes(ctx, old.HighestModSeq); err == nil {
		t.Fatal("the changes are known")
	}
	v, err := b.Refresh(ctx)
	if err != nil {
		t.Fatal(err)
	}
	d := mailbox.Diff(old, v)
	if len(d.Expunged) != 1 || len(d.Added) != 0 || d.KeywordsChanged {
		t.Errorf("the difference is %+v", d)
	}
	for _, r := range v.Rows() {
		if n := len(v.Flags(v.Set(r))); n != 150 {
			t.Errorf("UID %d has %d flags", r.UID, n)
		}
	}
}

// Two followers of one store are two machines: what is committed through one is visible there at
// once, and on the other when the bell has rung, or after Refresh.
func TestFollowersOfOneStore(t *testing.T) {
	ctx := context.Background()
	inner := memstore.New()
	defer inner.Close()
	here, there := storetest.Follow(inner), storetest.Follow(inner)
	ref, a := openInbox(t, here)
	defer a.Close()
	b, err := there.Open(ctx, store.System, ref)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for i := range 50 {
		deliver(t, here, ref)
		if n := a.Version().Len(); n != i+1 {
			t.Fatalf("%d messages, want %d", n, i+1)
		}
		if i%2 == 0 {
			<-b.Bell()
		} else if _, err := b.Refresh(ctx); err != nil {
			t.Fatal(err)
		}
		if n := b.Version().Len(); n != i+1 {
			t.Fatalf("there are %d messages on the other machine, want %d", n, i+1)
		}
		select { // of what Refresh has found
		case <-b.Bell():
		default:
		}
		if inner, mine := innerVersion(t, inner, ref), b.Version(); inner == mine || inner.HighestModSeq != mine.HighestModSeq {
			t.Fatalf("the versions are %p and %p", inner, mine)
		}
	}
}

func innerVersion(t *testing.T, s store.Mail, ref store.Ref) *mailbox.Version {
	t.Helper()
	b, err := s.Open(context.Background(), store.System, ref)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	return b.Version()
}

// openInbox creates a user and opens the INBOX.
func openInbox(t *testing.T, s store.Store) (store.Ref, store.Mailbox) {
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
	e, _ := a.Namespace().Lookup("INBOX")
	ref := store.Ref{Account: u.ID, Mailbox: e.ID}
	b, err := s.Open(ctx, store.System, ref)
	if err != nil {
		t.Fatal(err)
	}
	return ref, b
}

// deliver appends a message.
func deliver(t *testing.T, s store.Mail, ref store.Ref, flags ...imap.Flag) {
	t.Helper()
	body, err := s.Stage(context.Background(), store.System, ref.Account, strings.NewReader("Subject: x\r\n\r\nx\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, &store.Append{Mailbox: ref, Messages: []store.NewMessage{{Body: body, Flags: flags}}})
}

func commit(t *testing.T, s store.Mail, ops ...store.Op) []store.Outcome {
	t.Helper()
	out, err := s.Commit(context.Background(), store.System, ops...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// keywords returns n keywords.
func keywords(n int) (out []imap.Flag) {
	for i := range n {
		out = append(out, imap.Flag("k"+strings.Repeat("x", i)))
	}
	return out
}
