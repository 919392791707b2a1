package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

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
	st, err := o.Open(c.Dir)
	if err != nil {
		out.send(&record{Op: "open", Done: true, Err: err.Error()})
		os.Exit(1)
	}
	out.send(&record{Op: "open", Done: true})
	var wg sync.WaitGroup
	for i := range workers {
		w := &worker{number: i, rnd: rand.New(rand.NewPCG(c.Seed, uint64(i))), journal: out, store: st, handles: map[string]store.Mailbox{}}
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
	handles map[string]store.Mailbox // by name
	names   []string                 // of its mailboxes
}

// errExpected are errors that the worker's choice of names may lead to.
var errExpected = []error{mailbox.ErrExists, mailbox.ErrNotFound, mailbox.ErrBadName, mailbox.ErrHasChildren}

func (w *worker) run() {
	if err := w.begin(); err != nil {
		w.journal.send(&record{Worker: w.number, Op: "begin", Done: true, Err: err.Error()})
		return
	}
	for {
		r, do := w.choose()
		r.Worker = w.number
		w.journal.send(r)
		err := do()
		r.Done = true
		if err != nil {
			r.Err = err.Error()
			if !slices.ContainsFunc(errExpected, func(e error) bool { return errors.Is(err, e) }) {
				r.Op = "unexpected: " + r.Op
			}
		}
		r.Seen = append(r.Seen, markOf(w.shared.Version()))
		for _, name := range []string{r.Box, r.To} {
			if h := w.handles[name]; h != nil && !h.Version().Deleted {
				r.Seen = append(r.Seen, markOf(h.Version()))
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
	if w.account, err = w.store.Account(ctx, u.ID); err != nil {
		return err
	}
	e, _ := w.account.Namespace().Lookup(crashShared)
	if w.shared, err = w.account.Open(ctx, e.ID); err != nil {
		return err
	}
	return w.refresh()
}

// refresh opens the worker's mailboxes that it has not open, and closes those that are gone.
func (w *worker) refresh() error {
	w.names = w.names[:0]
	for _, h := range w.handles {
		if err := h.Close(); err != nil {
			return err
		}
	}
	clear(w.handles)
	for e := range w.account.Namespace().All() {
		if strings.HasPrefix(e.Name, crashPrefix(w.number)) {
			h, err := w.account.Open(context.Background(), e.ID)
			if err != nil {
				return err
			}
			w.names, w.handles[e.Name] = append(w.names, e.Name), h
		}
	}
	return nil
}

// name returns a name that the worker may use.
func (w *worker) name() string {
	return crashPrefix(w.number) + pick(w.rnd, []string{"a", "b", "c", "a/x", "b/y"})
}

// choose returns the next change and the function that makes it and completes the record.
func (w *worker) choose() (*record, func() error) {
	if len(w.names) == 0 {
		return w.create()
	}
	name := pick(w.rnd, w.names)
	h := w.handles[name]
	v := h.Version()
	uids := w.uids(v)
	n := w.rnd.IntN(100)
	switch {
	case n < 15 || len(uids) == 0 && n < 84:
		return w.append(name, h)
	case n < 25:
		return w.append(crashShared, w.shared)
	case n < 45:
		return w.flags(name, h, uids)
	case n < 55 || v.Len() > 100 && n < 84:
		return w.expunge(name, h)
	case n < 63:
		return w.transfer("copy", name, h, uids, pick(w.rnd, w.names))
	case n < 70:
		return w.transfer("copy", name, h, uids, crashShared)
	case n < 77:
		return w.transfer("move", name, h, uids, pick(w.rnd, w.names))
	case n < 84:
		return w.transfer("move", name, h, uids, crashShared)
	default:
		return w.other(name)
	}
}

// uids returns some messages that exist.
func (w *worker) uids(v *mailbox.Version) (out []imap.UID) {
	if v.Len() == 0 {
		return nil
	}
	first := w.rnd.IntN(v.Len())
	for i := first; i < min(v.Len(), first+1+w.rnd.IntN(6)); i++ {
		out = append(out, v.At(imap.SeqNum(i+1)).UID)
	}
	return out
}

func (w *worker) randFlags() (flags []imap.Flag) {
	for range w.rnd.IntN(3) {
		flags = append(flags, pick(w.rnd, append(keywords("k", 4), imap.Seen, imap.Flagged, imap.Deleted, imap.Deleted)))
	}
	return flags
}

func (w *worker) append(name string, h store.Mailbox) (*record, func() error) {
	r := &record{Op: "append", Box: name}
	var msgs []store.NewMessage
	for range 1 + w.rnd.IntN(3) {
		body := fmt.Appendf(nil, "Subject: message %d of worker %d\r\n\r\n", w.rnd.Uint64(), w.number)
		switch w.rnd.IntN(40) {
		case 0: // streamed past the log, if the driver does so
			body = append(body, bytes.Repeat(body[len(body)-40:], 1<<20/30)...)
		case 1, 2, 3:
			body = append(body, bytes.Repeat([]byte("lorem ipsum\r\n"), w.rnd.IntN(3000))...)
		}
		m := store.NewMessage{Size: int64(len(body)), Body: bytes.NewReader(body), Flags: w.randFlags(),
			Date: time.Unix(w.rnd.Int64N(1<<31), 0).UTC(), Summary: func() []byte { return body[:20] }}
		msgs = append(msgs, m)
		r.Msgs = append(r.Msgs, stateMsg{Hash: hash(string(body)), Flags: changeFlags("", imap.StoreSet, m.Flags), Date: mailbox.MakeDate(m.Date)})
	}
	return r, func() error {
		result, err := w.account.Append(context.Background(), h.ID(), msgs)
		r.UIDValidity, r.New, r.ModSeqs = result.UIDValidity, result.UIDs, modSeqs(h, result.UIDs)
		return err
	}
}

// modSeqs returns the mod-sequences of messages that have just been made.
func modSeqs(h store.Mailbox, uids []imap.UID) (out []imap.ModSeq) {
	v := h.Version()
	for _, uid := range uids {
		if _, r, ok := v.Find(uid); ok {
			out = append(out, r.ModSeq)
		}
	}
	return out
}

func (w *worker) flags(name string, h store.Mailbox, uids []imap.UID) (*record, func() error) {
	r := &record{Op: "flags", Box: name, UIDs: uids, StoreOp: imap.StoreOp(w.rnd.IntN(3)), Flags: w.randFlags()}
	return r, func() error {
		modseq, err := h.StoreFlags(context.Background(), imap.UIDs(uids...), r.StoreOp, r.Flags)
		r.ModSeqs = []imap.ModSeq{modseq}
		return err
	}
}

func (w *worker) expunge(name string, h store.Mailbox) (*record, func() error) {
	r := &record{Op: "expunge", Box: name}
	for _, row := range h.Version().Rows() {
		if w.rnd.IntN(3) > 0 {
			r.UIDs = append(r.UIDs, row.UID)
		}
	}
	return r, func() error {
		removed, err := h.Expunge(context.Background(), imap.UIDs(r.UIDs...))
		r.New = slices.Collect(removed.All())
		if w.rnd.IntN(2) == 0 {
			h.Hold(h.Version())
		}
		return err
	}
}

func (w *worker) transfer(op, name string, h store.Mailbox, uids []imap.UID, to string) (*record, func() error) {
	r := &record{Op: op, Box: name, UIDs: uids, To: to}
	dst := w.shared
	if to != crashShared {
		dst = w.handles[to]
	}
	do := h.Copy
	if op == "move" {
		do = h.Move
	}
	return r, func() error {
		result, err := do(context.Background(), imap.UIDs(uids...), dst.ID())
		r.UIDValidity, r.New, r.ModSeqs = result.UIDValidity, result.Dest, modSeqs(dst, result.Dest)
		return err
	}
}

func (w *worker) create() (*record, func() error) {
	r := &record{Op: "create", Box: w.name()}
	return r, func() error {
		e, err := w.account.Create(context.Background(), r.Box, nil)
		r.UIDValidity = e.UIDValidity
		return errors.Join(err, w.refresh())
	}
}

// other is a change of names or users.
func (w *worker) other(name string) (*record, func() error) {
	ctx := context.Background()
	r := &record{Box: w.name(), To: w.name()}
	switch w.rnd.IntN(7) {
	case 0:
		return w.create()
	case 1:
		r.Op, r.Box, r.To = "delete", name, ""
		return r, func() error { return errors.Join(w.account.Delete(ctx, r.Box), w.refresh()) }
	case 2:
		r.Op = "rename"
		return r, func() error { return errors.Join(w.account.Rename(ctx, r.Box, r.To), w.refresh()) }
	case 3:
		r.Op, r.To, r.On = "subscribe", "", w.rnd.IntN(2) == 0
		return r, func() error { return w.account.Subscribe(ctx, r.Box, r.On) }
	case 4:
		r.Op, r.To = "secret", fmt.Sprint(w.rnd.Uint64())
		return r, func() error { return w.store.SetSecret(ctx, r.Box, []byte(r.To)) }
	case 5:
		r.Op, r.To = "user", fmt.Sprint(w.rnd.Uint64())
		return r, func() error {
			u, err := w.store.CreateUser(ctx, r.Box, []byte(r.To))
			r.ID = u.ID
			return err
		}
	default:
		r.Op, r.To = "no user", ""
		return r, func() error { return w.store.DeleteUser(ctx, r.Box) }
	}
}
