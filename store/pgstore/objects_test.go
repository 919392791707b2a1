package pgstore

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"restante/blob"
	"restante/blob/blobtest"
	"restante/imap"
	"restante/internal/pgtest"
	"restante/store"
)

var largeText = strings.Repeat("a body that is an object\r\n", 10)

// stageLarge stages a body that is an object.
func stageLarge(t *testing.T, s *Store, account store.AccountID) store.Staged {
	t.Helper()
	b, err := s.Stage(context.Background(), store.System, account, strings.NewReader(largeText))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// objectTest is a machine whose object store has faults, and a user's mailboxes.
type objectTest struct {
	*testing.T
	ctx    context.Context
	memory *blobtest.Memory
	faulty *blobtest.FaultyStore
	s      *Store
	w      *worker
}

func newObjectTest(t *testing.T, patience time.Duration) *objectTest {
	memory := blobtest.NewMemory()
	o := &objectTest{T: t, ctx: context.Background(), memory: memory, faulty: blobtest.Faulty(memory)}
	o.s = openNodes(t, pgtest.Database(t, t.TempDir()), o.faulty, func(options *Options) { options.Patience = patience })[0]
	o.w = newWorker(t, o.s, newRand(t), 1)
	return o
}

func (o *objectTest) append(body store.Staged) (imap.UID, error) {
	out, err := o.s.Commit(o.ctx, store.System, &store.Append{Mailbox: o.w.boxes[0], Messages: []store.NewMessage{{Body: body}}})
	if err != nil {
		return 0, err
	}
	return out[0].UIDs[0], nil
}

// read returns the body of a message.
func (o *objectTest) read(uid imap.UID) (string, error) {
	o.Helper()
	h, err := o.s.Open(o.ctx, store.System, o.w.boxes[0])
	if err != nil {
		o.Fatal(err)
	}
	defer h.Close()
	_, r, ok := h.Version().Find(uid)
	if !ok {
		o.Fatalf("UID %d is not there", uid)
	}
	return readText(o.ctx, h, &r)
}

// objects returns what is there when all that is removed in the background is: the machine is closed.
func (o *objectTest) objects() []blob.Key {
	o.Helper()
	if err := o.s.Close(); err != nil {
		o.Error(err)
	}
	return o.memory.Keys()
}

// A PUT that fails is tried again, under another key; what it may have stored nobody refers to.
func TestPutFails(t *testing.T) {
	for name, fault := range map[string]blobtest.Fault{"before": blobtest.Fails, "after": blobtest.FailsAfter} {
		t.Run(name, func(t *testing.T) {
			o := newObjectTest(t, time.Minute)
			o.faulty.SetTimes(2, fault, blobtest.Put)
			uid, err := o.append(stageLarge(t, o.s, o.w.boxes[0].Account))
			if err != nil {
				t.Fatal(err)
			}
			if text, err := o.read(uid); err != nil || text != largeText {
				t.Errorf("%.50q, %v", text, err)
			}
			want := namedObjects(t, o.s)
			got := o.objects()
			if fault == blobtest.Fails && !slices.Equal(got, want) || fault == blobtest.FailsAfter && (len(got) != 3 || !slices.Contains(got, want[0])) {
				t.Errorf("there are %v, named are %v", got, want)
			}
		})
	}
}

// A store that does not come back makes Stage fail, with the error that says so.
func TestPutUnavailable(t *testing.T) {
	o := newObjectTest(t, time.Second)
	o.faulty.Set(blobtest.Fails, blobtest.Put)
	_, err := o.s.Stage(o.ctx, store.System, o.w.boxes[0].Account, strings.NewReader(largeText))
	if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, blobtest.ErrFault) {
		t.Error(err)
	}
	if keys := o.objects(); len(keys) > 0 {
		t.Error(keys)
	}
}

// A PUT that is slow keeps nobody waiting but who asked for it.
func TestPutSlow(t *testing.T) {
	o := newObjectTest(t, time.Minute)
	o.faulty.Set(blobtest.Waits, blobtest.Put)
	done := make(chan error)
	go func() {
		b, err := o.s.Stage(o.ctx, store.System, o.w.boxes[0].Account, strings.NewReader(largeText))
		if err == nil {
			_, err = o.append(b)
		}
		done <- err
	}()
	if err := o.faulty.Waiting(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	small, err := o.s.Stage(o.ctx, store.System, o.w.boxes[0].Account, strings.NewReader("small"))
	if err != nil {
		t.Fatal(err)
	}
	if uid, err := o.append(small); err != nil || uid != 1 {
		t.Errorf("UID %d, %v", uid, err)
	}
	o.faulty.Set(blobtest.Works)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if text, err := o.read(2); err != nil || text != largeText {
		t.Errorf("%.50q, %v", text, err)
	}
}

// Wrong octets never reach a reader.
func TestWrongOctets(t *testing.T) {
	o := newObjectTest(t, time.Minute)
	uid, err := o.append(stageLarge(t, o.s, o.w.boxes[0].Account))
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range []blobtest.Fault{blobtest.WrongOctets, blobtest.CutsOff} {
		o.faulty.Set(fault, blobtest.Open)
		if text, err := o.read(uid); !errors.Is(err, blob.ErrDamaged) {
			t.Errorf("%d: %.50q, %v", fault, text, err)
		}
	}
	o.faulty.SetTimes(1, blobtest.WrongOctets, blobtest.Open) // once, on its way
	if text, err := o.read(uid); err != nil || text != largeText {
		t.Errorf("%.50q, %v", text, err)
	}
	for _, key := range o.memory.Keys() {
		o.memory.Damage(key, func(octets []byte) []byte { octets[7] ^= 1; return octets })
	}
	if text, err := o.read(uid); err != nil || text != largeText { // in the cache
		t.Errorf("%.50q, %v", text, err)
	}
	// Also not to another account, and not out of the database.
	other := newWorker(t, o.s, o.w.rnd, 2)
	second, err := o.append(stageLarge(t, o.s, o.w.boxes[0].Account))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range o.memory.Keys() {
		o.memory.Damage(key, func(octets []byte) []byte { octets[8] ^= 1; return octets })
	}
	_, err = o.s.Commit(o.ctx, store.System, &store.Copy{From: o.w.boxes[0], To: other.boxes[0], UIDs: imap.UIDs(second)})
	if !errors.Is(err, blob.ErrDamaged) {
		t.Errorf("a damaged message was copied: %v", err)
	}
	small, err := o.s.Stage(o.ctx, store.System, o.w.boxes[0].Account, strings.NewReader("small"))
	if err != nil {
		t.Fatal(err)
	}
	third, err := o.append(small)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.s.cells[0].db.pool.Exec(o.ctx, `UPDATE email SET body = 'smell' WHERE body = 'small'`); err != nil {
		t.Fatal(err)
	}
	if text, err := o.read(third); !errors.Is(err, ErrCorrupt) {
		t.Errorf("%q, %v", text, err)
	}
}

// The objects of commits that fail disappear, and those of bodies that are discarded.
func TestForgotten(t *testing.T) {
	o := newObjectTest(t, time.Minute)
	account := o.w.boxes[0].Account
	other := newWorker(t, o.s, o.w.rnd, 2)
	uid, err := o.append(stageLarge(t, o.s, account))
	if err != nil {
		t.Fatal(err)
	}
	body := stageLarge(t, o.s, account)
	for _, ops := range [][]store.Op{
		// One body for two messages has two objects.
		{&store.Append{Mailbox: o.w.boxes[0], Messages: []store.NewMessage{{Body: body}, {Body: body}}}, &store.Delete{Account: account, Name: "nothing"}},
		{&store.Copy{From: o.w.boxes[0], To: other.boxes[0], UIDs: imap.UIDs(uid)}, &store.Delete{Account: account, Name: "nothing"}},
		{&store.Append{Mailbox: o.w.boxes[0], Messages: []store.NewMessage{{Body: body}}},
			&store.Copy{From: o.w.boxes[0], To: other.boxes[0], UIDs: imap.UIDRange(1, 0)}, &store.Delete{Account: account, Name: "nothing"}},
	} {
		if _, err := o.s.Commit(o.ctx, store.System, ops...); !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
	}
	body.Discard()
	stageLarge(t, o.s, account).Discard()
	want := namedObjects(t, o.s)
	if got := o.objects(); len(want) != 1 || !slices.Equal(got, want) {
		t.Errorf("there are %v, named are %v", got, want)
	}
}
