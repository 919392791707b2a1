package imapserver_test

import (
	"strings"
	"testing"

	"restante/imapserver"
	"restante/store/memstore"
)

// TestNoUnauthenticate does not offer UNAUTHENTICATE (RFC 8437 §8).
func TestNoUnauthenticate(t *testing.T) {
	ts := startServer(t, memstore.New(), func(s *imapserver.Server) { s.NoUnauthenticate = true })
	w := dialUser(t, ts, ts.target(t, false))
	if caps := w.ok("CAPABILITY")[0]; strings.Contains(caps, "UNAUTHENTICATE") {
		t.Error(caps)
	}
	w.send("a UNAUTHENTICATE\r\n")
	w.expect("a BAD Unknown command")
	w.ok("NOOP")
}

// TestUnauthenticateUsers logs users in one after the other on one connection: each is counted while it
// is there, and has what is its own.
func TestUnauthenticateUsers(t *testing.T) {
	ts := startServer(t, memstore.New(), func(s *imapserver.Server) { s.Limits.ConnsPerUser = 1 })
	first, second := ts.target(t, false), ts.target(t, false)
	w := dialUser(t, ts, first)
	w.ok("CREATE First")
	w.ok("SELECT First")
	for range 40 { // more than there may be commands before the login
		w.ok("UNAUTHENTICATE")
		w.ok("LOGIN " + second.User + " secret")
		if lines := w.cmd("SELECT First"); !strings.Contains(lines[0], " NO ") {
			t.Fatal(lines)
		}
		w.ok("UNAUTHENTICATE")
		w.ok("LOGIN " + first.User + " secret")
		w.ok("SELECT First")
	}
	other := dialRaw(t, ts)
	if lines := other.cmd("LOGIN " + first.User + " secret"); !strings.Contains(lines[0], " NO [LIMIT]") {
		t.Error(lines)
	}
	other.ok("LOGIN " + second.User + " secret")
}
