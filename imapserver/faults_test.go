package imapserver_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"restante/imap"
	"restante/imapserver"
	"restante/mailbox"
	"restante/store"
	"restante/store/memstore"
)

// hooked is a store in which something happens around the flag changes of sessions.
type hooked struct {
	store.Store
	before func() error    // a change: an error refuses it
	after  func(store.Ref) // a change, that a session has made
	err    error           // what opening a message fails with
}

func (h *hooked) Commit(ctx context.Context, actor store.Actor, ops ...store.Op) ([]store.Outcome, error) {
	flags, ok := ops[0].(*store.StoreFlags)
	if !ok {
		return h.Store.Commit(ctx, actor, ops...)
	}
	if h.before != nil {
		if err := h.before(); err != nil {
			return nil, err
		}
	}
	out, err := h.Store.Commit(ctx, actor, ops...)
	if h.after != nil {
		h.after(flags.Mailbox)
	}
	return out, err
}

func (h *hooked) Open(ctx context.Context, actor store.Actor, ref store.Ref) (store.Mailbox, error) {
	m, err := h.Store.Open(ctx, actor, ref)
	return hookedMailbox{m, h}, err
}

type hookedMailbox struct {
	store.Mailbox
	h *hooked
}

func (m hookedMailbox) Body(ctx context.Context, row *mailbox.Row) (store.Body, error) {
	if m.h.err != nil {
		return nil, m.h.err
	}
	return m.Mailbox.Body(ctx, row)
}

// TestFetchWhileFlagsChange changes the flags of a message that a FETCH has not come to yet, and of
// one that it has just answered: it must not tell the old ones after the new ones, and both.
func TestFetchWhileFlagsChange(t *testing.T) {
	var changed atomic.Bool
	h := &hooked{Store: memstore.New()}
	h.after = func(ref store.Ref) {
		if !changed.Swap(true) {
			op := &store.StoreFlags{Mailbox: ref, UIDs: imap.UIDs(1, 599), Op: imap.StoreAdd, Flags: []imap.Flag{imap.Flagged}}
			if _, err := h.Store.Commit(context.Background(), store.System, op); err != nil {
				t.Error(err)
			}
		}
	}
	ts := startServer(t, h, nil)
	user := ts.target(t, false)
	for i := range 600 {
		flags := []imap.Flag{imap.Seen}
		if i < 300 {
			flags = nil
		}
		// So many octets that they are sent, and marked, in several goes.
		if err := user.Seed("INBOX", []byte("Subject: x\r\n\r\n"+strings.Repeat("x", 1000)), flags, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	w := dialUser(t, ts, user)
	w.ok("SELECT INBOX")
	last := map[string]string{}
	for _, line := range w.ok("FETCH 1:* (FLAGS BODY[TEXT])") {
		if f := strings.Fields(line); len(f) > 2 && f[2] == "FETCH" {
			last[f[1]] = line
		}
	}
	for _, seq := range []string{"1", "599"} {
		if !strings.Contains(last[seq], `\Flagged`) {
			t.Errorf("the last answer about message %s is %q", seq, last[seq])
		}
	}
}

// TestStoreErrorIsNoLostConnection has the store fail with errors that look like those of sockets.
func TestStoreErrorIsNoLostConnection(t *testing.T) {
	h := &hooked{Store: memstore.New()}
	ts := startServer(t, h, nil)
	user := ts.target(t, false)
	if err := user.Seed("INBOX", []byte("Subject: x\r\n\r\nx"), nil, time.Time{}); err != nil {
		t.Fatal(err)
	}
	w := dialUser(t, ts, user)
	w.ok("SELECT INBOX")
	for _, err := range []error{io.EOF, io.ErrUnexpectedEOF, &net.OpError{Op: "read", Err: errors.New("remote disk")}, context.DeadlineExceeded} {
		h.err = err
		if got := w.cmd("FETCH 1 BODY.PEEK[]"); len(got) != 1 || !strings.Contains(got[0], " NO ") {
			t.Errorf("%v: %q", err, got)
		}
	}
	h.err = nil
	w.ok("FETCH 1 BODY.PEEK[]")
}

// counter counts connections that are open.
type counter struct{ atomic.Int64 }

func (c *counter) ConnOpened()                           { c.Add(1) }
func (c *counter) ConnClosed()                           { c.Add(-1) }
func (c *counter) Command(string, string, time.Duration) {}

// TestShutdownInHaste has a client that reads nothing of a long answer.
func TestShutdownInHaste(t *testing.T) {
	var conns counter
	ts := startServer(t, memstore.New(), func(s *imapserver.Server) { s.Observer = &conns })
	user := ts.target(t, false)
	if err := user.Seed("INBOX", []byte(strings.Repeat("x", 16<<20)), nil, time.Time{}); err != nil {
		t.Fatal(err)
	}
	w := dialUser(t, ts, user)
	w.ok("SELECT INBOX")
	w.send("a FETCH 1 (BODY.PEEK[] BODY.PEEK[] BODY.PEEK[] BODY.PEEK[])\r\n")
	w.expect("* 1 FETCH")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := ts.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if n := conns.Load(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

// TestHandshakeFails sends something that is no TLS: nothing may be said in the clear any more.
func TestHandshakeFails(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	w := dialRaw(t, ts)
	w.send("a STARTTLS\r\n")
	w.expect("a OK")
	w.send("b NOOP\r\nc LOGOUT\r\n")
	w.nc.SetDeadline(time.Now().Add(20 * time.Second))
	rest, _ := io.ReadAll(bufio.NewReader(w.r))
	if s := string(rest); strings.Contains(s, "b ") || strings.Contains(s, "NO") || strings.Contains(s, "BYE") {
		t.Errorf("got %q", s)
	}
}

// TestTricklingLogin sends octets, but never a login.
func TestTricklingLogin(t *testing.T) {
	ts := startServer(t, memstore.New(), func(s *imapserver.Server) { s.Limits.AuthTimeout = 200 * time.Millisecond })
	w := dialRaw(t, ts)
	for range 1000 {
		if _, err := io.WriteString(w.nc, "x"); err != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("the connection lasts for ever")
}

// TestDeletedAtIdle deletes a mailbox at the moment in which IDLE begins.
func TestDeletedAtIdle(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	user := ts.target(t, false)
	other := dialUser(t, ts, user)
	for range 50 {
		if err := user.Seed("x", []byte("x"), nil, time.Time{}); err != nil {
			t.Fatal(err)
		}
		w := dialUser(t, ts, user)
		w.ok("SELECT x")
		w.send("i IDLE\r\n")
		other.ok("DELETE x")
		for line := w.line(); line != "* 1 EXPUNGE"; line = w.line() {
		}
		w.send("DONE\r\n")
		for line := w.line(); !strings.HasPrefix(line, "i OK"); line = w.line() {
		}
		w.ok("CLOSE")
	}
}

// TestHeadersRepeated asks for much in one response: it must not pile up.
func TestHeadersRepeated(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	user := ts.target(t, false)
	if err := user.Seed("INBOX", []byte("Subject: "+strings.Repeat(strings.Repeat("x", 70)+"\r\n ", 1000)+"\r\n\r\n"), nil, time.Time{}); err != nil {
		t.Fatal(err)
	}
	w := dialUser(t, ts, user)
	w.ok("SELECT INBOX")
	w.send("a FETCH 1 (%s)\r\n", strings.TrimSpace(strings.Repeat("BODY.PEEK[HEADER.FIELDS (Subject)] ", 1500)))
	var n int64
	for tail := ""; !strings.Contains(tail, "\r\na OK"); {
		p := make([]byte, 64<<10)
		w.nc.SetDeadline(time.Now().Add(20 * time.Second))
		k, err := w.r.Read(p)
		if err != nil {
			t.Fatal(err)
		}
		n += int64(k)
		tail = (tail + string(p[:k]))[max(0, len(tail)+k-64):]
	}
	if n < 100<<20 {
		t.Errorf("got %d octets", n)
	}
}

// remote makes the connections that it accepts come from another machine.
type remote struct{ net.Listener }

func (l remote) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	return remoteConn{nc}, err
}

type remoteConn struct{ net.Conn }

func (remoteConn) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 999}
}

// TestPrivacyRequired comes from another machine without TLS.
func TestPrivacyRequired(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- ts.server.Serve(remote{l}) }()
	ts.plain = l.Addr().String()
	w := dialRaw(t, ts)
	if got := w.ok("CAPABILITY")[0]; !strings.Contains(got, " LOGINDISABLED") || !strings.Contains(got, " STARTTLS") || strings.Contains(got, "AUTH=") {
		t.Error(got)
	}
	for _, cmd := range []string{"LOGIN a b", "AUTHENTICATE PLAIN", "AUTHENTICATE PLAIN AGEAYg==", "AUTHENTICATE SCRAM-SHA-256"} {
		if got := w.cmd(cmd); len(got) != 1 || !strings.Contains(got[0], " NO [PRIVACYREQUIRED] ") {
			t.Errorf("%s: %q", cmd, got)
		}
	}
	w.ok("LOGOUT")
	l.Close()
	if err := <-done; err == nil {
		t.Error("Serve goes on")
	}
}

// TestLimitsBeforeLogin sends more than a login needs.
func TestLimitsBeforeLogin(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	user := ts.target(t, false)
	w := dialRaw(t, ts)
	w.send("a LOGIN {20000}\r\n")
	w.expect("a BAD [TOOBIG]")
	w.send("b LOGIN x %s\r\n", strings.Repeat("x", 20000))
	w.expect("b BAD [LIMIT]")
	w.ok("LOGIN " + user.User + " " + user.Password)
	w.send("c STATUS {20000+}\r\n%s (MESSAGES)\r\n", strings.Repeat("x", 20000))
	w.expect("c NO [NONEXISTENT]")
}

// TestManyTexts searches for more than anybody would.
func TestManyTexts(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	w := dialUser(t, ts, ts.target(t, false))
	w.ok("SELECT INBOX")
	w.ok("SEARCH" + strings.Repeat(" BODY x", 50) + strings.Repeat(" TEXT x", 50))
	if got := w.cmd("SEARCH" + strings.Repeat(" NOT BODY x", 101)); !strings.Contains(got[0], " NO [LIMIT]") {
		t.Error(got)
	}
}

// TestSilentKeywordReplaced gives the place of a keyword that nobody uses any more to a new one.
func TestSilentKeywordReplaced(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	user := ts.target(t, false)
	if err := user.Seed("INBOX", []byte("Subject: x\r\n\r\n"), nil, time.Time{}); err != nil {
		t.Fatal(err)
	}
	var all []string
	for i := range mailbox.MaxKeywords {
		all = append(all, fmt.Sprintf("k%d", i))
	}
	a, b := dialUser(t, ts, user), dialUser(t, ts, user)
	a.ok("SELECT INBOX")
	a.ok("STORE 1 FLAGS (" + strings.Join(all, " ") + ")")
	b.ok("SELECT INBOX")
	b.ok("FETCH 1 FLAGS")
	a.ok("STORE 1 -FLAGS (k7)")
	got := strings.Join(b.ok("STORE 1 +FLAGS.SILENT (new)"), "\n")
	if !strings.Contains(got, " FETCH (") || strings.Contains(got, "k7 ") {
		t.Errorf("the client believes in k7 after %q", got)
	}
}
