package imapserver_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"restante/internal/transcript"
)

// wire is a connection that tests write octets to and read lines from.
type wire struct {
	t  testing.TB
	nc net.Conn
	r  *bufio.Reader
	n  int
}

// dialRaw connects and reads the greeting.
func dialRaw(t testing.TB, ts *testServer) *wire {
	t.Helper()
	nc, err := net.Dial("tcp", ts.plain)
	if err != nil {
		t.Fatal(err)
	}
	return newWire(t, nc)
}

// newWire reads the greeting of a connection.
func newWire(t testing.TB, nc net.Conn) *wire {
	t.Helper()
	return greeted(t, nc, "* OK ")
}

// greeted reads the greeting of a connection, which must start so.
func greeted(t testing.TB, nc net.Conn, prefix string) *wire {
	t.Helper()
	t.Cleanup(func() { nc.Close() })
	w := &wire{t: t, nc: nc, r: bufio.NewReader(nc)}
	w.expect(prefix)
	return w
}

// resumeWire is for a connection on which there is no greeting to come.
func resumeWire(t testing.TB, nc net.Conn) *wire {
	t.Cleanup(func() { nc.Close() })
	return &wire{t: t, nc: nc, r: bufio.NewReader(nc)}
}

// dialUser connects and logs in.
func dialUser(t testing.TB, ts *testServer, user transcript.Target) *wire {
	t.Helper()
	w := dialRaw(t, ts)
	w.ok("LOGIN " + user.User + " " + user.Password)
	return w
}

func (w *wire) send(format string, args ...any) {
	w.t.Helper()
	w.nc.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := fmt.Fprintf(w.nc, format, args...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) line() string {
	w.t.Helper()
	w.nc.SetDeadline(time.Now().Add(20 * time.Second))
	line, err := w.r.ReadString('\n')
	if err != nil {
		w.t.Fatalf("reading: %v after %q", err, line)
	}
	return strings.TrimRight(line, "\r\n")
}

// expect reads one line, which must start so.
func (w *wire) expect(prefix string) string {
	w.t.Helper()
	line := w.line()
	if !strings.HasPrefix(line, prefix) {
		w.t.Fatalf("got %q, want %q", line, prefix)
	}
	return line
}

// cmd sends a command and returns its answer, the tagged line last.
func (w *wire) cmd(command string) (lines []string) {
	w.t.Helper()
	w.n++
	tag := fmt.Sprintf("t%d", w.n)
	w.send("%s %s\r\n", tag, command)
	for {
		line := w.line()
		lines = append(lines, line)
		if strings.HasPrefix(line, tag+" ") {
			return lines
		}
	}
}

// ok sends a command that must succeed.
func (w *wire) ok(command string) []string {
	w.t.Helper()
	lines := w.cmd(command)
	if !strings.Contains(lines[len(lines)-1], " OK ") {
		w.t.Fatalf("%s: %s", command, lines[len(lines)-1])
	}
	return lines
}

// bad sends a command that is to be answered with BAD.
func (w *wire) bad(command string) {
	w.t.Helper()
	lines := w.cmd(command)
	if !strings.Contains(lines[len(lines)-1], " BAD ") {
		w.t.Fatalf("%s: %s", command, lines[len(lines)-1])
	}
}

// closed checks that the server has closed the connection.
func (w *wire) closed() {
	w.t.Helper()
	w.nc.SetDeadline(time.Now().Add(20 * time.Second))
	if rest, err := io.ReadAll(w.r); err != nil || len(rest) > 0 {
		w.t.Fatalf("the connection is not closed: %q, %v", rest, err)
	}
}
