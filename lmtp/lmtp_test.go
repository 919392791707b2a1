package lmtp

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"restante/imap"
	"restante/internal/servertest"
	"restante/mailbox"
	"restante/store"
	"restante/store/gate"
	"restante/store/memstore"
	"restante/summary"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a server on a store with the users ann@example.org, bob and Wüst.
type world struct {
	t      *testing.T
	server *Server
	store  store.Store
	addr   string
}

func start(t *testing.T, change func(*Server)) *world {
	t.Helper()
	ctx := context.Background()
	w := &world{t: t, store: memstore.New()}
	for _, u := range []string{"ann@example.org", "bob", "wüst@example.org"} {
		if _, err := w.store.CreateUser(ctx, u, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"Lists", "Lists/Go", "Entwürfe"} {
		ann := w.account("ann@example.org").ID()
		if _, err := w.store.Commit(ctx, store.System, &store.Create{Account: ann, Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	w.server = &Server{Users: w.store, Mail: gate.New(w.store, gate.Owners), Name: "mx.example.org", TempDir: t.TempDir()}
	if change != nil {
		change(w.server)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.serve(l)
	return w
}

func (w *world) serve(l net.Listener) {
	w.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- w.server.Serve(l) }()
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := w.server.Shutdown(ctx); err != nil {
			w.t.Error("Shutdown:", err)
		}
		if err := <-served; err != nil {
			w.t.Error("Serve:", err)
		}
		w.store.Close()
	})
}

func (w *world) account(user string) store.Account {
	w.t.Helper()
	u, err := w.store.User(context.Background(), user)
	if err != nil {
		w.t.Fatal(err)
	}
	a, err := w.store.Account(context.Background(), store.System, u.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { a.Close() })
	return a
}

// mail returns the messages of a mailbox.
func (w *world) mail(user, name string) []string {
	w.t.Helper()
	ctx := context.Background()
	a := w.account(user)
	e, ok := a.Namespace().Lookup(name)
	if !ok {
		w.t.Fatalf("no mailbox %q", name)
	}
	m, err := w.store.Open(ctx, store.System, store.Ref{Account: a.ID(), Mailbox: e.ID})
	if err != nil {
		w.t.Fatal(err)
	}
	defer m.Close()
	var out []string
	for _, row := range m.Version().Rows() {
		b, err := m.Body(ctx, row)
		if err != nil {
			w.t.Fatal(err)
		}
		var buf bytes.Buffer
		if _, err := b.WriteRange(&buf, 0, b.Size()); err != nil {
			w.t.Fatal(err)
		}
		b.Close()
		out = append(out, buf.String())
	}
	return out
}

// talk sends everything at once, as a pipelining client may, and returns what the server says
// until it closes the connection.
func (w *world) talk(in string) string {
	w.t.Helper()
	nc, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(10 * time.Second))
	go io.WriteString(nc, in)
	out, err := io.ReadAll(nc)
	if err != nil && !strings.Contains(err.Error(), "reset by peer") {
		w.t.Fatalf("after %q: %v", out, err)
	}
	return string(out)
}

// codes returns the reply codes, multi-line replies once, with their enhanced codes.
func codes(out string) string {
	var cs []string
	for _, line := range strings.Split(strings.TrimSuffix(out, "\r\n"), "\r\n") {
		if m := regexp.MustCompile(`^(\d{3}) (\d\.\d\.\d)?`).FindStringSubmatch(line); m != nil {
			cs = append(cs, strings.TrimSuffix(m[1]+" "+m[2], " "))
		}
	}
	return strings.Join(cs, ", ")
}

func expect(t *testing.T, out, want string) {
	t.Helper()
	if got := codes(out); got != want {
		t.Errorf("got  %s\nwant %s\nof\n%s", got, want, out)
	}
}

const hello = "LHLO client.example.org\r\nMAIL FROM:<sender@example.net>\r\n"
const helloOK = "220, 250, 250 2.0.0, "

func TestDelivery(t *testing.T) {
	w := start(t, nil)
	out := w.talk(hello + "RCPT TO:<ann@example.org>\r\nRCPT TO:<nobody@example.org>\r\nRCPT TO:<bob@elsewhere.example>\r\n" +
		"DATA\r\nreturn-PATH : <forged@example.com>\r\n folded\r\nReturn-Pathology: x\r\nSubject: hi\r\nReturn-Path: again\r\n\r\nReturn-Path: body\r\n..dot\r\nbare\nlf\r\r\n.\r\nQUIT\r\n")
	expect(t, out, helloOK+"250 2.1.5, 550 5.1.1, 250 2.1.5, 354, 250 2.0.0, 250 2.0.0, 221 2.0.0")
	order := regexp.MustCompile(`(?s)250 2.0.0 <ann@example.org> .*250 2.0.0 <bob@elsewhere.example> `)
	if !order.MatchString(out) {
		t.Errorf("not in the order of the recipients:\n%s", out)
	}
	want := regexp.MustCompile(`^Return-Path: <sender@example\.net>\r\n` +
		`Received: from client\.example\.org \(\[127\.0\.0\.1\]\)\r\n\tby mx\.example\.org with LMTP id [A-Z2-7]{16};\r\n\t\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}\r\n` +
		`Return-Pathology: x\r\nSubject: hi\r\n\r\nReturn-Path: body\r\n\.dot\r\nbare\r\nlf\r\n$`)
	got := w.mail("ann@example.org", "INBOX")
	if len(got) != 1 || !want.MatchString(got[0]) {
		t.Errorf("got %q", got)
	}
	// One message for both, which tells neither of the other.
	if bob := w.mail("bob", "INBOX"); !slices.Equal(bob, got) {
		t.Errorf("bob got %q", bob)
	}
}

func TestReceivedFor(t *testing.T) {
	w := start(t, nil)
	w.talk(hello + "RCPT TO:<bob>\r\nDATA\r\n\r\n.\r\nQUIT\r\n")
	if got := w.mail("bob", "INBOX"); len(got) != 1 || !strings.Contains(got[0], "\r\n\tfor <bob>;\r\n") ||
		!strings.Contains(got[0], "\r\nDelivered-To: bob\r\n") {
		t.Errorf("got %q", got)
	}
}

func TestFolder(t *testing.T) {
	for _, tt := range []struct{ to, user, box string }{
		{"ann+Lists@example.org", "ann@example.org", "Lists"},
		{"ann+lists@example.org", "ann@example.org", "Lists"},
		{"ann+lists.go@example.org", "ann@example.org", "Lists/Go"},
		{"ann+Lists/Go@example.org", "ann@example.org", "Lists/Go"},
		{"ann+nosuch@example.org", "ann@example.org", "INBOX"},
		{"ann+@example.org", "ann@example.org", "INBOX"},
		{"Ann@Example.ORG", "ann@example.org", "INBOX"},
		{"BOB+x@example.org", "bob", "INBOX"},
		{`"bob"@example.org`, "bob", "INBOX"},
		{"@relay.example:bob@example.org", "bob", "INBOX"},
		{"Postmaster", "bob", "INBOX"},
	} {
		t.Run(tt.to, func(t *testing.T) {
			w := start(t, func(s *Server) { s.Postmaster = "bob" })
			out := w.talk(hello + "RCPT TO:<" + tt.to + ">\r\nDATA\r\nSubject: x\r\n\r\n.\r\nQUIT\r\n")
			expect(t, out, helloOK+"250 2.1.5, 354, 250 2.0.0, 221 2.0.0")
			if got := w.mail(tt.user, tt.box); len(got) != 1 {
				t.Errorf("%s has %d messages", tt.box, len(got))
			}
		})
	}
}

func TestUTF8(t *testing.T) {
	w := start(t, nil)
	expect(t, w.talk("LHLO c\r\nMAIL FROM:<jürgen@example.net>\r\nMAIL FROM:<a@b>\r\nRCPT TO:<wüst@example.org>\r\nQUIT\r\n"),
		"220, 250, 553 5.6.7, 250 2.0.0, 553 5.6.7, 221 2.0.0")
	expect(t, w.talk("LHLO c\r\nMAIL FROM:<jürgen@example.net> BODY=8BITMIME SMTPUTF8 SIZE=100\r\nRCPT TO:<wüst+entwürfe@example.org>\r\n"+
		"RCPT TO:<ann+entwürfe@example.org>\r\nDATA\r\nSubject: ü\r\n\r\n\xffü\r\n.\r\nQUIT\r\n"),
		helloOK+"250 2.1.5, 250 2.1.5, 354, 250 2.0.0, 250 2.0.0, 221 2.0.0")
	for _, box := range [][]string{w.mail("wüst@example.org", "INBOX"), w.mail("ann@example.org", "Entwürfe")} {
		if len(box) != 1 || !strings.Contains(box[0], " with UTF8LMTP id ") || !strings.HasSuffix(box[0], "\xffü\r\n") ||
			!strings.HasPrefix(box[0], "Return-Path: <jürgen@example.net>\r\n") {
			t.Errorf("got %q", box)
		}
	}
}

// What one recipient may not have any more the others get.
func TestOverQuota(t *testing.T) {
	w := start(t, nil)
	bob := w.account("bob").ID()
	if _, err := w.store.Commit(context.Background(), store.System, &store.SetQuota{Account: bob, Quota: mailbox.Quota{imap.QuotaMessage: 1}}); err != nil {
		t.Fatal(err)
	}
	rcpts := "RCPT TO:<bob>\r\nRCPT TO:<ann@example.org>\r\n"
	out := w.talk(hello + rcpts + "DATA\r\nSubject: x\r\n\r\n.\r\nMAIL FROM:<>\r\n" + rcpts + "DATA\r\nSubject: y\r\n\r\n.\r\nQUIT\r\n")
	expect(t, out, helloOK+"250 2.1.5, 250 2.1.5, 354, 250 2.0.0, 250 2.0.0, 250 2.0.0, 250 2.1.5, 250 2.1.5, 354, 452 4.2.2, 250 2.0.0, 221 2.0.0")
	if n, m := len(w.mail("bob", "INBOX")), len(w.mail("ann@example.org", "INBOX")); n != 1 || m != 2 {
		t.Errorf("they have %d and %d messages", n, m)
	}
}

// NUL, which no literal of IMAP holds, arrives in base64 (RFC 9051 §4.3.1), for every recipient, from
// memory and from a file.
func TestNUL(t *testing.T) {
	for _, memory := range []int64{10, 1 << 20} {
		w := start(t, func(s *Server) { s.Limits.Memory = memory })
		rcpts := "RCPT TO:<bob>\r\nRCPT TO:<ann@example.org>\r\n"
		out := w.talk(hello + rcpts + "DATA\r\nSubject: x\r\n\r\na\x00b\r\n.\r\n" +
			"MAIL FROM:<>\r\nRCPT TO:<bob>\r\nBDAT 9 LAST\r\nA: \x00\r\n\r\n\x00" + "QUIT\r\n")
		expect(t, out, helloOK+"250 2.1.5, 250 2.1.5, 354, 250 2.0.0, 250 2.0.0, 250 2.0.0, 250 2.1.5, 250 2.0.0, 221 2.0.0")
		bob, ann := w.mail("bob", "INBOX"), w.mail("ann@example.org", "INBOX")
		for _, got := range []string{bob[0], ann[0]} {
			if !strings.HasSuffix(got, "\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\nSubject: x\r\n\r\nYQBiDQo=\r\n") {
				t.Errorf("got %q", got)
			}
		}
		if !strings.HasSuffix(bob[1], "\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\nA: \uFFFD\r\n\r\nAA0K\r\n") {
			t.Errorf("got %q", bob[1])
		}
	}
}

func TestOversize(t *testing.T) {
	w := start(t, func(s *Server) { s.Limits.MessageSize, s.Limits.Memory = 1000, 100 })
	long := strings.Repeat("0123456789abcdef\r\n", 100)
	expect(t, w.talk("LHLO c\r\nMAIL FROM:<> SIZE=1001\r\nQUIT\r\n"), "220, 250, 552 5.3.4, 221 2.0.0")
	out := w.talk("LHLO c\r\nMAIL FROM:<> SIZE=1000\r\nRCPT TO:<bob>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n" + long + ".\r\n" +
		"MAIL FROM:<>\r\nRCPT TO:<bob>\r\nDATA\r\n" + long[:990] + ".\r\nQUIT\r\n")
	expect(t, out, helloOK+"250 2.1.5, 250 2.1.5, 354, 552 5.3.4, 552 5.3.4, 250 2.0.0, 250 2.1.5, 354, 250 2.0.0, 221 2.0.0")
	got := w.mail("bob", "INBOX")
	if len(got) != 1 || !strings.HasSuffix(got[0], long[:990]) {
		t.Errorf("got %q", got)
	}
	if left, _ := filepath.Glob(w.server.TempDir + "/*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A chunk follows a BDAT command whatever the server thinks of it, and LAST has a reply for each
// recipient (RFC 2033 §4.3).
func TestBDAT(t *testing.T) {
	w := start(t, func(s *Server) { s.Limits.MessageSize = 40 })
	rcpts := "RCPT TO:<bob>\r\nRCPT TO:<ann@example.org>\r\n"
	out := w.talk(hello + rcpts + "BDAT 12\r\nSubject: a\r\nMAIL FROM:<>\r\nRCPT TO:<bob>\r\nDATA\r\nBDAT 4\r\n\r\n\r\nBDAT 7 last\r\n.\r\nopenQUIT\r\n")
	expect(t, out, helloOK+"250 2.1.5, 250 2.1.5, 250 2.0.0, 503 5.5.1, 503 5.5.1, 503 5.5.1, 250 2.0.0, 250 2.0.0, 250 2.0.0, 221 2.0.0")
	if got := w.mail("bob", "INBOX"); len(got) != 1 || !strings.HasSuffix(got[0], "\r\nSubject: a\r\n\r\n\r\n.\r\nopen\r\n") {
		t.Errorf("got %q", got)
	}
	chunk := strings.Repeat("x", 30)
	out = w.talk(hello + rcpts + "BDAT 30\r\n" + chunk + "BDAT 30\r\n" + chunk + "BDAT 0 LAST\r\nBDAT 5\r\nQUIT\rBDAT 5 LAST\r\nQUIT\nNOOP\r\nQUIT\r\n")
	expect(t, out, helloOK+"250 2.1.5, 250 2.1.5, 250 2.0.0, 552 5.3.4, 552 5.3.4, 552 5.3.4, 503 5.5.1, 250 2.0.0, 221 2.0.0")
	if got := w.mail("bob", "INBOX"); len(got) != 1 {
		t.Errorf("got %q", got)
	}
}

// Only CRLF.CRLF ends a message.
func TestSmuggling(t *testing.T) {
	w := start(t, nil)
	body := "Subject: s\r\n\r\nlook\n.\nMAIL FROM:<x@y>\n.\r\nand\r\n.\nhere\r.\r\n..\r\n"
	out := w.talk(hello + "RCPT TO:<bob>\r\nDATA\r\n" + body + ".\r\nQUIT\r\n")
	expect(t, out, helloOK+"250 2.1.5, 354, 250 2.0.0, 221 2.0.0")
	want := "\r\nSubject: s\r\n\r\nlook\r\n.\r\nMAIL FROM:<x@y>\r\n.\r\nand\r\n\r\nhere\r.\r\n.\r\n"
	if got := w.mail("bob", "INBOX"); len(got) != 1 || !strings.HasSuffix(got[0], want) {
		t.Errorf("got %q\nwant end %q", got, want)
	}
}

func TestCutInData(t *testing.T) {
	w := start(t, nil)
	for _, in := range []string{
		"DATA\r\nSubject: half\r\n\r\nbody\r\n",
		"DATA\r\nSubject: half\r\n\r\nbody\r\n.",
		"DATA\r\nSubject: half\r\n\r\nbody\r\n.\r",
		"BDAT 100 LAST\r\nSubject: half\r\n",
		"BDAT 15\r\nSubject: half\r\n",
	} {
		nc, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(nc, hello+"RCPT TO:<bob>\r\n"+in)
		nc.(*net.TCPConn).CloseWrite()
		io.ReadAll(nc) // the server is done with it
		nc.Close()
	}
	if got := w.mail("bob", "INBOX"); len(got) != 0 {
		t.Errorf("half a message was delivered: %q", got)
	}
}

func TestSequence(t *testing.T) {
	w := start(t, nil)
	for _, tt := range []struct{ in, want string }{
		{"HELO x\r\nEHLO x\r\n", "500 5.5.1, 500 5.5.1"},
		{"MAIL FROM:<a@b>\r\nRCPT TO:<bob>\r\nDATA\r\n", "503 5.5.1, 503 5.5.1, 503 5.5.1"},
		{"LHLO\r\nLHLO a(b)\r\n", "501 5.5.4, 501 5.5.4"},
		{hello + "MAIL FROM:<a@b>\r\nDATA\r\nDATA x\r\n", "250, 250 2.0.0, 503 5.5.1, 503 5.5.1, 501 5.5.4"},
		{hello + "RCPT TO:<bob>\r\nRSET\r\nDATA\r\n", "250, 250 2.0.0, 250 2.1.5, 250 2.0.0, 503 5.5.1"},
		{hello + "RCPT TO:<bob>\r\nLHLO x\r\nDATA\r\n", "250, 250 2.0.0, 250 2.1.5, 250, 503 5.5.1"},
		{"LHLO x\r\nMAIL FROM:a@b\r\nMAIL TO:<a@b>\r\nMAIL FROM:<a@b> X=1\r\nMAIL FROM:<a@b> SIZE=x\r\nMAIL FROM:<a@b> BODY=BINARYMIME\r\n",
			"250, 501 5.1.7, 501 5.5.4, 555 5.5.4, 501 5.5.4, 501 5.5.4"},
		{hello + "RCPT TO:<>\r\nRCPT TO:<bob> NOTIFY=NEVER\r\nRCPT FOR:<bob>\r\nRCPT TO:<bob\r\n", "250, 250 2.0.0, 501 5.1.3, 555 5.5.4, 501 5.5.4, 501 5.1.3"},
		{"noop\r\nVRFY x\r\nHELP\r\nSTARTTLS\r\n\r\n", "250 2.0.0, 252 2.5.0, 214 2.0.0, 500 5.5.1, 500 5.5.1"},
		{strings.Repeat("x", 20000) + "\r\nNOOP\r\n", "500 5.5.2, 250 2.0.0"},
	} {
		expect(t, w.talk(tt.in+"QUIT\r\n"), "220, "+tt.want+", 221 2.0.0")
	}
	// What follows a BDAT that cannot be read could be anything.
	expect(t, w.talk("BDAT x LAST\r\nQUIT\r\n"), "220, 501 5.5.4")
	w = start(t, func(s *Server) { s.Limits.Errors = 3 })
	expect(t, w.talk(strings.Repeat("X\r\n", 10)), "220, 500 5.5.1, 500 5.5.1, 500 5.5.1, 500 5.5.1, 421 4.7.0")
}

func TestTooManyRecipients(t *testing.T) {
	w := start(t, func(s *Server) { s.Limits.Recipients = 2 })
	// One copy for the same recipient twice, but a reply for each (RFC 2033 §4.2).
	out := w.talk(hello + "RCPT TO:<bob>\r\nRCPT TO:<bob@x>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n\r\n.\r\nQUIT\r\n")
	expect(t, out, helloOK+"250 2.1.5, 250 2.1.5, 452 4.5.3, 354, 250 2.0.0, 250 2.0.0, 221 2.0.0")
	if got := w.mail("bob", "INBOX"); len(got) != 1 {
		t.Errorf("%d copies", len(got))
	}
}

// faulty is a store that fails for some users.
type faulty struct {
	store.Store
	fail map[string]error
	mu   struct {
		sync.Mutex
		names map[store.AccountID]string
	}
}

func (f *faulty) User(ctx context.Context, name string) (store.User, error) {
	u, err := f.Store.User(ctx, name)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.names[u.ID] = u.Name
	if name == "broken" {
		return u, errors.New("disk on fire")
	}
	return u, err
}

func (f *faulty) Commit(ctx context.Context, actor store.Actor, ops ...store.Op) ([]store.Outcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, op := range ops {
		ref := op.(*store.Append).Mailbox
		if err := f.fail[f.mu.names[ref.Account]]; err != nil {
			return nil, &store.OpError{Index: i, Ref: ref, Err: err}
		}
	}
	return f.Store.Commit(ctx, actor, ops...)
}

type observed struct {
	mu struct {
		sync.Mutex
		codes []string
	}
}

func (o *observed) Delivered(code int, size int64, took time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mu.codes = append(o.mu.codes, fmt.Sprint(code, size > 0, took > 0))
}

func TestStatusForEachRecipient(t *testing.T) {
	var seen observed
	w := start(t, func(s *Server) {
		f := &faulty{Store: s.Users.(store.Store), fail: map[string]error{
			"ann@example.org":  fmt.Errorf("x: %w", store.ErrOverQuota),
			"wüst@example.org": store.ErrFailed,
		}}
		f.mu.names = map[store.AccountID]string{}
		s.Users, s.Mail, s.Observer = f, gate.New(f, gate.Owners), &seen
	})
	out := w.talk("LHLO x\r\nMAIL FROM:<> SMTPUTF8\r\nRCPT TO:<broken>\r\nRCPT TO:<ann@example.org>\r\nRCPT TO:<bob>\r\nRCPT TO:<wüst@example.org>\r\nDATA\r\n\r\n.\r\nQUIT\r\n")
	expect(t, out, helloOK+"451 4.3.0, 250 2.1.5, 250 2.1.5, 250 2.1.5, 354, 452 4.2.2, 250 2.0.0, 451 4.3.0, 221 2.0.0")
	if got := strings.Join(seen.mu.codes, ", "); got != "452 true true, 250 true true, 451 true true" {
		t.Errorf("observed %s", got)
	}
}

// TestObserved: the observer hears of every recipient that is answered for, also of two for whom one copy
// does, and of a message that does not come to be delivered.
func TestObserved(t *testing.T) {
	var seen observed
	w := start(t, func(s *Server) { s.Observer, s.Limits.MessageSize = &seen, 100 })
	out := w.talk("LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<bob>\r\nRCPT TO:<BOB>\r\nDATA\r\n\r\n.\r\n" +
		"MAIL FROM:<>\r\nRCPT TO:<bob>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n" + strings.Repeat("x", 101) + "\r\n.\r\nQUIT\r\n")
	expect(t, out, helloOK+"250 2.1.5, 250 2.1.5, 354, 250 2.0.0, 250 2.0.0, 250 2.0.0, 250 2.1.5, 250 2.1.5, 354, 552 5.3.4, 552 5.3.4, 221 2.0.0")
	if got := strings.Join(seen.mu.codes, ", "); got != "250 true true, 250 true true, 552 true false, 552 true false" {
		t.Errorf("observed %s", got)
	}
}

// TestNoSpace: the client of a server whose disk is full tries again later.
func TestNoSpace(t *testing.T) {
	if got := outcome(fmt.Errorf("x: %w", store.ErrNoSpace)); got.code != 452 || got.enhanced != "4.3.1" {
		t.Errorf("got %+v", got)
	}
}

func TestUnixSocket(t *testing.T) {
	w := start(t, nil)
	path := filepath.Join(t.TempDir(), "lmtp")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	w2 := &world{t: t, server: &Server{Users: w.store, Mail: w.server.Mail, Name: "mx"}, store: w.store}
	w2.serve(l)
	nc, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	io.WriteString(nc, hello+"RCPT TO:<bob>\r\nDATA\r\n\r\n.\r\nQUIT\r\n")
	out, _ := io.ReadAll(nc)
	expect(t, string(out), helloOK+"250 2.1.5, 354, 250 2.0.0, 221 2.0.0")
	if got := w.mail("bob", "INBOX"); len(got) != 1 || !strings.Contains(got[0], "Received: from client.example.org\r\n") {
		t.Errorf("got %q", got)
	}
}

func TestTLS(t *testing.T) {
	example := httptest.NewTLSServer(nil) // for its certificate
	defer example.Close()
	w := start(t, func(s *Server) { s.Limits.Idle = 300 * time.Millisecond })
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: example.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	go w.server.Serve(l)
	nc, err := tls.Dial("tcp", l.Addr().String(), example.Client().Transport.(*http.Transport).TLSClientConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	io.WriteString(nc, hello+"RCPT TO:<bob>\r\nDATA\r\n\r\n.\r\nQUIT\r\n")
	out, _ := io.ReadAll(nc)
	expect(t, string(out), helloOK+"250 2.1.5, 354, 250 2.0.0, 221 2.0.0")
	if got := w.mail("bob", "INBOX"); len(got) != 1 || !strings.Contains(got[0], " with LMTPS id ") {
		t.Errorf("got %q", got)
	}
	// One that never begins the handshake is let go.
	silent, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	silent.SetDeadline(time.Now().Add(5 * time.Second))
	if out, err := io.ReadAll(silent); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("still there: %q", out)
	}
}

func TestIdleAndConnections(t *testing.T) {
	w := start(t, func(s *Server) { s.Limits.Idle, s.Limits.Connections = time.Second, 1 })
	first, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	br := bufio.NewReader(first)
	if line, _ := br.ReadString('\n'); !strings.HasPrefix(line, "220 ") {
		t.Fatal(line)
	}
	expect(t, w.talk(""), "421 4.3.2")
	rest, _ := io.ReadAll(br)
	expect(t, string(rest), "421 4.4.2")
}

// Shutdown lets a message be delivered that is under way, and ends idle connections.
func TestShutdown(t *testing.T) {
	w := start(t, nil)
	idle, busy := w.dial(), w.dial()
	busy.send(hello + "RCPT TO:<bob>\r\nDATA\r\n")
	busy.until("354 ")
	down := make(chan error, 1)
	go func() { down <- w.server.Shutdown(context.Background()) }()
	idle.until("421 4.3.2")
	select {
	case err := <-down:
		t.Fatal("did not wait:", err)
	case <-time.After(20 * time.Millisecond):
	}
	busy.send("Subject: late\r\n\r\n.\r\nNOOP\r\n")
	busy.until("250 2.0.0 <bob>")
	busy.until("421 4.3.2")
	if err := <-down; err != nil {
		t.Error(err)
	}
	if got := w.mail("bob", "INBOX"); len(got) != 1 {
		t.Errorf("%d messages", len(got))
	}
}

func TestShutdownCuts(t *testing.T) {
	w := start(t, nil)
	busy := w.dial()
	busy.send(hello + "RCPT TO:<bob>\r\nDATA\r\nSubject: never\r\n")
	busy.until("354 ")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := w.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if got := w.mail("bob", "INBOX"); len(got) != 0 {
		t.Errorf("%d messages", len(got))
	}
}

type client struct {
	t  *testing.T
	nc net.Conn
	br *bufio.Reader
}

func (w *world) dial() *client {
	w.t.Helper()
	nc, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(10 * time.Second))
	c := &client{w.t, nc, bufio.NewReader(nc)}
	c.until("220 ")
	return c
}

func (c *client) send(s string) { io.WriteString(c.nc, s) }

func (c *client) until(prefix string) {
	c.t.Helper()
	for {
		line, err := c.br.ReadString('\n')
		if err != nil {
			c.t.Fatalf("waiting for %q: %v", prefix, err)
		}
		if strings.HasPrefix(line, prefix) {
			return
		}
	}
}

// The header cache is that of the octets that are stored.
func TestSummary(t *testing.T) {
	w := start(t, nil)
	w.talk(hello + "RCPT TO:<bob>\r\nDATA\r\nSubject: x\r\nReturn-Path: y\r\n\r\nbody\r\n.\r\nQUIT\r\n")
	got := w.mail("bob", imap.Inbox)
	if len(got) != 1 {
		t.Fatalf("%d messages", len(got))
	}
	builder, summarise := summary.NewBuilder()
	io.WriteString(builder, got[0])
	want := summarise()
	a := w.account("bob")
	e, _ := a.Namespace().Lookup(imap.Inbox)
	m, err := w.store.Open(context.Background(), store.System, store.Ref{Account: a.ID(), Mailbox: e.ID})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	details := make([]store.Details, 1)
	if _, _, err := m.Details(context.Background(), []mailbox.Row{m.Version().At(1)}, nil, 1, details); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(details[0].Summary, want) {
		t.Errorf("stored %q, want %q", details[0].Summary, want)
	}
}

// TestSwaks delivers with a client that we did not write.
func TestSwaks(t *testing.T) {
	swaks := servertest.Need(t, "swaks", "swaks")
	w := start(t, nil)
	host, port, _ := net.SplitHostPort(w.addr)
	run := func(args ...string) (string, error) {
		cmd := exec.Command(swaks, append([]string{"--protocol", "LMTP", "--server", host, "--port", port, "--helo", "client.example.org",
			"--from", "sender@example.net"}, args...)...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := run("--pipeline", "--to", "ann+lists@example.org,bob@example.org,nobody@example.org",
		"--header", "Subject: from outside", "--body", ".dots\n..two\n")
	if !regexp.MustCompile(`(?s)550 5\.1\.1.*250 2\.0\.0 <ann\+lists@example\.org>.*250 2\.0\.0 <bob@example\.org>`).MatchString(out) {
		t.Fatalf("swaks: %v\n%s", err, out)
	}
	for _, box := range [][]string{w.mail("ann@example.org", "Lists"), w.mail("bob", "INBOX")} {
		if len(box) != 1 || !strings.Contains(box[0], "Subject: from outside\r\n") || !strings.Contains(box[0], "\r\n\r\n.dots\r\n..two\r\n") {
			t.Errorf("got %q", box)
		}
	}
	if out, err := run("--to", "bob", "--body", strings.Repeat("grüß Gott ", 200)); err != nil {
		t.Errorf("8 bit: %v\n%s", err, out)
	}
	if got := w.mail("bob", "INBOX"); len(got) != 2 || !strings.Contains(got[1], strings.Repeat("grüß Gott ", 200)) {
		t.Errorf("8 bit: got %q", got)
	}
}
