package imapserver_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"restante/imapserver"
	"restante/mailbox"
	"restante/store"
	"restante/store/gate"
	"restante/store/memstore"
)

// without is a policy that takes the right to read one mailbox away.
type without struct {
	gate.Policy
	box *mailbox.ID
}

func (w without) Rights(ctx context.Context, actor store.Actor, ref store.Ref) (gate.Rights, error) {
	rights, err := w.Policy.Rights(ctx, actor, ref)
	if ref.Mailbox == *w.box {
		rights &= gate.Lookup
	}
	return rights, err
}

// TestNotifyNoAccess watches a mailbox that may be seen and not read (RFC 5465 §3.1).
func TestNotifyNoAccess(t *testing.T) {
	s, hidden := memstore.New(), new(mailbox.ID)
	ts := startServer(t, s, func(server *imapserver.Server) { server.Mail = gate.New(s, without{gate.Owners, hidden}) })
	user := ts.target(t, false)
	w := dialUser(t, ts, user)
	w.ok("CREATE secret")
	e, _ := ts.account(t, user.User).Namespace().Lookup("secret")
	*hidden = e.ID
	lines := w.ok("NOTIFY SET STATUS (MAILBOXES (secret INBOX) (MessageNew MessageExpunge))")
	if text := strings.Join(lines, "\n"); !strings.Contains(text, `\NoAccess) "/" secret`) || strings.Contains(text, "STATUS secret") || !strings.Contains(text, "* STATUS INBOX") {
		t.Errorf("got %s", text)
	}
	for _, name := range []string{"secret", "INBOX"} {
		if err := user.Seed(name, []byte("x: y\r\n\r\n"), nil, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	w.expect("* STATUS INBOX (MESSAGES 1")
}

// TestNotifyLimits asks for more than a session may hold.
func TestNotifyLimits(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	user := ts.target(t, false)
	w := dialUser(t, ts, user)
	w.ok("NOTIFY SET (PERSONAL (MailboxName))")
	for _, command := range []string{
		"NOTIFY SET (MAILBOXES (" + strings.Repeat("a ", 1000) + "a) (MailboxName)) (SUBTREE (" + strings.Repeat("a ", 100) + "b) (MailboxName))",
		"NOTIFY SET (SELECTED (MessageNew (" + strings.Repeat("UID ", 1000) + "UID) MessageExpunge))",
	} {
		lines := w.cmd(command)
		if last := lines[len(lines)-1]; !strings.Contains(last, "NO [NOTIFICATIONOVERFLOW]") {
			t.Errorf("%.40s: %s", command, last)
		}
	}
	// What was asked for before that holds.
	dialUser(t, ts, user).ok("CREATE new")
	w.expect(`* LIST (\HasNoChildren) "/" new`)
}

// unread is a store whose mailboxes cannot be looked at from some moment on.
type unread struct {
	store.Store
	err error
}

func (u *unread) Status(ctx context.Context, actor store.Actor, ref store.Ref) (mailbox.Counts, error) {
	if u.err != nil {
		return mailbox.Counts{}, u.err
	}
	return u.Store.Status(ctx, actor, ref)
}

// TestNotifyOverflow finds that a store does not answer: the client is told that it hears of nothing any more
// (RFC 5465 §5.8).
func TestNotifyOverflow(t *testing.T) {
	s := &unread{Store: memstore.New()}
	ts := startServer(t, s, nil)
	user := ts.target(t, false)
	w := dialUser(t, ts, user)
	w.ok("NOTIFY SET (PERSONAL (MessageNew MessageExpunge))")
	s.err = store.ErrUnavailable
	if err := user.Seed("INBOX", []byte("x: y\r\n\r\n"), nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	w.expect("* OK [NOTIFICATIONOVERFLOW] ")
	lines := w.ok("NOOP")
	if len(lines) != 1 {
		t.Errorf("told %q", lines)
	}
}
