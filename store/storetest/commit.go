package storetest

import (
	"slices"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// testCommit makes commits of many operations, in several mailboxes and accounts, each of which
// builds on those before.
func testCommit(e *env) {
	ann, bob := e.account("ann"), e.account("bob")
	inbox, dst, other := e.box(ann, "INBOX"), e.box(ann, "dst"), e.box(bob, "INBOX")
	if out := e.commit(); len(out) != 0 {
		e.Errorf("no operations have outcomes %+v", out)
	}
	uids := e.fill(inbox, 4)
	before := map[store.Mailbox]*mailbox.Version{inbox: inbox.Version(), dst: dst.Version(), other: other.Version()}
	id := store.NewMailboxID()
	made := store.Ref{Account: ann.ID(), Mailbox: id}
	body := text()
	msg := store.NewMessage{Body: e.stage(ann.ID(), body), Flags: []imap.Flag{"first"}, EmailID: 5}
	e.drainAll()
	out := e.commit(
		&store.StoreFlags{Mailbox: inbox.Ref(), UIDs: imap.UIDs(uids[0], uids[1]), Op: imap.StoreAdd, Flags: []imap.Flag{imap.Deleted, "work"}},
		&store.Create{Account: ann.ID(), ID: id, Name: "made"},
		&store.Copy{From: inbox.Ref(), To: made, UIDs: imap.UIDRange(1, 0)},
		&store.Expunge{Mailbox: inbox.Ref(), UIDs: imap.UIDRange(1, 0)},
		&store.StoreFlags{Mailbox: inbox.Ref(), UIDs: imap.UIDRange(1, 0), Op: imap.StoreAdd, Flags: []imap.Flag{imap.Seen}},
		&store.Append{Mailbox: made, Messages: []store.NewMessage{msg}},
		&store.StoreFlags{Mailbox: made, UIDs: imap.UIDs(0), Op: imap.StoreAdd, Flags: []imap.Flag{"second"}},
		&store.Copy{From: made, To: dst.Ref(), UIDs: imap.UIDs(0), Move: true},
		&store.Append{Mailbox: other.Ref(), Messages: []store.NewMessage{msg}},
		&store.Rename{Account: ann.ID(), From: "made", To: "renamed"},
		&store.Subscribe{Account: bob.ID(), Name: "news", On: true},
	)
	if !out[3].Done.Equal(imap.UIDs(uids[0], uids[1])) || !out[4].Done.Equal(imap.UIDs(uids[2], uids[3])) || len(out[2].Source) != 4 || len(out[7].Source) != 1 || out[7].Source[0] != out[5].UIDs[0] {
		e.Fatalf("the outcomes are %+v", out)
	}
	if !out[6].Done.Equal(imap.UIDs(out[5].UIDs...)) {
		e.Errorf("the operation after Append was done to %v, want %v", out[6].Done, out[5].UIDs)
	}
	for h, old := range before {
		e.wantBell("the commit", h.Bell())
		if h.Version() == old {
			e.Error("a mailbox is as it was")
		}
	}
	e.wantBell("the commit", ann.Bell())
	e.wantBell("the commit", bob.Bell())
	for range 2 { // the second time after reopening
		if a, b := describe(ann.Namespace()), describe(bob.Namespace()); a != "INBOX+ dst renamed" || b != "INBOX+ (news+)" {
			e.Errorf("the mailboxes are %s and %s", a, b)
		}
		copies := e.openBox(made)
		e.want(inbox, uids[2], uids[3])
		e.want(copies, out[2].UIDs...)
		e.want(dst, out[7].UIDs...)
		e.want(other, out[8].UIDs...)
		for i, want := range []string{`\deleted work`, `\deleted work`, "", ""} {
			if got := e.flags(copies, out[2].UIDs[i]); got != want {
				e.Errorf("copy %d has flags %q, want %q", i, got, want)
			}
		}
		if got := e.flags(dst, out[7].UIDs[0]); got != "first second" || e.body(dst, out[7].UIDs[0]) != body || e.body(other, out[8].UIDs[0]) != body {
			e.Errorf("the message has flags %q", got)
		}
		if d, o := e.details(dst, e.row(dst, out[7].UIDs[0])), e.details(other, e.row(other, out[8].UIDs[0])); d.EmailID != 5 || o.EmailID != 5 {
			e.Errorf("the email IDs are %d and %d", d.EmailID, o.EmailID)
		}
		if got := e.flags(inbox, uids[2]); got != `\seen` {
			e.Errorf("the flags are %q", got)
		}
		e.reopen()
		ann, bob = e.account("ann"), e.account("bob")
		inbox, dst, other = e.box(ann, "INBOX"), e.box(ann, "dst"), e.box(bob, "INBOX")
	}
}

// testCommitFails checks that a last operation that fails undoes all those before it: in all
// mailboxes, accounts and names.
func testCommitFails(e *env) {
	ann, bob := e.account("ann"), e.account("bob")
	inbox, dst, other := e.box(ann, "INBOX"), e.box(ann, "dst"), e.box(bob, "INBOX")
	uids := e.fill(inbox, 3)
	e.fill(other, 1)
	id := store.NewMailboxID()
	made := store.Ref{Account: ann.ID(), Mailbox: id}
	msg := e.message(inbox, text(), "k")
	msg.Summary = []byte("summary")
	ops := []store.Op{
		&store.Append{Mailbox: inbox.Ref(), Messages: []store.NewMessage{msg}},
		&store.Append{Mailbox: other.Ref(), Messages: []store.NewMessage{msg, msg}},
		&store.Create{Account: ann.ID(), ID: id, Name: "made"},
		&store.Copy{From: inbox.Ref(), To: made, UIDs: imap.UIDRange(1, 0), Move: true},
		&store.Copy{From: made, To: dst.Ref(), UIDs: imap.UIDRange(1, 0)},
		&store.Expunge{Mailbox: other.Ref(), UIDs: imap.UIDRange(1, 0), Undeleted: true},
		&store.StoreFlags{Mailbox: made, UIDs: imap.UIDRange(1, 0), Op: imap.StoreAdd, Flags: []imap.Flag{"x"}},
		&store.Subscribe{Account: bob.ID(), Name: "news", On: true},
		&store.Rename{Account: ann.ID(), From: "dst", To: "renamed"},
		&store.Delete{Account: ann.ID(), Name: "renamed"},
	}
	gone := store.Ref{Account: ann.ID(), Mailbox: 4711}
	for _, c := range []struct {
		want error
		op   store.Op
	}{
		{store.ErrNotFound, &store.Append{Mailbox: gone}},
		{store.ErrNotFound, &store.Append{Mailbox: dst.Ref()}}, // which the commit itself deletes
		{store.ErrExists, &store.Create{Account: ann.ID(), Name: "made"}},
		{store.ErrExists, &store.Create{Account: ann.ID(), Name: "fine", ID: id}},
		{mailbox.ErrInbox, &store.Delete{Account: bob.ID(), Name: "INBOX"}},
		{store.ErrGone, &store.StoreFlags{Mailbox: inbox.Ref(), UIDs: imap.UIDs(uids[0]), MustExist: true}}, // which it moves
		{mailbox.ErrTooManyKeywords, &store.StoreFlags{Mailbox: made, UIDs: imap.UIDs(0), Op: imap.StoreAdd, Flags: keywords("many", 300)}},
	} {
		e.fails(c.want, len(ops), append(slices.Clone(ops), c.op)...)
	}
	for n := range ops { // each of them may be the last that is done
		e.fails(store.ErrNotFound, n, append(slices.Clone(ops[:n]), &store.Expunge{Mailbox: gone})...)
	}
	if e.wantErr("Open", openErr(e, made), store.ErrNotFound); dst.Version().Deleted {
		e.Error("a mailbox was deleted")
	}
	before := e.snapshot()
	marks := map[store.Mailbox]mailbox.Counts{inbox: inbox.Version().Counts(), dst: dst.Version().Counts(), other: other.Version().Counts()}
	if e.opener.Persistent {
		msg.Body.Discard()
		e.reopen()
		if after := e.snapshot(); after != before {
			e.Errorf("after commits that failed, reopening made of\n%s\nthis:\n%s", before, after)
		}
		ann, bob = e.account("ann"), e.account("bob")
		was := marks[inbox]
		inbox, dst, other = e.box(ann, "INBOX"), e.box(ann, "dst"), e.box(bob, "INBOX")
		marks[inbox] = was
		ops[0].(*store.Append).Messages[0].Body = e.stage(ann.ID(), text())
		second := ops[1].(*store.Append).Messages
		second[0].Body = ops[0].(*store.Append).Messages[0].Body
		second[1].Body = second[0].Body
	}
	// And what failed before can be done now.
	out := e.commit(ops...)
	if was := marks[inbox]; out[0].UIDs[0] < was.UIDNext || out[0].ModSeq <= was.HighestModSeq {
		e.Errorf("%+v became %+v", was, out[0])
	}
	e.want(inbox)
	e.want(other)
	e.want(e.openBox(made), out[3].UIDs...)
	if !dst.Version().Deleted {
		e.Error("a mailbox was not deleted")
	}
	if a, b := describe(ann.Namespace()), describe(bob.Namespace()); a != "INBOX+ made" || b != "INBOX+ (news+)" {
		e.Errorf("the mailboxes are %s and %s", a, b)
	}
}

func openErr(e *env, ref store.Ref) error {
	b, err := e.store.Open(e.ctx, store.System, ref)
	if err == nil {
		b.Close()
	}
	return err
}

// testCommitRenameInbox renames INBOX: its messages go to a new mailbox (RFC 9051 §6.3.6).
func testCommitRenameInbox(e *env) {
	a := e.account("ann")
	inbox := e.box(a, "INBOX")
	uids := e.add(inbox, e.message(inbox, text(), "k", imap.Seen), e.message(inbox, text()))
	old := inbox.Version()
	ref := store.Ref{Account: a.ID(), Mailbox: store.NewMailboxID()}
	ops := func(name string) []store.Op {
		return []store.Op{&store.Create{Account: ref.Account, ID: ref.Mailbox, Name: name},
			&store.Copy{From: inbox.Ref(), To: ref, UIDs: imap.UIDRange(1, 0), Move: true}}
	}
	e.fails(mailbox.ErrExists, 0, ops("inbox")...)
	out := e.commit(ops("old/inbox")...)
	if got := out[0].Created; got.ID != ref.Mailbox || got.Name != "old/inbox" || out[1].UIDValidity != got.UIDValidity {
		e.Errorf("created was %+v, copied %+v", got, out[1])
	}
	if v := inbox.Version(); v.Deleted || v.UIDValidity != old.UIDValidity || v.UIDNext != old.UIDNext {
		e.Errorf("INBOX was %+v, is %+v", old.Counts(), v.Counts())
	}
	for range 2 { // the second time after reopening
		e.want(inbox)
		b := e.openBox(ref)
		e.want(b, out[1].UIDs...)
		if !slices.Equal(out[1].Source, uids) || e.flags(b, out[1].UIDs[0]) != `\seen k` {
			e.Errorf("moved %+v, flags %q", out[1], e.flags(b, out[1].UIDs[0]))
		}
		e.reopen()
		inbox = e.box(e.account("ann"), "INBOX")
	}
	// An empty one too.
	ref.Mailbox = store.NewMailboxID()
	if out := e.commit(ops("empty")...); len(out[1].UIDs) != 0 {
		e.Errorf("moved %+v", out[1])
	}
	e.want(e.openBox(ref))
}

// testCommitReplace replaces a message (RFC 8508 §3), in its mailbox and in another.
func testCommitReplace(e *env) {
	a := e.account("ann")
	b, dst := e.box(a, "INBOX"), e.box(a, "dst")
	uids := e.fill(b, 3)
	first, second := text(), text()
	replace := func(to store.Mailbox, uid imap.UID, body store.Staged) []store.Op {
		return []store.Op{
			&store.Append{Mailbox: to.Ref(), Messages: []store.NewMessage{{Body: body, Flags: []imap.Flag{imap.Draft}}}},
			&store.Expunge{Mailbox: b.Ref(), UIDs: imap.UIDs(uid), Undeleted: true, MustExist: true},
		}
	}
	out := e.commit(replace(b, uids[0], e.stage(a.ID(), first))...)
	if !out[1].Done.Equal(imap.UIDs(uids[0])) || out[1].ModSeq < out[0].ModSeq {
		e.Errorf("the outcomes are %+v", out)
	}
	there := e.commit(replace(dst, uids[1], e.stage(a.ID(), second))...)
	body := e.stage(a.ID(), text())
	e.fails(store.ErrGone, 1, replace(b, uids[1], body)...)
	body.Discard()
	for range 2 { // the second time after reopening
		e.want(b, uids[2], out[0].UIDs[0])
		e.want(dst, there[0].UIDs[0])
		if e.body(b, out[0].UIDs[0]) != first || e.body(dst, there[0].UIDs[0]) != second {
			e.Error("a message is another one")
		}
		e.reopen()
		a = e.account("ann")
		b, dst = e.box(a, "INBOX"), e.box(a, "dst")
	}
}

// testCommitDeliver delivers one body to several accounts.
func testCommitDeliver(e *env) {
	names := []string{"ann", "bob", "eve"}
	body := text() + string(make([]byte, 2<<20))
	first := e.account(names[0])
	s := e.stage(first.ID(), body)
	var ops []store.Op
	for i, name := range names {
		ops = append(ops, &store.Append{Mailbox: e.ref(e.account(name), "INBOX"),
			Messages: []store.NewMessage{{Body: s, Flags: keywords(name, i), EmailID: store.EmailID(100 + i)}}})
	}
	e.fails(store.ErrNotFound, 3, append(slices.Clone(ops), &store.Append{Mailbox: store.Ref{Account: 4711, Mailbox: 1}})...)
	out := e.commit(ops...)
	for i := range names { // one after the other is deleted
		for j, name := range names[i:] {
			b := e.box(e.account(name), "INBOX")
			e.want(b, out[i+j].UIDs...)
			row := e.row(b, out[i+j].UIDs[0])
			if got := e.body(b, row.UID); got != body || e.flags(b, row.UID) != flagString(keywords(name, i+j)) || e.details(b, row).EmailID != store.EmailID(100+i+j) {
				e.Errorf("%s has a message of %d octets, want %d, with flags %q and details %+v", name, len(got), len(body), e.flags(b, row.UID), e.details(b, row))
			}
		}
		e.must(e.store.DeleteUser(e.ctx, names[i]))
		e.reopen()
	}
}
