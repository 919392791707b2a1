package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// env is one store and a test that uses it. Its methods fail the test on errors.
type env struct {
	*testing.T
	ctx      context.Context
	opener   Opener
	dir      string
	store    store.Store
	handles  []store.Mailbox // to be closed before the store
	accounts []store.Account // likewise
}

func newEnv(t *testing.T, o Opener) *env {
	e := &env{T: t, ctx: context.Background(), opener: o, dir: t.TempDir()}
	e.open()
	t.Cleanup(e.close)
	return e
}

func (e *env) open() {
	e.Helper()
	s, err := e.opener.Open(e.dir)
	if err != nil {
		e.Fatalf("open: %v", err)
	}
	e.store = s
}

func (e *env) close() {
	e.Helper()
	for _, h := range e.handles {
		if err := h.Close(); err != nil {
			e.Errorf("closing a mailbox: %v", err)
		}
	}
	for _, a := range e.accounts {
		if err := a.Close(); err != nil {
			e.Errorf("closing an account: %v", err)
		}
	}
	e.handles, e.accounts = nil, nil
	if err := e.store.Close(); err != nil {
		e.Errorf("closing the store: %v", err)
	}
}

// reopen closes and opens a persistent store. Accounts and mailboxes must be taken anew.
func (e *env) reopen() {
	e.Helper()
	if e.opener.Persistent {
		e.close()
		if e.opener.Check != nil {
			e.must(e.opener.Check(e.dir))
		}
		e.open()
	}
}

func (e *env) must(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

// wantErr checks that err is of the kind want.
func (e *env) wantErr(what string, err, want error) {
	e.Helper()
	if !errors.Is(err, want) {
		e.Errorf("%s: error %v, want %v", what, err, want)
	}
}

// patience is how long anything may take that must not block.
var patience = 30 * time.Second

// within fails the test when f blocks.
func (e *env) within(what string, f func()) {
	e.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		e.Fatalf("%s blocks", what)
	}
}

// account opens the account of a user, who is created if there is none of that name.
func (e *env) account(name string) store.Account {
	e.Helper()
	u, err := e.store.User(e.ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		u, err = e.store.CreateUser(e.ctx, name, []byte("secret"))
	}
	e.must(err)
	a, err := e.store.Account(e.ctx, store.System, u.ID)
	e.must(err)
	e.accounts = append(e.accounts, a)
	return a
}

// commit makes operations that must succeed.
func (e *env) commit(ops ...store.Op) []store.Outcome {
	e.Helper()
	out, err := e.store.Commit(e.ctx, store.System, ops...)
	e.must(err)
	if len(out) != len(ops) {
		e.Fatalf("%d operations have %d outcomes", len(ops), len(out))
	}
	return out
}

// one makes one operation that must succeed.
func (e *env) one(op store.Op) store.Outcome {
	e.Helper()
	return e.commit(op)[0]
}

// fails makes operations of which the one with that index must fail with want, and checks that
// nothing has changed anywhere. It returns the error.
func (e *env) fails(want error, index int, ops ...store.Op) *store.OpError {
	e.Helper()
	before := e.snapshot()
	e.drainAll()
	out, err := e.store.Commit(e.ctx, store.System, ops...)
	var op *store.OpError
	switch {
	case !errors.Is(err, want):
		e.Fatalf("the commit returned %v, want %v", err, want)
	case len(out) != 0:
		e.Errorf("%v, and yet there are outcomes %+v", err, out)
	case !errors.As(err, &op):
		e.Fatalf("%v is no *store.OpError", err)
	case op.Index != index || !errors.Is(op.Err, want):
		e.Errorf("operation %d is to blame (%v), want %d (%v)", op.Index, op.Err, index, want)
	}
	if after := e.snapshot(); after != before {
		e.Errorf("a commit that failed (%v) made of\n%s\nthis:\n%s", err, before, after)
	}
	e.wantSilence(fmt.Sprintf("a commit that failed (%v)", err))
	return op
}

// snapshot tells everything that there is in the store, but bodies.
func (e *env) snapshot() string {
	e.Helper()
	var out strings.Builder
	users, err := e.store.Users(e.ctx)
	e.must(err)
	for _, u := range users {
		a, err := e.store.Account(e.ctx, store.System, u.ID)
		e.must(err)
		n := a.Namespace()
		fmt.Fprintf(&out, "%d %s: %s\n", u.ID, u.Name, describe(n))
		e.must(a.Close())
		for entry := range n.All() {
			b, err := e.store.Open(e.ctx, store.System, store.Ref{Account: u.ID, Mailbox: entry.ID})
			e.must(err)
			fmt.Fprintf(&out, "  %+v: %s\n", entry, describeVersion(b.Version()))
			e.must(b.Close())
		}
	}
	return out.String()
}

// describeVersion tells all of a version but its history.
func describeVersion(v *mailbox.Version) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%+v %v %q", v.Counts(), v.Deleted, v.Keywords())
	for seq, r := range v.Rows() {
		fmt.Fprintf(&out, "\n    %s", describeRow(v, seq, r))
	}
	return out.String()
}

func describeRow(v *mailbox.Version, seq imap.SeqNum, r *mailbox.Row) string {
	return fmt.Sprintf("%d: UID %d size %d modseq %d date %d saved %d flags %s", seq, r.UID, r.Size, r.ModSeq, r.Date, r.Saved, flagString(v.Flags(v.Set(r))))
}

// create makes a mailbox.
func (e *env) create(a store.Account, name string) store.Ref {
	e.Helper()
	return store.Ref{Account: a.ID(), Mailbox: e.one(&store.Create{Account: a.ID(), Name: name}).Created.ID}
}

// ref returns the mailbox of that name, which is created if there is none.
func (e *env) ref(a store.Account, name string) store.Ref {
	e.Helper()
	if entry, ok := a.Namespace().Lookup(name); ok {
		return store.Ref{Account: a.ID(), Mailbox: entry.ID}
	}
	return e.create(a, name)
}

// box opens the mailbox of that name, which is created if there is none.
func (e *env) box(a store.Account, name string) store.Mailbox {
	e.Helper()
	return e.openBox(e.ref(a, name))
}

func (e *env) openBox(ref store.Ref) store.Mailbox {
	e.Helper()
	b, err := e.store.Open(e.ctx, store.System, ref)
	e.must(err)
	if b.Ref() != ref {
		e.Fatalf("%+v was opened as %+v", ref, b.Ref())
	}
	e.handles = append(e.handles, b)
	return b
}

// closeBox closes a handle that box has opened.
func (e *env) closeBox(b store.Mailbox) {
	e.Helper()
	e.handles = slices.DeleteFunc(e.handles, func(h store.Mailbox) bool { return h == b })
	e.must(b.Close())
}

// stage makes a body ready.
func (e *env) stage(account store.AccountID, text string) store.Staged {
	e.Helper()
	s, err := e.store.Stage(e.ctx, store.System, account, strings.NewReader(text))
	e.must(err)
	if s.Size() != int64(len(text)) {
		e.Fatalf("a body of %d octets is staged with %d", len(text), s.Size())
	}
	return s
}

// message stages a message to append to b.
func (e *env) message(b store.Mailbox, text string, flags ...imap.Flag) store.NewMessage {
	e.Helper()
	return store.NewMessage{Body: e.stage(b.Ref().Account, text), Flags: flags, Date: time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)}
}

// add appends messages and returns their UIDs.
func (e *env) add(b store.Mailbox, msgs ...store.NewMessage) []imap.UID {
	e.Helper()
	r := e.one(&store.Append{Mailbox: b.Ref(), Messages: msgs})
	if v := b.Version(); len(r.UIDs) != len(msgs) || r.UIDValidity != v.UIDValidity || (r.ModSeq != 0) != (len(msgs) > 0) || r.ModSeq > v.HighestModSeq {
		e.Fatalf("appending %d messages returned %+v", len(msgs), r)
	}
	return r.UIDs
}

// fill appends n messages without flags.
func (e *env) fill(b store.Mailbox, n int) []imap.UID {
	e.Helper()
	msgs := make([]store.NewMessage, n)
	for i := range msgs {
		msgs[i] = e.message(b, text())
	}
	return e.add(b, msgs...)
}

// flag changes flags of messages.
func (e *env) flag(b store.Mailbox, op imap.StoreOp, flags []imap.Flag, uids ...imap.UID) imap.ModSeq {
	e.Helper()
	return e.one(&store.StoreFlags{Mailbox: b.Ref(), UIDs: imap.UIDs(uids...), Op: op, Flags: flags}).ModSeq
}

// expunge removes messages, whatever their flags.
func (e *env) expunge(b store.Mailbox, uids ...imap.UID) {
	e.Helper()
	r := e.one(&store.Expunge{Mailbox: b.Ref(), UIDs: imap.UIDs(uids...), Undeleted: true})
	if !r.Done.Equal(imap.UIDs(uids...)) || len(uids) > 0 && r.ModSeq == 0 {
		e.Fatalf("expunging %v returned %+v", uids, r)
	}
}

func (e *env) copy(from, to store.Mailbox, uids ...imap.UID) store.Outcome {
	e.Helper()
	return e.one(&store.Copy{From: from.Ref(), To: to.Ref(), UIDs: imap.UIDs(uids...)})
}

func (e *env) move(from, to store.Mailbox, uids ...imap.UID) store.Outcome {
	e.Helper()
	return e.one(&store.Copy{From: from.Ref(), To: to.Ref(), UIDs: imap.UIDs(uids...), Move: true})
}

// row returns a message of the newest version.
func (e *env) row(b store.Mailbox, uid imap.UID) *mailbox.Row {
	e.Helper()
	_, r, ok := b.Version().Find(uid)
	if !ok {
		e.Fatalf("UID %d is not there", uid)
	}
	return &r
}

// flags returns the flags of a message of the newest version as one string, sorted.
func (e *env) flags(b store.Mailbox, uid imap.UID) string {
	e.Helper()
	v := b.Version()
	_, r, ok := v.Find(uid)
	if !ok {
		e.Fatalf("UID %d is not there", uid)
	}
	return flagString(v.Flags(v.Set(&r)))
}

// body returns the octets of a message of the newest version.
func (e *env) body(b store.Mailbox, uid imap.UID) string {
	e.Helper()
	s, err := readBody(b, e.row(b, uid))
	e.must(err)
	return s
}

// details returns the details of a row.
func (e *env) details(b store.Mailbox, row *mailbox.Row) store.Details {
	e.Helper()
	out := make([]store.Details, 1)
	_, n, err := b.Details(e.ctx, []mailbox.Row{*row}, nil, 1<<20, out)
	e.must(err)
	if n != 1 {
		e.Fatalf("details of %d messages instead of one", n)
	}
	return out[0]
}

// want checks which messages a mailbox has, and that its counts are right, also in Status.
func (e *env) want(b store.Mailbox, uids ...imap.UID) {
	e.Helper()
	v := b.Version()
	if got := uidsOf(v); !slices.Equal(got, uids) {
		e.Fatalf("the mailbox has %v, want %v", got, uids)
	}
	e.must(checkVersion(v))
	c, err := e.store.Status(e.ctx, store.System, b.Ref())
	e.must(err)
	if c != v.Counts() {
		e.Fatalf("Status is %+v, the version's counts are %+v", c, v.Counts())
	}
}

// checkVersion checks that a version agrees with itself.
func checkVersion(v *mailbox.Version) error {
	want := mailbox.Counts{UIDValidity: v.UIDValidity, UIDNext: v.UIDNext, HighestModSeq: v.HighestModSeq}
	var last imap.UID
	for _, r := range v.Rows() {
		want.Messages++
		want.Size += int64(r.Size)
		if r.Flags&mailbox.BitSeen == 0 {
			want.Unseen++
		}
		if r.Flags&mailbox.BitDeleted != 0 {
			want.Deleted++
		}
		if r.UID <= last || r.UID >= v.UIDNext {
			return fmt.Errorf("UID %d after %d, UIDNEXT %d", r.UID, last, v.UIDNext)
		}
		if r.ModSeq == 0 || r.ModSeq > v.HighestModSeq {
			return fmt.Errorf("UID %d has mod-sequence %d, HIGHESTMODSEQ is %d", r.UID, r.ModSeq, v.HighestModSeq)
		}
		last = r.UID
	}
	if got := v.Counts(); got != want {
		return fmt.Errorf("counts are %+v, the messages are %+v", got, want)
	}
	return nil
}

// uidsOf returns the UIDs of all messages.
func uidsOf(v *mailbox.Version) (out []imap.UID) {
	for _, r := range v.Rows() {
		out = append(out, r.UID)
	}
	return out
}

// flagString returns flags in lower case, sorted, separated by spaces.
func flagString(flags []imap.Flag) string {
	var out []string
	for _, f := range flags {
		out = append(out, strings.ToLower(string(f)))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// readBody reads a message to its end.
func readBody(b store.Mailbox, row *mailbox.Row) (string, error) {
	body, err := b.Body(context.Background(), row)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	n, err := body.WriteRange(&out, 0, body.Size())
	if err == nil && n != body.Size() {
		err = fmt.Errorf("WriteRange wrote %d of %d octets", n, body.Size())
	}
	return out.String(), errors.Join(err, body.Close())
}

var texts atomic.Int64

// text returns a message that no other call has returned.
func text() string {
	n := texts.Add(1)
	return fmt.Sprintf("From: ann@example.org\r\nTo: bob@example.org\r\nSubject: message %d\r\n\r\nThis is message %d.\r\n", n, n)
}

// newRand returns a random source whose seed is in the test's log.
func newRand(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv(SeedEnv); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("%s: %v", SeedEnv, err)
		}
	}
	t.Logf("%s=%d", SeedEnv, seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// reader is a function that is an io.Reader.
type reader func([]byte) (int, error)

func (f reader) Read(p []byte) (int, error) { return f(p) }

var _ io.Reader = reader(nil)
