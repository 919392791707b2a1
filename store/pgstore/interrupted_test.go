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
	"sync/atomic"
	"testing"
	"time"

	"restante/blob"
	"restante/blob/blobtest"
	"restante/imap"
	"restante/internal/pgtest"
	"restante/mailbox"
	"restante/store"
	"restante/store/storetest"
)

// TestCommitInterrupted makes thousands of commits on two machines, to the same mailboxes, while
// connections are cut, above all when a COMMIT is on its way. No commit fails, and what was
// acknowledged is there, once.
func TestCommitInterrupted(t *testing.T) {
	commits := 2400
	if testing.Short() {
		commits = 400
	}
	rnd := newRand(t)
	database := pgtest.Database(t, t.TempDir())
	var cutting atomic.Bool
	p, address := startProxy(t, database,
		func() cut { return []cut{cutBefore, cutAt, cutAfter, cutNot}[min(rnd.IntN(40), 3)] },
		func() cut {
			if cutting.Load() && rnd.IntN(500) == 0 {
				return cutAnywhere
			}
			return cutNot
		})
	objects := blobtest.NewMemory()
	recorder := storetest.NewRecorder()
	nodes := openNodes(t, address, objects, func(o *Options) { o.Patience = 2 * time.Minute })
	direct := openNodes(t, database, objects, nil)[0]

	cutting.Store(true) // whoever starts a machine is told that there is no database
	const workers = 8
	var all []*worker
	for i := range workers {
		if i%2 == 0 {
			all = append(all, newWorker(t, direct, rnd, i))
		} else { // the same account, on the other machine
			all = append(all, all[i-1].beside(rnd, i))
		}
		all[i].store = recorder.Record(nodes[i%2])
	}
	var running sync.WaitGroup
	for _, w := range all {
		running.Go(func() {
			for range commits / workers {
				w.step(t)
			}
		})
	}
	running.Wait()
	for _, what := range []cut{cutBefore, cutAt, cutAfter, cutAnywhere} {
		n := p.cuts[what].Load()
		t.Logf("%d cuts of kind %d", n, what)
		if n == 0 {
			t.Errorf("no cut of kind %d", what)
		}
	}
	for i := 0; i < workers; i += 2 {
		compareWorkers(t, direct, all[i], all[i+1])
	}
	if err := recorder.Check(); err != nil {
		t.Error(err)
	}
	for _, s := range nodes {
		if err := s.Close(); err != nil { // which waits for what is removed behind a commit
			t.Error(err)
		}
	}
	if got, want := objects.Keys(), namedObjects(t, direct); !slices.Equal(got, want) {
		t.Errorf("there are %d objects, %d are named", len(got), len(want))
	}
}

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
}

// letter is a message of a worker's.
type letter struct {
	text  string
	flags map[imap.Flag]bool
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

// step makes one commit.
func (w *worker) step(t *testing.T) {
	box := w.rnd.IntN(2)
	uids, set := w.some(box)
	switch n := w.rnd.IntN(11); {
	case n == 10:
		w.excursion(t, w.boxes[box], set)
	case n < 4 || len(uids) == 0:
		w.append(t, box)
	case n < 7:
		flag, op := workerFlags[w.rnd.IntN(len(workerFlags))], []imap.StoreOp{imap.StoreAdd, imap.StoreRemove}[w.rnd.IntN(2)]
		out := w.commit(t, &store.StoreFlags{Mailbox: w.boxes[box], UIDs: set, Op: op, Flags: []imap.Flag{flag}})
		if out == nil || !out[0].Done.Equal(set) {
			t.Errorf("%s: flags of %v: %+v", w.name, set, out)
			return
		}
		for _, uid := range uids {
			w.mine[box][uid].flags[flag] = op == imap.StoreAdd
		}
	case n < 9:
		move := w.rnd.IntN(2) == 0
		out := w.commit(t, &store.Copy{From: w.boxes[box], To: w.boxes[1-box], UIDs: set, Move: move, MustExist: true})
		if out == nil || !slices.Equal(out[0].Source, uids) {
			t.Errorf("%s: copy of %v: %+v", w.name, set, out)
			return
		}
		for i, uid := range uids {
			l := w.mine[box][uid]
			w.mine[1-box][out[0].UIDs[i]] = &letter{l.text, maps.Clone(l.flags)}
			if move {
				delete(w.mine[box], uid)
			}
		}
	default:
		out := w.commit(t, &store.Expunge{Mailbox: w.boxes[box], UIDs: set, Undeleted: true, MustExist: true})
		if out == nil || !out[0].Done.Equal(set) {
			t.Errorf("%s: expunge of %v: %+v", w.name, set, out)
			return
		}
		for _, uid := range uids {
			delete(w.mine[box], uid)
		}
	}
}

// append adds messages to a mailbox, and now and then, in the same commit, to the other one.
func (w *worker) append(t *testing.T, box int) {
	var ops []store.Op
	var letters [][]*letter
	var boxes []int
	for range 1 + w.rnd.IntN(4)/3 {
		op := &store.Append{Mailbox: w.boxes[box]}
		var ls []*letter
		for range 1 + w.rnd.IntN(3) {
			w.sent++
			l := &letter{text: fmt.Sprintf("%s %d %s", w.name, w.sent, strings.Repeat("x", w.rnd.IntN(200))), flags: map[imap.Flag]bool{}}
			body, err := w.store.Stage(context.Background(), store.System, w.boxes[box].Account, strings.NewReader(l.text))
			if err != nil {
				t.Errorf("%s: stage: %v", w.name, err)
				return
			}
			op.Messages = append(op.Messages, store.NewMessage{Body: body, Summary: []byte("of " + l.text)})
			ls = append(ls, l)
		}
		ops, letters, boxes = append(ops, op), append(letters, ls), append(boxes, box)
		box = 1 - box
	}
	for i, out := range w.commit(t, ops...) {
		for k, l := range letters[i] {
			w.mine[boxes[i]][out.UIDs[k]] = l
		}
	}
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

// namedObjects returns the keys that emails have.
func namedObjects(t *testing.T, s *Store) (keys []blob.Key) {
	t.Helper()
	rows, err := s.cells[0].db.pool.Query(context.Background(), `SELECT blob FROM email WHERE blob IS NOT NULL`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, blob.Key(key))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	return keys
}
