package lmtp

import (
	"context"
	"slices"
	"testing"

	"restante/store"
	"restante/store/gate"
)

// TestApart delivers to users whose accounts a store does not keep together: each gets the message, once.
func TestApart(t *testing.T) {
	var mail *apart
	w := start(t, func(s *Server) {
		mail = &apart{Mail: s.Users.(store.Store)}
		s.Mail = gate.New(mail, gate.Owners)
	})
	out := w.talk(hello + "RCPT TO:<ann@example.org>\r\nRCPT TO:<bob@example.org>\r\nRCPT TO:<wüst@example.org>\r\nRCPT TO:<ann+Lists@example.org>\r\n" +
		"DATA\r\nSubject: hi\r\n\r\nto all\r\n.\r\nQUIT\r\n")
	for user, boxes := range map[string][]string{"ann@example.org": {"INBOX", "Lists"}, "bob": {"INBOX"}} {
		for _, box := range boxes {
			if got := w.mail(user, box); len(got) != 1 {
				t.Errorf("%s has %q in %s\n%s", user, got, box, out)
			}
		}
	}
	if mail.refused == 0 {
		t.Error("nothing was to be committed together")
	}
}

// apart is a store that commits for one account at a time.
type apart struct {
	store.Mail
	refused int
}

func (a *apart) Commit(ctx context.Context, actor store.Actor, ops ...store.Op) ([]store.Outcome, error) {
	account := func(op store.Op) store.AccountID { return op.(*store.Append).Mailbox.Account }
	if i := slices.IndexFunc(ops, func(op store.Op) bool { return account(op) != account(ops[0]) }); i > 0 {
		a.refused++
		return nil, &store.OpError{Index: i, Err: store.ErrApart}
	}
	return a.Mail.Commit(ctx, actor, ops...)
}
