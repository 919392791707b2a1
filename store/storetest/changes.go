package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// changes returns what has happened after a mod-sequence.
func (e *env) changes(b store.Mailbox, since imap.ModSeq) *mailbox.Changes {
	e.Helper()
	c, err := b.Changes(e.ctx, since)
	e.must(err)
	return c
}

// sameVersion says how got, which was made of changes, differs from the mailbox.
func sameVersion(got, want *mailbox.Version) error {
	if g, w := describeVersion(got), describeVersion(want); g != w {
		return fmt.Errorf("the changes lead to\n%s\nbut there is\n%s", g, w)
	}
	if err := checkVersion(got); err != nil {
		return err
	}
	// Refs are equal too, and what is remembered of removed messages, as far back as both do.
	for seq, r := range want.Rows() {
		if g := got.At(seq); g.Ref != r.Ref {
			return fmt.Errorf("the changes give UID %d the Ref %d, it is %d", r.UID, g.Ref, r.Ref)
		}
	}
	since := max(got.HistorySince(), want.HistorySince())
	if g, w := removedSince(got, since), removedSince(want, since); g != w {
		return fmt.Errorf("since %d the changes tell of %s removed, it were %s", since, g, w)
	}
	return nil
}

// removedSince returns what was removed, each with its mod-sequence.
func removedSince(v *mailbox.Version, since imap.ModSeq) string {
	at := map[imap.ModSeq]*imap.UIDSet{}
	var order []imap.ModSeq
	for x := range v.Removed(since) {
		if at[x.ModSeq] == nil {
			at[x.ModSeq] = &imap.UIDSet{}
			order = append(order, x.ModSeq)
		}
		at[x.ModSeq].AddRange(x.First, x.Last)
	}
	var out []string
	for _, m := range order {
		out = append(out, fmt.Sprintf("%v with %d", *at[m], m))
	}
	return fmt.Sprint(out)
}

// randomChange changes something in b, and returns what it removed.
func (e *env) randomChange(rnd *rand.Rand, b, other store.Mailbox) (removed imap.UIDSet) {
	e.Helper()
	v := b.Version()
	some := imap.UIDSet{}
	for range 1 + rnd.IntN(4) {
		if v.Len() > 0 {
			some.Add(v.At(imap.SeqNum(1 + rnd.IntN(v.Len()))).UID)
		}
	}
	flags := []imap.Flag{pick(rnd, keywords("k", 100)), pick(rnd, mailbox.SystemFlags)}
	switch n := rnd.IntN(12); {
	case n < 3 || v.Len() == 0:
		var msgs []store.NewMessage
		for range 1 + rnd.IntN(5) {
			msgs = append(msgs, e.message(b, text(), flags[rnd.IntN(3):]...))
		}
		e.add(b, msgs...)
	case n < 7:
		e.one(&store.StoreFlags{Mailbox: b.Ref(), UIDs: some, Op: imap.StoreOp(rnd.IntN(3)), Flags: flags})
	case n < 8:
		return e.one(&store.Expunge{Mailbox: b.Ref(), UIDs: some, Undeleted: true}).Done
	case n < 9:
		e.one(&store.Copy{From: b.Ref(), To: b.Ref(), UIDs: some})
	case n < 10:
		out := e.one(&store.Copy{From: b.Ref(), To: pick(rnd, []store.Ref{b.Ref(), other.Ref()}), UIDs: some, Move: true})
		return imap.UIDs(out.Source...)
	default: // several in one commit, with messages that come and go
		out := e.commit(&store.Append{Mailbox: b.Ref(), Messages: []store.NewMessage{e.message(b, text()), e.message(b, text(), flags...)}},
			&store.StoreFlags{Mailbox: b.Ref(), UIDs: imap.UIDs(0), Op: imap.StoreAdd, Flags: flags},
			&store.Expunge{Mailbox: b.Ref(), UIDs: imap.UIDs(0), Undeleted: true},
			&store.Expunge{Mailbox: b.Ref(), UIDs: some, Undeleted: true})
		return out[2].Done.Union(out[3].Done)
	}
	return removed
}

// testChanges checks that from every earlier version of a random history the changes lead to the
// newest one, and what they say was removed.
func testChanges(e *env) {
	rnd := newRand(e.T)
	a := e.account("ann")
	b, other := e.box(a, "INBOX"), e.box(a, "other")
	var versions []*mailbox.Version
	var removed []imap.UIDSet // between versions[i] and versions[i+1]
	check := func(what string) {
		e.Helper()
		now := b.Version()
		for i, old := range versions {
			c := e.changes(b, old.HighestModSeq)
			got, err := old.Apply(c)
			if err == nil {
				err = sameVersion(got, now)
			}
			if err != nil {
				e.Fatalf("%s: from version %d of %d, %+v: %v", what, i, len(versions), old.Counts(), err)
			}
			want := imap.UIDSet{}
			for _, set := range removed[i:] {
				want = want.Union(set)
			}
			if c.Since != old.HighestModSeq || c.Deleted || !c.Vanished().Equal(want) {
				e.Fatalf("%s: since %d were removed %v (Since %d), want %v", what, old.HighestModSeq, c.Vanished(), c.Since, want)
			}
			for j := range c.Rows {
				if c.Rows[j].ModSeq <= old.HighestModSeq || j > 0 && c.Rows[j-1].UID >= c.Rows[j].UID {
					e.Fatalf("%s: since %d row %d of the changes is %+v", what, old.HighestModSeq, j, c.Rows[j])
				}
			}
			// What is known already does no harm.
			if again, err := now.Apply(c); err != nil || sameVersion(again, now) != nil {
				e.Fatalf("%s: changes applied to their own result: %v", what, err)
			}
		}
	}
	for range 40 {
		versions = append(versions, b.Version())
		removed = append(removed, e.randomChange(rnd, b, other))
		check("after a change")
	}
	for range 2 {
		e.reopen()
		a = e.account("ann")
		b, other = e.box(a, "INBOX"), e.box(a, "other")
		check("after reopening")
		versions = append(versions, b.Version())
		removed = append(removed, e.randomChange(rnd, b, other))
		check("after reopening and a change")
	}
	// A whole mailbox is what has changed since 0.
	if got, err := mailbox.New(b.Version().UIDValidity).Apply(e.changes(b, 0)); err != nil || sameVersion(got, b.Version()) != nil {
		e.Errorf("from nothing: %v, %v", err, sameVersion(got, b.Version()))
	}
	if c := e.changes(b, b.Version().HighestModSeq); len(c.Rows)+len(c.Expunged) != 0 {
		e.Errorf("since now %+v has changed", c)
	}
}

// testChangesTooOld removes more than a mailbox remembers: then it says so, and never a wrong
// answer.
func testChangesTooOld(e *env) {
	if e.opener.History == 0 {
		return
	}
	b := e.box(e.account("ann"), "INBOX")
	msgs := make([]store.NewMessage, 4*e.opener.History/16+128)
	body := e.stage(b.Ref().Account, text())
	for i := range msgs {
		msgs[i].Body = body
	}
	e.add(b, msgs...)
	var versions []*mailbox.Version
	var removed []imap.UIDSet
	told := 0 // from how many versions on the changes are known
	check := func() (known int) {
		e.Helper()
		now := b.Version()
		for i := range versions {
			old := versions[i]
			c, err := b.Changes(e.ctx, old.HighestModSeq)
			if err != nil {
				e.wantErr("Changes", err, store.ErrTooOld)
				if known > 0 {
					e.Fatalf("since %d everything is known, but since %d nothing", versions[i-1].HighestModSeq, old.HighestModSeq)
				}
				continue
			}
			known++
			got, err := old.Apply(c)
			if err == nil {
				err = sameVersion(got, now)
			}
			if err != nil {
				e.Fatalf("since %d: %v", old.HighestModSeq, err)
			}
			want := imap.UIDSet{}
			for _, set := range removed[i:] {
				want = want.Union(set)
			}
			if !c.Vanished().Equal(want) {
				e.Fatalf("since %d were removed %v, want %v", old.HighestModSeq, c.Vanished(), want)
			}
		}
		return known
	}
	// Every other message goes, so that each is a run of its own, 16 octets.
	uids := uidsOf(b.Version())
	const runs = 64
	for i := 0; i+2*runs < len(uids); i += 2 * runs {
		versions = append(versions, b.Version())
		set := imap.UIDSet{}
		for j := range runs {
			set.Add(uids[i+2*j])
		}
		removed = append(removed, set)
		e.one(&store.Expunge{Mailbox: b.Ref(), UIDs: set, Undeleted: true})
	}
	told = check()
	if told == len(versions) {
		e.Errorf("%d runs of UIDs were removed, of which a mailbox of %d octets remembers all", len(versions)*runs, e.opener.History)
	}
	if c := e.changes(b, b.Version().HighestModSeq); len(c.Rows)+len(c.Expunged) != 0 {
		e.Errorf("since now %+v has changed", c)
	}
	if !e.opener.Persistent {
		return
	}
	e.reopen()
	b = e.box(e.account("ann"), "INBOX")
	if now := check(); now > told {
		e.Errorf("before reopening the changes were known from %d versions on, now from %d", told, now)
	}
	versions, removed = append(versions, b.Version()), append(removed, imap.UIDs(uids[1]))
	e.expunge(b, uids[1])
	if check() == 0 {
		e.Error("the last change is not known")
	}
}

// testChangesDeleted checks that the end of a mailbox is told, whatever one knew of it.
func testChangesDeleted(e *env) {
	a := e.account("ann")
	b := e.box(a, "gone")
	versions := []*mailbox.Version{b.Version()}
	uids := e.fill(b, 3)
	versions = append(versions, b.Version())
	e.expunge(b, uids[0])
	versions = append(versions, b.Version())
	e.one(&store.Delete{Account: a.ID(), Name: "gone"})
	for _, old := range versions {
		c := e.changes(b, old.HighestModSeq)
		v, err := old.Apply(c)
		if err != nil || !c.Deleted || !v.Deleted || v.Len() != 0 || v.HighestModSeq != b.Version().HighestModSeq || !slices.Equal(uidsOf(v), nil) {
			e.Errorf("from %+v: %+v, %v", old.Counts(), c, err)
		}
	}
}
