package imapserver_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"restante/imapserver"
	"restante/internal/transcript"
	"restante/store/memstore"
)

func TestLineTooLong(t *testing.T) {
	ts := startServer(t, memstore.New(), func(s *imapserver.Server) { s.Limits.LineLength = 1000 })
	w := dialUser(t, ts, ts.target(t, false))
	w.send("a LIST \"\" \"%s\"\r\n", strings.Repeat("x", 100_000))
	w.expect("a BAD [LIMIT]")
	w.send("%s\r\n", strings.Repeat("x", 100_000))
	w.expect("* BAD [LIMIT]") // there is no telling what the tag is
	w.ok("NOOP")              // the place in the stream is not lost
}

func TestLiteralTooBig(t *testing.T) {
	ts := startServer(t, memstore.New(), func(s *imapserver.Server) {
		s.Limits.CommandLiterals, s.Limits.AppendLimit = 1000, 5000
	})
	w := dialUser(t, ts, ts.target(t, false))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 1000 {
		w.send("a CREATE {10000000000}\r\n")
		w.expect("a BAD [TOOBIG]")
		w.send("b APPEND INBOX {10000000000}\r\n")
		w.expect("b NO [TOOBIG]")
		w.ok("NOOP")
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 100<<20 {
		t.Errorf("announcing literals costs %d octets each", grown/1000)
	}
	// One that comes without asking, but is not too long to read past.
	w.send("c CREATE {2000+}\r\n%s\r\n", strings.Repeat("x", 2000))
	w.expect("c BAD [TOOBIG]")
	w.send("d APPEND nowhere {2000+}\r\n%s\r\n", strings.Repeat("x", 2000))
	w.expect("d NO [TRYCREATE]")
	w.ok("NOOP")
	// One that is too long to read past ends the connection.
	w.send("e CREATE {10000000000+}\r\n")
	w.expect("* BYE")
	w.closed()
}

// RFC 2971 §3.3: an ID has up to 30 names of 30 octets, with values of 1024.
func TestLongID(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	w := dialRaw(t, ts)
	var quoted, literals strings.Builder
	for i := range 30 {
		name := fmt.Sprintf("%030d", i)
		fmt.Fprintf(&quoted, ` "%s" "%s"`, name, strings.Repeat(`\"`, 1024))
		fmt.Fprintf(&literals, " {30+}\r\n%s {1024+}\r\n%s", name, strings.Repeat("x", 1024))
	}
	for _, params := range []string{quoted.String(), literals.String()} {
		w.send("a ID (%s)\r\n", params[1:])
		w.expect("* ID (")
		w.expect("a OK")
	}
	w.send("b ID (%s)\r\n", quoted.String()[1:]+quoted.String())
	w.expect("b BAD [LIMIT]")
	w.send("c LOGIN ann \"%s\"\r\n", strings.Repeat("x", 20_000))
	w.expect("c BAD [LIMIT]")
	w.ok("NOOP")
}

// However many strangers there are, only some can make the server hold much at a time.
func TestManyLongIDs(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	long := strings.Repeat("x", 20_000)
	var all []*wire
	for range 32 {
		w := dialRaw(t, ts)
		w.send("a ID (\"name\" {%d}\r\n", len(long))
		w.expect("+ ")
		all = append(all, w)
	}
	late := dialRaw(t, ts)
	late.send("a ID (\"name\" {%d}\r\n", len(long))
	late.expect("a BAD [TOOBIG]")
	late.send("b ID (\"name\" \"%s\")\r\n", long)
	late.expect("b BAD [LIMIT]")
	all[0].send("%s)\r\n", long)
	all[0].expect("* ID (")
	all[0].expect("a OK")
	all[0].ok("NOOP") // what it held it does not hold any more
	late.send("c ID (\"name\" \"%s\")\r\n", long)
	late.expect("* ID (")
	late.expect("c OK")
}

func TestSyntaxErrorsBeforeLogin(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	w := dialRaw(t, ts)
	w.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	w.expect("GET BAD")
	w.expect("Host: BAD")
	w.expect("* BAD")
	w.expect("* BYE")
	w.closed()
}

func TestCommandsBeforeLogin(t *testing.T) {
	ts := startServer(t, memstore.New(), func(s *imapserver.Server) { s.Limits.CommandsBeforeAuth = 5 })
	w := dialRaw(t, ts)
	for range 5 {
		w.ok("NOOP")
	}
	w.send("x NOOP\r\n")
	w.expect("* BYE")
	w.closed()
}

func TestTimeouts(t *testing.T) {
	ts := startServer(t, memstore.New(), func(s *imapserver.Server) { s.Limits.AuthTimeout = 100 * time.Millisecond })
	w := dialRaw(t, ts)
	w.expect("* BYE Autologout")
	w.closed()
	ts = startServer(t, memstore.New(), func(s *imapserver.Server) { s.Limits.IdleTimeout = 100 * time.Millisecond })
	user := ts.target(t, false)
	w = dialUser(t, ts, user)
	w.expect("* BYE Autologout")
	w.closed()
	for idling := false; !idling; {
		w = dialUser(t, ts, user)
		w.send("a IDLE\r\n")
		line := w.line()
		if idling = line == "+ idling"; idling { // or the machine was busy
			line = w.line()
		}
		if !strings.HasPrefix(line, "* BYE Autologout") {
			t.Fatalf("got %q", line)
		}
		w.closed()
	}
}

func TestConnectionLimits(t *testing.T) {
	ts := startServer(t, memstore.New(), func(s *imapserver.Server) { s.Limits.ConnsPerAddr, s.Limits.ConnsPerUser = 4, 2 })
	user := ts.target(t, false)
	a := dialUser(t, ts, user)
	dialUser(t, ts, user)
	c := dialRaw(t, ts)
	if got := c.cmd("LOGIN " + user.User + " secret"); !strings.Contains(got[0], " NO [LIMIT]") {
		t.Errorf("a third connection of a user: %s", got)
	}
	a.ok("LOGOUT")
	a.closed()
	// The place becomes free when the connection has ended, which may be a moment later.
	for range 2000 {
		if got := c.cmd("LOGIN " + user.User + " secret"); strings.Contains(got[0], " OK ") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the place of an ended connection does not become free")
}

// TestStartTLSInjection sends a command in the clear behind STARTTLS, as an attacker in the middle
// would: it must not be taken for one of the protected connection.
func TestStartTLSInjection(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	w := dialRaw(t, ts)
	w.send("a STARTTLS\r\nb CAPABILITY\r\n")
	w.expect("* BYE")
	w.closed()
}

func TestPlaintextFromLoopback(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	user := ts.target(t, false)
	w := dialRaw(t, ts) // from loopback: allowed
	if got := w.ok("CAPABILITY")[0]; !strings.Contains(got, "AUTH=PLAIN") || strings.Contains(got, "LOGINDISABLED") {
		t.Error(got)
	}
	w.ok("LOGIN " + user.User + " secret")
}

// TestUnknownUserLooksTheSame compares the answers, not the times: those are package auth's.
func TestUnknownUserLooksTheSame(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	user := ts.target(t, false)
	w := dialRaw(t, ts)
	wrong, unknown := w.cmd("LOGIN "+user.User+" wrong"), w.cmd("LOGIN nobody wrong")
	if a, b := strings.TrimPrefix(wrong[0], "t1"), strings.TrimPrefix(unknown[0], "t2"); a != b || !strings.Contains(a, "AUTHENTICATIONFAILED") {
		t.Errorf("%q and %q", a, b)
	}
}

// seedLong gives a user more mail than all buffers on the way to a client hold.
func seedLong(t *testing.T, user transcript.Target) {
	t.Helper()
	for range 20 {
		if err := user.Seed("INBOX", []byte(strings.Repeat("x", 1<<20)), nil, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSlowReader has one client that asks for much and reads nothing, while others work. It stays as
// long as the test: if it held others up, they would wait for ever.
func TestSlowReader(t *testing.T) {
	ts := startServer(t, memstore.New(), func(s *imapserver.Server) { s.Limits.WriteTimeout = time.Hour })
	user := ts.target(t, false)
	seedLong(t, user)
	slow := dialUser(t, ts, user)
	slow.ok("SELECT INBOX")
	slow.send("a FETCH 1:* BODY.PEEK[]\r\n")
	slow.expect("* 1 FETCH") // it is being answered
	other := dialUser(t, ts, user)
	other.ok("SELECT INBOX")
	for range 20 {
		other.ok(`STORE 1:* +FLAGS (\Seen)`)
		other.ok(`STORE 1:* -FLAGS (\Seen)`)
	}
	other.ok(`STORE 1 +FLAGS (\Deleted)`)
	other.ok("EXPUNGE")
	slow.nc.Close()
}

// TestSlowReaderEnds has the write time-out end a client that reads nothing. What it has sent behind
// that is not done, and nobody else is touched.
func TestSlowReaderEnds(t *testing.T) {
	var conns counter
	ts := startServer(t, memstore.New(), func(s *imapserver.Server) {
		s.Limits.WriteTimeout, s.Observer = 200*time.Millisecond, &conns
	})
	user := ts.target(t, false)
	seedLong(t, user)
	other := dialUser(t, ts, user)
	other.ok("SELECT INBOX")
	slow := dialUser(t, ts, user)
	slow.ok("SELECT INBOX")
	slow.send("a FETCH 1:* BODY.PEEK[]\r\nb STORE 1:* +FLAGS (\\Flagged)\r\n")
	for conns.Load() > 1 {
		time.Sleep(10 * time.Millisecond)
	}
	other.ok("NOOP")
	for _, line := range other.ok("FETCH 1:* FLAGS") {
		if strings.Contains(line, `\Flagged`) {
			t.Fatalf("got %q", line)
		}
	}
}

func TestPipelining(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	user := ts.target(t, false)
	w := dialRaw(t, ts)
	w.send("a LOGIN %s secret\r\nb SELECT INBOX\r\nc APPEND INBOX {5+}\r\nhello\r\nd FETCH 1 BODY.PEEK[]\r\ne IDLE\r\nDONE\r\nf LOGOUT\r\n", user.User)
	var got []string
	for {
		line := w.line()
		if !strings.HasPrefix(line, "* ") && !strings.HasPrefix(line, "hello") {
			got = append(got, strings.Join(strings.Fields(line)[:2], " "))
		}
		if strings.HasPrefix(line, "f ") {
			break
		}
	}
	if want := "a OK,b OK,c OK,d OK,+ idling,e OK,f OK"; strings.Join(got, ",") != want {
		t.Errorf("got %q", got)
	}
	w.closed()
}

// TestByteByByte sends a session one octet at a time.
func TestByteByByte(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	user := ts.target(t, false)
	w := dialRaw(t, ts)
	for _, b := range []byte("a LOGIN {" + fmt.Sprint(len(user.User)) + "+}\r\n" + user.User + " secret\r\nb APPEND INBOX (\\Seen) {5+}\r\nhello\r\nc LOGOUT\r\n") {
		w.send("%s", []byte{b})
	}
	w.expect("a OK")
	w.expect("b OK [APPENDUID")
	w.expect("* BYE")
	w.expect("c OK")
	w.closed()
}

func TestShutdown(t *testing.T) {
	s := memstore.New()
	ts := startServer(t, s, nil)
	user := ts.target(t, false)
	waiting, idling := dialUser(t, ts, user), dialUser(t, ts, user)
	idling.send("a IDLE\r\n")
	idling.expect("+ ")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := ts.server.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	for _, w := range []*wire{waiting, idling} {
		w.expect("* BYE [UNAVAILABLE]")
		w.closed()
	}
}

// TestConnectionLost ends a client in the middle of its message: nothing may be stored.
func TestConnectionLost(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	user := ts.target(t, false)
	w := dialUser(t, ts, user)
	w.send("a APPEND INBOX {1000+}\r\nonly the start")
	w.nc.Close()
	other := dialUser(t, ts, user)
	for range 20 {
		if got := other.ok("STATUS INBOX (MESSAGES)")[0]; got != "* STATUS INBOX (MESSAGES 0)" {
			t.Fatal(got)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestDeletedUnderSession deletes the mailbox that another session has selected.
func TestDeletedUnderSession(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	user := ts.target(t, false)
	a, b, c := dialUser(t, ts, user), dialUser(t, ts, user), dialUser(t, ts, user)
	a.ok("CREATE x")
	a.ok("SELECT x")
	c.ok("SELECT x")
	c.send("i IDLE\r\n")
	c.expect("+ ")
	b.ok("DELETE x")
	c.send("DONE\r\n")
	c.expect("i OK")
	a.ok("NOOP")
	a.send("a EXPUNGE\r\n")
	a.expect("a NO [NONEXISTENT]")
	a.ok("CLOSE")
}

// TestUserDeleted deletes a user: whose sessions end.
func TestUserDeleted(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	user := ts.target(t, false)
	a, b := dialUser(t, ts, user), dialUser(t, ts, user)
	a.ok("SELECT INBOX")
	b.ok("SELECT INBOX")
	b.send("i IDLE\r\n")
	b.expect("+ ")
	if err := ts.store.DeleteUser(context.Background(), user.User); err != nil {
		t.Fatal(err)
	}
	b.expect("* BYE")
	b.closed()
	a.send("a NOOP\r\n")
	a.expect("* BYE")
	a.closed()
}
