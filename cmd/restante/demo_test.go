package main

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"restante/internal/servertest"
)

// freePorts are flags of a demonstration that does not care for its ports.
var freePorts = []string{"--imap", "127.0.0.1:0", "--imaps", "127.0.0.1:0", "--lmtp", "127.0.0.1:0"}

// runDemo starts a demonstration on free ports, in a temporary folder that it is alone in, and
// returns what it prints. stop ends it with a signal.
func runDemo(t *testing.T, tmp string, flags ...string) (guide string, stop func(syscall.Signal) error) {
	t.Helper()
	cmd := exec.Command(binary(t), append([]string{"serve", "--demo"}, flags...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp, "PATH=/usr/local/bin:/usr/bin:/bin")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	stop = func(sig syscall.Signal) error {
		if ended {
			return nil
		}
		ended = true
		_ = cmd.Process.Signal(sig)
		return cmd.Wait()
	}
	t.Cleanup(func() { _ = stop(syscall.SIGINT) })
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		guide += lines.Text() + "\n"
		if strings.HasSuffix(lines.Text(), " --help") {
			return guide, stop
		}
	}
	t.Fatalf("the guide ends early:\n%s%s", guide, &stderr)
	return
}

// pasted splits what the demonstration prints into what one pastes at a time: a line, or one with
// the document that follows it.
func pasted(guide string) (commands []string) {
	end := ""
	for line := range strings.Lines(guide) {
		switch {
		case end != "":
			commands[len(commands)-1] += line
			if strings.TrimSpace(line) == end {
				end = ""
			}
		case strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "":
		default:
			commands = append(commands, line)
			if m := regexp.MustCompile(`<<'(\w+)'`).FindStringSubmatch(line); m != nil {
				end = m[1]
			}
		}
	}
	return commands
}

// TestDemo pastes every line that the demonstration prints into a shell of its own.
func TestDemo(t *testing.T) {
	servertest.Need(t, "curl", "curl")
	servertest.Need(t, "python3", "python3")
	tmp := t.TempDir()
	guide, stop := runDemo(t, tmp, freePorts...)
	want := map[string]string{ // by a piece of the command, what it must print
		"restante ls\n":      `(?m)^Reisen/Köln +1 +0 `,
		" ls --server":       `(?m)^Reisen/Köln +1 +0 `,
		" list INBOX\n":      `(?m)^  7  2026-11-09 .* 佐藤花子 +来週の会議について$`,
		" search '*' from:":  `(?m)^INBOX +15 .* Re: Tools for the garden$`,
		" show INBOX 3\n":    `(?m)^Three books are due$`,
		" show INBOX 7\n":    `来週の会議は水曜日の午後三時`,
		" show INBOX 4\n":    `(?m)^\[2\] report.pdf  application/pdf`,
		"--save-attachments": `attachments/report.pdf`,
		"| ":                 `(?m)^8 messages changed$`,
		" move INBOX 13:15":  `(?m)^3 messages moved to Archive/Garden$`,
		"--json":             `(?m)^{"account":"demo","mailbox":"INBOX","uid":18,`,
		"INBOX;UID=1'":       `Subject: Welcome to your mailbox`,
		"imaplib":            `(?m)^Message b'1'\nb'Date: Mon, 02 Nov 2026 09:00:00 \+0100\\r\\n`,
		" --help":            `Serve mail:`,
		"imaps://localhost":  `(LIST|Subject)`,
	}
	commands := pasted(guide)
	if len(commands) < 12 {
		t.Fatalf("only %d lines to paste:\n%s", len(commands), guide)
	}
	exports := strings.Join(commands[:2], "")
	if !regexp.MustCompile(`^export PATH=.*\nexport RESTANTE_CONFIG=.*\n$`).MatchString(exports) {
		t.Fatalf("begins with %s", exports)
	}
	for _, command := range commands[2:] {
		cmd := exec.Command("sh", "-e")
		cmd.Stdin = strings.NewReader(exports + command)
		cmd.Dir = t.TempDir()
		cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + cmd.Dir, "TZ=UTC"}
		if path, err := exec.LookPath("python3"); err == nil {
			cmd.Env[0] = "PATH=" + path[:strings.LastIndexByte(path, '/')] + ":/usr/local/bin:/usr/bin:/bin"
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s%v\n%s", command, err, out)
			continue
		}
		checked := false
		for piece, pattern := range want {
			if strings.Contains(command, piece) {
				checked = true
				if !regexp.MustCompile(pattern).Match(out) {
					t.Errorf("%sprints no %q:\n%s", command, pattern, out)
				}
			}
		}
		if !checked {
			t.Errorf("this test does not know what to expect of %s", command)
		}
	}
	if err := stop(syscall.SIGINT); err != nil {
		t.Errorf("Ctrl-C: %v", err)
	}
	left, err := os.ReadDir(tmp)
	if err != nil || len(left) != 0 {
		t.Errorf("something is left behind: %v, %v", left, err)
	}
}

// TestDemoPortTaken says what to do when a port is in use, and leaves nothing behind.
func TestDemoPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	tmp := t.TempDir()
	cmd := exec.Command(binary(t), "serve", "--demo", "--imap", l.Addr().String(), "--imaps", "off", "--lmtp", "off")
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("ends with %v", err)
	}
	if !strings.Contains(string(out), "--imap "+l.Addr().String()) || !strings.Contains(string(out), "choose another port") {
		t.Errorf("says %s", out)
	}
	if left, _ := os.ReadDir(tmp); len(left) != 0 {
		t.Errorf("something is left behind: %v", left)
	}
}

// TestDemoPortsTaken takes free ports when its own are taken.
func TestDemoPortsTaken(t *testing.T) {
	for _, port := range []string{"1143", "1993", "1024"} {
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil { // else somebody else has it
			defer l.Close()
		}
	}
	guide, stop := runDemo(t, t.TempDir())
	if regexp.MustCompile(`:(1143|1993|1024)\b`).MatchString(guide) || !regexp.MustCompile(`(?m)^#   IMAPS +127.0.0.1:\d+$`).MatchString(guide) {
		t.Errorf("%s", guide)
	}
	if err := stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
}

// TestDemoEnds leaves nothing behind, however it ends.
func TestDemoEnds(t *testing.T) {
	hearHangups(t)
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM, syscall.SIGQUIT} {
		tmp := t.TempDir()
		_, stop := runDemo(t, tmp, freePorts...)
		if err := stop(sig); err != nil {
			t.Errorf("%v: %v", sig, err)
		}
		if left, err := os.ReadDir(tmp); err != nil || len(left) != 0 {
			t.Errorf("%v: something is left behind: %v, %v", sig, left, err)
		}
	}
}

// TestDemoOutputEnds leaves nothing behind when nobody reads what it prints, as with | head -1.
func TestDemoOutputEnds(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	tmp := t.TempDir()
	cmd := exec.Command(binary(t), append([]string{"serve", "--demo"}, freePorts...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	cmd.Stdout = w
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("ends with %v", err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) != 0 {
		t.Errorf("something is left behind: %v, %v", left, err)
	}
}
