package storetest

import (
	"fmt"
	"slices"
	"strings"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

func testUsers(e *env) {
	_, err := e.store.User(e.ctx, "ann")
	e.wantErr("User", err, store.ErrNotFound)
	e.wantErr("SetSecret", e.store.SetSecret(e.ctx, "ann", nil), store.ErrNotFound)
	e.wantErr("DeleteUser", e.store.DeleteUser(e.ctx, "ann"), store.ErrNotFound)
	_, err = e.store.Account(e.ctx, store.System, 4711)
	e.wantErr("Account", err, store.ErrNotFound)

	secret := []byte("one")
	bob, err := e.store.CreateUser(e.ctx, "bob", secret)
	e.must(err)
	secret[0] = 'X' // the caller's own
	ann, err := e.store.CreateUser(e.ctx, "ann", []byte("two"),
		store.InitialMailbox{Name: "Sent", Use: []imap.MailboxAttr{imap.AttrSent}}, store.InitialMailbox{Name: "a/b"})
	e.must(err)
	upper, err := e.store.CreateUser(e.ctx, "Ann", nil)
	e.must(err)
	if ann.ID == bob.ID || ann.ID == upper.ID || ann.Name != "ann" || string(ann.Secret) != "two" {
		e.Errorf("created %+v, %+v and %+v", bob, ann, upper)
	}
	_, err = e.store.CreateUser(e.ctx, "ann", nil)
	e.wantErr("CreateUser, the name is taken", err, store.ErrExists)
	for _, bad := range []store.InitialMailbox{{Name: "a//b"}, {Name: "inbox"}} {
		if _, err = e.store.CreateUser(e.ctx, "eve", nil, store.InitialMailbox{Name: "fine"}, bad); err == nil {
			e.Errorf("CreateUser with mailbox %q: no error", bad.Name)
		}
		_, err = e.store.User(e.ctx, "eve")
		e.wantErr("User who could not be created", err, store.ErrNotFound)
	}
	e.must(e.store.SetSecret(e.ctx, "ann", []byte("three")))

	for range 2 { // the second time after reopening
		users, err := e.store.Users(e.ctx)
		e.must(err)
		var got []string
		for _, u := range users {
			one, err := e.store.User(e.ctx, u.Name)
			e.must(err)
			if one.ID != u.ID || one.Name != u.Name || string(one.Secret) != string(u.Secret) {
				e.Errorf("User says %+v, Users %+v", one, u)
			}
			got = append(got, u.Name+"="+string(u.Secret))
		}
		if s := strings.Join(got, " "); s != "Ann= ann=three bob=one" {
			e.Errorf("users are %q", s)
		}
		if u, err := e.store.User(e.ctx, "ann"); err != nil || u.ID != ann.ID {
			e.Errorf("ann is %+v (%v), was created as %+v", u, err, ann)
		}
		a := e.account("ann")
		if a.ID() != ann.ID {
			e.Errorf("the account of user %d has ID %d", ann.ID, a.ID())
		}
		if got := describe(a.Namespace()); got != `INBOX+ Sent\Sent+ a/b+` {
			e.Errorf("ann's mailboxes are %s", got)
		}
		if got := describe(e.account("bob").Namespace()); got != "INBOX+" {
			e.Errorf("bob's mailboxes are %s", got)
		}
		e.reopen()
	}
}

func testDeleteUser(e *env) {
	a := e.account("ann")
	b, second := e.box(a, "INBOX"), e.box(a, "second")
	uid := e.fill(b, 1)[0]
	row := e.row(b, uid)
	msg := e.message(b, text())
	e.drainAll()
	e.must(e.store.DeleteUser(e.ctx, "ann"))
	for _, h := range []store.Mailbox{b, second} {
		if v := h.Version(); !v.Deleted || v.Len() != 0 {
			e.Errorf("the mailbox has Deleted %v and %d messages", v.Deleted, v.Len())
		}
		e.wantBell("DeleteUser", h.Bell())
	}
	if n := a.Namespace().Len(); n != 0 {
		e.Errorf("an account that is gone has %d mailboxes", n)
	}
	if _, err := readBody(b, row); err != nil {
		e.Errorf("a message that is held: %v", err)
	}
	_, err := e.store.User(e.ctx, "ann")
	e.wantErr("User", err, store.ErrNotFound)
	_, err = e.store.Account(e.ctx, store.System, a.ID())
	e.wantErr("Account", err, store.ErrNotFound)
	_, err = e.store.Open(e.ctx, store.System, b.Ref())
	e.wantErr("Open", err, store.ErrNotFound)
	bob := e.box(e.account("bob"), "INBOX")
	e.fails(store.ErrNotFound, 1, &store.Append{Mailbox: bob.Ref(), Messages: []store.NewMessage{msg}},
		&store.Append{Mailbox: b.Ref(), Messages: []store.NewMessage{msg}})
	e.fails(store.ErrNotFound, 0, &store.Create{Account: a.ID(), Name: "new"})
	msg.Body.Discard()

	seen := map[store.AccountID]bool{a.ID(): true}
	for range 3 { // IDs are not used again, not even after reopening
		e.reopen()
		again := e.account("ann")
		if seen[again.ID()] {
			e.Fatalf("account ID %d was used again", again.ID())
		}
		seen[again.ID()] = true
		e.want(e.box(again, "INBOX"))
		e.must(e.store.DeleteUser(e.ctx, "ann"))
	}
}

// describe returns the names with their special uses, each with a + when it is subscribed, and
// then the subscribed names that do not exist, the metadata and the limits.
func describe(n *mailbox.Namespace) string {
	var out []string
	for entry := range n.All() {
		s := entry.Name
		for _, use := range entry.Use {
			s += string(use)
		}
		if n.IsSubscribed(entry.Name) {
			s += "+"
		}
		out = append(out, s)
	}
	for name := range n.Subscribed() {
		if _, ok := n.Lookup(name); !ok {
			out = append(out, "("+name+"+)")
		}
	}
	var metadata []string
	for id, m := range n.AllMetadata() {
		entry, _ := n.ByID(id)
		metadata = append(metadata, fmt.Sprintf("[%s%s=%.50q]", entry.Name, m.Name, m.Value))
	}
	slices.Sort(metadata) // the order of IDs is the store's own
	if quota := n.Quota(); len(quota) > 0 {
		metadata = append(metadata, fmt.Sprint(quota))
	}
	return strings.Join(append(out, metadata...), " ")
}
