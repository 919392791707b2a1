package pgstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
	"restante/store/storetest"
)

// newRand returns a source that many may use at once, whose seed is in the test's log.
func newRand(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv(storetest.SeedEnv); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("%s: %v", storetest.SeedEnv, err)
		}
	}
	t.Logf("%s=%d", storetest.SeedEnv, seed)
	return rand.New(&lockedSource{source: rand.NewPCG(seed, 0)})
}

type lockedSource struct {
	mu     sync.Mutex
	source rand.Source
}

func (s *lockedSource) Uint64() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.source.Uint64()
}

// worker is somebody who changes messages of its own in the mailboxes of an account, and knows what
// has become of them.
type worker struct {
	name  string
	rnd   *rand.Rand
	store store.Store
	boxes [2]store.Ref
	mine  [2]map[imap.UID]*letter
	sent  int

	// patient is another store with the same mail, which tells what has become of commits that this
	// worker's one was not sure of. When it is nil, none may fail.
	patient      store.Store
	settle       func() // is called before that, if it is set
	made, unmade int    // such commits
}

// letter is a message of a worker's.
type letter struct {
	text  string
	flags map[imap.Flag]bool
}

func (l *letter) copied() *letter { return &letter{l.text, maps.Clone(l.flags)} }

func (l *letter) equal(other *letter) bool {
	for _, f := range workerFlags {
		if l.flags[f] != other.flags[f] {
			return false
		}
	}
	return l.text == other.text
}

func newWorker(t *testing.T, s store.Store, rnd *rand.Rand, i int) *worker {
	t.Helper()
	ctx := context.Background()
	u, err := s.CreateUser(ctx, fmt.Sprintf("user%d", i), nil, store.InitialMailbox{Name: "Other"})
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.Account(ctx, store.System, u.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	w := &worker{}
	for k, name := range []string{"INBOX", "Other"} {
		e, _ := a.Namespace().Lookup(name)
		w.boxes[k] = store.Ref{Account: u.ID, Mailbox: e.ID}
	}
	return w.beside(rnd, i)
}

// beside returns a worker on the same mailboxes.
func (w *worker) beside(rnd *rand.Rand, i int) *worker {
	return &worker{name: fmt.Sprintf("w%d", i), rnd: rand.New(rand.NewPCG(rnd.Uint64(), 0)), store: w.store, boxes: w.boxes,
		mine: [2]map[imap.UID]*letter{{}, {}}}
}

// some returns some of the worker's messages in a mailbox.
func (w *worker) some(box int) (uids []imap.UID, set imap.UIDSet) {
	all := slices.Sorted(maps.Keys(w.mine[box]))
	if len(all) == 0 {
		return nil, set
	}
	for range 1 + w.rnd.IntN(4) {
		set.Add(all[w.rnd.IntN(len(all))])
	}
	for uid := range set.All() {
		uids = append(uids, uid)
	}
	return uids, set
}

var workerFlags = []imap.Flag{imap.Seen, imap.Flagged, "$work", "later"}

// change is what a commit makes of a worker's messages.
type change struct {
	ops  []store.Op
	kept [2]map[imap.UID]*letter // that were there before
	new  [2][]*letter            // in the order of their UIDs
}

func (w *worker) change() *change {
	c := &change{}
	for k, mine := range w.mine {
		c.kept[k] = maps.Clone(mine)
	}
	return c
}

// step makes one commit.
func (w *worker) step(t *testing.T) {
	box := w.rnd.IntN(2)
	uids, set := w.some(box)
	c := w.change()
	switch n := w.rnd.IntN(11); {
	case n == 10 && w.patient == nil:
		w.excursion(t, w.boxes[box], set)
		return
	case n < 4 || len(uids) == 0:
		w.append(t, box)
		return
	case n < 7:
		flag, op := workerFlags[w.rnd.IntN(len(workerFlags))], []imap.StoreOp{imap.StoreAdd, imap.StoreRemove}[w.rnd.IntN(2)]
		c.ops = []store.Op{&store.StoreFlags{Mailbox: w.boxes[box], UIDs: set, Op: op, Flags: []imap.Flag{flag}}}
		for _, uid := range uids {
			l := c.kept[box][uid].copied()
			l.flags[flag] = op == imap.StoreAdd
			c.kept[box][uid] = l
		}
	case n < 9:
		move := w.rnd.IntN(2) == 0
		c.ops = []store.Op{&store.Copy{From: w.boxes[box], To: w.boxes[1-box], UIDs: set, Move: move, MustExist: true}}
		for _, uid := range uids {
			c.new[1-box] = append(c.new[1-box], w.mine[box][uid].copied())
			if move {
				delete(c.kept[box], uid)
			}
		}
	default:
		c.ops = []store.Op{&store.Expunge{Mailbox: w.boxes[box], UIDs: set, Undeleted: true, MustExist: true}}
		for _, uid := range uids {
			delete(c.kept[box], uid)
		}
	}
	out := w.make(t, c)
	if out == nil {
		return
	}
	if _, copied := c.ops[0].(*store.Copy); copied && !slices.Equal(out[0].Source, uids) || !copied && !out[0].Done.Equal(set) {
		t.Errorf("%s: %T of %v: %+v", w.name, c.ops[0], set, out)
	}
}

// append adds messages to a mailbox, and now and then, in the same commit, to the other one.
func (w *worker) append(t *testing.T, box int) {
	c := w.change()
	for range 1 + w.rnd.IntN(4)/3 {
		op := &store.Append{Mailbox: w.boxes[box]}
		for range 1 + w.rnd.IntN(3) {
			w.sent++
			l := &letter{text: fmt.Sprintf("%s %d %s", w.name, w.sent, strings.Repeat("x", w.rnd.IntN(200))), flags: map[imap.Flag]bool{}}
			body, err := w.stage(l.text)
			if w.patient != nil && errors.Is(err, store.ErrUnavailable) {
				return
			}
			if err != nil {
				t.Errorf("%s: stage: %v", w.name, err)
				return
			}
			defer body.Discard()
			op.Messages = append(op.Messages, store.NewMessage{Body: body, Summary: []byte("of " + l.text)})
			c.new[box] = append(c.new[box], l)
		}
		c.ops = append(c.ops, op)
		box = 1 - box
	}
	w.make(t, c)
}

func (w *worker) stage(text string) (store.Staged, error) {
	return w.store.Stage(context.Background(), store.System, w.boxes[0].Account, strings.NewReader(text))
}

// make commits a change, and notes what has become of it.
func (w *worker) make(t *testing.T, c *change) []store.Outcome {
	out, err := w.store.Commit(context.Background(), store.System, c.ops...)
	if w.patient != nil && errors.Is(err, store.ErrUnavailable) {
		w.findOut(t, c)
		return nil
	}
	if err != nil {
		t.Errorf("%s: %v", w.name, err)
		return nil
	}
	for i, op := range c.ops {
		k := 0
		switch op := op.(type) {
		case *store.Append:
			k = slices.Index(w.boxes[:], op.Mailbox)
		case *store.Copy:
			k = slices.Index(w.boxes[:], op.To)
		}
		if len(out[i].UIDs) > len(c.new[k]) {
			t.Errorf("%s: %T: there are more UIDs than messages: %+v", w.name, op, out[i])
			return nil
		}
		for _, uid := range out[i].UIDs {
			c.kept[k][uid], c.new[k] = c.new[k][0], c.new[k][1:]
		}
	}
	w.mine = c.kept
	return out
}

// findOut finds out whether a commit was made whose outcome is not known: all of it or nothing.
func (w *worker) findOut(t *testing.T, c *change) {
	t.Helper()
	ctx := context.Background()
	if w.settle != nil {
		w.settle()
	}
	// A transaction that is still under way has the mailboxes locked: this commit, of nothing, waits.
	if _, err := w.patient.Commit(ctx, store.System, &store.StoreFlags{Mailbox: w.boxes[0], Op: imap.StoreAdd, Flags: []imap.Flag{imap.Seen}},
		&store.StoreFlags{Mailbox: w.boxes[1], Op: imap.StoreAdd, Flags: []imap.Flag{imap.Seen}}); err != nil {
		t.Errorf("%s: %v", w.name, err)
		return
	}
	var found [2]map[imap.UID]*letter
	for k := range w.boxes {
		var err error
		if found[k], err = w.look(k); err != nil {
			t.Errorf("%s: %v", w.name, err)
			return
		}
	}
	before := w.change()
	switch {
	case before.accounts(found):
		w.unmade++
	case c.accounts(found):
		w.made++
	default:
		t.Errorf("%s: a commit was made in part: %v, %v; before %v, %v", w.name, found[0], found[1], w.mine[0], w.mine[1])
	}
	w.mine = found
}

// look reads which messages of the worker's a mailbox has.
func (w *worker) look(box int) (map[imap.UID]*letter, error) {
	ctx := context.Background()
	h, err := w.patient.Open(ctx, store.System, w.boxes[box])
	if err != nil {
		return nil, err
	}
	defer h.Close()
	v, err := h.Refresh(ctx)
	if err != nil {
		return nil, err
	}
	found := map[imap.UID]*letter{}
	for _, r := range v.Rows() {
		details := make([]store.Details, 1)
		if _, _, err := h.Details(ctx, []mailbox.Row{*r}, nil, 1<<20, details); err != nil {
			return nil, err
		}
		text := strings.TrimPrefix(string(details[0].Summary), "of ")
		if !strings.HasPrefix(text, w.name+" ") {
			continue
		}
		l := &letter{text, map[imap.Flag]bool{}}
		for _, f := range v.Flags(v.Set(r)) {
			l.flags[f] = true
		}
		found[r.UID] = l
	}
	return found, nil
}

// accounts reports whether the mailboxes are as the change leaves them.
func (c *change) accounts(found [2]map[imap.UID]*letter) bool {
	for k := range found {
		fresh := c.new[k]
		if len(found[k]) != len(c.kept[k])+len(fresh) {
			return false
		}
		for _, uid := range slices.Sorted(maps.Keys(found[k])) {
			want := c.kept[k][uid]
			if want == nil {
				if len(fresh) == 0 {
					return false
				}
				want, fresh = fresh[0], fresh[1:]
			}
			if !found[k][uid].equal(want) {
				return false
			}
		}
	}
	return true
}

// excursion copies messages to a mailbox of their own, which is deleted then.
func (w *worker) excursion(t *testing.T, from store.Ref, set imap.UIDSet) {
	w.sent++
	name, id := fmt.Sprintf("%s %d", w.name, w.sent), store.NewMailboxID()
	w.commit(t, &store.Create{Account: from.Account, ID: id, Name: name},
		&store.Copy{From: from, To: store.Ref{Account: from.Account, Mailbox: id}, UIDs: set})
	w.commit(t, &store.Delete{Account: from.Account, Name: name})
}

func (w *worker) commit(t *testing.T, ops ...store.Op) []store.Outcome {
	out, err := w.store.Commit(context.Background(), store.System, ops...)
	if err != nil {
		t.Errorf("%s: %v", w.name, err)
		return nil
	}
	return out
}

// compareWorkers checks that two workers' mailboxes have what they believe, and nothing else.
func compareWorkers(t *testing.T, s store.Store, ws ...*worker) {
	t.Helper()
	for k, ref := range ws[0].boxes {
		want := map[imap.UID]*letter{}
		for _, w := range ws {
			maps.Copy(want, w.mine[k])
		}
		h, err := s.Open(context.Background(), store.System, ref)
		if err != nil {
			t.Error(err)
			continue
		}
		compareBox(t, s, h, want)
		h.Close()
	}
}

func compareBox(t *testing.T, s store.Store, h store.Mailbox, want map[imap.UID]*letter) {
	t.Helper()
	ctx := context.Background()
	v := h.Version()
	counts := mailbox.Counts{UIDValidity: v.UIDValidity, UIDNext: v.UIDNext, HighestModSeq: v.HighestModSeq}
	for _, r := range v.Rows() {
		l := want[r.UID]
		if l == nil {
			t.Errorf("mailbox %v has UID %d, which nobody was told of", h.Ref(), r.UID)
			continue
		}
		delete(want, r.UID)
		text, err := readText(ctx, h, r)
		if err != nil || text != l.text {
			t.Errorf("mailbox %v: UID %d is %.50q, %v; want %.50q", h.Ref(), r.UID, text, err, l.text)
		}
		out := make([]store.Details, 1)
		if _, _, err := h.Details(ctx, []mailbox.Row{*r}, nil, 1<<20, out); err != nil || string(out[0].Summary) != "of "+l.text {
			t.Errorf("mailbox %v: the summary of UID %d is %.50q, %v", h.Ref(), r.UID, out[0].Summary, err)
		}
		has := map[imap.Flag]bool{}
		for _, f := range v.Flags(v.Set(r)) {
			has[f] = true
		}
		for _, f := range workerFlags {
			if has[f] != l.flags[f] {
				t.Errorf("mailbox %v: UID %d has flags %v, want %v", h.Ref(), r.UID, has, l.flags)
				break
			}
		}
		counts.Messages++
		counts.Size += int64(len(l.text))
		if !l.flags[imap.Seen] {
			counts.Unseen++
		}
	}
	for uid := range want {
		t.Errorf("mailbox %v has lost UID %d", h.Ref(), uid)
	}
	if status, err := s.Status(ctx, store.System, h.Ref()); err != nil || status != counts {
		t.Errorf("mailbox %v: Status is %+v, %v; want %+v", h.Ref(), status, err, counts)
	}
}

func readText(ctx context.Context, h store.Mailbox, r *mailbox.Row) (string, error) {
	body, err := h.Body(ctx, r)
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	_, err = body.WriteRange(&text, 0, body.Size())
	return text.String(), errors.Join(err, body.Close())
}
