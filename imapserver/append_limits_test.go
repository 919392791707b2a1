package imapserver_test

import (
	"strings"
	"testing"

	"restante/imapserver"
	"restante/store/memstore"
)

// TestAppendLimits appends at once, one after the other, more messages than one command may have:
// nothing is left of them, and the connection goes on.
func TestAppendLimits(t *testing.T) {
	ts := startServer(t, memstore.New(), func(s *imapserver.Server) { s.Limits.AppendLimit = 1_000_000 })
	long := strings.Repeat("k"+strings.Repeat("e", 200)+" ", 150)
	for _, c := range []struct {
		what, flags, message string
		most                 int // messages that are asked for
	}{
		{"messages", "", "x", 200},
		{"octets of messages", "", strings.Repeat("x", 999_999), 4},
		{"octets of summaries", "", "Subject: " + strings.Repeat("x", 40_000) + "\r\n\r\n", 110},
		{"octets of flags", "(" + long + "z) ", "x", 199},
	} {
		user := ts.target(t, false)
		w := dialUser(t, ts, user)
		w.send("a APPEND INBOX %s{%d}\r\n", c.flags, len(c.message))
		asked := 0
		line := w.line()
		for ; strings.HasPrefix(line, "+"); line = w.line() {
			if asked++; asked > c.most {
				t.Fatalf("%s: %d messages are asked for", c.what, asked)
			}
			w.send("%s %s{%d}\r\n", c.message, c.flags, len(c.message))
		}
		if !strings.HasPrefix(line, "a NO [LIMIT]") {
			t.Errorf("%s: got %q behind %d messages", c.what, line, asked)
		}
		if status := w.ok("STATUS INBOX (MESSAGES)"); !strings.Contains(status[0], "MESSAGES 0") {
			t.Errorf("%s: %s", c.what, status[0])
		}
	}
}
