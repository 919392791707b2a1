package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// meter passes connections on and counts what the server sends.
type meter struct {
	addr string
	in   atomic.Int64
}

func newMeter(t *testing.T, to string) *meter {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &meter{addr: l.Addr().String()}
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			tasks.Go(func() {
				io.Copy(far, near)
				far.Close()
			})
			tasks.Go(func() {
				io.Copy(io.MultiWriter(near, m), far)
				near.Close()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		tasks.Wait()
	})
	return m
}

// Write counts.
func (m *meter) Write(p []byte) (int, error) {
	m.in.Add(int64(len(p)))
	return len(p), nil
}

// TestOctets measures that only what is shown is downloaded: of a message of 20 MB, lists take a
// few hundred octets and show takes its text.
func TestOctets(t *testing.T) {
	bin := binary(t)
	dir := t.TempDir()
	s, server, err := startTarget(bin, filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	}()
	m := newMeter(t, server.IMAPSAddr)
	run := func(args ...string) (stdout string, octets int64) {
		t.Helper()
		before := m.in.Load()
		cmd := exec.Command(bin, append(args, "--server", "imaps://ann@localhost:"+portOf(m.addr), "--cafile", s.cert)...)
		cmd.Env = append(os.Environ(), "RESTANTE_PASSWORD="+s.password)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%q: %v\n%s", args, err, &stderr)
		}
		return string(out), m.in.Load() - before
	}
	const big = 20 << 20
	letter := filepath.Join(dir, "letter.eml")
	text := "From: bob@example.org\nSubject: Big\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n" +
		"--b\nContent-Type: text/plain\n\nThe text.\n--b\nContent-Type: application/octet-stream; name=big.bin\n" +
		"Content-Transfer-Encoding: base64\n\n" + strings.Repeat(strings.Repeat("QUJD", 19)+"\n", big/77) + "--b--\n"
	if err := os.WriteFile(letter, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run("append", "INBOX", letter)

	const session = 12 << 10 // greeting, certificate, login, goodbye
	for _, args := range [][]string{
		{"ls"}, {"list", "INBOX"}, {"list", "INBOX", "--json"}, {"search", "INBOX", "text"}, {"search", "INBOX", "text", "--uids"},
		{"show", "INBOX", "1"}, {"show", "INBOX", "1", "--json"}, {"show", "INBOX", "1", "--headers"}, {"show", "INBOX", "1", "--part", "1"},
	} {
		out, n := run(args...)
		if n > session || n == 0 || out == "" {
			t.Errorf("restante %s downloads %d octets and prints\n%s", strings.Join(args, " "), n, out)
		}
	}
	out, n := run("show", "INBOX", "1", "--raw")
	if want := int64(len(text) + strings.Count(text, "\n")); int64(len(out)) != want || n < want {
		t.Errorf("--raw prints %d octets of %d, and downloads %d", len(out), want, n)
	}
	saved := filepath.Join(dir, "saved")
	if out, n := run("show", "INBOX", "1", "--save-attachments", saved); n < big {
		t.Errorf("the attachment takes %d octets\n%s", n, out)
	}
	content, err := os.ReadFile(filepath.Join(saved, "big.bin"))
	if err != nil || !bytes.Equal(content, bytes.Repeat([]byte("ABC"), 19*(big/77))) {
		t.Errorf("the attachment is not what was sent: %d octets, %v", len(content), err)
	}
	if out, n := run("rm", "INBOX", "1"); n > session {
		t.Errorf("moving a message takes %d octets\n%s", n, out)
	}
}
