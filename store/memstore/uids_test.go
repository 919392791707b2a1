package memstore

import (
	"errors"
	"math"
	"strings"
	"testing"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// A mailbox that has used up its UIDs takes no more messages, and UIDNEXT stays a number.
func TestNoUIDs(t *testing.T) {
	s := New()
	defer s.Close()
	u, err := s.CreateUser(t.Context(), "ann", nil)
	if err != nil {
		t.Fatal(err)
	}
	var ref store.Ref
	for id, b := range s.mu.accounts[u.ID].boxes {
		ref = store.Ref{Account: u.ID, Mailbox: id}
		c := b.version.Counts()
		c.UIDNext = math.MaxUint32 - 2
		if b.version, err = mailbox.Load(c, nil, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	body, err := s.Stage(t.Context(), store.System, u.ID, strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	messages := make([]store.NewMessage, 3)
	for i := range messages {
		messages[i].Body = body
	}
	fails := func(op store.Op) {
		t.Helper()
		var at *store.OpError
		if _, err := s.Commit(t.Context(), store.System, op); !errors.Is(err, store.ErrNoUIDs) || !errors.As(err, &at) || at.Ref != ref {
			t.Errorf("%T: %#v", op, err)
		}
	}
	fails(&store.Append{Mailbox: ref, Messages: messages})
	out, err := s.Commit(t.Context(), store.System, &store.Append{Mailbox: ref, Messages: messages[:2]})
	if err != nil || out[0].UIDs[1] != math.MaxUint32-1 {
		t.Fatal(out, err)
	}
	fails(&store.Copy{From: ref, To: ref, UIDs: imap.UIDs(out[0].UIDs[0])})
	fails(&store.Copy{From: ref, To: ref, UIDs: imap.UIDs(out[0].UIDs[0]), Move: true})
	if c, err := s.Status(t.Context(), store.System, ref); err != nil || c.UIDNext != math.MaxUint32 || c.Messages != 2 {
		t.Errorf("%+v, %v", c, err)
	}
}
