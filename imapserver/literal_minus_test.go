package imapserver_test

import (
	"strings"
	"testing"

	"restante/imapserver"
	"restante/store/memstore"
)

// TestLiteralMinus offers LITERAL-, RFC 7888 §5, in the place of LITERAL+.
func TestLiteralMinus(t *testing.T) {
	ts := startServer(t, memstore.New(), func(s *imapserver.Server) { s.LiteralMinus = true })
	user := ts.target(t, false)
	w := dialUser(t, ts, user)
	if caps := w.ok("CAPABILITY")[0]; !strings.Contains(caps, " LITERAL- ") || strings.Contains(caps, "LITERAL+") {
		t.Error(caps)
	}
	fits, over := strings.Repeat("x", 4096), strings.Repeat("x", 4097)
	w.send("a APPEND INBOX {4096+}\r\n%s\r\n", fits)
	w.expect("a OK ")
	w.send("b APPEND INBOX {4097+}\r\n%s\r\n", over)
	w.expect("b BAD [TOOBIG] ")
	w.send("c APPEND INBOX {5+}\r\nx\r\n\r\n {4097+}\r\n%s\r\n", over) // MULTIAPPEND
	w.expect("c BAD [TOOBIG] ")
	w.send("d SELECT {4097+}\r\n%s\r\n", over)
	w.expect("d BAD [TOOBIG] ")
	w.send("e APPEND INBOX {4097}\r\n")
	w.expect("+ ")
	w.send("%s\r\n", over)
	w.expect("e OK ")
	if got := w.ok("STATUS INBOX (MESSAGES)")[0]; got != "* STATUS INBOX (MESSAGES 2)" {
		t.Error(got)
	}
	w.send("f APPEND INBOX {1000000000+}\r\n")
	w.expect("* BYE [TOOBIG] ")
	w.closed()
}
