package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// childEnv, when it is set, makes Run the writer of a crash test. It holds a childConfig.
const childEnv = "RESTANTE_STORETEST_CHILD"

type childConfig struct {
	Dir  string
	Seed uint64
}

const (
	crashUser   = "crash"
	crashShared = "Shared" // all workers add to it, none takes away
	workers     = 4
)

// crashPrefix is what the names of a worker's mailboxes, subscriptions and users begin with.
func crashPrefix(worker int) string { return fmt.Sprintf("w%d/", worker) }

// runChild is the whole life of a writer, if this process is one: several workers make changes
// and tell of them on file descriptor 3, until the process is killed.
func runChild(o Opener) bool {
	s := os.Getenv(childEnv)
	if s == "" {
		return false
	}
	var c childConfig
	if err := json.Unmarshal([]byte(s), &c); err != nil {
		panic(err)
	}
	out := &journal{file: os.NewFile(3, "journal")}
	out.send(&record{Op: "open"})
	st, err := o.Open(c.Dir)
	if err != nil {
		out.send(&record{Op: "open", Done: true, Err: err.Error()})
		os.Exit(1)
	}
	out.send(&record{Op: "open", Done: true})
	var wg sync.WaitGroup
	for i := range workers {
		w := &worker{number: i, rnd: rand.New(rand.NewPCG(c.Seed, uint64(i))), journal: out, store: st, handles: map[mailbox.ID]store.Mailbox{}}
		wg.Go(w.run)
	}
	wg.Wait()
	os.Exit(1) // all of them failed, and have said so
	return true
}

// journal sends records, each in one piece.
type journal struct {
	mu   sync.Mutex
	file *os.File
}

func (j *journal) send(r *record) {
	line, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		os.Exit(1) // nobody reads any more
	}
}

// worker makes random changes, one after the other, in mailboxes of its own and in Shared.
type worker struct {
	number  int
	rnd     *rand.Rand
	journal *journal
	store   store.Store
	account store.Account
	shared  store.Mailbox
	handles map[mailbox.ID]store.Mailbox // on its own mailboxes
}

// errExpected are errors that what the worker draws may lead to.
var errExpected = []error{mailbox.ErrExists, mailbox.ErrNotFound, mailbox.ErrBadName, mailbox.ErrHasChildren, store.ErrGone}

func (w *worker) run() {
	if err := w.begin(); err != nil {
		w.journal.send(&record{Worker: w.number, Op: "begin", Done: true, Err: err.Error()})
		return
	}
	for n := 0; ; n++ {
		r, do, err := w.choose(n == 0)
		if err == nil {
			r.Worker = w.number
			w.journal.send(r)
			err = do()
		}
		r.Done = true
		if err != nil {
			r.Err = err.Error()
			if !slices.ContainsFunc(errExpected, func(e error) bool { return errors.Is(err, e) }) {
				r.Op = "unexpected: " + r.Op
			}
		}
		r.Seen = append(r.Seen, markOf(w.shared.Version()))
		for _, h := range w.handles {
			if v := h.Version(); !v.Deleted {
				r.Seen = append(r.Seen, markOf(v))
			}
		}
		w.journal.send(r)
		if strings.HasPrefix(r.Op, "unexpected") {
			return
		}
	}
}

func (w *worker) begin() error {
	ctx := context.Background()
	u, err := w.store.User(ctx, crashUser)
	if err != nil {
		return err
	}
	if w.account, err = w.store.Account(ctx, store.System, u.ID); err != nil {
		return err
	}
	e, _ := w.account.Namespace().Lookup(crashShared)
	if w.shared, err = w.store.Open(ctx, store.System, store.Ref{Account: u.ID, Mailbox: e.ID}); err != nil {
		return err
	}
	return w.refresh()
}

// refresh opens the worker's mailboxes that it has not open, and closes those that are gone.
func (w *worker) refresh() error {
	names := w.account.Namespace()
	for id, h := range w.handles {
		if _, ok := names.ByID(id); !ok {
			delete(w.handles, id)
			if err := h.Close(); err != nil {
				return err
			}
		}
	}
	for e := range names.All() {
		if w.handles[e.ID] != nil || !strings.HasPrefix(e.Name, crashPrefix(w.number)) {
			continue
		}
		h, err := w.store.Open(context.Background(), store.System, store.Ref{Account: w.account.ID(), Mailbox: e.ID})
		if err != nil {
			return err
		}
		w.handles[e.ID] = h
	}
	return nil
}

// name returns a name that the worker may use.
func (w *worker) name() string {
	return crashPrefix(w.number) + pick(w.rnd, []string{"a", "b", "c", "a/x", "b/y"})
}

// choose returns the next change and the function that makes it and completes the record. The
// first one appends to several mailboxes, also to Shared.
func (w *worker) choose(first bool) (*record, func() error, error) {
	if !first && w.rnd.IntN(20) == 0 {
		r, do := w.userChange()
		return r, do, nil
	}
	c := &crashCommit{worker: w, names: w.account.Namespace()}
	if first {
		c.appendTo(c.create(), 2)
		c.appendTo(crashShared, 2)
	}
	for range 1 + w.rnd.IntN(1+w.rnd.IntN(6)) {
		c.draw()
	}
	if w.rnd.IntN(25) == 0 { // which undoes the others
		c.add(crashStep{Op: "nothing"}, &store.Expunge{Mailbox: w.shared.Ref(), UIDs: imap.UIDs(1 << 30), MustExist: true})
	}
	r := &record{Op: "commit", Steps: c.steps}
	return r, func() error {
		out, err := w.store.Commit(context.Background(), store.System, c.ops...)
		if err != nil {
			c.discard()
			return err
		}
		for i := range out {
			s := &r.Steps[i]
			s.UIDValidity, s.New, s.ModSeq = out[i].UIDValidity, out[i].UIDs, out[i].ModSeq
			s.Done = slices.Collect(out[i].Done.All())
			switch s.Op {
			case "copy", "move":
				s.Done = out[i].Source
			case "create":
				s.UIDValidity = out[i].Created.UIDValidity
			}
		}
		for _, h := range w.handles {
			if w.rnd.IntN(3) == 0 {
				h.Hold(h.Version())
			}
		}
		return w.refresh()
	}, c.err
}

// userChange is a change of users.
func (w *worker) userChange() (*record, func() error) {
	ctx := context.Background()
	r := &record{User: w.name(), Secret: fmt.Sprint(w.rnd.Uint64())}
	switch w.rnd.IntN(3) {
	case 0:
		r.Op = "secret"
		return r, func() error { return w.store.SetSecret(ctx, r.User, []byte(r.Secret)) }
	case 1:
		r.Op = "user"
		return r, func() error {
			u, err := w.store.CreateUser(ctx, r.User, []byte(r.Secret))
			r.ID = u.ID
			return err
		}
	default:
		r.Op = "no user"
		return r, func() error { return w.store.DeleteUser(ctx, r.User) }
	}
}
