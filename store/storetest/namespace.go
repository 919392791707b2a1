package storetest

import (
	"fmt"
	"slices"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

func testNamespace(e *env) {
	a := e.account("ann")
	id := a.ID()
	create := func(name string, use ...imap.MailboxAttr) store.Op {
		return &store.Create{Account: id, Name: name, Use: use}
	}
	e.commit(create("a"), create("a/b/c"))
	out := e.commit(create("Zürich"), create("Trash", imap.AttrTrash))
	if got := out[1].Created; got.Name != "Trash" || !slices.Equal(got.Use, []imap.MailboxAttr{imap.AttrTrash}) {
		e.Errorf("created was %+v", got)
	}
	for _, c := range []struct {
		op   store.Op
		want error
	}{
		{create("a"), mailbox.ErrExists},
		{create("inbox"), mailbox.ErrExists},
		{create("a//b"), mailbox.ErrBadName},
		{create("Bin", imap.AttrTrash), mailbox.ErrUseTaken},
		{&store.Delete{Account: id, Name: "Inbox"}, mailbox.ErrInbox},
		{&store.Delete{Account: id, Name: "a/b"}, mailbox.ErrHasChildren},
		{&store.Delete{Account: id, Name: "q"}, mailbox.ErrNotFound},
		{&store.Rename{Account: id, From: "INBOX", To: "q"}, mailbox.ErrInbox},
		{&store.Rename{Account: id, From: "q", To: "r"}, mailbox.ErrNotFound},
		{&store.Rename{Account: id, From: "Trash", To: "a"}, mailbox.ErrExists},
		{&store.Rename{Account: id, From: "a", To: "a/b/d"}, mailbox.ErrBadName},
		{&store.Subscribe{Account: id, Name: "a//b", On: true}, mailbox.ErrBadName},
		{&store.Create{Account: 4711, Name: "a"}, store.ErrNotFound},
		{&store.Delete{Account: 4711, Name: "a"}, store.ErrNotFound},
		{&store.Rename{Account: 4711, From: "a", To: "b"}, store.ErrNotFound},
		{&store.Subscribe{Account: 4711, Name: "a", On: true}, store.ErrNotFound},
	} {
		e.fails(c.want, 0, c.op)
		e.fails(c.want, 1, create("fine"), c.op, create("fine too"))
	}
	for range 2 {
		e.one(&store.Subscribe{Account: id, Name: "a", On: true})
	}
	e.commit(&store.Subscribe{Account: id, Name: "not there", On: true}, &store.Subscribe{Account: id, Name: "q"})
	if got := describe(a.Namespace()); got != `INBOX+ Trash\Trash Zürich a+ a/b/c (not there+)` {
		e.Errorf("the mailboxes are %s", got)
	}

	b := e.box(a, "a/b/c")
	uids := e.fill(b, 3)
	before := a.Namespace()
	was, _ := before.Lookup("a/b/c")
	e.commit(&store.Rename{Account: id, From: "a", To: "z/y"}, &store.Subscribe{Account: id, Name: "INBOX"})
	if _, ok := before.Lookup("a"); !ok || !before.IsSubscribed("INBOX") {
		e.Error("a namespace that was read has changed")
	}
	e.want(b, uids...)
	want := `INBOX Trash\Trash Zürich z/y z/y/b/c (a+) (not there+)`
	entries := slices.Collect(a.Namespace().All())
	for range 2 { // the second time after reopening
		a = e.account("ann")
		if got := describe(a.Namespace()); got != want {
			e.Errorf("the mailboxes are %s", got)
		}
		if got := slices.Collect(a.Namespace().All()); fmt.Sprint(got) != fmt.Sprint(entries) {
			e.Errorf("the entries are %v, want %v", got, entries)
		}
		now, ok := a.Namespace().Lookup("z/y/b/c")
		if !ok || now.ID != was.ID || now.UIDValidity != was.UIDValidity {
			e.Errorf("%+v became %+v", was, now)
		}
		b := e.box(a, "z/y/b/c")
		if b.Ref() != (store.Ref{Account: a.ID(), Mailbox: was.ID}) || b.Version().UIDValidity != was.UIDValidity {
			e.Errorf("the mailbox is %+v with UIDVALIDITY %d, the entry is %+v", b.Ref(), b.Version().UIDValidity, was)
		}
		e.want(b, uids...)
		e.reopen()
	}
}

// testCreateID makes mailboxes with an ID that the caller has chosen.
func testCreateID(e *env) {
	a, other := e.account("ann"), e.account("bob")
	id := store.NewMailboxID()
	ref := store.Ref{Account: a.ID(), Mailbox: id}
	out := e.commit(&store.Create{Account: a.ID(), Name: "a", ID: id}, &store.Rename{Account: a.ID(), From: "a", To: "b"})
	if got := out[0].Created; got.ID != id || got.Name != "a" || got.UIDValidity == 0 {
		e.Errorf("created was %+v, the ID was to be %d", got, id)
	}
	b := e.openBox(ref)
	uids := e.fill(b, 1)
	e.fails(store.ErrExists, 0, &store.Create{Account: a.ID(), Name: "c", ID: id})
	second := store.NewMailboxID()
	e.fails(store.ErrExists, 1, &store.Create{Account: a.ID(), Name: "c", ID: second}, &store.Create{Account: a.ID(), Name: "d", ID: second})
	e.one(&store.Create{Account: other.ID(), Name: "c", ID: id}) // is another mailbox
	e.want(e.openBox(store.Ref{Account: other.ID(), Mailbox: id}))
	made := e.commit(&store.Create{Account: a.ID(), Name: "x"}, &store.Create{Account: a.ID(), Name: "y"})
	if x, y := made[0].Created, made[1].Created; x.ID == 0 || x.ID == y.ID || x.ID == id || y.ID == id || x.UIDValidity == y.UIDValidity {
		e.Errorf("created were %+v and %+v", x, y)
	}
	e.reopen()
	a = e.account("ann")
	if entry, ok := a.Namespace().Lookup("b"); !ok || entry.ID != id {
		e.Errorf("after reopening the mailbox is %+v", entry)
	}
	e.want(e.openBox(ref), uids...)
	e.fails(store.ErrExists, 0, &store.Create{Account: a.ID(), Name: "c", ID: id})
}

func testUIDValidity(e *env) {
	a := e.account("ann")
	inbox, _ := a.Namespace().Lookup("INBOX")
	last, ids := inbox.UIDValidity, map[mailbox.ID]bool{inbox.ID: true}
	check := func(entry mailbox.Entry) {
		e.Helper()
		if entry.UIDValidity <= last || ids[entry.ID] || entry.Name != "a" {
			e.Fatalf("created %+v after UIDVALIDITY %d and IDs %v", entry, last, ids)
		}
		last, ids[entry.ID] = entry.UIDValidity, true
	}
	for i := range 12 { // more than fit into one second
		check(e.one(&store.Create{Account: a.ID(), Name: "a"}).Created)
		if listed, ok := a.Namespace().Lookup("a"); !ok || !ids[listed.ID] || listed.UIDValidity != last {
			e.Fatalf("created with UIDVALIDITY %d, listed is %+v", last, listed)
		}
		if v := e.box(a, "a").Version(); v.UIDValidity != last || v.UIDNext < 1 || v.Len() != 0 {
			e.Fatalf("a new mailbox is %+v", v.Counts())
		}
		e.one(&store.Delete{Account: a.ID(), Name: "a"})
		if i%4 == 3 {
			e.reopen()
			a = e.account("ann")
		}
	}
	// Within one commit too.
	remove := &store.Delete{Account: a.ID(), Name: "a"}
	out := e.commit(&store.Create{Account: a.ID(), Name: "a"}, remove, &store.Create{Account: a.ID(), Name: "a"}, remove)
	check(out[0].Created)
	check(out[2].Created)
	e.reopen()
	a = e.account("ann")
	if got := describe(a.Namespace()); got != "INBOX+" {
		e.Errorf("the mailboxes are %s", got)
	}
	check(e.one(&store.Create{Account: a.ID(), Name: "a"}).Created)
}

func testDeleteMailbox(e *env) {
	a := e.account("ann")
	b, idle, inbox := e.box(a, "a"), e.box(a, "a"), e.box(a, "INBOX")
	uids := e.fill(b, 2)
	there := e.fill(inbox, 1)
	v := b.Version()
	b.Hold(v)
	msg := e.message(inbox, text())
	e.drainAll()
	e.one(&store.Delete{Account: a.ID(), Name: "a"})
	for _, h := range []store.Mailbox{b, idle} {
		if now := h.Version(); !now.Deleted || now.Len() != 0 || now.UIDValidity != v.UIDValidity || now.HighestModSeq <= v.HighestModSeq {
			e.Errorf("the mailbox is %+v (Deleted %v), was %+v", now.Counts(), now.Deleted, v.Counts())
		}
		e.wantBell("Delete", h.Bell())
	}
	for _, r := range v.Rows() {
		if _, err := readBody(b, r); err != nil {
			e.Errorf("UID %d, which is held: %v", r.UID, err)
		}
	}
	all := imap.UIDs(uids...)
	append := &store.Append{Mailbox: inbox.Ref(), Messages: []store.NewMessage{msg}}
	for _, op := range []store.Op{
		&store.Append{Mailbox: b.Ref(), Messages: []store.NewMessage{msg}},
		&store.Append{Mailbox: b.Ref()},
		&store.StoreFlags{Mailbox: b.Ref(), UIDs: all, Op: imap.StoreAdd, Flags: []imap.Flag{imap.Seen}},
		&store.Expunge{Mailbox: b.Ref(), UIDs: all},
		&store.Copy{From: b.Ref(), To: inbox.Ref(), UIDs: all},
		&store.Copy{From: b.Ref(), To: inbox.Ref(), UIDs: all, Move: true},
		&store.Copy{From: inbox.Ref(), To: b.Ref(), UIDs: imap.UIDs(there...)},
		&store.Copy{From: inbox.Ref(), To: b.Ref(), UIDs: imap.UIDs(there...), Move: true},
	} {
		if err := e.fails(store.ErrNotFound, 1, append, op); err.Ref != b.Ref() {
			e.Errorf("%T: mailbox %+v is to blame, want %+v", op, err.Ref, b.Ref())
		}
	}
	e.fails(store.ErrNotFound, 0, &store.Delete{Account: a.ID(), Name: "a"})
	_, err := e.store.Status(e.ctx, store.System, b.Ref())
	e.wantErr("Status", err, store.ErrNotFound)
	_, err = e.store.Open(e.ctx, store.System, b.Ref())
	e.wantErr("Open", err, store.ErrNotFound)
	if r, ok := store.Find[store.Recent](e.store); ok {
		_, err = r.RecentFrom(e.ctx, store.System, b.Ref())
		e.wantErr("RecentFrom", err, store.ErrNotFound)
		_, err = r.ClaimRecent(e.ctx, store.System, b.Ref(), 1)
		e.wantErr("ClaimRecent", err, store.ErrNotFound)
	}
	again := e.box(a, "a") // a new mailbox of that name is another one
	e.want(again)
	if again.Ref() == b.Ref() || !b.Version().Deleted {
		e.Error("a new mailbox took the place of the deleted one")
	}
	e.closeBox(idle)
	b.Hold(b.Version())
	_, r, _ := v.Find(uids[0])
	_, err = readBody(b, &r)
	e.wantErr("Body of what nobody holds", err, store.ErrGone)
	msg.Body.Discard()
	e.reopen()
	a = e.account("ann")
	e.want(e.box(a, "a"))
}
