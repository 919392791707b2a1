package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"restante/internal/pgtest"
	"restante/internal/servertest"
)

// imapSession is a connection of ann's, in plain text.
type imapSession struct {
	t  testing.TB
	nc net.Conn
	r  *bufio.Reader
}

func login(t testing.TB, addr string) *imapSession {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	s := &imapSession{t, nc, bufio.NewReader(nc)}
	s.line()
	s.do(`LOGIN ann "secret"`)
	return s
}

// line reads a line; "" at the end.
func (s *imapSession) line() string {
	line, _ := s.r.ReadString('\n')
	return line
}

func (s *imapSession) send(format string, args ...any) {
	fmt.Fprintf(s.nc, format+"\r\n", args...)
}

// do sends a command, which has to succeed, and returns the answer.
func (s *imapSession) do(format string, args ...any) (text string) {
	s.t.Helper()
	s.send("a "+format, args...)
	for {
		line := s.line()
		text += line
		if line == "" || strings.HasPrefix(line, "a ") {
			if !strings.HasPrefix(line, "a OK") {
				s.t.Fatalf(format+": %s", append(args, text)...)
			}
			return text
		}
	}
}

// appendUntilEnd appends messages until the session ends, and tells when ten have been acknowledged.
// It returns the subjects of all that were, by their UIDs, and the last line.
func (s *imapSession) appendUntilEnd(ten chan<- struct{}) (subjects map[string]string, last string) {
	subjects = map[string]string{}
	acknowledged := regexp.MustCompile(`^a OK \[APPENDUID \d+ (\d+)\]`)
	for n := 0; ; n++ {
		subject := fmt.Sprintf("message %d", n)
		text := "Subject: " + subject + "\r\n\r\n" + strings.Repeat("x", n*10%3000) + "\r\n"
		s.send("a APPEND INBOX {%d+}\r\n%s", len(text), text)
		line := s.line()
		for ; line != "" && !strings.HasPrefix(line, "a ") && !strings.HasPrefix(line, "* BYE"); line = s.line() {
		}
		m := acknowledged.FindStringSubmatch(line)
		if m == nil {
			return subjects, line
		}
		if subjects[m[1]] = subject; len(subjects) == 10 {
			close(ten)
		}
	}
}

// addAnn adds the user ann.
func addAnn(t testing.TB, args ...string) {
	t.Helper()
	add := exec.Command(binary(t), append([]string{"user", "add", "ann", "--password-stdin"}, args...)...)
	add.Stdin = strings.NewReader("secret\n")
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func runServer(t testing.TB, data string, args ...string) *servertest.Server {
	t.Helper()
	s, err := servertest.Run(binary(t), data, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	return s
}

const movedAway = "* BYE [UNAVAILABLE] The account has moved; connect again\r\n"

// TestMoveLive moves a user who is logged in, appends, and waits in IDLE: from a server with the
// embedded store, and then to another cell.
func TestMoveLive(t *testing.T) {
	address, blobs := pgtest.Database(t, t.Name()), t.TempDir()
	south, southBlobs := pgtest.Database(t, t.Name()+"south"), t.TempDir()
	dir := t.TempDir()
	file := filepath.Join(dir, "cells.toml")
	text := fmt.Sprintf("[server]\n[[server.cells]]\nname = 'main'\nstore = '%s'\nblobs = 'file://%s'\n[[server.cells]]\nname = 'south'\nstore = '%s'\nblobs = 'file://%s'\nfull = true\n",
		address, blobs, south, southBlobs)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	embedded := runServer(t, filepath.Join(dir, "mail"))
	addAnn(t, "--data", filepath.Join(dir, "mail"))
	shared := runServer(t, filepath.Join(dir, "node"), "--config", file)

	all := map[string]string{}
	moveWhile := func(addr string, args ...string) {
		t.Helper()
		idle, unselected, busy := login(t, addr), login(t, addr), login(t, addr)
		idle.do("SELECT INBOX")
		for _, s := range []*imapSession{idle, unselected} {
			s.send("a IDLE")
			s.line()
		}
		ten, ended := make(chan struct{}), make(chan string, 1)
		go func() {
			subjects, last := busy.appendUntilEnd(ten)
			for uid, subject := range subjects {
				if all[uid] != "" {
					t.Errorf("UID %s was issued twice", uid)
				}
				all[uid] = subject
			}
			ended <- last
		}()
		<-ten
		out, err := exec.Command(binary(t), append([]string{"store", "move", "ann"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("store move: %v\n%s\n%s", err, out, embedded.Log())
		}
		if last := <-ended; last != movedAway {
			t.Errorf("the session that appends ends with %q", last)
		}
		for _, s := range []*imapSession{idle, unselected} {
			line := s.line()
			for ; line != "" && !strings.HasPrefix(line, "* BYE"); line = s.line() {
			}
			if line != movedAway {
				t.Errorf("a session in IDLE ends with %q", line)
			}
		}
	}
	check := func() {
		t.Helper()
		s := login(t, shared.IMAPAddr)
		s.do("SELECT INBOX")
		answer := s.do("UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
		found := regexp.MustCompile(`UID (\d+) BODY\[HEADER.FIELDS \(SUBJECT\)\] \{\d+\}\r\nSubject: (message \d+)\r\n`).FindAllStringSubmatch(answer, -1)
		if len(found) != len(all) {
			t.Errorf("there are %d messages, %d were acknowledged", len(found), len(all))
		}
		for _, m := range found {
			if all[m[1]] != m[2] {
				t.Errorf("UID %s has the subject %q, not %q", m[1], m[2], all[m[1]])
			}
		}
	}
	moveWhile(embedded.IMAPAddr, "--data", filepath.Join(dir, "mail"), "--to-config", file)
	check()
	moveWhile(shared.IMAPAddr, "--config", file, "--data", filepath.Join(dir, "cache"), "--to", "cell:south")
	check()
}

// TestMoveKilled kills the command at other moments again and again: nothing is wrong afterwards, and at
// last the user has moved.
func TestMoveKilled(t *testing.T) {
	address, dir := pgtest.Database(t, t.Name()), t.TempDir()
	from := filepath.Join(dir, "mail")
	addAnn(t, "--data", from)
	var mbox strings.Builder
	for n := range 600 {
		fmt.Fprintf(&mbox, "From x Mon Jan  1 00:00:00 2024\nSubject: %d\n\n%s\n\n", n, strings.Repeat("text ", n*8))
	}
	path := filepath.Join(dir, "mbox")
	if err := os.WriteFile(path, []byte(mbox.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(binary(t), args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	run("import", "--user", "ann", "--data", from, path)
	target := []string{"--store", address, "--blobs", "file://" + filepath.Join(dir, "blobs"), "--data", filepath.Join(dir, "cache")}
	move := []string{"store", "move", "ann", "--data", from, "--to", address, "--to-blobs", "file://" + filepath.Join(dir, "blobs")}
	killed := 0
	for wait := 20 * time.Millisecond; ; wait = wait * 3 / 2 {
		cmd := exec.Command(binary(t), move...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(wait, func() { cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		if err == nil {
			break
		}
		if cmd.ProcessState.Exited() {
			t.Fatalf("the command has failed: %v", err)
		}
		killed++
		if out := run("check", "--data", from); !strings.Contains(out, "nothing is wrong") {
			t.Fatal(out)
		}
		if out := run(append([]string{"check"}, target...)...); !strings.Contains(out, "nothing is wrong") {
			t.Fatal(out)
		}
	}
	out := run(append([]string{"check", "--bodies"}, target...)...)
	if !strings.Contains(out, "1 user, 6 mailboxes, 600 messages") || !strings.Contains(out, "nothing is wrong") {
		t.Errorf("killed %d times: %s", killed, out)
	}
	if out := run("user", "ls", "--data", from); !strings.Contains(out, "moved") {
		t.Error(out)
	}
	t.Logf("killed %d times", killed)
}
