// Package storetest tests store drivers: what package store says of every method, random
// operations in lockstep with memstore, and stores whose process was killed or whose files are
// damaged. A driver's test is one call of Run.
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

	"go.uber.org/goleak"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// Opener is a driver under test.
type Opener struct {
	// Open opens the store in dir, a directory that exists, and creates it if there is none.
	Open func(dir string) (store.Store, error)
	// Persistent says that a store that is opened again in the same dir holds what it held. Such
	// a driver is tested with reopening and, in a child process, with SIGKILL.
	Persistent bool
	// Tear, if not nil, does to a store whose process was killed what a power loss can do beyond
	// that: it cuts off or garbles what was not synced yet. It says what it did.
	Tear func(dir string, rnd *rand.Rand) (description string)
	// Corrupt, if not nil, damages the files of a closed store where they were synced long ago.
	Corrupt func(dir string, rnd *rand.Rand) (description string)
}

// SeedEnv names the environment variable that sets the seed of the random tests; every test logs
// the seed that it used.
const SeedEnv = "RESTANTE_SEED"

// RoundsEnv names the environment variable that sets how often the crash tests kill the store.
const RoundsEnv = "RESTANTE_CRASH_ROUNDS"

// Run tests the driver. For the crash tests it starts the test binary again, with only the test
// that called Run; there Run does not return.
func Run(t *testing.T, o Opener) {
	if runChild(o) {
		return
	}
	others := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, others) })
	for _, c := range conformance {
		t.Run(c.name, func(t *testing.T) { c.test(newEnv(t, o)) })
	}
	t.Run("Model", func(t *testing.T) { testModel(t, o) })
	if !o.Persistent {
		return
	}
	t.Run("Crash", func(t *testing.T) { testCrash(t, o, nil) })
	if o.Tear != nil {
		t.Run("Torn", func(t *testing.T) { testCrash(t, o, o.Tear) })
	}
	if o.Corrupt != nil {
		t.Run("Corrupt", func(t *testing.T) { testCorrupt(t, o) })
	}
}

// conformance are the tests of single methods and invariants.
var conformance = []struct {
	name string
	test func(*env)
}{
	{"Users", testUsers},
	{"DeleteUser", testDeleteUser},
	{"Namespace", testNamespace},
	{"UIDValidity", testUIDValidity},
	{"DeleteMailbox", testDeleteMailbox},
	{"Append", testAppend},
	{"AppendFails", testAppendFails},
	{"AppendConcurrently", testAppendConcurrently},
	{"AppendSlowly", testAppendSlowly},
	{"StoreFlags", testStoreFlags},
	{"Keywords", testKeywords},
	{"TooManyKeywords", testTooManyKeywords},
	{"Expunge", testExpunge},
	{"Copy", testCopy},
	{"CopyKeywords", testCopyKeywords},
	{"Move", testMove},
	{"TransferToSelf", testTransferToSelf},
	{"TransferConcurrently", testTransferConcurrently},
	{"Hold", testHold},
	{"HoldGhosts", testHoldGhosts},
	{"HoldOpenBody", testHoldOpenBody},
	{"Recent", testRecent},
	{"Bell", testBell},
	{"Body", testBody},
	{"Summaries", testSummaries},
	{"Context", testContext},
	{"Closed", testClosed},
}

// env is one store and a test that uses it. Its methods fail the test on errors.
type env struct {
	*testing.T
	ctx     context.Context
	opener  Opener
	dir     string
	store   store.Store
	handles []store.Mailbox // to be closed before the store
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
	e.handles = nil
	if err := e.store.Close(); err != nil {
		e.Errorf("closing the store: %v", err)
	}
}

// reopen closes and opens a persistent store. Accounts and mailboxes must be taken anew.
func (e *env) reopen() {
	e.Helper()
	if e.opener.Persistent {
		e.close()
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

// account returns the account of a user, who is created if there is none of that name.
func (e *env) account(name string) store.Account {
	e.Helper()
	u, err := e.store.User(e.ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		u, err = e.store.CreateUser(e.ctx, name, []byte("secret"))
	}
	e.must(err)
	a, err := e.store.Account(e.ctx, u.ID)
	e.must(err)
	return a
}

// id returns the mailbox of that name, which is created if there is none.
func (e *env) id(a store.Account, name string) mailbox.ID {
	e.Helper()
	entry, ok := a.Namespace().Lookup(name)
	if !ok {
		var err error
		entry, err = a.Create(e.ctx, name, nil)
		e.must(err)
	}
	return entry.ID
}

// box opens the mailbox of that name, which is created if there is none.
func (e *env) box(a store.Account, name string) store.Mailbox {
	e.Helper()
	b, err := a.Open(e.ctx, e.id(a, name))
	e.must(err)
	e.handles = append(e.handles, b)
	return b
}

// closeBox closes a handle that box has opened.
func (e *env) closeBox(b store.Mailbox) {
	e.Helper()
	e.handles = slices.DeleteFunc(e.handles, func(h store.Mailbox) bool { return h == b })
	e.must(b.Close())
}

// add appends messages and returns their UIDs.
func (e *env) add(a store.Account, b store.Mailbox, msgs ...store.NewMessage) []imap.UID {
	e.Helper()
	r, err := a.Append(e.ctx, b.ID(), msgs)
	e.must(err)
	if len(r.UIDs) != len(msgs) || r.UIDValidity != b.Version().UIDValidity {
		e.Fatalf("appending %d messages returned %+v", len(msgs), r)
	}
	return r.UIDs
}

// fill appends n messages without flags.
func (e *env) fill(a store.Account, b store.Mailbox, n int) []imap.UID {
	e.Helper()
	msgs := make([]store.NewMessage, n)
	for i := range msgs {
		msgs[i] = message(text())
	}
	return e.add(a, b, msgs...)
}

// flag changes flags of messages.
func (e *env) flag(b store.Mailbox, op imap.StoreOp, flags []imap.Flag, uids ...imap.UID) imap.ModSeq {
	e.Helper()
	m, err := b.StoreFlags(e.ctx, imap.UIDs(uids...), op, flags)
	e.must(err)
	return m
}

// expunge removes messages, whatever their flags.
func (e *env) expunge(b store.Mailbox, uids ...imap.UID) {
	e.Helper()
	e.flag(b, imap.StoreAdd, []imap.Flag{imap.Deleted}, uids...)
	removed, err := b.Expunge(e.ctx, imap.UIDs(uids...))
	e.must(err)
	if !removed.Equal(imap.UIDs(uids...)) {
		e.Fatalf("expunging %v removed %v", uids, removed)
	}
}

// row returns a message of the newest version.
func (e *env) row(b store.Mailbox, uid imap.UID) mailbox.Row {
	e.Helper()
	_, r, ok := b.Version().Find(uid)
	if !ok {
		e.Fatalf("UID %d is not there", uid)
	}
	return r
}

// flags returns the flags of a message of the newest version as one string, sorted.
func (e *env) flags(b store.Mailbox, uid imap.UID) string {
	e.Helper()
	v := b.Version()
	_, r, ok := v.Find(uid)
	if !ok {
		e.Fatalf("UID %d is not there", uid)
	}
	return flagString(v.Flags(r.Flags))
}

// body returns the octets of a message of the newest version.
func (e *env) body(b store.Mailbox, uid imap.UID) string {
	e.Helper()
	s, err := readBody(b, e.row(b, uid).Ref)
	e.must(err)
	return s
}

// want checks which messages a mailbox has, and that its counts are right, also in Status.
func (e *env) want(a store.Account, b store.Mailbox, uids ...imap.UID) {
	e.Helper()
	v := b.Version()
	if got := uidsOf(v); !slices.Equal(got, uids) {
		e.Fatalf("the mailbox has %v, want %v", got, uids)
	}
	e.must(checkVersion(v))
	c, err := a.Status(e.ctx, b.ID())
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
func readBody(b store.Mailbox, ref uint64) (string, error) {
	body, err := b.Body(context.Background(), ref)
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

// message returns a message to append.
func message(text string, flags ...imap.Flag) store.NewMessage {
	return store.NewMessage{Flags: flags, Size: int64(len(text)), Body: strings.NewReader(text),
		Date: time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)}
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
