package storetest

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing/iotest"

	"restante/imap"
	"restante/store"
)

func testStage(e *env) {
	a := e.account("ann")
	b := e.box(a, "INBOX")
	v, now := b.Version(), e.snapshot()
	e.drainAll()
	var want []string
	var bodies []store.Staged
	for _, size := range []int{0, 1, 100, 4095, 4096, 65_537, 1<<20 - 1, 1 << 20, 3<<20 + 1} {
		s := strings.Repeat(text(), size/50+1)[:size]
		staged, err := e.store.Stage(e.ctx, store.System, a.ID(), iotest.HalfReader(strings.NewReader(s)))
		e.must(err)
		if staged.Size() != int64(size) {
			e.Errorf("a body of %d octets has size %d", size, staged.Size())
		}
		want, bodies = append(want, s), append(bodies, staged)
	}
	if b.Version() != v || e.snapshot() != now {
		e.Error("staging bodies changed something")
	}
	e.wantSilence("staging bodies")
	op := &store.Append{Mailbox: b.Ref()}
	for _, body := range bodies {
		op.Messages = append(op.Messages, store.NewMessage{Body: body})
	}
	uids := e.one(op).UIDs
	for _, body := range bodies { // they are the message's now
		if body.Discard(); body.Size() != int64(len(want[slices.Index(bodies, body)])) {
			e.Errorf("a body that was committed has size %d", body.Size())
		}
	}
	for range 2 { // the second time after reopening
		for i, uid := range uids {
			if got := e.body(b, uid); got != want[i] || int(e.row(b, uid).Size) != len(want[i]) {
				e.Errorf("a body of %d octets became one of %d, %d in the row", len(want[i]), len(got), e.row(b, uid).Size)
			}
		}
		e.reopen()
		b = e.box(e.account("ann"), "INBOX")
	}
	// Nobody commits these.
	for _, s := range want {
		e.stage(b.Ref().Account, s)
	}
	e.reopen()
	e.want(e.box(e.account("ann"), "INBOX"), uids...)
}

func testStageFails(e *env) {
	a := e.account("ann")
	b := e.box(a, "INBOX")
	errRead := errors.New("the connection broke")
	broken := reader(func([]byte) (int, error) { return 0, errRead })
	for _, size := range []int{0, 1, 100_000, 5 << 20} {
		for _, r := range []io.Reader{broken, iotest.DataErrReader(io.MultiReader(strings.NewReader("x"), broken))} {
			s, err := e.store.Stage(e.ctx, store.System, a.ID(), io.MultiReader(strings.NewReader(strings.Repeat("x", size)), r))
			e.wantErr(fmt.Sprintf("Stage, whose reader breaks after %d octets", size), err, errRead)
			if s != nil {
				e.Error("a body that could not be read is staged")
			}
		}
	}
	e.want(b)
	e.reopen()
	b = e.box(e.account("ann"), "INBOX")
	e.want(b, e.fill(b, 1)...)
}

func testStageTooBig(e *env) {
	limit := e.opener.MaxMessage
	if limit == 0 {
		return
	}
	a := e.account("ann")
	b := e.box(a, "INBOX")
	var read int64
	endless := reader(func(p []byte) (int, error) {
		clear(p)
		read += int64(len(p))
		return len(p), nil
	})
	for _, r := range []io.Reader{endless, io.LimitReader(endless, limit+1)} {
		s, err := e.store.Stage(e.ctx, store.System, a.ID(), r)
		e.wantErr("Stage of too much", err, store.ErrTooBig)
		if s != nil {
			e.Error("a body that is too big is staged")
		}
	}
	if read > 2*limit+16<<20 {
		e.Errorf("%d octets were read", read)
	}
	s, err := e.store.Stage(e.ctx, store.System, a.ID(), io.LimitReader(endless, limit))
	e.must(err)
	uid := e.add(b, store.NewMessage{Body: s})[0]
	if got := int64(e.row(b, uid).Size); got != limit {
		e.Errorf("the message has %d octets, want %d", got, limit)
	}
}

// testStageStale uses bodies again that were committed or discarded.
func testStageStale(e *env) {
	a := e.account("ann")
	b, other := e.box(a, "INBOX"), e.box(a, "other")
	use := func(b store.Mailbox, s store.Staged) *store.Append {
		return &store.Append{Mailbox: b.Ref(), Messages: []store.NewMessage{{Body: s}}}
	}
	for _, size := range []int{10, 3 << 20} {
		used, discarded, fresh := e.stage(a.ID(), strings.Repeat("u", size)), e.stage(a.ID(), strings.Repeat("d", size)), e.stage(a.ID(), text())
		e.one(use(b, used))
		discarded.Discard()
		discarded.Discard()
		for _, s := range []store.Staged{used, discarded} {
			e.fails(store.ErrStale, 0, use(b, s))
			e.fails(store.ErrStale, 1, use(other, fresh), use(b, s))
			e.fails(store.ErrStale, 0, &store.Append{Mailbox: b.Ref(), Messages: []store.NewMessage{{Body: fresh}, {Body: s}}})
		}
		used.Discard()
		want := fresh.Size()
		e.one(use(b, fresh)) // commits that failed have left it
		if v := b.Version(); int64(v.At(imap.SeqNum(v.Len())).Size) != want || e.body(b, v.At(imap.SeqNum(v.Len()-1)).UID) != strings.Repeat("u", size) {
			e.Errorf("the messages have %d and %d octets", v.At(imap.SeqNum(v.Len()-1)).Size, v.At(imap.SeqNum(v.Len())).Size)
		}
	}

	// Of two commits at the same time one gets the body.
	s := e.stage(a.ID(), "wanted")
	before := b.Version().Len()
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = e.store.Commit(e.ctx, store.System, use(b, s)) })
	}
	wg.Wait()
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
		} else {
			e.wantErr("another commit", err, store.ErrStale)
		}
	}
	if n := b.Version().Len() - before; made != 1 || n != 1 {
		e.Errorf("%d commits got the body, there are %d messages", made, n)
	}
	e.reopen()
	b = e.box(e.account("ann"), "INBOX")
	if n := b.Version().Len(); n != before+1 {
		e.Errorf("there are %d messages, want %d", n, before+1)
	}
}

// testStageSlowly stages bodies whose readers stand still in the middle, and reads one into a
// writer that does, while everything else goes on.
func testStageSlowly(e *env) {
	a := e.account("ann")
	b := e.box(a, "INBOX")
	first := e.fill(b, 1)[0]
	for _, size := range []int{100, 6 << 20} {
		want := strings.Repeat(text(), size/50+1)[:size]
		r, w := io.Pipe()
		var staged store.Staged
		var err error
		done := make(chan struct{})
		go func() {
			defer close(done)
			staged, err = e.store.Stage(e.ctx, store.System, a.ID(), r)
			r.CloseWithError(err) // if it fails early
		}()
		half := size / 2
		if _, err := io.WriteString(w, want[:half]); err != nil {
			e.Fatal(err)
		}
		readEnd, writeEnd := io.Pipe()
		body, err2 := b.Body(e.ctx, e.row(b, first))
		e.must(err2)
		written := make(chan error)
		go func() {
			_, err := body.WriteRange(writeEnd, 0, body.Size())
			written <- errors.Join(err, body.Close())
		}()
		var between []imap.UID
		e.within("something, while Stage's reader and a Body's writer hang,", func() {
			for i := range 5 {
				between = append(between, e.fill(b, 1)...)
				e.flag(b, imap.StoreAdd, []imap.Flag{imap.Flagged}, between[i])
				other := e.box(a, fmt.Sprintf("other %d %d", size, i))
				e.fill(other, 1)
				e.copy(b, other, between...)
				if n := other.Version().Len(); n != i+2 || !strings.Contains(describe(a.Namespace()), "other") {
					e.Errorf("%d messages instead of %d", n, i+2)
				}
			}
			e.expunge(b, between[0])
		})
		if _, err := io.ReadFull(readEnd, make([]byte, e.row(b, first).Size)); err != nil {
			e.Error(err)
		}
		e.must(<-written)
		if _, err := io.WriteString(w, want[half:]); err != nil {
			e.Error(err)
		}
		w.Close()
		e.within("Stage", func() { <-done })
		e.must(err)
		uid := e.add(b, store.NewMessage{Body: staged})[0]
		if uid <= slices.Max(between) {
			e.Errorf("UID %d appeared after %v", uid, between)
		}
		if got := e.body(b, uid); got != want {
			e.Errorf("the slow message of %d octets is not what was staged", len(want))
		}
	}
}
