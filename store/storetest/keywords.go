package storetest

import (
	"fmt"
	"slices"
	"strings"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

func testKeywords(e *env) {
	a := e.account("ann")
	b := e.box(a, "INBOX")
	uid := e.fill(b, 1)[0]
	e.flag(b, imap.StoreAdd, []imap.Flag{"$Forwarded", "tag", imap.Seen}, uid)
	e.flag(b, imap.StoreAdd, []imap.Flag{"$FORWARDED", "TAG", "Other"}, uid)
	other := e.add(b, e.message(b, text(), "oTHER", "later"))[0]
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

// testManyKeywords has more keywords than a mailbox.FlagBits holds, 200 of them on one message, and
// messages with any part of them.
func testManyKeywords(e *env) {
	a := e.account("ann")
	b, dst := e.box(a, "INBOX"), e.box(a, "dst")
	const n = 200
	all := keywords("k", n)
	// Message i+1 carries the keywords whose number has bit i, the first all of them.
	sets := [][]imap.Flag{all}
	for bit := range 8 {
		var some []imap.Flag
		for i, k := range all {
			if i>>bit&1 != 0 {
				some = append(some, k)
			}
		}
		sets = append(sets, some)
	}
	var msgs []store.NewMessage
	var want []string
	for _, flags := range sets {
		msgs, want = append(msgs, e.message(b, text(), flags...)), append(want, flagString(flags))
	}
	uids := e.add(b, msgs...)
	// And so, one after the other, in a mailbox that has other keywords in the first places.
	there := e.add(dst, e.message(dst, text(), keywords("other", 20)...))[0]
	check := func(what string, b store.Mailbox, uids []imap.UID) {
		e.Helper()
		for i, uid := range uids {
			if got := e.flags(b, uid); got != want[i] {
				e.Errorf("%s: message %d has flags %q, want %q", what, i, got, want[i])
			}
		}
		e.must(checkVersion(b.Version()))
	}
	copies := e.copy(b, dst, uids...).UIDs
	for range 2 { // the second time after reopening
		check("appended", b, uids)
		check("copied", dst, copies)
		if got := e.flags(dst, there); got != flagString(keywords("other", 20)) || len(dst.Version().Keywords()) != n+20 {
			e.Errorf("%d keywords, the first message has %q", len(dst.Version().Keywords()), got)
		}
		e.reopen()
		a = e.account("ann")
		b, dst = e.box(a, "INBOX"), e.box(a, "dst")
	}
	for i, op := range []imap.StoreOp{imap.StoreRemove, imap.StoreAdd, imap.StoreSet, imap.StoreAdd} {
		flags := append(slices.Clone(sets[1+i]), imap.Seen)
		for j := range want {
			want[j] = changeFlags(want[j], op, flags)
		}
		old := b.Version()
		e.one(&store.StoreFlags{Mailbox: b.Ref(), UIDs: imap.UIDs(uids...), Op: op, Flags: flags})
		check("stored", b, uids)
		for _, r := range b.Version().Rows() {
			_, was, _ := old.Find(r.UID)
			same := flagString(old.Flags(old.Set(&was))) == e.flags(b, r.UID)
			if same != (was.ModSeq == r.ModSeq) {
				e.Errorf("UID %d: the flags are the same: %v, the mod-sequences are %d and %d", r.UID, same, was.ModSeq, r.ModSeq)
			}
		}
	}
	moved := e.move(b, dst, uids[3:]...).UIDs
	want = want[3:]
	check("moved", dst, moved)
	e.reopen()
	check("after reopening", e.box(e.account("ann"), "dst"), moved)
}

func testTooManyKeywords(e *env) {
	a := e.account("ann")
	b, src := e.box(a, "INBOX"), e.box(a, "src")
	uids := e.fill(b, 2)
	all := keywords("k", mailbox.MaxKeywords)
	e.flag(b, imap.StoreSet, all, uids[0])
	from := e.add(src, e.message(src, text()), e.message(src, text(), "one-more"))
	msgs := []store.NewMessage{e.message(b, text()), e.message(b, text(), "one-more")}
	for _, op := range []store.Op{
		&store.StoreFlags{Mailbox: b.Ref(), UIDs: imap.UIDs(uids[1]), Op: imap.StoreAdd, Flags: []imap.Flag{"one-more"}},
		&store.StoreFlags{Mailbox: b.Ref(), UIDs: imap.UIDs(uids[1]), Op: imap.StoreSet, Flags: []imap.Flag{"one-more"}},
		&store.Append{Mailbox: b.Ref(), Messages: msgs},
		&store.Copy{From: src.Ref(), To: b.Ref(), UIDs: imap.UIDs(from...)},
		&store.Copy{From: src.Ref(), To: b.Ref(), UIDs: imap.UIDs(from...), Move: true},
	} {
		if err := e.fails(mailbox.ErrTooManyKeywords, 0, op); err.Ref != b.Ref() {
			e.Errorf("%T: mailbox %+v is to blame, want %+v", op, err.Ref, b.Ref())
		}
	}
	// What needs no room is possible.
	out := e.one(&store.StoreFlags{Mailbox: b.Ref(), UIDs: imap.UIDs(9999), Op: imap.StoreAdd, Flags: []imap.Flag{"one-more"}})
	if !out.Done.Empty() {
		e.Errorf("stored flags of messages that are not there: %+v", out)
	}
	e.one(&store.StoreFlags{Mailbox: b.Ref(), UIDs: imap.UIDs(uids[1]), Op: imap.StoreRemove, Flags: []imap.Flag{"one-more"}})
	e.copy(src, b, from[0])

	// Two keywords become free, and no message may be left with the other's place.
	e.flag(b, imap.StoreRemove, []imap.Flag{"K3", "k7"}, uids[0])
	discard(msgs)
	e.reopen()
	a = e.account("ann")
	b, src = e.box(a, "INBOX"), e.box(a, "src")
	more := e.add(b, e.message(b, text(), "new1"), e.message(b, text(), "new2"))
	if got := [...]string{e.flags(b, more[0]), e.flags(b, more[1])}; got != [...]string{"new1", "new2"} {
		e.Errorf("appended together with one new keyword each: %q", got)
	}
	e.fails(mailbox.ErrTooManyKeywords, 0, &store.StoreFlags{Mailbox: b.Ref(), UIDs: imap.UIDs(uids[1]), Op: imap.StoreAdd, Flags: []imap.Flag{"k3"}})
	// In one commit that makes room first.
	from = e.add(src, e.message(src, text(), "new3"), e.message(src, text(), "new4"))
	outs := e.commit(&store.Expunge{Mailbox: b.Ref(), UIDs: imap.UIDs(more...), Undeleted: true},
		&store.Copy{From: src.Ref(), To: b.Ref(), UIDs: imap.UIDs(from...)})
	copies := outs[1].UIDs
	for range 2 { // the second time after reopening
		if got := [...]string{e.flags(b, copies[0]), e.flags(b, copies[1])}; got != [...]string{"new3", "new4"} {
			e.Errorf("copied together with one new keyword each: %q", got)
		}
		if got := e.flags(b, uids[0]); strings.Contains(got, "new") || len(strings.Fields(got)) != mailbox.MaxKeywords-2 {
			e.Errorf("a message got the places of others: %q", got)
		}
		e.reopen()
		b = e.box(e.account("ann"), "INBOX")
	}
}

// discard discards what messages are staged with.
func discard(msgs []store.NewMessage) {
	for i := range msgs {
		msgs[i].Body.Discard()
	}
}
