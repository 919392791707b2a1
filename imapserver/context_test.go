package imapserver_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"restante/store/memstore"
)

// TestTagReuse gives a search with UPDATE the tag of another (RFC 5267 §4.3).
func TestTagReuse(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	w := dialUser(t, ts, ts.target(t, false))
	w.ok("SELECT INBOX")
	for _, step := range []struct{ command, want string }{
		{"SEARCH RETURN (UPDATE) FLAGGED", "x OK "},
		{"SORT RETURN (UPDATE) (DATE) UTF-8 FLAGGED", "x BAD "},
		{"SEARCH RETURN (SAVE) FLAGGED", "x OK "},
		{`CANCELUPDATE "x"`, "x OK "},
		{"UID SORT RETURN (UPDATE) (DATE) UTF-8 FLAGGED", "x OK "},
	} {
		w.send("x %s\r\n", step.command)
		if got := w.line(); !strings.HasPrefix(got, step.want) {
			t.Errorf("%s: %s", step.command, got)
		}
	}
}

// TestContextsAreBounded has contexts that hold too much from the start, and one whose results get into
// too many pieces.
func TestContextsAreBounded(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	user := ts.target(t, false)
	for range 2 {
		if err := user.Seed("INBOX", []byte("Subject: x\r\n\r\n"), nil, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	w := dialUser(t, ts, user)
	w.ok("SELECT INBOX")
	long := strings.Repeat(" ALL", 5000)
	for i := range 2 {
		got := w.ok("SEARCH RETURN (UPDATE COUNT)" + long)
		if refused := strings.Contains(got[0], "NO [NOUPDATE "); refused != (i == 1) {
			t.Errorf("context %d: %s", i, got[0])
		}
		if !strings.HasSuffix(got[len(got)-2], " COUNT 2") {
			t.Errorf("context %d: %q", i, got)
		}
	}
	// The one that there was room for is told of changes.
	got := w.ok(`STORE 1 +FLAGS.SILENT (\Deleted)`)
	if len(got) != 1 {
		t.Errorf("%q", got)
	}
	if got := w.ok("EXPUNGE"); !strings.HasSuffix(got[0], " REMOVEFROM (0 1)") {
		t.Error(fmt.Sprint(got))
	}
}
