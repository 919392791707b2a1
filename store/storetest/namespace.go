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
	create := func(name string, use ...imap.MailboxAttr) error {
		_, err := a.Create(e.ctx, name, use)
		return err
	}
	e.must(create("a"))
	e.must(create("a/b/c"))
	e.must(create("Zürich"))
	e.must(create("Trash", imap.AttrTrash))
	e.wantErr("Create a", create("a"), mailbox.ErrExists)
	e.wantErr("Create inbox", create("inbox"), mailbox.ErrExists)
	e.wantErr("Create a//b", create("a//b"), mailbox.ErrBadName)
	e.wantErr("Create another trash", create("Bin", imap.AttrTrash), mailbox.ErrUseTaken)
	e.wantErr("Delete INBOX", a.Delete(e.ctx, "Inbox"), mailbox.ErrInbox)
	e.wantErr("Delete a/b", a.Delete(e.ctx, "a/b"), mailbox.ErrHasChildren)
	e.wantErr("Delete q", a.Delete(e.ctx, "q"), mailbox.ErrNotFound)
	e.wantErr("Rename INBOX", a.Rename(e.ctx, "INBOX", "q"), mailbox.ErrInbox)
	e.wantErr("Rename q", a.Rename(e.ctx, "q", "r"), mailbox.ErrNotFound)
	e.wantErr("Rename to a", a.Rename(e.ctx, "Trash", "a"), mailbox.ErrExists)
	e.wantErr("Rename below itself", a.Rename(e.ctx, "a", "a/b/d"), mailbox.ErrBadName)
	e.wantErr("Subscribe a//b", a.Subscribe(e.ctx, "a//b", true), mailbox.ErrBadName)
	e.must(a.Subscribe(e.ctx, "a", true))
	e.must(a.Subscribe(e.ctx, "a", true))
	e.must(a.Subscribe(e.ctx, "not there", true))
	e.must(a.Subscribe(e.ctx, "q", false))
	if got := describe(a.Namespace()); got != `INBOX+ Trash\Trash Zürich a+ a/b/c (not there+)` {
		e.Errorf("the mailboxes are %s", got)
	}

	b := e.box(a, "a/b/c")
	uids := e.fill(a, b, 3)
	before := a.Namespace()
	was, _ := before.Lookup("a/b/c")
	e.must(a.Rename(e.ctx, "a", "z/y"))
	e.must(a.Subscribe(e.ctx, "INBOX", false))
	if _, ok := before.Lookup("a"); !ok || !before.IsSubscribed("INBOX") {
		e.Error("a namespace that was read has changed")
	}
	e.want(a, b, uids...)
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
		if b.ID() != was.ID || b.Version().UIDValidity != was.UIDValidity {
			e.Errorf("the mailbox has ID %d and UIDVALIDITY %d, the entry is %+v", b.ID(), b.Version().UIDValidity, was)
		}
		e.want(a, b, uids...)
		e.reopen()
	}
}

func testUIDValidity(e *env) {
	a := e.account("ann")
	inbox, _ := a.Namespace().Lookup("INBOX")
	last, ids := inbox.UIDValidity, map[mailbox.ID]bool{inbox.ID: true}
	for i := range 12 { // more than fit into one second
		entry, err := a.Create(e.ctx, "a", nil)
		e.must(err)
		if entry.UIDValidity <= last || ids[entry.ID] || entry.Name != "a" {
			e.Fatalf("created %+v after UIDVALIDITY %d and IDs %v", entry, last, ids)
		}
		last, ids[entry.ID] = entry.UIDValidity, true
		if listed, ok := a.Namespace().Lookup("a"); !ok || listed.ID != entry.ID || listed.UIDValidity != entry.UIDValidity {
			e.Fatalf("created %+v, listed is %+v", entry, listed)
		}
		if v := e.box(a, "a").Version(); v.UIDValidity != entry.UIDValidity || v.UIDNext < 1 || v.Len() != 0 {
			e.Fatalf("a new mailbox is %+v", v.Counts())
		}
		e.must(a.Delete(e.ctx, "a"))
		if i%4 == 3 {
			e.reopen()
			a = e.account("ann")
		}
	}
}

func testDeleteMailbox(e *env) {
	a := e.account("ann")
	b, idle, inbox := e.box(a, "a"), e.box(a, "a"), e.box(a, "INBOX")
	uids := e.fill(a, b, 2)
	v := b.Version()
	b.Hold(v)
	drain(b)
	drain(idle)
	e.must(a.Delete(e.ctx, "a"))
	for _, h := range []store.Mailbox{b, idle} {
		if now := h.Version(); !now.Deleted || now.Len() != 0 || now.UIDValidity != v.UIDValidity || now.HighestModSeq <= v.HighestModSeq {
			e.Errorf("the mailbox is %+v (Deleted %v), was %+v", now.Counts(), now.Deleted, v.Counts())
		}
		e.wantBell(h)
	}
	for _, r := range v.Rows() {
		if _, err := readBody(b, r.Ref); err != nil {
			e.Errorf("UID %d, which is held: %v", r.UID, err)
		}
	}
	all := imap.UIDs(uids...)
	for what, f := range map[string]func() error{
		"Append":     func() error { _, err := a.Append(e.ctx, b.ID(), []store.NewMessage{message(text())}); return err },
		"Status":     func() error { _, err := a.Status(e.ctx, b.ID()); return err },
		"RecentFrom": func() error { _, err := a.RecentFrom(e.ctx, b.ID()); return err },
		"Open":       func() error { _, err := a.Open(e.ctx, b.ID()); return err },
		"StoreFlags": func() error {
			_, err := b.StoreFlags(e.ctx, all, imap.StoreAdd, []imap.Flag{imap.Seen})
			return err
		},
		"Expunge": func() error { _, err := b.Expunge(e.ctx, all); return err },
		"Copy":    func() error { _, err := b.Copy(e.ctx, all, inbox.ID()); return err },
		"Move":    func() error { _, err := b.Move(e.ctx, all, inbox.ID()); return err },
		"Copy to it": func() error {
			_, err := inbox.Copy(e.ctx, imap.UIDs(e.fill(a, inbox, 1)...), b.ID())
			return err
		},
		"Delete": func() error { return a.Delete(e.ctx, "a") },
	} {
		e.wantErr(what, f(), store.ErrNotFound)
	}
	again := e.box(a, "a") // a new mailbox of that name is another one
	e.want(a, again)
	if again.ID() == b.ID() || !b.Version().Deleted {
		e.Error("a new mailbox took the place of the deleted one")
	}
	e.closeBox(idle)
	b.Hold(b.Version())
	if _, err := readBody(b, v.At(1).Ref); err == nil {
		e.Error("a message of a deleted mailbox can be read though nobody holds it")
	} else {
		e.wantErr("Body", err, store.ErrGone)
	}
	e.reopen()
	a = e.account("ann")
	e.want(a, e.box(a, "a"))
}
