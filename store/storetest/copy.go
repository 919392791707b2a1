package storetest

import (
	"slices"
	"sync"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// testCopy checks what Copy and Move have in common on Copy.
func testCopy(e *env) {
	a := e.account("ann")
	src, dst := e.box(a, "INBOX"), e.box(a, "dst")
	one, two := text(), text()
	msgs := []store.NewMessage{message(one, imap.Seen, "Work"), message(two, imap.Deleted), message(text())}
	msgs[1].Date = time.Date(1996, 7, 17, 2, 44, 25, 0, time.FixedZone("", -7*3600))
	msgs[1].Summary = func() []byte { return []byte("summary of two") }
	uids := e.add(a, src, msgs...)
	there := e.fill(a, dst, 2)
	from, to := src.Version(), dst.Version()

	r, err := src.Copy(e.ctx, imap.UIDs(9999), dst.ID())
	e.must(err)
	if r.UIDValidity != to.UIDValidity || len(r.Source)+len(r.Dest) != 0 || dst.Version().HighestModSeq != to.HighestModSeq {
		e.Errorf("copying nothing returned %+v", r)
	}
	_, err = src.Copy(e.ctx, imap.UIDs(uids...), 4711)
	e.wantErr("Copy to nowhere", err, store.ErrNotFound)
	_, err = src.Move(e.ctx, imap.UIDs(uids...), 4711)
	e.wantErr("Move to nowhere", err, store.ErrNotFound)
	r, err = src.Copy(e.ctx, imap.UIDs(9999, uids[1], uids[0]), dst.ID())
	e.must(err)
	e.wantResult(r, to, uids[0], uids[1])
	if src.Version().HighestModSeq != from.HighestModSeq || dst.Version().HighestModSeq <= to.HighestModSeq {
		e.Errorf("HIGHESTMODSEQ of the source went from %d to %d, of the destination from %d to %d",
			from.HighestModSeq, src.Version().HighestModSeq, to.HighestModSeq, dst.Version().HighestModSeq)
	}
	e.expunge(src, uids[0]) // its copy stays
	for range 2 {           // the second time after reopening
		e.want(a, src, uids[1], uids[2])
		e.want(a, dst, there[0], there[1], r.Dest[0], r.Dest[1])
		if got := [...]string{e.flags(dst, r.Dest[0]), e.flags(dst, r.Dest[1])}; got != [...]string{`\seen work`, `\deleted`} {
			e.Errorf("the copies' flags are %q", got)
		}
		if got := [...]string{e.body(dst, r.Dest[0]), e.body(dst, r.Dest[1])}; got != [...]string{one, two} {
			e.Errorf("the copies are %q", got)
		}
		copied := e.row(dst, r.Dest[1])
		if got := copied.Date.Time().Format(time.RFC3339); got != "1996-07-17T02:44:25-07:00" || copied.ModSeq <= to.HighestModSeq || int(copied.Size) != len(two) {
			e.Errorf("the copy is of %s: %+v", got, copied)
		}
		if got := e.summaries(dst, copied.Ref); got[0] != "summary of two" {
			e.Errorf("the copy's summary is %q", got)
		}
		e.reopen()
		a = e.account("ann")
		src, dst = e.box(a, "INBOX"), e.box(a, "dst")
	}
	r, err = src.Copy(e.ctx, imap.UIDRange(1, 0), dst.ID())
	e.must(err)
	e.wantResult(r, dst.Version(), uids[1], uids[2])
}

// wantResult checks that the result of Copy or Move tells of these sources, and ascends. to is any
// version of the destination.
func (e *env) wantResult(r store.CopyResult, to *mailbox.Version, source ...imap.UID) {
	e.Helper()
	if r.UIDValidity != to.UIDValidity || !slices.Equal(r.Source, source) || len(r.Dest) != len(source) || !slices.IsSorted(r.Dest) || len(slices.Compact(slices.Clone(r.Dest))) != len(source) {
		e.Fatalf("the result is %+v, want sources %v and UIDVALIDITY %d", r, source, to.UIDValidity)
	}
}

// testCopyKeywords copies between mailboxes whose keywords have different bits.
func testCopyKeywords(e *env) {
	a := e.account("ann")
	src, dst := e.box(a, "INBOX"), e.box(a, "dst")
	there := e.add(a, dst, message(text(), "x", "y", "z"))[0]
	uids := e.add(a, src, message(text(), "a", "b"), message(text(), "Z", "b", imap.Draft), message(text()))
	for i, do := range []func() (store.CopyResult, error){
		func() (store.CopyResult, error) { return src.Copy(e.ctx, imap.UIDs(uids...), dst.ID()) },
		func() (store.CopyResult, error) { return src.Move(e.ctx, imap.UIDs(uids...), dst.ID()) },
	} {
		r, err := do()
		e.must(err)
		if got := [...]string{e.flags(dst, r.Dest[0]), e.flags(dst, r.Dest[1]), e.flags(dst, r.Dest[2]), e.flags(dst, there)}; got != [...]string{"a b", `\draft b z`, "", "x y z"} {
			e.Errorf("%d: the flags are %q", i, got)
		}
	}
	if got := dst.Version().Keywords(); len(got) != 5 {
		e.Errorf("the destination's keywords are %q", got)
	}
}

func testMove(e *env) {
	a := e.account("ann")
	src, dst := e.box(a, "INBOX"), e.box(a, "dst")
	one := text()
	uids := e.add(a, src, message(text()), message(one, imap.Seen, "Work"), message(text(), imap.Deleted))
	there := e.fill(a, dst, 1)
	from, to := src.Version(), dst.Version()
	r, err := src.Move(e.ctx, imap.UIDs(9999), dst.ID())
	e.must(err)
	if len(r.Source)+len(r.Dest) != 0 || src.Version().HighestModSeq != from.HighestModSeq || dst.Version().HighestModSeq != to.HighestModSeq {
		e.Errorf("moving nothing returned %+v", r)
	}
	r, err = src.Move(e.ctx, imap.UIDs(uids[2], uids[1]), dst.ID())
	e.must(err)
	e.wantResult(r, to, uids[1], uids[2])
	if src.Version().HighestModSeq <= from.HighestModSeq || dst.Version().HighestModSeq <= to.HighestModSeq {
		e.Error("a mod-sequence did not go forward")
	}
	for range 2 { // the second time after reopening
		e.want(a, src, uids[0])
		e.want(a, dst, there[0], r.Dest[0], r.Dest[1])
		if e.body(dst, r.Dest[0]) != one || e.flags(dst, r.Dest[0]) != `\seen work` || e.flags(dst, r.Dest[1]) != `\deleted` {
			e.Errorf("%q with flags %q became %q", one, e.flags(dst, r.Dest[0]), e.body(dst, r.Dest[0]))
		}
		e.reopen()
		a = e.account("ann")
		src, dst = e.box(a, "INBOX"), e.box(a, "dst")
	}
	if next := e.fill(a, src, 1)[0]; next <= uids[2] {
		e.Errorf("UID %d was given again", next)
	}
}

func testTransferToSelf(e *env) {
	a := e.account("ann")
	b := e.box(a, "INBOX")
	one, two := text(), text()
	uids := e.add(a, b, message(one, imap.Seen, "Work"), message(two))
	v := b.Version()
	r, err := b.Copy(e.ctx, imap.UIDs(uids[0]), b.ID())
	e.must(err)
	e.wantResult(r, v, uids[0])
	e.want(a, b, uids[0], uids[1], r.Dest[0])
	moved, err := b.Move(e.ctx, imap.UIDs(uids...), b.ID())
	e.must(err)
	e.wantResult(moved, v, uids...)
	e.want(a, b, r.Dest[0], moved.Dest[0], moved.Dest[1])
	e.reopen()
	a = e.account("ann")
	b = e.box(a, "INBOX")
	e.want(a, b, r.Dest[0], moved.Dest[0], moved.Dest[1])
	for _, uid := range []imap.UID{r.Dest[0], moved.Dest[0]} {
		if e.body(b, uid) != one || e.flags(b, uid) != `\seen work` {
			e.Errorf("UID %d has flags %q and is %q", uid, e.flags(b, uid), e.body(b, uid))
		}
	}
	if e.body(b, moved.Dest[1]) != two {
		e.Error("the second message is another one")
	}
}

// testTransferConcurrently moves messages in a circle from several goroutines: none gets lost,
// none is doubled, and nobody waits for ever.
func testTransferConcurrently(e *env) {
	a := e.account("ann")
	names := []string{"INBOX", "a", "b"}
	want := map[string]bool{}
	for _, name := range names {
		b := e.box(a, name)
		for range 20 {
			s := text()
			e.add(a, b, message(s))
			want[s] = true
		}
	}
	e.within("Move", func() {
		var wg sync.WaitGroup
		for w := range 6 {
			src, dst := e.box(a, names[w%3]), e.id(a, names[(w+1+w/3)%3])
			wg.Go(func() {
				for i := range 20 {
					v := src.Version()
					if v.Len() == 0 {
						continue
					}
					uid := v.At(imap.SeqNum(1 + (w+i)%v.Len())).UID
					r, err := src.Move(e.ctx, imap.UIDRange(uid, uid+3), dst)
					if err != nil || len(r.Source) != len(r.Dest) {
						e.Errorf("Move: %+v, %v", r, err)
					}
					for _, uid := range r.Source {
						if _, _, ok := src.Version().Find(uid); ok {
							e.Errorf("UID %d was moved and is still there", uid)
						}
					}
				}
			})
		}
		wg.Wait()
	})
	e.reopen()
	a = e.account("ann")
	n := 0
	for _, name := range names {
		b := e.box(a, name)
		e.must(checkVersion(b.Version()))
		for _, uid := range uidsOf(b.Version()) {
			delete(want, e.body(b, uid))
			n++
		}
	}
	if len(want) != 0 || n != 60 {
		e.Errorf("there are %d messages instead of 60, %d are missing", n, len(want))
	}
}
