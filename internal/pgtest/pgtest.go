// Package pgtest runs a throw-away PostgreSQL for the tests of a package: in a temporary folder, on a
// socket in it, with nothing durable beyond the life of its process. Each test gets schemas of its
// own.
package pgtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// ServerEnv names the environment variable with the address of a server to use instead of a new one,
// whose user may make schemas. Main sets it, so that processes that tests start use the same.
const ServerEnv = "RESTANTE_POSTGRES"

// requirePeers is the environment variable that, set to 1, makes a missing PostgreSQL a failure.
const requirePeers = "RESTANTE_REQUIRE_PEERS"

// Main runs the tests of a package with a server: it is all that a TestMain does.
func Main(m *testing.M) {
	os.Exit(Run(m))
}

// Run is Main for a TestMain that does more.
func Run(m interface{ Run() int }) int {
	if os.Getenv(ServerEnv) != "" {
		return m.Run()
	}
	bin, err := find()
	if err != nil {
		if os.Getenv(requirePeers) == "1" {
			fmt.Fprintf(os.Stderr, "PostgreSQL is needed: %v; install postgresql\n", err)
			return 1
		}
		return m.Run() // Database skips
	}
	s, err := start(bin, false)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer s.stop()
	os.Setenv(ServerEnv, s.address())
	return m.Run()
}

// Available reports whether there is a server, so that Database does not skip the test.
func Available() bool { return os.Getenv(ServerEnv) != "" }

// Database returns the address of a schema that belongs to name, such as the path of a test's folder:
// a new one, or the one that the same name had before. The test is skipped when there is no server.
func Database(t testing.TB, name string) string {
	t.Helper()
	server := os.Getenv(ServerEnv)
	if server == "" {
		t.Skip("no PostgreSQL here; install postgresql to run this test")
	}
	address, err := MakeSchema(server, name)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// MakeSchema makes the schema of that name on a server, if it is not there, and returns its address.
func MakeSchema(server, name string) (string, error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", fmt.Errorf("pgtest: %w", err)
	}
	hash := sha256.Sum256([]byte(name))
	schema := "t" + hex.EncodeToString(hash[:8])
	psql := exec.Command("psql", "-X", "-q", "-c", "SET client_min_messages = error", "-c", "CREATE SCHEMA IF NOT EXISTS "+schema, server)
	if out, err := psql.CombinedOutput(); err != nil {
		return "", fmt.Errorf("pgtest: psql: %w\n%s", err, out)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// Program returns the path of one of PostgreSQL's programs.
func Program(name string) (string, error) {
	bin, err := find()
	return filepath.Join(bin, name), err
}

// find returns the folder of PostgreSQL's programs, the newest there is.
func find() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	if len(found) > 0 {
		return filepath.Dir(found[0]), nil
	}
	path, err := exec.LookPath("postgres")
	return filepath.Dir(path), err
}

func version(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

// server is a PostgreSQL and its folder.
type server struct {
	dir, bin string
	durable  bool // what it says was committed survives its processes
	cmd      *exec.Cmd
	log      bytes.Buffer
	ended    chan struct{} // closed when all processes have
	caller   *syscall.SysProcAttr
}

func (s *server) address() string {
	return "postgres:///postgres?user=postgres&host=" + url.QueryEscape(s.dir)
}

func (s *server) data() string { return filepath.Join(s.dir, "data") }

// start makes a database cluster and runs a server on it.
func start(bin string, durable bool) (_ *server, err error) {
	dir, err := os.MkdirTemp("", "pg") // short: the socket's path must be
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, bin: bin, durable: durable, caller: &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	if os.Getuid() == 0 { // which PostgreSQL refuses
		if err := s.become("postgres"); err != nil {
			return nil, err
		}
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", s.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-N")
	initdb.Dir, initdb.SysProcAttr = dir, s.caller
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("pgtest: initdb: %w\n%s", err, out)
	}
	return s, s.run()
}

// run starts the server's processes, and returns when they answer.
func (s *server) run() error {
	fsync := "fsync=off"
	if s.durable {
		fsync = "fsync=on"
	}
	s.cmd = exec.Command(filepath.Join(s.bin, "postgres"), "-D", s.data(), "-k", s.dir, "-c", "listen_addresses=", "-c", fsync,
		"-c", "max_connections=300", "-c", "shared_buffers=64MB", "-c", "autovacuum_naptime=20s", "-c", "max_wal_size=256MB")
	s.cmd.Dir, s.cmd.SysProcAttr = s.dir, s.caller
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("pgtest: %w", err)
	}
	ended := make(chan struct{})
	s.ended = ended
	go func() {
		s.cmd.Wait() // also until nobody can write to the log any more: until all processes have ended
		close(ended)
	}()
	for exec.Command("psql", "-X", "-q", "-c", "", s.address()).Run() != nil {
		select {
		case <-ended:
			return errors.New("pgtest: the server ended:\n" + s.log.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// become has the server's programs run as another user, to whom the folder is given.
func (s *server) become(name string) error {
	u, err := user.Lookup(name)
	if err != nil {
		return fmt.Errorf("pgtest: PostgreSQL does not run as root: %w", err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	s.caller.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(s.dir, int(uid), int(gid))
}

func (s *server) stop() {
	s.cmd.Process.Signal(syscall.SIGQUIT) // nothing is to be kept
	<-s.ended
	os.RemoveAll(s.dir)
}
