package localstore

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

var ctx = context.Background()

func openTest(t testing.TB, dir string, o *Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// user is a user of a store under test, with handles on the account and INBOX.
type user struct {
	s  *Store
	id store.AccountID
	store.Account
	inbox store.Mailbox
}

// newUser creates a user and opens INBOX.
func newUser(t testing.TB, s *Store, name string) *user {
	t.Helper()
	u, err := s.CreateUser(ctx, name, []byte("secret"))
	must(t, err)
	return openUser(t, s, u.ID)
}

func openUser(t testing.TB, s *Store, id store.AccountID) *user {
	t.Helper()
	a, err := s.Account(ctx, store.System, id)
	must(t, err)
	u := &user{s, id, a, nil}
	u.inbox = u.open(t, "INBOX")
	return u
}

func (u *user) ref(name string) store.Ref {
	e, _ := u.Namespace().Lookup(name)
	return store.Ref{Account: u.id, Mailbox: e.ID}
}

func (u *user) open(t testing.TB, name string) store.Mailbox {
	t.Helper()
	b, err := u.s.Open(ctx, store.System, u.ref(name))
	must(t, err)
	return b
}

// close closes the handles and the store.
func (u *user) close(t testing.TB) {
	t.Helper()
	must(t, u.inbox.Close())
	must(t, u.Account.Close())
	must(t, u.s.Close())
}

// do makes one operation.
func (s *Store) do(op store.Op) (store.Outcome, error) {
	out, err := s.Commit(ctx, store.System, op)
	if err != nil {
		return store.Outcome{}, err
	}
	return out[0], nil
}

// add appends messages with these texts to INBOX.
func (u *user) add(texts ...string) (store.Outcome, error) {
	op := &store.Append{Mailbox: u.inbox.Ref()}
	for _, text := range texts {
		m, err := u.mail(text)
		if err != nil {
			return store.Outcome{}, err
		}
		defer m.Body.Discard()
		op.Messages = append(op.Messages, m)
	}
	return u.s.do(op)
}

func (u *user) mail(text string) (store.NewMessage, error) {
	b, err := u.s.Stage(ctx, store.System, u.id, strings.NewReader(text))
	return store.NewMessage{Body: b, Date: time.Unix(1, 0), Summary: []byte("summary of " + text[:min(len(text), 100)])}, err
}

func (u *user) flag(b store.Mailbox, uids imap.UIDSet, op imap.StoreOp, flags ...imap.Flag) error {
	_, err := u.s.do(&store.StoreFlags{Mailbox: b.Ref(), UIDs: uids, Op: op, Flags: flags})
	return err
}

func (u *user) expunge(b store.Mailbox, uids imap.UIDSet) error {
	_, err := u.s.do(&store.Expunge{Mailbox: b.Ref(), UIDs: uids, Undeleted: true})
	return err
}

// readBody reads a message.
func readBody(b store.Mailbox, row mailbox.Row) (string, error) {
	body, err := b.Body(ctx, &row)
	if err != nil {
		return "", err
	}
	defer body.Close()
	text, err := io.ReadAll(io.NewSectionReader(body, 0, body.Size()))
	return string(text), err
}

// crashed copies a store's directory as a crash would leave it, without closing the store.
func crashed(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	must(t, os.CopyFS(to, os.DirFS(dir)))
	os.Remove(filepath.Join(to, "LOCK"))
	os.Remove(filepath.Join(to, "reserve"))
	return to
}

// describe tells everything that can be seen of an account.
func describe(s *Store, id store.AccountID) (string, error) {
	a, err := s.Account(ctx, store.System, id)
	if err != nil {
		return "", err
	}
	defer a.Close()
	var out strings.Builder
	for of, m := range a.Namespace().AllMetadata() {
		fmt.Fprintf(&out, "%d %+v\n", of, m)
	}
	for e := range a.Namespace().All() {
		b, err := s.Open(ctx, store.System, store.Ref{Account: id, Mailbox: e.ID})
		if err != nil {
			return "", err
		}
		defer b.Close()
		v := b.Version()
		fmt.Fprintf(&out, "%+v %+v %v removed since %d: %v\n", e, v.Counts(), v.Keywords(), v.HistorySince(), slices.Collect(v.Removed(0)))
		for _, r := range v.Rows() {
			text, err := readBody(b, *r)
			if err != nil {
				return "", err
			}
			details := make([]store.Details, 1)
			if _, n, err := b.Details(ctx, []mailbox.Row{*r}, nil, 1, details); err != nil || n != 1 {
				return "", fmt.Errorf("%d details: %w", n, err)
			}
			fmt.Fprintf(&out, "  %d %d %v %s %d %q %q %x %x\n", r.UID, r.ModSeq, v.Flags(v.Set(r)), r.Date.Time(), r.Saved, text, details[0].Summary,
				details[0].EmailID, details[0].ThreadID)
		}
	}
	fmt.Fprintln(&out, slices.Collect(a.Namespace().Subscribed()))
	return out.String(), nil
}

func uids(v *mailbox.Version) (out []imap.UID) {
	for _, r := range v.Rows() {
		out = append(out, r.UID)
	}
	return out
}

// checkStore fails the test when Check finds something.
func checkStore(t testing.TB, dir string) Checked {
	t.Helper()
	c, err := Check(ctx, dir, func(err error) { t.Error(err) })
	must(t, err)
	return c
}

// openQuiet opens a store without a janitor: only the test writes checkpoints and compacts.
func openQuiet(t testing.TB, dir string, o *Options) *Store {
	t.Helper()
	s, err := open(dir, o)
	must(t, err)
	go s.write()
	close(s.swept)
	return s
}

// sweepNow is what the janitor does, for a store that has none.
func (s *Store) sweepNow(t testing.TB) {
	t.Helper()
	must(t, s.sweep())
}

// existing returns the UIDs that an Append has given out.
func existing(out store.Outcome) imap.UIDSet { return imap.UIDs(out.UIDs...) }
