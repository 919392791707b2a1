package pgtest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Durable is a PostgreSQL of a test's own that keeps what it has said was committed, to be killed and
// started again.
type Durable struct {
	t testing.TB
	s *server
}

// StartDurable starts a server, which ends with the test. The test is skipped when there is no
// PostgreSQL.
func StartDurable(t testing.TB) *Durable {
	t.Helper()
	bin, err := find()
	if err != nil {
		if os.Getenv(requirePeers) == "1" {
			t.Fatalf("PostgreSQL is needed: %v; install postgresql", err)
		}
		t.Skip("no PostgreSQL here; install postgresql to run this test")
	}
	s, err := start(bin, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return &Durable{t, s}
}

// Database returns the address of a schema, as MakeSchema does.
func (d *Durable) Database(name string) string {
	d.t.Helper()
	address, err := MakeSchema(d.s.address(), name)
	if err != nil {
		d.t.Fatal(err)
	}
	return address
}

// Kill ends all processes of the server with SIGKILL, whatever they are doing.
func (d *Durable) Kill() {
	d.t.Helper()
	if err := d.s.kill(); err != nil {
		d.t.Fatal(err)
	}
}

// Start has a server that was killed run again, and returns when it answers.
func (d *Durable) Start() {
	d.t.Helper()
	if err := d.s.run(); err != nil {
		d.t.Fatal(err)
	}
}

// kill stops the first process, so that it makes no others and does not tell them to end, and kills
// them and it.
func (s *server) kill() error {
	first := s.cmd.Process
	if err := first.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("pgtest: %w", err)
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", first.Pid))
	for _, field := range strings.Fields(string(children)) {
		if pid, err := strconv.Atoi(field); err == nil {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	first.Kill()
	<-s.ended
	if err != nil {
		return fmt.Errorf("pgtest: %w", err)
	}
	return nil
}
