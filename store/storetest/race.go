package storetest

import (
	"errors"
	"fmt"
	"sync"

	"restante/imap"
	"restante/store"
)

// races is how many pairs of commits testStoreRace and testMustExistRace make at the same time.
const races = 150

// testStoreRace stores flags of messages that are expunged at the same time: what was told of each
// agrees with what was there.
func testStoreRace(e *env) {
	a := e.account("ann")
	b := e.box(a, "INBOX")
	uids := e.fill(b, races+1)
	all := imap.UIDs(uids...)
	stored, expunged := make([]store.Outcome, races), make([]store.Outcome, races)
	var wg sync.WaitGroup
	do := func(out *store.Outcome, op store.Op) {
		wg.Go(func() {
			o, err := e.store.Commit(e.ctx, store.System, op)
			if err != nil {
				e.Errorf("%T: %v", op, err)
				return
			}
			*out = o[0]
		})
	}
	start := b.Version().HighestModSeq
	for i := range races {
		do(&stored[i], &store.StoreFlags{Mailbox: b.Ref(), UIDs: all, Op: imap.StoreAdd, Flags: []imap.Flag{imap.Flag(fmt.Sprintf("k%d", i))}})
		do(&expunged[i], &store.Expunge{Mailbox: b.Ref(), UIDs: imap.UIDs(uids[i]), Undeleted: true})
	}
	wg.Wait()
	e.want(b, uids[races])
	removedBy := map[imap.UID]imap.ModSeq{}
	for i, out := range expunged {
		if !out.Done.Equal(imap.UIDs(uids[i])) || out.ModSeq <= start {
			e.Fatalf("expunging %d returned %+v", uids[i], out)
		}
		removedBy[uids[i]] = out.ModSeq
	}
	for i, out := range stored {
		if out.ModSeq <= start || !out.Done.Contains(uids[races]) {
			e.Fatalf("store %d returned %+v", i, out)
		}
		for _, uid := range uids[:races] {
			// Mod-sequences tell the order of the changes of one mailbox.
			if out.Done.Contains(uid) != (out.ModSeq < removedBy[uid]) {
				e.Errorf("store %d with mod-sequence %d says of UID %d, which was removed with %d: %v", i, out.ModSeq, uid, removedBy[uid], out.Done.Contains(uid))
			}
		}
	}
	if out := e.one(&store.StoreFlags{Mailbox: b.Ref(), UIDs: all, Op: imap.StoreAdd}); !out.Done.Equal(imap.UIDs(uids[races])) {
		e.Errorf("afterwards a store is done to %v", out.Done)
	}
	if got := e.flags(b, uids[races]); got != flagString(keywords("k", races)) {
		e.Errorf("the flags are %q", got)
	}

	// UNCHANGEDSINCE: of many who change one message, one does.
	since := b.Version().HighestModSeq
	for i := range races {
		do(&stored[i], &store.StoreFlags{Mailbox: b.Ref(), UIDs: imap.UIDs(uids[races]), Op: imap.StoreSet, Flags: []imap.Flag{imap.Flag(fmt.Sprintf("w%d", i))}, UnchangedSince: &since})
	}
	wg.Wait()
	winner := -1
	for i, out := range stored {
		switch {
		case out.Done.Empty():
			if !out.Modified.Equal(imap.UIDs(uids[races])) || out.ModSeq != 0 {
				e.Errorf("store %d returned %+v", i, out)
			}
		case winner >= 0:
			e.Errorf("stores %d and %d both found the message unchanged", winner, i)
		default:
			winner = i
		}
	}
	if got, want := e.flags(b, uids[races]), fmt.Sprintf("w%d", winner); got != want {
		e.Errorf("the flags are %q, want %q", got, want)
	}
}

// testMustExistRace copies and moves messages, all or none, that are expunged at the same time.
func testMustExistRace(e *env) {
	a := e.account("ann")
	b, dst := e.box(a, "INBOX"), e.box(a, "dst")
	uids := e.fill(b, 3*races)
	bodies := map[imap.UID]string{}
	for _, uid := range uids {
		bodies[uid] = e.body(b, uid)
	}
	type result struct {
		set            imap.UIDSet
		move           bool
		out            store.Outcome
		removed        store.Outcome
		err, expungErr error
	}
	results := make([]result, races)
	var wg sync.WaitGroup
	for i := range results {
		r := &results[i]
		r.set, r.move = imap.UIDs(uids[3*i:3*i+3]...), i%2 == 1
		wg.Go(func() {
			out, err := e.store.Commit(e.ctx, store.System, &store.Copy{From: b.Ref(), To: dst.Ref(), UIDs: r.set, Move: r.move, MustExist: true})
			if r.err = err; err == nil {
				r.out = out[0]
			}
		})
		wg.Go(func() {
			out, err := e.store.Commit(e.ctx, store.System, &store.Expunge{Mailbox: b.Ref(), UIDs: imap.UIDs(uids[3*i+1]), Undeleted: true, MustExist: true})
			if r.expungErr = err; err == nil {
				r.removed = out[0]
			}
		})
	}
	wg.Wait()
	left, arrived := b.Version(), 0
	for i, r := range results {
		middle := imap.UIDs(uids[3*i+1])
		for _, err := range []error{r.err, r.expungErr} {
			if err != nil && !errors.Is(err, store.ErrGone) {
				e.Fatalf("race %d: %v", i, err)
			}
		}
		want := imap.UIDSet{}
		switch {
		case r.err == nil && r.move: // then there was nothing left to expunge
			if r.expungErr == nil {
				e.Errorf("race %d: %v was moved, and %v expunged", i, r.set, r.removed.Done)
			}
		default:
			if r.expungErr != nil || !r.removed.Done.Equal(middle) {
				e.Errorf("race %d: expunging returned %+v, %v", i, r.removed, r.expungErr)
			}
			want = r.set.Minus(middle)
		}
		if got := left.Existing(r.set); !got.Equal(want) {
			e.Errorf("race %d: of %v there are %v, want %v; copying: %v", i, r.set, got, want, r.err)
		}
		if r.err != nil {
			continue
		}
		arrived += 3
		for j, uid := range r.out.Source {
			if got := e.body(dst, r.out.UIDs[j]); got != bodies[uid] {
				e.Errorf("race %d: UID %d became %q", i, uid, got)
			}
		}
		if len(r.out.Source) != 3 {
			e.Errorf("race %d: %v were copied of %v", i, r.out.Source, r.set)
		}
	}
	if n := dst.Version().Len(); n != arrived {
		e.Errorf("there are %d copies, want %d", n, arrived)
	}
}
