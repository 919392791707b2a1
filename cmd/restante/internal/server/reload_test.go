package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"restante/cmd/restante/internal/config"
)

// serving is 'restante serve' in this process.
type serving struct {
	t     *testing.T
	lines chan string  // of its log; closed at its end
	stop  func() error // as SIGTERM does
	addr  map[string]string
}

// serveCommand runs the command on ports of loopback that are free, until it is stopped or the test
// ends.
func serveCommand(t *testing.T, args ...string) *serving {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	cmd := NewServe()
	cmd.SetErr(in)
	cmd.SetArgs(append([]string{"--imap", "127.0.0.1:0", "--imaps", "127.0.0.1:0", "--lmtp", "127.0.0.1:0"}, args...))
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	done := make(chan error, 1)
	go func() {
		err := cmd.ExecuteContext(ctx)
		in.CloseWithError(err)
		done <- err
	}()
	s := &serving{t: t, lines: make(chan string, 10_000)} // more than any test causes: nobody waits for it
	go func() {
		defer close(s.lines)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			s.lines <- lines.Text()
		}
	}()
	stopped := false
	s.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	line := s.until("msg=serving ")
	s.addr = map[string]string{}
	for _, m := range regexp.MustCompile(` (imap|imaps|lmtp|http)="?([^" ]+)`).FindAllStringSubmatch(line, -1) {
		s.addr[m[1]] = m[2]
	}
	return s
}

// until returns the next line of the log that has all the pieces.
func (s *serving) until(pieces ...string) string {
	s.t.Helper()
	var before []string
next:
	for line := range s.lines {
		for _, p := range pieces {
			if !strings.Contains(line, p) {
				before = append(before, line)
				continue next
			}
		}
		return line
	}
	s.t.Fatalf("the log ends before %q:\n%s", pieces, strings.Join(before, "\n"))
	return ""
}

// name returns whom the server's certificate names.
func (s *serving) name() string {
	s.t.Helper()
	nc, err := tls.Dial("tcp", s.addr["imaps"], &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		s.t.Fatal(err)
	}
	defer nc.Close()
	return nc.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// TestReload changes the certificate under a running server, with SIGHUP and without, and what stands
// in its configuration file.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	write := func(name string, text []byte) {
		t.Helper()
		// Put in place whole, as those who renew certificates do.
		if err := os.WriteFile(file("new"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file("new"), file(name)); err != nil {
			t.Fatal(err)
		}
	}
	pair := func(name, host string) {
		t.Helper()
		cert, key, err := newSelfSigned(host)
		if err != nil {
			t.Fatal(err)
		}
		write(name+".key", key)
		write(name+".crt", cert)
	}
	configure := func(text string) { t.Helper(); write("config.toml", []byte("[server]\n"+text)) }
	hangup := func() {
		t.Helper()
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	paths := func(name string) string {
		return "tls_cert = '" + file(name+".crt") + "'\ntls_key = '" + file(name+".key") + "'\n"
	}
	pair("mail", "one.example")
	configure(paths("mail"))
	s := serveCommand(t, "--config", file("config.toml"), "--data", file("data"))
	expect := func(want string) {
		t.Helper()
		if got := s.name(); got != want {
			t.Errorf("the certificate is of %s, not %s", got, want)
		}
	}
	expect("one.example")

	// Without a signal. What cannot be used is told of once.
	pair("mail", "two.example")
	expect("two.example")
	write("mail.crt", []byte("none"))
	expect("two.example")
	s.until("level=ERROR", "the old one stays", file("mail.crt"))
	expect("two.example")
	if err := os.Remove(file("mail.key")); err != nil {
		t.Fatal(err)
	}
	expect("two.example")
	pair("mail", "three.example")
	expect("three.example")

	// Other files, another level.
	pair("other", "four.example")
	configure(paths("other") + `log_level = "debug"`)
	hangup()
	s.until("msg=reloaded", "log_level=DEBUG")
	expect("four.example")

	// A mistake changes nothing.
	for _, mistake := range []string{"tls_cert = 'x'", "log_level = 'loud'", "tls_cerd = 'x'", "= ="} {
		configure(mistake)
		hangup()
		s.until("level=ERROR", "old", "stay")
		expect("four.example")
	}
	configure(paths("nowhere"))
	hangup()
	s.until("level=ERROR", "the old one stays", "nowhere.crt")
	expect("four.example")

	// What cannot change is named.
	configure(paths("other") + "hostname = 'x.example'\n[server.limits]\nerrors = 7")
	hangup()
	s.until("level=WARN", `settings=hostname,limits.errors`)
	expect("four.example")
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

// TestChanged names each setting that differs, as the file does.
func TestChanged(t *testing.T) {
	a := config.Server{Data: "x"}
	b := config.Server{Data: "y", AllowPlaintext: true}
	b.Limits.AppendLimit = 1
	if got := strings.Join(changed(a, b), " "); got != "data allow_plaintext limits.append_limit" {
		t.Error(got)
	}
	if got := changed(a, a); got != nil {
		t.Error(got)
	}
}
