package imapserver_test

import (
	"bytes"
	"encoding/base64"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"restante/imapserver"
	"restante/store/memstore"
)

// logged keeps what a server logs.
type logged struct {
	mu struct {
		sync.Mutex
		buf bytes.Buffer
	}
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.buf.String()
}

// Failed logins end a connection like other errors before the login, also with something else
// between them.
func TestFailedLoginsEndTheConnection(t *testing.T) {
	ts := startServer(t, memstore.New(), nil)
	user := ts.target(t, false)
	w := dialRaw(t, ts)
	for range 2 {
		w.cmd("LOGIN " + user.User + " wrong")
		w.ok("NOOP")
	}
	if got := w.cmd("LOGIN " + user.User + " wrong"); !strings.Contains(got[len(got)-1], "AUTHENTICATIONFAILED") {
		t.Error(got)
	}
	w.expect("* BYE")
	w.closed()

	w = dialRaw(t, ts)
	plain := base64.StdEncoding.EncodeToString([]byte("\x00" + user.User + "\x00wrong"))
	w.cmd("AUTHENTICATE PLAIN " + plain)
	w.cmd("NONSENSE")
	w.cmd("AUTHENTICATE PLAIN " + plain)
	w.expect("* BYE")
	w.closed()

	// Two are forgiven.
	w = dialRaw(t, ts)
	w.cmd("LOGIN " + user.User + " wrong")
	w.cmd("LOGIN " + user.User + " wrong")
	w.ok("LOGIN " + user.User + " " + user.Password)
	for range 4 {
		w.cmd("NONSENSE")
	}
	w.ok("NOOP")
}

// The log has the name that was tried, the address and the reason, and no password.
func TestFailedLoginsAreLogged(t *testing.T) {
	var log logged
	ts := startServer(t, memstore.New(), func(s *imapserver.Server) { s.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	user := ts.target(t, false)
	w := dialRaw(t, ts)
	w.cmd("LOGIN " + user.User + " hunter2")
	w.cmd("AUTHENTICATE PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00j\u00fcrgen\u202e\nlevel=ERROR\x00hunter2")))
	w = dialRaw(t, ts)
	w.cmd("AUTHENTICATE PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+strings.Repeat("x", 1000)+"\x00hunter2")))
	w.cmd("AUTHENTICATE PLAIN " + base64.StdEncoding.EncodeToString([]byte("root\x00"+user.User+"\x00"+user.Password)))
	got := log.String()
	for _, want := range []string{
		`msg="login failed" conn=1 name=` + user.User + ` addr=127.0.0.1 reason="wrong user name or password"`,
		`name="jürgen??level=ERROR"`,
		`name=` + strings.Repeat("x", 200) + `... `,
		`name=` + user.User + ` addr=127.0.0.1 reason="not authorized to act as another user"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if strings.Contains(got, "hunter2") || strings.Contains(got, user.Password) {
		t.Errorf("a password is in the log:\n%s", got)
	}
}
