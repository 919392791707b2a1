package admin

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"restante/cmd/restante/internal/config"

	"restante/cmd/restante/internal/mailfile"
)

// logBuffer is a log that a server's goroutines write.
type logBuffer struct {
	mu struct {
		sync.Mutex
		b bytes.Buffer
	}
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.b.String()
}

// startSocket runs a server on a new store, and returns the API that asks it. stop ends the server and
// returns its log.
func startSocket(t *testing.T) (api API, stop func() string) {
	t.Helper()
	dir := t.TempDir()
	var said logBuffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	running, err := openStore(t.Context(), &config.Server{Data: dir}, log)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Listen(filepath.Join(dir, SocketName))
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: Handler(running, log), ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	done := make(chan error)
	go func() { done <- s.Serve(l) }()
	stop = sync.OnceValue(func() string {
		s.Shutdown(context.Background())
		<-done
		running.Close()
		return said.String()
	})
	t.Cleanup(func() { stop() })
	if api, err = open(t.Context(), &config.Server{Data: dir}, false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { api.Close() })
	return api, stop
}

// TestSocketRefusedImport: the server that refuses an import says why, once, and does not panic, however
// much the client still sends.
func TestSocketRefusedImport(t *testing.T) {
	api, stop := startSocket(t)
	if err := api.AddUser(context.Background(), "ann", "secret"); err != nil {
		t.Fatal(err)
	}
	body := strings.Repeat("x", 1<<20)
	for _, test := range []struct{ user, mailbox, want string }{
		{"nobody", "INBOX", `there is no user "nobody"; 'restante user ls' lists them`},
		{"", "INBOX", `there is no user ""; 'restante user ls' lists them`},
		{"ann", "", `"" cannot be the name of a mailbox: `},
	} {
		for _, messages := range []int{0, 1, 1000} {
			left := messages
			next := func() (int, *mailfile.Message, error) {
				if left--; left < 0 {
					return 0, nil, io.EOF
				}
				return 0, &mailfile.Message{Size: int64(len(body)), Body: strings.NewReader(body)}, nil
			}
			err := api.Import(context.Background(), test.user, []ImportBox{{Name: test.mailbox}}, next, func(ImportProgress) {})
			if err == nil || !strings.HasPrefix(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q %q, %d messages: %v", test.user, test.mailbox, messages, err)
			}
		}
	}
	if said := stop(); strings.Contains(said, "panic") || strings.Contains(said, "WARN") {
		t.Errorf("the server's log:\n%s", said)
	}
}

// TestSocketNames asks for users with names that a path would lose.
func TestSocketNames(t *testing.T) {
	api, stop := startSocket(t)
	ctx := context.Background()
	for _, name := range []string{"", ".", "..", "a/b", "../users", "a?b", "a%2Fb"} {
		want := "there is no user "
		if err := api.RemoveUser(ctx, name); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("remove %q: %v", name, err)
		}
		if err := api.SetPassword(ctx, name, "secret"); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("password of %q: %v", name, err)
		}
	}
	if err := api.AddUser(ctx, "", "secret"); err == nil || err.Error() != `"" cannot be the name of a user` {
		t.Errorf("add: %v", err)
	}
	for _, change := range []func() error{
		func() error { return api.AddUser(ctx, "..", "secret") },
		func() error { return api.SetPassword(ctx, "..", "another") },
		func() error { return api.RemoveUser(ctx, "..") },
	} {
		if err := change(); err != nil {
			t.Error(err)
		}
	}
	said := stop()
	for _, want := range []string{
		`level=INFO msg="user added" user=..` + "\n", `level=INFO msg="password set" user=..` + "\n", `level=INFO msg="user removed" user=..` + "\n",
		`level=WARN msg="user not added" user="" err="\"\" cannot be the name of a user"`,
		`level=WARN msg="user not removed" user=a/b err=`, `level=WARN msg="password not set" user=a/b err=`,
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the log has no %s:\n%s", want, said)
		}
	}
	if strings.Contains(said, "<nil>") {
		t.Errorf("the log has errors that are none:\n%s", said)
	}
}
