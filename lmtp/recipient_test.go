package lmtp

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/store"
	"restante/store/gate"
)

// TestDomains takes mail for domains that are ours, for users who are whole addresses, and for bare
// names.
func TestDomains(t *testing.T) {
	for _, tt := range []struct{ domains, to, want string }{
		{"", "bob@anywhere.example", "250 2.1.5"},
		{"example.com", "bob@example.com", "250 2.1.5"},
		{"example.com", "bob+x@EXAMPLE.com", "250 2.1.5"},
		{"example.net Example.COM.", "bob@example.com", "250 2.1.5"},
		{"example.com", "bob", "250 2.1.5"},
		{"example.com", "ann@example.org", "250 2.1.5"},
		{"example.com", "Ann+Lists@Example.org", "250 2.1.5"},
		{"example.com", "Postmaster", "250 2.1.5"},
		{"example.com", "postmaster@example.com", "250 2.1.5"},
		{"example.com", "bob@example.org", "550 5.1.2"},
		{"example.com", "bob@sub.example.com", "550 5.1.2"},
		{"example.com", "bob@[192.0.2.1]", "550 5.1.2"},
		{"example.com", "postmaster@example.org", "550 5.1.2"},
		{"example.com", "nobody@example.com", "550 5.1.1"},
	} {
		w := start(t, func(s *Server) {
			s.Postmaster = "bob"
			if tt.domains != "" {
				s.Domains = strings.Fields(tt.domains)
			}
		})
		expect(t, w.talk(hello+"RCPT TO:<"+tt.to+">\r\nQUIT\r\n"), helloOK+tt.want+", 221 2.0.0")
	}
}

// TestPostmaster is never refused for good (RFC 5321 §4.5.1).
func TestPostmaster(t *testing.T) {
	ctx := context.Background()
	for _, tt := range []struct {
		what, postmaster string
		users            string // the others are removed
		user             string // who gets it; "" for nobody yet
	}{
		{"named", "Bob", "bob ann@example.org", "bob"},
		{"the only one", "", "bob", "bob"},
		{"one of several", "", "bob ann@example.org", ""},
		{"there is no such user", "carol", "bob", ""},
	} {
		t.Run(tt.what, func(t *testing.T) {
			w := start(t, func(s *Server) { s.Postmaster = tt.postmaster })
			for _, u := range []string{"ann@example.org", "bob", "wüst@example.org"} {
				if !strings.Contains(tt.users, u) {
					if err := w.store.DeleteUser(ctx, u); err != nil {
						t.Fatal(err)
					}
				}
			}
			want := "451 4.3.5, 451 4.3.5, 221 2.0.0"
			if tt.user != "" {
				want = "250 2.1.5, 250 2.1.5, 221 2.0.0"
			}
			expect(t, w.talk(hello+"RCPT TO:<Postmaster>\r\nRCPT TO:<PostMaster@example.org>\r\nQUIT\r\n"), helloOK+want)
			if user, err := w.server.PostmasterUser(ctx); user.Name != tt.user || (err != nil) != (tt.user == "") || err != nil && !errors.Is(err, errNoPostmaster) {
				t.Errorf("%q, %v", user.Name, err)
			}
		})
	}
}

// logBuffer is a log that the server's goroutines write.
type logBuffer struct {
	mu struct {
		sync.Mutex
		b bytes.Buffer
	}
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.b.String()
}

// TestRefusedRecipientsLogged names in the log whom mail was refused for, from whom, and why.
func TestRefusedRecipientsLogged(t *testing.T) {
	var said logBuffer
	w := start(t, func(s *Server) {
		f := &faulty{Store: s.Users.(store.Store)}
		f.mu.names = map[store.AccountID]string{}
		s.Users, s.Mail = f, gate.New(f, gate.Owners)
		s.Log = slog.New(slog.NewTextHandler(&said, nil))
		s.Domains, s.Limits.Recipients, s.Limits.MessageSize = Domains{"example.org"}, 1, 1000
	})
	w.talk("LHLO x\r\nMAIL FROM:<sender@example.net> SIZE=9999999\r\nMAIL FROM:<sender@example.net>\r\n" +
		"RCPT TO:<nobody@example.org>\r\nRCPT TO:<bob@example.com>\r\nRCPT TO:<broken>\r\nRCPT TO:<postmaster>\r\n" +
		"RCPT TO:<a b>\r\nRCPT bob\r\nRCPT TO:<bob> NOTIFY=NEVER\r\nRCPT TO:<w\u00fcst@example.org>\r\nRCPT TO:<bob>\r\nRCPT TO:<ann@example.org>\r\n" +
		"DATA\r\n" + strings.Repeat("x", 2000) + "\r\n.\r\nQUIT\r\n")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := w.server.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	log := said.String()
	for _, want := range []string{
		`level=INFO msg="message refused" conn=1 from=sender@example.net code=552 `,
		`level=INFO msg="recipient refused" conn=1 recipient=nobody@example.org from=sender@example.net code=550 reason="No such user here"`,
		`recipient=bob@example.com from=sender@example.net code=550 reason="Mail for this domain is not taken here"`,
		`level=ERROR msg="recipient refused" conn=1 recipient=broken from=sender@example.net code=451 reason="Mail store is not available, try again later" err="disk on fire"`,
		`level=WARN msg="recipient refused; name a user who is postmaster" conn=1 recipient=postmaster from=sender@example.net code=451 `,
		`recipient="<a b>" from=sender@example.net code=501 `,
		`recipient=bob from=sender@example.net code=501 `,
		`recipient="<bob> NOTIFY=NEVER" from=sender@example.net code=555 `,
		`recipient=wüst@example.org from=sender@example.net code=553 `,
		`recipient=ann@example.org from=sender@example.net code=452 reason="Too many recipients"`,
		`level=WARN msg="not delivered" conn=1 recipient=bob user=bob from=sender@example.net code=552 `,
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log has no %s:\n%s", want, log)
		}
	}
}
