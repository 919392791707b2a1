package storetest

import (
	"fmt"
	"slices"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

func testStoreFlags(e *env) {
	a := e.account("ann")
	b, other := e.box(a, "INBOX"), e.box(a, "INBOX")
	uids := e.fill(b, 4)
	e.expunge(b, uids[2])
	uids = slices.Delete(uids, 2, 3)
	for _, c := range []struct {
		set     imap.UIDSet
		op      imap.StoreOp
		flags   []imap.Flag
		want    string // of the messages in set
		changed int
	}{
		{imap.UIDs(uids...), imap.StoreAdd, []imap.Flag{imap.Seen, imap.Flagged}, `\flagged \seen`, 3},
		{imap.UIDs(uids[0]), imap.StoreAdd, []imap.Flag{imap.Seen}, `\flagged \seen`, 0},
		{imap.UIDs(uids[0]), imap.StoreAdd, nil, `\flagged \seen`, 0},
		{imap.UIDs(uids[0], uids[1]), imap.StoreRemove, []imap.Flag{imap.Seen, imap.Draft}, `\flagged`, 2},
		{imap.UIDs(uids...), imap.StoreSet, []imap.Flag{imap.Flagged}, `\flagged`, 1},
		{imap.UIDs(uids[1]), imap.StoreSet, []imap.Flag{imap.Answered, imap.Recent, "Work"}, `\answered work`, 1},
		{imap.UIDs(uids[1]), imap.StoreSet, []imap.Flag{`\answered`, "WORK"}, `\answered work`, 0},
		{imap.UIDs(uids[1]), imap.StoreAdd, []imap.Flag{imap.Recent}, `\answered work`, 0},
		{imap.UIDs(uids[1]), imap.StoreRemove, []imap.Flag{"unknown"}, `\answered work`, 0},
		{imap.UIDs(9999), imap.StoreAdd, []imap.Flag{imap.Seen, "unused"}, "", 0},
		{imap.UIDSet{}, imap.StoreAdd, []imap.Flag{imap.Seen}, "", 0},
		{imap.UIDRange(uids[0], 9999), imap.StoreSet, nil, "", 3},
		{imap.UIDRange(uids[1], 0), imap.StoreAdd, []imap.Flag{imap.Draft}, `\draft`, 2},
		{imap.UIDs(0), imap.StoreSet, []imap.Flag{imap.Seen}, `\seen`, 1},
	} {
		old := b.Version()
		out := e.one(&store.StoreFlags{Mailbox: b.Ref(), UIDs: c.set, Op: c.op, Flags: c.flags})
		modseq, v := out.ModSeq, b.Version()
		what := fmt.Sprintf("StoreFlags(%v, %d, %q)", c.set, c.op, c.flags)
		if (modseq != 0) != (c.changed != 0) || modseq != 0 && modseq <= old.HighestModSeq || v.HighestModSeq != max(old.HighestModSeq, modseq) {
			e.Errorf("%s returned %+v, HIGHESTMODSEQ went from %d to %d", what, out, old.HighestModSeq, v.HighestModSeq)
		}
		if !out.Done.Equal(old.Existing(c.set)) || !out.Modified.Empty() || len(out.UIDs) != 0 {
			e.Errorf("%s returned %+v, done to are %v", what, out, old.Existing(c.set))
		}
		if got := mailbox.Diff(old, v); len(changed(&got)) != c.changed || len(got.Added)+len(got.Expunged) != 0 || c.changed == 0 && !got.Empty() {
			e.Errorf("%s: the difference is %+v", what, got)
		}
		for _, r := range v.Rows() {
			_, was, _ := old.Find(r.UID)
			if in := c.set.Resolve(v.MaxUID()).Contains(r.UID); in && e.flags(b, r.UID) != c.want || !in && *r != was || was.Flags == r.Flags && was.ModSeq != r.ModSeq || was.Flags != r.Flags && r.ModSeq != modseq {
				e.Errorf("%s: %+v became %+v with flags %q", what, was, *r, e.flags(b, r.UID))
			}
		}
		e.want(other, uids...)
	}
	want := []string{e.flags(b, uids[0]), e.flags(b, uids[1]), e.flags(b, uids[2])}
	modseq := b.Version().HighestModSeq
	e.reopen()
	b = e.box(e.account("ann"), "INBOX")
	e.want(b, uids...)
	if got := []string{e.flags(b, uids[0]), e.flags(b, uids[1]), e.flags(b, uids[2])}; !slices.Equal(got, want) || b.Version().HighestModSeq < modseq {
		e.Errorf("after reopening: flags %q, HIGHESTMODSEQ %d; before: %q, %d", got, b.Version().HighestModSeq, want, modseq)
	}
}

// testUnchangedSince stores flags of messages that have not changed since (RFC 7162 §3.1.3).
func testUnchangedSince(e *env) {
	b := e.box(e.account("ann"), "INBOX")
	uids := e.fill(b, 5)
	e.expunge(b, uids[4])
	for i, uid := range uids[:3] { // the mod-sequences are those of 3, 0, 1, 2, ascending
		e.flag(b, imap.StoreAdd, []imap.Flag{keywords("k", 3)[i]}, uid)
	}
	modseq := func(i int) imap.ModSeq { return e.row(b, uids[i]).ModSeq }
	all := imap.UIDRange(1, 0)
	for _, c := range []struct {
		since imap.ModSeq
		done  imap.UIDSet
	}{
		{0, imap.UIDSet{}},
		{1, imap.UIDSet{}},
		{modseq(3) - 1, imap.UIDSet{}},
		{modseq(3), imap.UIDs(uids[3])},
		{modseq(1) - 1, imap.UIDs(uids[0], uids[3])},
		{modseq(1), imap.UIDs(uids[0], uids[1], uids[3])},
		{b.Version().HighestModSeq, imap.UIDs(uids[:4]...)},
		{1<<63 - 1, imap.UIDs(uids[:4]...)},
	} {
		old := b.Version()
		// In one commit with what takes the flag away again, so that all cases see the same.
		before := e.snapshot()
		set := &store.StoreFlags{Mailbox: b.Ref(), UIDs: all, Op: imap.StoreAdd, Flags: []imap.Flag{"unused", imap.Draft}, UnchangedSince: &c.since}
		e.fails(store.ErrNotFound, 1, set, &store.Delete{Account: b.Ref().Account, Name: "q"})
		since := c.since
		none := e.one(&store.StoreFlags{Mailbox: b.Ref(), UIDs: all, Op: imap.StoreRemove, Flags: []imap.Flag{"unused"}, UnchangedSince: &since})
		if modified := old.Existing(all).Minus(c.done); !none.Done.Equal(c.done) || !none.Modified.Equal(modified) || none.ModSeq != 0 || since != c.since {
			e.Errorf("unchanged since %d: %+v, want done %v, modified %v", c.since, none, c.done, modified)
		}
		if e.snapshot() != before {
			e.Errorf("unchanged since %d: changed though nothing was to do", c.since)
		}
	}

	// Those that are left out stay as they are, and a keyword is only made for those that are not.
	since := modseq(0)
	out := e.one(&store.StoreFlags{Mailbox: b.Ref(), UIDs: imap.UIDs(uids[1], uids[2]), Op: imap.StoreSet, Flags: []imap.Flag{"unused"}, UnchangedSince: &since})
	if !out.Done.Empty() || !out.Modified.Equal(imap.UIDs(uids[1], uids[2])) || out.ModSeq != 0 || len(b.Version().Keywords()) != 3 {
		e.Errorf("all left out: %+v, the keywords are %q", out, b.Version().Keywords())
	}
	out = e.one(&store.StoreFlags{Mailbox: b.Ref(), UIDs: all, Op: imap.StoreSet, Flags: []imap.Flag{"used"}, UnchangedSince: &since})
	if !out.Done.Equal(imap.UIDs(uids[0], uids[3])) || !out.Modified.Equal(imap.UIDs(uids[1], uids[2])) || out.ModSeq <= since {
		e.Errorf("two left out: %+v", out)
	}
	for i, want := range []string{"used", "k1", "k2", "used"} {
		if got := e.flags(b, uids[i]); got != want || (want == "used") != (modseq(i) == out.ModSeq) {
			e.Errorf("message %d has flags %q, mod-sequence %d", i, got, modseq(i))
		}
	}
	// Within a commit the condition is about what the operations before have made.
	since = b.Version().HighestModSeq
	outs := e.commit(
		&store.StoreFlags{Mailbox: b.Ref(), UIDs: imap.UIDs(uids[0]), Op: imap.StoreAdd, Flags: []imap.Flag{imap.Seen}, UnchangedSince: &since},
		&store.StoreFlags{Mailbox: b.Ref(), UIDs: imap.UIDs(uids[0], uids[1]), Op: imap.StoreAdd, Flags: []imap.Flag{imap.Flagged}, UnchangedSince: &since})
	if !outs[1].Done.Equal(imap.UIDs(uids[1])) || !outs[1].Modified.Equal(imap.UIDs(uids[0])) {
		e.Errorf("a message that the same commit has changed is unchanged: %+v", outs[1])
	}
}

// testMustExist checks that operations on messages that are not all there fail as a whole.
func testMustExist(e *env) {
	a := e.account("ann")
	b, dst := e.box(a, "INBOX"), e.box(a, "dst")
	uids := e.fill(b, 5)
	e.expunge(b, uids[2])
	other := e.box(a, "other")
	e.fill(other, 1)
	ops := func(b store.Mailbox, set imap.UIDSet) []store.Op {
		return []store.Op{
			&store.StoreFlags{Mailbox: b.Ref(), UIDs: set, Op: imap.StoreAdd, Flags: []imap.Flag{"x"}, MustExist: true},
			&store.Expunge{Mailbox: b.Ref(), UIDs: set, Undeleted: true, MustExist: true},
			&store.Copy{From: b.Ref(), To: dst.Ref(), UIDs: set, MustExist: true},
			&store.Copy{From: b.Ref(), To: dst.Ref(), UIDs: set, Move: true, MustExist: true},
			&store.Copy{From: b.Ref(), To: b.Ref(), UIDs: set, MustExist: true},
			&store.Copy{From: b.Ref(), To: b.Ref(), UIDs: set, Move: true, MustExist: true},
		}
	}
	first := &store.StoreFlags{Mailbox: other.Ref(), UIDs: imap.UIDRange(1, 0), Op: imap.StoreAdd, Flags: []imap.Flag{"undone"}}
	for _, set := range []imap.UIDSet{imap.UIDs(uids[2]), imap.UIDs(9999), imap.UIDs(uids[0], uids[2]), imap.UIDs(append(uids, 9999)...),
		imap.UIDRange(uids[1], uids[3]), imap.UIDRange(uids[4], uids[4]+1), imap.UIDRange(uids[0], 0)} {
		for _, op := range ops(b, set) {
			if err := e.fails(store.ErrGone, 0, op); err.Ref != b.Ref() {
				e.Errorf("%T of %v: mailbox %+v is to blame, want %+v", op, set, err.Ref, b.Ref())
			}
			e.fails(store.ErrGone, 1, first, op)
		}
	}
	empty := e.box(a, "empty")
	for _, op := range ops(empty, imap.UIDs(1)) {
		e.fails(store.ErrGone, 0, op)
	}
	for _, set := range []imap.UIDSet{{}, imap.UIDs(0), imap.UIDRange(uids[3], 0), imap.UIDs(uids[0], uids[1])} {
		for _, i := range []int{0, 2, 4} { // those that leave the messages where they are
			e.one(ops(b, set)[i])
		}
	}
	move := ops(b, imap.UIDs(uids[0]))[3]
	e.one(move)
	e.fails(store.ErrGone, 0, move)
	rest := b.Version().Existing(imap.UIDRange(1, 0))
	if out := e.one(ops(b, rest)[1]); !out.Done.Equal(rest) {
		e.Errorf("expunging %v returned %+v", rest, out)
	}
	e.want(b)
}

func testExpunge(e *env) {
	a := e.account("ann")
	b, other := e.box(a, "INBOX"), e.box(a, "INBOX")
	uids := e.fill(b, 7)
	e.flag(b, imap.StoreAdd, []imap.Flag{imap.Deleted}, uids[1], uids[3], uids[5])
	expunge := func(set imap.UIDSet, undeleted bool) store.Outcome {
		e.Helper()
		return e.one(&store.Expunge{Mailbox: b.Ref(), UIDs: set, Undeleted: undeleted})
	}
	old := b.Version()
	out := expunge(imap.UIDs(uids[0], uids[1], uids[2], 9999), false)
	if !out.Done.Equal(imap.UIDs(uids[1])) || out.ModSeq <= old.HighestModSeq {
		e.Errorf("removed %+v", out)
	}
	e.want(other, uids[0], uids[2], uids[3], uids[4], uids[5], uids[6])
	v := b.Version()
	if v.HighestModSeq != out.ModSeq || v.UIDNext != old.UIDNext {
		e.Errorf("%+v became %+v", old.Counts(), v.Counts())
	}
	if d := mailbox.Diff(old, v); len(d.Expunged) != 1 || d.Expunged[0].Seq != 2 || len(changed(&d))+len(d.Added) != 0 {
		e.Errorf("the difference is %+v", d)
	}
	for _, set := range []imap.UIDSet{{}, imap.UIDs(uids[0], uids[1]), imap.UIDs(9999)} {
		if out := expunge(set, false); !out.Done.Empty() || out.ModSeq != 0 || b.Version().HighestModSeq != v.HighestModSeq {
			e.Errorf("expunging %v removed %+v", set, out)
		}
	}
	if out := expunge(imap.UIDs(uids[1], uids[6], 9999), true); !out.Done.Equal(imap.UIDs(uids[6])) || out.ModSeq <= v.HighestModSeq {
		e.Errorf("removed %+v", out)
	}
	if out := expunge(imap.UIDRange(1, 0), false); !out.Done.Equal(imap.UIDs(uids[3], uids[5])) {
		e.Errorf("removed %+v", out)
	}
	last := b.Version()
	e.reopen() // the highest UID is gone, and is not given again
	b = e.box(e.account("ann"), "INBOX")
	if now := b.Version(); now.UIDNext < last.UIDNext || now.HighestModSeq < last.HighestModSeq || now.UIDValidity != last.UIDValidity {
		e.Errorf("%+v became %+v", last.Counts(), now.Counts())
	}
	e.want(b, uids[0], uids[2], uids[4])
	more := e.fill(b, 1)
	if more[0] <= uids[6] {
		e.Errorf("UID %d was given again", more[0])
	}
	e.expunge(b, uids[0], uids[2], uids[4], more[0]) // empty
	e.reopen()
	b = e.box(e.account("ann"), "INBOX")
	e.want(b)
	if next := e.fill(b, 1)[0]; next <= more[0] {
		e.Errorf("UID %d was given again", next)
	}
}

// changed gathers the messages whose flags changed.
func changed(d *mailbox.Delta) (out []mailbox.Numbered) {
	for x := range d.Changed() {
		out = append(out, mailbox.Numbered{Seq: x.Seq, Row: *x.Row})
	}
	return out
}
