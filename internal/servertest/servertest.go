// Package servertest builds the restante command and runs it as a user would, for tests that
// drive it from outside.
package servertest

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// RequirePeers is the environment variable that, set to 1, makes a missing program a failure.
const RequirePeers = "RESTANTE_REQUIRE_PEERS"

// Need returns the path of a program that the test drives. The test is skipped without it, or
// fails when RESTANTE_REQUIRE_PEERS is 1.
func Need(t testing.TB, program, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if os.Getenv(RequirePeers) == "1" {
		t.Fatalf("%s is needed: install the package %s", program, debianPackage)
	}
	t.Skipf("%s is not installed: it is in the package %s", program, debianPackage)
	return ""
}

// NeedPerl is Need for a module of Perl; it returns the path of perl.
func NeedPerl(t testing.TB, module, debianPackage string) string {
	t.Helper()
	perl := Need(t, "perl", "perl")
	if exec.Command(perl, "-M"+module, "-e", "1").Run() == nil {
		return perl
	}
	if os.Getenv(RequirePeers) == "1" {
		t.Fatalf("%s is needed: install the package %s", module, debianPackage)
	}
	t.Skipf("%s is not installed: it is in the package %s", module, debianPackage)
	return ""
}

var build struct {
	sync.Once
	path string
	err  error
}

// Binary is the environment variable that names a command to test instead of one built here.
const Binary = "RESTANTE_BINARY"

// Build returns the path of the command, built once for a test binary.
func Build(t testing.TB) string {
	t.Helper()
	build.Do(func() {
		if build.path = os.Getenv(Binary); build.path != "" {
			return
		}
		dir, err := os.MkdirTemp("", "restante-build")
		if err != nil {
			build.err = err
			return
		}
		build.path = filepath.Join(dir, "restante")
		cmd := exec.Command("go", "build", "-o", build.path, "./cmd/restante")
		cmd.Dir = Root()
		if out, err := cmd.CombinedOutput(); err != nil {
			build.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if build.err != nil {
		t.Fatal(build.err)
	}
	return build.path
}

// Root returns the module's folder.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// Server is a running "restante serve".
type Server struct {
	Binary                                  string
	Data                                    string
	IMAPAddr, IMAPSAddr, LMTPAddr, HTTPAddr string // "" for what is off
	CertFile                                string
	TLSConfig                               *tls.Config // trusts the certificate
	PID                                     int

	cmd  *exec.Cmd
	gone chan error
	log  *tail
}

// Start builds the command and runs a server on the data folder, on loopback ports that the kernel
// chooses, until the test ends. args are added to the command line.
func Start(t testing.TB, data string, args ...string) *Server {
	t.Helper()
	s, err := Run(Build(t), data, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("restante serve: %v\n%s", err, s.Log())
		}
	})
	return s
}

// Run is Start for a command that is built already, and for callers who stop the server
// themselves.
func Run(binary, data string, args ...string) (*Server, error) {
	s := &Server{Binary: binary, Data: data, gone: make(chan error, 1), log: &tail{}}
	args = append([]string{"serve", "--data", data, "--imap", "127.0.0.1:0", "--imaps", "127.0.0.1:0",
		"--lmtp", "127.0.0.1:0"}, args...)
	cmd := exec.Command(s.Binary, args...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s.cmd, s.PID = cmd, cmd.Process.Pid
	serving := make(chan string, 1)
	go func() {
		s.follow(stderr, serving)
		s.gone <- cmd.Wait()
	}()
	select {
	case line := <-serving:
		s.IMAPAddr, s.IMAPSAddr = field(line, "imap"), field(line, "imaps")
		s.LMTPAddr, s.HTTPAddr = field(line, "lmtp"), field(line, "http")
	case err := <-s.gone:
		return nil, fmt.Errorf("restante serve ended: %v\n%s", err, s.Log())
	case <-time.After(60 * time.Second):
		s.Kill()
		return nil, fmt.Errorf("restante serve does not start\n%s", s.Log())
	}
	s.CertFile = filepath.Join(data, "self-signed.crt")
	pem, err := os.ReadFile(s.CertFile)
	if err != nil {
		s.Kill()
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	s.TLSConfig = &tls.Config{RootCAs: pool, ServerName: "localhost"}
	return s, nil
}

// follow keeps the log, and sends the line that says where the server listens.
func (s *Server) follow(stderr io.Reader, serving chan<- string) {
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		s.log.add(lines.Text())
		if strings.Contains(lines.Text(), "msg=serving") {
			serving <- lines.Text()
		}
	}
}

func field(line, name string) string {
	m := regexp.MustCompile(` ` + name + `="?([^" ]*)`).FindStringSubmatch(line)
	if m == nil {
		return ""
	}
	return m[1]
}

// AddUser adds a user through the running server.
func (s *Server) AddUser(t testing.TB, name, password string) {
	t.Helper()
	cmd := exec.Command(s.Binary, "user", "add", name, "--password-stdin", "--data", s.Data)
	cmd.Stdin = strings.NewReader(password + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("user add: %v\n%s", err, out)
	}
}

// Stop ends the server as Ctrl-C does, and reports how it ended.
func (s *Server) Stop() error { return s.end(syscall.SIGINT) }

// Kill ends the server as a crash does.
func (s *Server) Kill() { _ = s.end(syscall.SIGKILL) }

func (s *Server) end(sig syscall.Signal) error {
	if s.cmd == nil {
		return nil
	}
	_ = s.cmd.Process.Signal(sig)
	s.cmd = nil
	select {
	case err := <-s.gone:
		return err
	case <-time.After(30 * time.Second):
		syscall.Kill(s.PID, syscall.SIGKILL)
		<-s.gone
		return fmt.Errorf("did not end within 30 s of %v", sig)
	}
}

// Log returns the last lines of the server's log.
func (s *Server) Log() string { return s.log.String() }

// tail keeps the last lines that are added.
type tail struct {
	mu struct {
		sync.Mutex
		lines []string
	}
}

func (l *tail) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.lines = append(l.mu.lines, line); len(l.mu.lines) > 200 {
		l.mu.lines = l.mu.lines[100:]
	}
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.mu.lines, "\n")
}
