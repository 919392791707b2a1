package storetest

import (
	"fmt"
	"strings"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

func setMetadata(ref store.Ref, name, value string) *store.SetMetadata {
	return &store.SetMetadata{Mailbox: ref, Set: []mailbox.Metadata{{Name: name, Value: value}}}
}

func testMetadata(e *env) {
	a := e.account("ann")
	e.account("bob")
	own, box := store.Ref{Account: a.ID()}, e.create(a, "a/b")
	e.commit(setMetadata(own, "/private/vendor/x/y", "mine"), setMetadata(box, "/shared/comment", "\x00\r\n\xff"),
		&store.SetMetadata{Mailbox: box, Set: []mailbox.Metadata{{Name: "/private/comment"}, {Name: "/private/a", Value: "b"}}})
	before := a.Namespace()
	id := store.NewMailboxID()
	made := store.Ref{Account: a.ID(), Mailbox: id}
	e.commit(&store.Create{Account: a.ID(), ID: id, Name: "made"}, setMetadata(made, "/shared/comment", "new"),
		&store.SetMetadata{Mailbox: box, Set: []mailbox.Metadata{{Name: "/shared/comment", Value: "more"}}, Remove: []string{"/private/a", "/private/none"}})
	e.commit(&store.Rename{Account: a.ID(), From: "a", To: "z"}) // the entries stay with the mailbox
	if value, ok := before.Metadata(box.Mailbox, "/private/a"); !ok || value != "b" {
		e.Error("a namespace that was read has changed")
	}
	if value, ok := a.Namespace().Metadata(box.Mailbox, "/private/comment"); !ok || value != "" {
		e.Errorf("an empty value is %q, %v", value, ok)
	}
	for _, c := range []struct {
		op   store.Op
		want error
	}{
		{setMetadata(store.Ref{Account: a.ID(), Mailbox: 1<<62 - 1}, "/shared/comment", ""), store.ErrNotFound},
		{setMetadata(store.Ref{Account: 4711}, "/shared/comment", ""), store.ErrNotFound},
		{setMetadata(box, "/shared/comment/", ""), mailbox.ErrBadEntry},
		{setMetadata(box, "/shared/comment", strings.Repeat("x", mailbox.MaxMetadataValue+1)), mailbox.ErrMetadataTooBig},
	} {
		e.fails(c.want, 0, c.op)
		e.fails(c.want, 1, setMetadata(own, "/shared/fine", ""), c.op, setMetadata(own, "/shared/fine", "too"))
	}
	want := `INBOX+ made z/b [/private/vendor/x/y="mine"] [made/shared/comment="new"] [z/b/private/comment=""] [z/b/shared/comment="more"]`
	for range 2 { // the second time after reopening
		if got := describe(e.account("ann").Namespace()); got != want {
			e.Errorf("the mailboxes are %s\nwant %s", got, want)
		}
		if got := describe(e.account("bob").Namespace()); got != "INBOX+" {
			e.Errorf("another account has %s", got)
		}
		e.reopen()
	}
	// A mailbox takes its entries along.
	a = e.account("ann")
	e.commit(&store.Delete{Account: a.ID(), Name: "made"}, &store.Create{Account: a.ID(), Name: "made"})
	e.one(&store.SetMetadata{Mailbox: own, Remove: []string{"/private/vendor/x/y"}})
	want = `INBOX+ made z/b [z/b/private/comment=""] [z/b/shared/comment="more"]`
	for range 2 {
		if got := describe(e.account("ann").Namespace()); got != want {
			e.Errorf("the mailboxes are %s\nwant %s", got, want)
		}
		e.reopen()
	}
	e.must(e.store.DeleteUser(e.ctx, "ann"))
	if got := describe(e.account("ann").Namespace()); got != "INBOX+" {
		e.Errorf("a new account has %s", got)
	}
}

// testMetadataLimits: an account has as many entries as it may, and what is beyond is refused.
func testMetadataLimits(e *env) {
	a := e.account("ann")
	full := func(ref store.Ref) (ops []store.Op) {
		for i := range mailbox.MaxMetadataCount {
			ops = append(ops, setMetadata(ref, fmt.Sprintf("/shared/%d", i), ""))
		}
		return ops
	}
	inbox, _ := a.Namespace().Lookup(imap.Inbox)
	for _, ref := range []store.Ref{{Account: a.ID()}, {Account: a.ID(), Mailbox: inbox.ID}} {
		e.commit(full(ref)...)
		e.fails(mailbox.ErrTooManyMetadata, 0, setMetadata(ref, "/shared/more", ""))
		e.commit(setMetadata(ref, "/shared/1", "another value"))
	}
	big := strings.Repeat("x", mailbox.MaxMetadataValue)
	n := mailbox.MaxMetadataOctets/mailbox.MaxMetadataValue - 1
	for i := range n {
		e.one(setMetadata(store.Ref{Account: a.ID()}, fmt.Sprintf("/shared/%d", i), big))
	}
	e.fails(mailbox.ErrTooManyMetadata, 0, setMetadata(store.Ref{Account: a.ID(), Mailbox: inbox.ID}, fmt.Sprintf("/shared/%d", n), big))
	e.one(&store.SetMetadata{Mailbox: store.Ref{Account: a.ID()}, Remove: []string{"/shared/0"}})
	e.one(setMetadata(store.Ref{Account: a.ID(), Mailbox: inbox.ID}, fmt.Sprintf("/shared/%d", n), big))
	e.reopen()
	a = e.account("ann")
	if value, ok := a.Namespace().Metadata(inbox.ID, fmt.Sprintf("/shared/%d", n)); !ok || value != big {
		e.Errorf("after reopening a value of %d octets has %d, %v", len(big), len(value), ok)
	}
}
