package storetest

import (
	"slices"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// drain empties a bell.
func drain(bell <-chan struct{}) {
	select {
	case <-bell:
	default:
	}
}

// drainAll empties all bells.
func (e *env) drainAll() {
	for _, h := range e.handles {
		drain(h.Bell())
	}
	for _, a := range e.accounts {
		drain(a.Bell())
	}
}

// wantBell checks that a bell rings.
func (e *env) wantBell(what string, bell <-chan struct{}) {
	e.Helper()
	select {
	case <-bell:
	case <-time.After(patience):
		e.Fatalf("%s: the bell does not ring", what)
	}
}

// wantSilence checks that no bell rings.
func (e *env) wantSilence(what string) {
	e.Helper()
	for _, h := range e.handles {
		select {
		case <-h.Bell():
			e.Errorf("%s: the bell of mailbox %d rings", what, h.Ref().Mailbox)
		default:
		}
	}
	for _, a := range e.accounts {
		select {
		case <-a.Bell():
			e.Errorf("%s: the bell of account %d rings", what, a.ID())
		default:
		}
	}
}

func testBell(e *env) {
	a := e.account("ann")
	one, two, elsewhere := e.box(a, "INBOX"), e.box(a, "INBOX"), e.box(a, "elsewhere")
	for what, change := range map[string]func(){
		"Append":  func() { e.fill(one, 3) },
		"Store":   func() { e.flag(one, imap.StoreAdd, []imap.Flag{imap.Seen}, e.fill(one, 1)...) },
		"Expunge": func() { e.expunge(one, e.fill(one, 2)...) },
		"Copy":    func() { e.copy(elsewhere, one, e.fill(elsewhere, 1)...) },
		"Move":    func() { e.move(one, elsewhere, e.fill(one, 1)...) },
	} {
		change()
		change() // nobody has listened: the bell has room for one
		for _, b := range []store.Mailbox{one, two} {
			before := b.Version()
			e.wantBell(what, b.Bell())
			if b.Version() != before {
				e.Errorf("%s: the version changed after the change had returned", what)
			}
		}
	}
	uids := e.fill(one, 1)
	for what, nothing := range map[string]store.Op{
		"Append":     &store.Append{Mailbox: one.Ref()},
		"StoreFlags": &store.StoreFlags{Mailbox: one.Ref(), UIDs: imap.UIDs(uids...), Op: imap.StoreRemove, Flags: []imap.Flag{imap.Seen}},
		"Expunge":    &store.Expunge{Mailbox: one.Ref(), UIDs: imap.UIDs(uids...)},
		"Copy":       &store.Copy{From: one.Ref(), To: elsewhere.Ref(), UIDs: imap.UIDs(1 << 30)},
		"Subscribe":  &store.Subscribe{Account: a.ID(), Name: "q"},
		"Quota":      setQuota(a, nil),
		"Metadata":   &store.SetMetadata{Mailbox: one.Ref(), Remove: []string{"/shared/comment"}},
	} {
		e.drainAll()
		e.one(nothing)
		e.wantSilence(what + " that changes nothing")
	}
	// Whoever waits is woken for a version that is there already.
	e.drainAll()
	old := two.Version()
	msg := e.message(one, text())
	done := make(chan error)
	go func() {
		_, err := e.store.Commit(e.ctx, store.System, &store.Append{Mailbox: one.Ref(), Messages: []store.NewMessage{msg}})
		done <- err
	}()
	e.wantBell("Append by another", two.Bell())
	if two.Version().HighestModSeq <= old.HighestModSeq {
		e.Error("the bell rang before the version changed")
	}
	e.must(<-done)
}

// testAccountBell checks that all changes of names, and in any mailbox, ring the bell of every
// handle on the account, and of no other.
func testAccountBell(e *env) {
	a, again, other := e.account("ann"), e.account("ann"), e.account("bob")
	inbox, dst := e.ref(a, "INBOX"), e.ref(a, "dst")
	b := e.openBox(inbox)
	uids := e.fill(b, 3)
	msg := e.message(b, text())
	for _, c := range []struct {
		what string
		op   store.Op
	}{
		{"Create", &store.Create{Account: a.ID(), Name: "new"}},
		{"Rename", &store.Rename{Account: a.ID(), From: "new", To: "newer"}},
		{"Subscribe", &store.Subscribe{Account: a.ID(), Name: "newer", On: true}},
		{"Unsubscribe", &store.Subscribe{Account: a.ID(), Name: "newer"}},
		{"SetMetadata", setMetadata(inbox, "/shared/comment", "x")},
		{"SetMetadata of the account", setMetadata(store.Ref{Account: a.ID()}, "/shared/comment", "x")},
		{"SetQuota", setQuota(a, mailbox.Quota{imap.QuotaMessage: 1000})},
		{"Delete", &store.Delete{Account: a.ID(), Name: "newer"}},
		{"Append", &store.Append{Mailbox: inbox, Messages: []store.NewMessage{msg}}},
		{"StoreFlags", &store.StoreFlags{Mailbox: inbox, UIDs: imap.UIDs(uids[0]), Op: imap.StoreAdd, Flags: []imap.Flag{imap.Seen}}},
		{"Copy", &store.Copy{From: inbox, To: dst, UIDs: imap.UIDs(uids[0])}},
		{"Move", &store.Copy{From: inbox, To: dst, UIDs: imap.UIDs(uids[1]), Move: true}},
		{"Expunge", &store.Expunge{Mailbox: inbox, UIDs: imap.UIDs(uids[2]), Undeleted: true}},
	} {
		e.drainAll()
		before := a.Namespace()
		e.one(c.op)
		now := a.Namespace()
		for _, h := range []store.Account{a, again} {
			e.wantBell(c.what, h.Bell())
			if h.Namespace() != now {
				e.Errorf("%s: the names changed after the change had returned", c.what)
			}
		}
		select {
		case <-other.Bell():
			e.Errorf("%s: the bell of another account rings", c.what)
		default:
		}
		if c.what == "Rename" && now == before {
			e.Error("Rename: the names are the same")
		}
	}
	e.drainAll()
	e.must(again.Close())
	e.accounts = slices.DeleteFunc(e.accounts, func(h store.Account) bool { return h == again })
	e.fill(b, 1)
	e.wantBell("Append, when another handle is closed", a.Bell())
	e.must(e.store.DeleteUser(e.ctx, "ann"))
	e.wantBell("DeleteUser", a.Bell())
}

func testRefresh(e *env) {
	a, again := e.account("ann"), e.account("ann")
	b, other := e.box(a, "INBOX"), e.box(a, "INBOX")
	uids := e.fill(b, 2)
	v, err := other.Refresh(e.ctx)
	e.must(err)
	if other.Version() != v || !slices.Equal(uidsOf(v), uids) {
		e.Errorf("Refresh returned %+v, Version %+v", v.Counts(), other.Version().Counts())
	}
	e.create(a, "new")
	n, err := again.Refresh(e.ctx)
	e.must(err)
	if _, ok := n.Lookup("new"); !ok || again.Namespace() != n {
		e.Errorf("Refresh returned %s, Namespace %s", describe(n), describe(again.Namespace()))
	}
	c := e.box(a, "new")
	e.one(&store.Delete{Account: a.ID(), Name: "new"})
	if v, err := c.Refresh(e.ctx); err != nil || !v.Deleted {
		e.Errorf("Refresh of a deleted mailbox returned %+v, %v", v, err)
	}
}

// testChanged asks an account where something has changed.
func testChanged(e *env) {
	a, again := e.account("ann"), e.account("ann")
	refs := []store.Ref{e.ref(a, "INBOX"), e.ref(a, "a"), e.ref(a, "b")}
	ids, now, all := a.Changed(0)
	if all {
		e.Errorf("Changed says that only in %d something has changed since never", ids)
	}
	check := func(what string, since uint64, want ...mailbox.ID) uint64 {
		e.Helper()
		slices.Sort(want)
		var next uint64
		for _, h := range []store.Account{a, again} {
			ids, now, all := h.Changed(since)
			if slices.Sort(ids); !all || !slices.Equal(ids, want) {
				e.Errorf("%s: changed are %d (all of them: %v), want %d", what, ids, all, want)
			}
			next = now
		}
		return next
	}
	now = check("nothing", now)
	start := now
	boxes := []store.Mailbox{e.openBox(refs[0]), e.openBox(refs[1]), e.openBox(refs[2])}
	uids := e.fill(boxes[0], 3)
	now = check("Append", now, refs[0].Mailbox)
	e.flag(boxes[0], imap.StoreAdd, []imap.Flag{imap.Seen}, uids...)
	e.flag(boxes[0], imap.StoreAdd, []imap.Flag{imap.Flagged}, uids...)
	now = check("StoreFlags", now, refs[0].Mailbox)
	e.copy(boxes[0], boxes[1], uids[0])
	now = check("Copy", now, refs[1].Mailbox)
	e.move(boxes[0], boxes[2], uids[0])
	now = check("Move", now, refs[0].Mailbox, refs[2].Mailbox)
	e.expunge(boxes[0], uids[1])
	now = check("Expunge", now, refs[0].Mailbox)
	e.one(&store.Subscribe{Account: a.ID(), Name: "q", On: true})
	now = check("Subscribe", now)
	other := e.account("bob")
	e.fill(e.box(other, "INBOX"), 1)
	now = check("another account", now)
	e.one(&store.Delete{Account: a.ID(), Name: "b"})
	now = check("Delete", now, refs[2].Mailbox)
	check("everything", start, refs[0].Mailbox, refs[1].Mailbox, refs[2].Mailbox)
	check("nothing more", now)
	if ids, _, all := a.Changed(0); all {
		e.Errorf("Changed says that only in %d something has changed since never", ids)
	}

	// However much happens, nothing that has changed is left out.
	for range 30 {
		var ops []store.Op
		for i := range 100 {
			ops = append(ops, &store.StoreFlags{Mailbox: refs[i%2], UIDs: imap.UIDRange(1, 0), Op: imap.StoreOp(1 + i/2%2), Flags: []imap.Flag{imap.Draft}})
		}
		e.commit(ops...)
	}
	if ids, _, all := a.Changed(now); all && len(ids) != 2 {
		e.Errorf("after changes in 2 mailboxes these are all: %d", ids)
	}
}
