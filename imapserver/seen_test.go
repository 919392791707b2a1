package imapserver_test

import (
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
	"restante/internal/transcript"
	"restante/store"
	"restante/store/memstore"
)

// breaking is a listener whose connections break: a write that would bring what a connection has
// written beyond left octets fails.
type breaking struct {
	net.Listener
	left *atomic.Int64
}

func (l breaking) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	return breakingConn{nc, l.left}, err
}

type breakingConn struct {
	net.Conn
	left *atomic.Int64
}

func (c breakingConn) Write(p []byte) (int, error) {
	if c.left.Add(-int64(len(p))) < 0 {
		c.Conn.Close()
		return 0, errors.New("the line is broken")
	}
	return c.Conn.Write(p)
}

// seedUnread puts so many messages of that many octets into a new user's INBOX.
func seedUnread(t *testing.T, ts *testServer, messages, octets int) transcript.Target {
	t.Helper()
	user := ts.target(t, false)
	head := "Subject: unread\r\n\r\n"
	for range messages {
		if err := user.Seed("INBOX", []byte(head+strings.Repeat("x", octets-len(head))), nil, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	return user
}

// inbox opens a user's INBOX at the store.
func inbox(t *testing.T, ts *testServer, name string) store.Mailbox {
	t.Helper()
	account := ts.account(t, name)
	entry, _ := account.Namespace().Lookup(imap.Inbox)
	box, err := ts.store.Open(context.Background(), store.System, store.Ref{Account: account.ID(), Mailbox: entry.ID})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { box.Close() })
	return box
}

// TestSeenWhenLineBreaks has the line break in the middle of a FETCH: what the client has not got
// must not be \Seen, but for what was on its way.
func TestSeenWhenLineBreaks(t *testing.T) {
	const buffer = 64 << 10 // what is sent at a time
	for name, tt := range map[string]struct{ messages, octets, breakAfter int }{
		"small": {300, 4 << 10, 150 << 10},
		"tiny":  {3000, 100, 100 << 10},
		"long":  {10, 200 << 10, 700 << 10}, // written past the buffer
		"once":  {100, 1 << 10, 1 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			ts := startServer(t, memstore.New(), nil)
			user := seedUnread(t, ts, tt.messages, tt.octets)
			var left atomic.Int64
			left.Store(1 << 20)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- ts.server.Serve(breaking{l, &left}) }()
			ts.plain = l.Addr().String()
			w := dialUser(t, ts, user)
			w.ok("SELECT INBOX")
			left.Store(int64(tt.breakAfter))
			w.send("a FETCH 1:* BODY[]\r\n")
			got, _ := io.ReadAll(w.r) // until the server gives up
			read := strings.Count(string(got), "\r\n* ")
			seen := tt.messages - int(inbox(t, ts, user.User).Version().Counts().Unseen)
			// What the client got whole is \Seen, and no more than what one write has besides.
			if most := read + 2 + buffer/tt.octets; seen < read || seen > most {
				t.Errorf("the client got %d messages before the line broke, and %d are \\Seen, more than %d", read, seen, most)
			}
			l.Close()
			<-done
		})
	}
}

// TestNoSpace has the store say that the disk is full: the answer says so, too, and the session goes on.
func TestNoSpace(t *testing.T) {
	full := true
	h := &hooked{Store: memstore.New(), before: func() error {
		if full {
			return fmt.Errorf("x: %w", store.ErrNoSpace)
		}
		return nil
	}}
	ts := startServer(t, h, nil)
	w := dialUser(t, ts, seedUnread(t, ts, 1, 100))
	w.ok("SELECT INBOX")
	w.send("a STORE 1 +FLAGS (\\Flagged)\r\n")
	if line := w.line(); line != "a NO [UNAVAILABLE] The disk is full" {
		t.Errorf("got %q", line)
	}
	full = false
	w.ok("STORE 1 +FLAGS (\\Flagged)")
}

// TestSeenFails has the store refuse to mark messages: what was written of them is taken back, and
// what was marked before stays.
func TestSeenFails(t *testing.T) {
	for name, tt := range map[string]struct{ messages, octets int }{
		"small": {300, 4 << 10},
		"long":  {10, 200 << 10}, // fails in the middle of a response
	} {
		t.Run(name, func(t *testing.T) {
			var changes int // of flags, that succeed
			h := &hooked{Store: memstore.New(), before: func() error {
				if changes--; changes < 0 {
					return store.ErrFailed
				}
				return nil
			}}
			ts := startServer(t, h, nil)
			user := seedUnread(t, ts, tt.messages, tt.octets)
			w := dialUser(t, ts, user)
			w.ok("SELECT INBOX")
			for _, succeed := range []int{0, 2, 1} {
				changes = succeed
				before := tt.messages - int(inbox(t, ts, user.User).Version().Counts().Unseen)
				w.send("a FETCH %d:* (UID BODY[])\r\n", before+1)
				told := 0
				line := w.line()
				for ; !strings.HasPrefix(line, "a "); line = w.line() {
					if strings.HasSuffix(line, ` FLAGS (\Seen))`) || strings.HasSuffix(line, ` FLAGS (\Recent \Seen))`) {
						told++
					}
				}
				if !strings.HasPrefix(line, "a NO [UNAVAILABLE]") {
					t.Errorf("got %q", line)
				}
				seen := tt.messages - int(inbox(t, ts, user.User).Version().Counts().Unseen) - before
				if seen != told || (told > 0) != (succeed > 0) {
					t.Errorf("%d messages were told as \\Seen, %d are", told, seen)
				}
			}
			changes = tt.messages
			w.ok("FETCH 1:* (FLAGS BODY[])")
			if n := inbox(t, ts, user.User).Version().Counts().Unseen; n != 0 {
				t.Errorf("%d messages are not \\Seen in the end", n)
			}
		})
	}
}

// TestSeenOfUnreadable fetches a message that cannot be read: it is not answered, and stays unread.
func TestSeenOfUnreadable(t *testing.T) {
	h := &hooked{Store: memstore.New()}
	ts := startServer(t, h, nil)
	user := seedUnread(t, ts, 3, 100)
	w := dialUser(t, ts, user)
	w.ok("SELECT INBOX")
	h.err = errors.New("the disk cannot be read")
	if got := w.cmd("FETCH 1:* BODY[]"); len(got) != 1 || !strings.Contains(got[0], " NO ") {
		t.Errorf("got %q", got)
	}
	if n := inbox(t, ts, user.User).Version().Counts().Unseen; n != 3 {
		t.Errorf("%d messages are unread, not 3", n)
	}
}
