package imapserver_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"restante/imapserver"
	"restante/mailbox"
	"restante/store"
	"restante/store/memstore"
)

// counted is a store that counts the octets that are read of messages.
type counted struct {
	store.Store
	octets atomic.Int64
	read   func() // is called at each reading
}

func (s *counted) Open(ctx context.Context, actor store.Actor, ref store.Ref) (store.Mailbox, error) {
	m, err := s.Store.Open(ctx, actor, ref)
	return countedMailbox{m, s}, err
}

type countedMailbox struct {
	store.Mailbox
	s *counted
}

func (m countedMailbox) Body(ctx context.Context, row *mailbox.Row) (store.Body, error) {
	b, err := m.Mailbox.Body(ctx, row)
	return countedBody{b, m.s}, err
}

type countedBody struct {
	store.Body
	s *counted
}

func (b countedBody) ReadAt(p []byte, off int64) (int, error) {
	if b.s.read != nil {
		b.s.read()
	}
	n, err := b.Body.ReadAt(p, off)
	b.s.octets.Add(int64(n))
	return n, err
}

// TestSearchReadsOnce searches with many keys: a message is read once for them.
func TestSearchReadsOnce(t *testing.T) {
	s := &counted{Store: memstore.New()}
	ts := startServer(t, s, nil)
	user := ts.target(t, false)
	msg := []byte("Subject: some subject\r\nX-Other: 7\r\n\r\n" + strings.Repeat("Some words of a message.\r\n", 4000))
	for range 3 {
		if err := user.Seed("INBOX", msg, nil, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	w := dialUser(t, ts, user)
	w.ok("SELECT INBOX")
	// The store has no summaries of these: a message is read once to make one.
	all := int64(3 * len(msg))
	keys := func(format string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for what, tt := range map[string]struct {
		keys string
		most int64 // of octets
		want string
	}{
		"BODY":          {keys(" NOT BODY nowhere%d", 100), 2 * all, "* SEARCH 1 2 3"},
		"TEXT and BODY": {keys(" NOT TEXT nowhere%[1]d NOT BODY nowhere%[1]d", 50), 2*all + 3*100, "* SEARCH 1 2 3"},
		"OR":            {keys(" OR BODY nowhere%d", 99) + " BODY words", 2 * all, "* SEARCH 1 2 3"},
		"SUBJECT":       {keys(" NOT SUBJECT nowhere%d", 2000), all, "* SEARCH 1 2 3"},
		"HEADER":        {keys(" NOT HEADER X-Other%d x", 2000), all + 3*100, "* SEARCH 1 2 3"},
		"HEADER, found": {keys(" NOT HEADER X-Other nowhere%d", 2000) + " HEADER x-other 7", all + 3*100, "* SEARCH 1 2 3"},
	} {
		s.octets.Store(0)
		if got := w.ok("SEARCH" + tt.keys); got[0] != tt.want {
			t.Errorf("%s: %s", what, got[0])
		}
		if got := s.octets.Load(); got > tt.most {
			t.Errorf("%s: %d octets were read, of %d in all messages", what, got, all)
		}
	}
	long := strings.Repeat("x", 100_000)
	w.send("a SEARCH SUBJECT {100000+}\r\n%s BODY {100000+}\r\n%s\r\n", long, strings.Repeat("y", 100_000))
	w.expect("a NO [LIMIT]")
}

// TestSearchKeysTogether compares what many keys find together with what they find alone.
func TestSearchKeysTogether(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	user := ts.target(t, false)
	rnd := rand.New(rand.NewPCG(3, 4))
	word := func() string { return []string{"a", "b", "aB", "ba", "abb"}[rnd.IntN(5)] }
	for range 30 {
		msg := fmt.Sprintf("Subject: %s %s\r\nFrom: \"%s\\%s\" <%s@x.org>\r\nX-%s: %s\r\nX-c: %s\r\n\r\n%s %s", word(), word(), word(), word(), word(), word(), word(), word(), word(), word())
		if err := user.Seed("INBOX", []byte(msg), nil, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	w := dialUser(t, ts, user)
	w.ok("SELECT INBOX")
	find := func(keys string) map[string]bool {
		found := map[string]bool{}
		for _, n := range strings.Fields(w.ok("SEARCH " + keys)[0])[2:] {
			found[n] = true
		}
		return found
	}
	names := []string{"SUBJECT ", "FROM ", "HEADER X-C ", "HEADER x-a ", "HEADER X-b ", "HEADER X-ab ", "HEADER x-BA ", "HEADER x-abb ", "HEADER From ", "HEADER X-None ", "HEADER Date ", "BODY ", "TEXT "}
	for _, few := range []bool{true, false} {
		for range 150 {
			var keys []string
			for range 3 {
				keys = append(keys, names[rnd.IntN(len(names))]+word())
			}
			query := "OR NOT " + keys[0] + " OR " + keys[1] + " NOT " + keys[2]
			a, b, c := find(keys[0]), find(keys[1]), find(keys[2])
			if !few { // the same with so many names that the header is read for all
				for _, name := range names {
					query += " NOT " + name + "nowhere"
				}
			}
			got := find(query)
			for i := range 30 {
				n := fmt.Sprint(i + 1)
				if want := !a[n] || b[n] || !c[n]; got[n] != want {
					t.Fatalf("%s finds %s: %v", query, n, got[n])
				}
			}
		}
	}
}

// TestSearchEndsWithClient has the client go in the middle of a long search and of a long FETCH.
func TestSearchEndsWithClient(t *testing.T) {
	for _, command := range []string{"SEARCH BODY nowhere", "FETCH 1:* BINARY.SIZE[1]", "SEARCH HEADER X-Other x"} {
		reading, goOn := make(chan struct{}), make(chan struct{})
		var once atomic.Bool
		s := &counted{Store: memstore.New()}
		ts := startServer(t, s, nil)
		user := ts.target(t, false)
		msg := bytes.Repeat([]byte("X-Other: some words of a header\r\n"), 2000)
		if command != "SEARCH HEADER X-Other x" {
			msg = append([]byte("Subject: x\r\n\r\n"), msg...)
		}
		for range 100 {
			if err := user.Seed("INBOX", msg, nil, time.Time{}); err != nil {
				t.Fatal(err)
			}
		}
		w := dialUser(t, ts, user)
		w.ok("SELECT INBOX")
		s.read = func() {
			if once.CompareAndSwap(false, true) {
				close(reading)
				<-goOn
			}
		}
		w.send("a %s\r\nb NOOP\r\n", command)
		receive(t, reading, "nothing is read")
		w.nc.Close()
		close(goOn)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		if err := ts.server.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		cancel()
		if got := s.octets.Load(); got > 1<<20 {
			t.Errorf("%s: %d octets were read after the client had gone", command, got)
		}
	}
}

// TestShutdownEndsLongCommands shuts the server down, with all the patience there is, in the middle of commands
// that would go on: they are answered, and soon.
func TestShutdownEndsLongCommands(t *testing.T) {
	for _, command := range []string{"SEARCH BODY nowhere", "FETCH 1:* BINARY.SIZE[1]", "SEARCH HEADER X-Other x"} {
		reading, goOn := make(chan struct{}), make(chan struct{})
		var once atomic.Bool
		s := &counted{Store: memstore.New()}
		ts := startServer(t, s, nil)
		user := ts.target(t, false)
		msg := []byte("Subject: x\r\n\r\n" + strings.Repeat("some words of a message\r\n", 2000))
		if strings.Contains(command, "HEADER") {
			msg = []byte(strings.Repeat("X-Other: some words of a header\r\n", 2000))
		}
		for range 100 {
			if err := user.Seed("INBOX", msg, nil, time.Time{}); err != nil {
				t.Fatal(err)
			}
		}
		idle, w, waiting := dialUser(t, ts, user), dialUser(t, ts, user), dialUser(t, ts, user)
		w.ok("SELECT INBOX")
		waiting.ok("SELECT INBOX")
		s.read = func() {
			if once.CompareAndSwap(false, true) {
				close(reading)
			}
			<-goOn // also whoever's turn it becomes meanwhile
		}
		w.send("a %s\r\n", command)
		receive(t, reading, "nothing is read")
		waiting.send("a %s\r\n", command)
		down := make(chan error, 1)
		go func() { down <- ts.server.Shutdown(context.Background()) }()
		idle.expect("* BYE")
		close(goOn)
		for _, w := range []*wire{w, waiting} {
			line := w.line()
			for strings.HasPrefix(line, "* ") && strings.Contains(line, " FETCH (") {
				line = w.line()
			}
			if !strings.HasPrefix(line, "a NO [UNAVAILABLE]") && line != "* BYE [UNAVAILABLE] Server is shutting down" {
				t.Errorf("%s: %s", command, line)
			}
		}
		if err := receive(t, down, "Shutdown goes on"); err != nil {
			t.Error(err)
		}
		if got := s.octets.Load(); got > 2<<20 {
			t.Errorf("%s: %d octets were read, of %d", command, got, 2*100*len(msg))
		}
	}
}

// TestSearchKeysAreBounded tries as many keys on messages as it may, and more, whatever they have to know of
// a message. Keys that no message comes to cost nothing.
func TestSearchKeysAreBounded(t *testing.T) {
	const messages = 10
	ts := startServer(t, memstore.New(), func(s *imapserver.Server) { imapserver.LimitSearch(s, 1000*messages) })
	user := ts.target(t, false)
	for i := range messages {
		if err := user.Seed("INBOX", fmt.Appendf(nil, "Subject: number %d\r\n\r\n", i), nil, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	w := dialUser(t, ts, user)
	w.ok("SELECT INBOX")
	for _, key := range []string{" ALL", " NOT KEYWORD k", " NOT BEFORE 1-Jan-1990", " NOT SUBJECT nowhere"} {
		per := 1 + strings.Count(key, "NOT")
		w.ok("SEARCH" + strings.Repeat(key, 990/per))
		if got := w.cmd("SEARCH" + strings.Repeat(key, 1010/per)); !strings.Contains(got[0], " NO [LIMIT]") {
			t.Errorf("%s: %s", key, got[0])
		}
	}
	// The second half is tried on one message in ten.
	if got := w.ok("SEARCH 3" + strings.Repeat(" ALL", 490) + strings.Repeat(" NOT SUBJECT nowhere", 2000))[0]; got != "* SEARCH 3" {
		t.Error(got)
	}
	w.ok("NOOP")
}
