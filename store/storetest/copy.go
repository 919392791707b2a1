package storetest

import (
	"slices"
	"sync"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// testCopy checks what copies and moves have in common on copies.
func testCopy(e *env) {
	a := e.account("ann")
	src, dst := e.box(a, "INBOX"), e.box(a, "dst")
	one, two := text(), text()
	msgs := []store.NewMessage{e.message(src, one, imap.Seen, "Work"), e.message(src, two, imap.Deleted), e.message(src, text())}
	msgs[1].Date = time.Date(1996, 7, 17, 2, 44, 25, 0, time.FixedZone("", -7*3600))
	uids := e.add(src, msgs...)
	there := e.fill(dst, 2)
	from, to := src.Version(), dst.Version()

	r := e.copy(src, dst, 9999)
	if r.UIDValidity != to.UIDValidity || len(r.Source)+len(r.UIDs) != 0 || r.ModSeq != 0 || dst.Version().HighestModSeq != to.HighestModSeq {
		e.Errorf("copying nothing returned %+v", r)
	}
	nowhere := store.Ref{Account: a.ID(), Mailbox: 4711}
	for _, move := range []bool{false, true} {
		for _, op := range []*store.Copy{{From: src.Ref(), To: nowhere}, {From: nowhere, To: dst.Ref()}} {
			op.UIDs, op.Move = imap.UIDs(uids...), move
			if err := e.fails(store.ErrNotFound, 0, op); err.Ref != nowhere {
				e.Errorf("mailbox %+v is to blame, want %+v", err.Ref, nowhere)
			}
		}
	}
	r = e.copy(src, dst, 9999, uids[1], uids[0])
	e.wantCopied(r, to, uids[0], uids[1])
	if src.Version().HighestModSeq != from.HighestModSeq || r.ModSeq <= to.HighestModSeq || dst.Version().HighestModSeq != r.ModSeq {
		e.Errorf("HIGHESTMODSEQ of the source went from %d to %d, of the destination from %d to %d",
			from.HighestModSeq, src.Version().HighestModSeq, to.HighestModSeq, dst.Version().HighestModSeq)
	}
	e.expunge(src, uids[0]) // its copy stays
	for range 2 {           // the second time after reopening
		e.want(src, uids[1], uids[2])
		e.want(dst, there[0], there[1], r.UIDs[0], r.UIDs[1])
		if got := [...]string{e.flags(dst, r.UIDs[0]), e.flags(dst, r.UIDs[1])}; got != [...]string{`\seen work`, `\deleted`} {
			e.Errorf("the copies' flags are %q", got)
		}
		if got := [...]string{e.body(dst, r.UIDs[0]), e.body(dst, r.UIDs[1])}; got != [...]string{one, two} {
			e.Errorf("the copies are %q", got)
		}
		copied := e.row(dst, r.UIDs[1])
		if got := copied.Date.Time().Format(time.RFC3339); got != "1996-07-17T02:44:25-07:00" || copied.ModSeq != r.ModSeq || int(copied.Size) != len(two) {
			e.Errorf("the copy is of %s: %+v", got, copied)
		}
		e.reopen()
		a = e.account("ann")
		src, dst = e.box(a, "INBOX"), e.box(a, "dst")
	}
	r = e.one(&store.Copy{From: src.Ref(), To: dst.Ref(), UIDs: imap.UIDRange(1, 0)})
	e.wantCopied(r, dst.Version(), uids[1], uids[2])
}

// testCopyDetails checks that copies have the same summary and IDs, and when they were saved.
func testCopyDetails(e *env) {
	a := e.account("ann")
	src, dst := e.box(a, "INBOX"), e.box(a, "dst")
	early := time.Date(2005, 5, 5, 5, 5, 5, 0, time.UTC)
	msgs := []store.NewMessage{e.message(src, text()), e.message(src, text())}
	msgs[0].Summary, msgs[0].EmailID, msgs[0].ThreadID, msgs[0].Saved = []byte("a summary"), 1<<63|5, 1<<63|7, early
	msgs[1].Saved = early
	uids := e.add(src, msgs...)
	want := []store.Details{e.details(src, e.row(src, uids[0])), e.details(src, e.row(src, uids[1]))}
	before := time.Now().Truncate(time.Second)
	copied, self := e.copy(src, dst, uids...).UIDs, e.copy(src, src, uids...).UIDs
	moved := e.move(src, dst, uids...).UIDs
	after := time.Now()
	for range 2 { // the second time after reopening
		for _, c := range []struct {
			what string
			b    store.Mailbox
			uids []imap.UID
		}{{"copied", dst, copied}, {"copied to itself", src, self}, {"moved", dst, moved}} {
			for i, uid := range c.uids {
				row := e.row(c.b, uid)
				if got := e.details(c.b, row); string(got.Summary) != string(want[i].Summary) || got.EmailID != want[i].EmailID || got.ThreadID != want[i].ThreadID {
					e.Errorf("%s: the details are %+v, want %+v", c.what, got, want[i])
				}
				if t, ok := row.Saved.Time(); !ok || t.Before(before) || t.After(after) {
					e.Errorf("%s: it was saved at %v, %v", c.what, t, ok)
				}
			}
		}
		e.reopen()
		a = e.account("ann")
		src, dst = e.box(a, "INBOX"), e.box(a, "dst")
	}
}

// wantCopied checks that the outcome of Copy tells of these sources, and ascends. to is any
// version of the destination.
func (e *env) wantCopied(r store.Outcome, to *mailbox.Version, source ...imap.UID) {
	e.Helper()
	if r.UIDValidity != to.UIDValidity || !slices.Equal(r.Source, source) || len(r.UIDs) != len(source) || !slices.IsSorted(r.UIDs) ||
		len(slices.Compact(slices.Clone(r.UIDs))) != len(source) || r.ModSeq == 0 {
		e.Fatalf("the outcome is %+v, want sources %v and UIDVALIDITY %d", r, source, to.UIDValidity)
	}
}

// testCopyKeywords copies between mailboxes whose keywords have different places.
func testCopyKeywords(e *env) {
	a := e.account("ann")
	src, dst := e.box(a, "INBOX"), e.box(a, "dst")
	there := e.add(dst, e.message(dst, text(), "x", "y", "z"))[0]
	uids := e.add(src, e.message(src, text(), "a", "b"), e.message(src, text(), "Z", "b", imap.Draft), e.message(src, text()))
	e.flag(src, imap.StoreAdd, []imap.Flag{"unused"}, uids[2])
	e.flag(src, imap.StoreRemove, []imap.Flag{"unused"}, uids[2])
	for _, do := range []func(from, to store.Mailbox, uids ...imap.UID) store.Outcome{e.copy, e.move} {
		r := do(src, dst, uids...)
		if got := [...]string{e.flags(dst, r.UIDs[0]), e.flags(dst, r.UIDs[1]), e.flags(dst, r.UIDs[2]), e.flags(dst, there)}; got != [...]string{"a b", `\draft b z`, "", "x y z"} {
			e.Errorf("the flags are %q", got)
		}
	}
	if got := dst.Version().Keywords(); len(got) != 5 {
		e.Errorf("the destination's keywords are %q", got)
	}
}

// testCopyToAccount copies and moves messages to somebody else's mailbox.
func testCopyToAccount(e *env) {
	ann, bob := e.account("ann"), e.account("bob")
	src, dst := e.box(ann, "INBOX"), e.box(bob, "INBOX")
	one, two := text(), text()
	uids := e.add(src, e.message(src, one, "work"), e.message(src, two+string(make([]byte, 2<<20))))
	copied := e.copy(src, dst, uids...)
	e.wantCopied(copied, dst.Version(), uids...)
	moved := e.move(src, dst, uids...)
	e.wantCopied(moved, dst.Version(), uids...)
	e.want(src)
	e.must(e.store.DeleteUser(e.ctx, "ann"))
	for range 2 { // the second time after reopening
		e.want(dst, append(slices.Clone(copied.UIDs), moved.UIDs...)...)
		for _, r := range []store.Outcome{copied, moved} {
			if got := e.body(dst, r.UIDs[0]); got != one || e.flags(dst, r.UIDs[0]) != "work" {
				e.Errorf("%q with flags %q", got, e.flags(dst, r.UIDs[0]))
			}
			if got := e.body(dst, r.UIDs[1]); len(got) != len(two)+2<<20 {
				e.Errorf("the second message has %d octets", len(got))
			}
		}
		e.reopen()
		dst = e.box(e.account("bob"), "INBOX")
	}
}

func testMove(e *env) {
	a := e.account("ann")
	src, dst := e.box(a, "INBOX"), e.box(a, "dst")
	one := text()
	uids := e.add(src, e.message(src, text()), e.message(src, one, imap.Seen, "Work"), e.message(src, text(), imap.Deleted))
	there := e.fill(dst, 1)
	from, to := src.Version(), dst.Version()
	r := e.move(src, dst, 9999)
	if len(r.Source)+len(r.UIDs) != 0 || r.ModSeq != 0 || src.Version().HighestModSeq != from.HighestModSeq || dst.Version().HighestModSeq != to.HighestModSeq {
		e.Errorf("moving nothing returned %+v", r)
	}
	r = e.move(src, dst, uids[2], uids[1])
	e.wantCopied(r, to, uids[1], uids[2])
	if src.Version().HighestModSeq <= from.HighestModSeq || dst.Version().HighestModSeq != r.ModSeq || r.ModSeq <= to.HighestModSeq {
		e.Error("a mod-sequence did not go forward")
	}
	for range 2 { // the second time after reopening
		e.want(src, uids[0])
		e.want(dst, there[0], r.UIDs[0], r.UIDs[1])
		if e.body(dst, r.UIDs[0]) != one || e.flags(dst, r.UIDs[0]) != `\seen work` || e.flags(dst, r.UIDs[1]) != `\deleted` {
			e.Errorf("%q with flags %q became %q", one, e.flags(dst, r.UIDs[0]), e.body(dst, r.UIDs[0]))
		}
		e.reopen()
		a = e.account("ann")
		src, dst = e.box(a, "INBOX"), e.box(a, "dst")
	}
	if next := e.fill(src, 1)[0]; next <= uids[2] {
		e.Errorf("UID %d was given again", next)
	}
}

func testCopyToSelf(e *env) {
	b := e.box(e.account("ann"), "INBOX")
	one, two := text(), text()
	uids := e.add(b, e.message(b, one, imap.Seen, "Work"), e.message(b, two))
	v := b.Version()
	r := e.copy(b, b, uids[0])
	e.wantCopied(r, v, uids[0])
	e.want(b, uids[0], uids[1], r.UIDs[0])
	moved := e.move(b, b, uids...)
	e.wantCopied(moved, v, uids...)
	e.want(b, r.UIDs[0], moved.UIDs[0], moved.UIDs[1])
	if got, err := v.Apply(e.changes(b, v.HighestModSeq)); err != nil || !slices.Equal(uidsOf(got), uidsOf(b.Version())) {
		e.Errorf("the changes lead to %v, %v", got, err)
	}
	e.reopen()
	b = e.box(e.account("ann"), "INBOX")
	e.want(b, r.UIDs[0], moved.UIDs[0], moved.UIDs[1])
	for _, uid := range []imap.UID{r.UIDs[0], moved.UIDs[0]} {
		if e.body(b, uid) != one || e.flags(b, uid) != `\seen work` {
			e.Errorf("UID %d has flags %q and is %q", uid, e.flags(b, uid), e.body(b, uid))
		}
	}
	if e.body(b, moved.UIDs[1]) != two {
		e.Error("the second message is another one")
	}
	// A copy does not go with the original.
	e.expunge(b, r.UIDs[0])
	b.Hold(b.Version())
	if e.body(b, moved.UIDs[0]) != one {
		e.Error("a message went with its copy")
	}
}

// testMoveConcurrently moves messages in a circle from several goroutines: none gets lost, none is
// doubled, and nobody waits for ever.
func testMoveConcurrently(e *env) {
	a := e.account("ann")
	names := []string{"INBOX", "a", "b"}
	want := map[string]bool{}
	for _, name := range names {
		b := e.box(a, name)
		for _, uid := range e.fill(b, 20) {
			want[e.body(b, uid)] = true
		}
	}
	e.within("Move", func() {
		var wg sync.WaitGroup
		for w := range 6 {
			src, dst := e.box(a, names[w%3]), e.ref(a, names[(w+1+w/3)%3])
			wg.Go(func() {
				for i := range 20 {
					v := src.Version()
					if v.Len() == 0 {
						continue
					}
					uid := v.At(imap.SeqNum(1 + (w+i)%v.Len())).UID
					out, err := e.store.Commit(e.ctx, store.System, &store.Copy{From: src.Ref(), To: dst, UIDs: imap.UIDRange(uid, uid+3), Move: true})
					if err != nil || len(out[0].Source) != len(out[0].UIDs) {
						e.Errorf("Move: %+v, %v", out, err)
						continue
					}
					for _, uid := range out[0].Source {
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
