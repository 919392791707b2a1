package admin

import (
	"bufio"
	"io"
	"strings"
	"testing"

	"restante/cmd/restante/internal/config"
)

// session is a client at the ends of 'restante imap'.
type session struct {
	t    *testing.T
	in   *io.PipeWriter
	out  *bufio.Reader
	done chan error
}

// startSession begins a session of ann, on a store that nobody serves, or through the one who does.
func startSession(t *testing.T, dir string) *session {
	inR, in := io.Pipe()
	out, outW := io.Pipe()
	s := &session{t, in, bufio.NewReader(out), make(chan error, 1)}
	d := &dataFlags{server: config.Server{Data: dir}}
	go func() {
		err := d.serveIMAP(t.Context(), "ann", inR, outW)
		outW.Close()
		s.done <- err
	}()
	s.expect("* PREAUTH [CAPABILITY IMAP4rev1 ")
	return s
}

// command sends a command and returns what comes up to its end.
func (s *session) command(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.in, "a "+text+"\r\n"); err != nil {
		s.t.Fatal(err)
	}
	s.expect("a OK")
}

// expect reads up to a line that begins so.
func (s *session) expect(prefix string) {
	s.t.Helper()
	for {
		line, err := s.out.ReadString('\n')
		if strings.HasPrefix(line, prefix) {
			return
		}
		if err != nil {
			s.t.Fatalf("no %q but %q, %v", prefix, line, err)
		}
	}
}

// end waits for the end, which has to be a good one.
func (s *session) end() {
	s.t.Helper()
	s.in.Close()
	rest, err := io.ReadAll(s.out)
	if err != nil || len(rest) > 0 {
		s.t.Errorf("at the end: %q, %v", rest, err)
	}
	if err := <-s.done; err != nil {
		s.t.Error(err)
	}
}

// TestIMAP: without a server the first session keeps the store open for others, and for other commands.
func TestIMAP(t *testing.T) {
	dir := t.TempDir()
	api, err := open(t.Context(), &config.Server{Data: dir}, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := api.AddUser(t.Context(), "ann", "secret"); err != nil {
		t.Fatal(err)
	}
	if err := api.Close(); err != nil {
		t.Fatal(err)
	}
	first := startSession(t, dir)
	second := startSession(t, dir)
	first.command("CREATE fromfirst")
	second.command("SELECT fromfirst")
	if api, err = open(t.Context(), &config.Server{Data: dir}, false); err != nil {
		t.Fatal(err)
	}
	if err := api.AddUser(t.Context(), "bob", "secret"); err != nil {
		t.Error(err)
	}
	api.Close()
	second.command("NOOP")
	second.end()
	first.command("NOOP")

	third := startSession(t, dir)
	first.in.Close()
	third.expect("* BYE [UNAVAILABLE]")
	third.end()
	first.end()

	// After it the store can be opened again.
	last := startSession(t, dir)
	last.command("SELECT fromfirst")
	if _, err := io.WriteString(last.in, "b LOGOUT\r\n"); err != nil {
		t.Error(err)
	}
	last.expect("* BYE")
	last.expect("b OK")
	last.end()
}
