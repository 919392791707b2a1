// Package peers drives the server with clients that we did not write, as their users would. Each
// can be run alone: peers/run mbsync.
package peers

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"restante/internal/servertest"
)

const user, password = "ann", "correct horse"

// start runs a server with one user, or two servers on one store.
func start(t *testing.T) *servertest.Server {
	t.Helper()
	var s *servertest.Server
	if os.Getenv(onNodes) == "1" {
		s = startNodes(t)
	} else {
		s = servertest.Start(t, filepath.Join(t.TempDir(), "data"))
	}
	s.AddUser(t, user, password)
	return s
}

// run executes a program and returns what it printed; its failure is the test's.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := try(t, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return out
}

// try executes a program.
func try(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// message is an ordinary message with a body that must come through as it is.
func message(subject string) string {
	return "From: Bob <bob@example.org>\r\nTo: ann@example.org\r\nSubject: " + subject + "\r\n" +
		"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <" + strings.ReplaceAll(subject, " ", ".") + "@example.org>\r\n" +
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" +
		"Grüße,\r\n.a line with a dot\r\nFrom the beginning of a line\r\n"
}

func writeFile(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func contains(t *testing.T, out string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(out, w) {
			t.Errorf("%q is missing in:\n%s", w, out)
		}
	}
}
