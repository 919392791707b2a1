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
	uids := e.fill(a, b, 4)
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
		modseq, err := b.StoreFlags(e.ctx, c.set, c.op, c.flags)
		e.must(err)
		v := b.Version()
		what := fmt.Sprintf("StoreFlags(%v, %d, %q)", c.set, c.op, c.flags)
		if (modseq != 0) != (c.changed != 0) || modseq != 0 && modseq <= old.HighestModSeq || v.HighestModSeq != max(old.HighestModSeq, modseq) {
			e.Errorf("%s returned %d, HIGHESTMODSEQ went from %d to %d", what, modseq, old.HighestModSeq, v.HighestModSeq)
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
		e.want(a, other, uids...)
	}
	want := []string{e.flags(b, uids[0]), e.flags(b, uids[1]), e.flags(b, uids[3-1])}
	modseq := b.Version().HighestModSeq
	e.reopen()
	a = e.account("ann")
	b = e.box(a, "INBOX")
	e.want(a, b, uids...)
	if got := []string{e.flags(b, uids[0]), e.flags(b, uids[1]), e.flags(b, uids[2])}; !slices.Equal(got, want) || b.Version().HighestModSeq < modseq {
		e.Errorf("after reopening: flags %q, HIGHESTMODSEQ %d; before: %q, %d", got, b.Version().HighestModSeq, want, modseq)
	}
}

func testKeywords(e *env) {
	a := e.account("ann")
	b := e.box(a, "INBOX")
	uid := e.fill(a, b, 1)[0]
	e.flag(b, imap.StoreAdd, []imap.Flag{"$Forwarded", "tag", imap.Seen}, uid)
	e.flag(b, imap.StoreAdd, []imap.Flag{"$FORWARDED", "TAG", "Other"}, uid)
	other := e.add(a, b, message(text(), "oTHER", "later"))[0]
	for range 2 { // the second time after reopening
		v := b.Version()
		if got := v.Keywords(); !slices.Equal(got, []imap.Flag{"$Forwarded", "tag", "Other", "later"}) {
			e.Errorf("keywords are %q", got)
		}
		if got := [...]string{e.flags(b, uid), e.flags(b, other)}; got != [...]string{`$forwarded \seen other tag`, "later other"} {
			e.Errorf("flags are %q", got)
		}
		e.reopen()
		a = e.account("ann")
		b = e.box(a, "INBOX")
	}
	if n := len(e.box(a, "another").Version().Keywords()); n != 0 {
		e.Errorf("another mailbox has %d keywords", n)
	}
}

// keywords returns n keywords.
func keywords(prefix string, n int) (out []imap.Flag) {
	for i := range n {
		out = append(out, imap.Flag(fmt.Sprintf("%s%d", prefix, i)))
	}
	return out
}

func testTooManyKeywords(e *env) {
	a := e.account("ann")
	b := e.box(a, "INBOX")
	uids := e.fill(a, b, 2)
	all := keywords("k", mailbox.MaxKeywords)
	e.flag(b, imap.StoreSet, all, uids[0])
	v := b.Version()
	_, err := b.StoreFlags(e.ctx, imap.UIDs(uids[1]), imap.StoreAdd, []imap.Flag{"one-more"})
	e.wantErr("StoreFlags", err, mailbox.ErrTooManyKeywords)
	_, err = a.Append(e.ctx, b.ID(), []store.NewMessage{message(text()), message(text(), "one-more")})
	e.wantErr("Append", err, mailbox.ErrTooManyKeywords)
	src := e.box(a, "src")
	from := e.add(a, src, message(text()), message(text(), "one-more"))
	_, err = src.Copy(e.ctx, imap.UIDs(from...), b.ID())
	e.wantErr("Copy", err, mailbox.ErrTooManyKeywords)
	_, err = src.Move(e.ctx, imap.UIDs(from...), b.ID())
	e.wantErr("Move", err, mailbox.ErrTooManyKeywords)
	if now := b.Version(); now.HighestModSeq != v.HighestModSeq || now.Len() != v.Len() || !slices.Equal(now.Keywords(), v.Keywords()) {
		e.Errorf("a change that failed made %+v of %+v", now.Counts(), v.Counts())
	}
	e.want(a, src, from...)
	e.want(a, b, uids...)

	// Two keywords become free, and no message may be left with the other's bit.
	e.flag(b, imap.StoreRemove, []imap.Flag{"K3", "k7"}, uids[0])
	e.reopen()
	a = e.account("ann")
	b, src = e.box(a, "INBOX"), e.box(a, "src")
	more := e.add(a, b, message(text(), "new1"), message(text(), "new2"))
	if got := [...]string{e.flags(b, more[0]), e.flags(b, more[1])}; got != [...]string{"new1", "new2"} {
		e.Errorf("appended together with one new keyword each: %q", got)
	}
	_, err = b.StoreFlags(e.ctx, imap.UIDs(uids[1]), imap.StoreAdd, []imap.Flag{"k3"})
	e.wantErr("StoreFlags", err, mailbox.ErrTooManyKeywords)
	e.expunge(b, more...)
	from = e.add(a, src, message(text(), "new3"), message(text(), "new4"))
	r, err := src.Copy(e.ctx, imap.UIDs(from...), b.ID())
	e.must(err)
	if got := [...]string{e.flags(b, r.Dest[0]), e.flags(b, r.Dest[1])}; got != [...]string{"new3", "new4"} {
		e.Errorf("copied together with one new keyword each: %q", got)
	}
}

func testExpunge(e *env) {
	a := e.account("ann")
	b, other := e.box(a, "INBOX"), e.box(a, "INBOX")
	uids := e.fill(a, b, 6)
	e.flag(b, imap.StoreAdd, []imap.Flag{imap.Deleted}, uids[1], uids[3], uids[5])
	old := b.Version()
	removed, err := b.Expunge(e.ctx, imap.UIDs(uids[0], uids[1], uids[2], 9999))
	e.must(err)
	if !removed.Equal(imap.UIDs(uids[1])) {
		e.Errorf("removed %v", removed)
	}
	e.want(a, other, uids[0], uids[2], uids[3], uids[4], uids[5])
	v := b.Version()
	if v.HighestModSeq <= old.HighestModSeq || v.UIDNext != old.UIDNext {
		e.Errorf("%+v became %+v", old.Counts(), v.Counts())
	}
	if d := mailbox.Diff(old, v); len(d.Expunged) != 1 || d.Expunged[0].Seq != 2 || len(changed(&d))+len(d.Added) != 0 {
		e.Errorf("the difference is %+v", d)
	}
	for _, set := range []imap.UIDSet{{}, imap.UIDs(uids[0], uids[1]), imap.UIDs(9999)} {
		removed, err := b.Expunge(e.ctx, set)
		e.must(err)
		if !removed.Empty() || b.Version().HighestModSeq != v.HighestModSeq {
			e.Errorf("expunging %v removed %v", set, removed)
		}
	}
	removed, err = b.Expunge(e.ctx, imap.UIDRange(1, 0))
	e.must(err)
	if !removed.Equal(imap.UIDs(uids[3], uids[5])) {
		e.Errorf("removed %v", removed)
	}
	last := b.Version()
	e.reopen() // the highest UID is gone, and is not given again
	a = e.account("ann")
	b = e.box(a, "INBOX")
	if now := b.Version(); now.UIDNext < last.UIDNext || now.HighestModSeq < last.HighestModSeq || now.UIDValidity != last.UIDValidity {
		e.Errorf("%+v became %+v", last.Counts(), now.Counts())
	}
	e.want(a, b, uids[0], uids[2], uids[4])
	more := e.fill(a, b, 1)
	if more[0] <= uids[5] {
		e.Errorf("UID %d was given again", more[0])
	}
	e.expunge(b, uids[0], uids[2], uids[4], more[0]) // empty
	e.reopen()
	a = e.account("ann")
	b = e.box(a, "INBOX")
	e.want(a, b)
	if next := e.fill(a, b, 1)[0]; next <= more[0] {
		e.Errorf("UID %d was given again", next)
	}
}

// changed gathers the messages whose flags changed.
func changed(d *mailbox.Delta) (out []mailbox.Numbered) {
	for x := range d.Changed() {
		out = append(out, x.Numbered)
	}
	return out
}
