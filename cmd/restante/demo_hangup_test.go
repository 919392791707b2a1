package main

import (
	"bufio"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
)

// hearHangups has programs that the test starts hear of SIGHUP, which they would ignore when the test itself
// runs under nohup.
func hearHangups(t *testing.T) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(hangups) })
}

// TestDemoHangup closes the terminal in which a demonstration runs: that ends it as Ctrl-C does.
func TestDemoHangup(t *testing.T) {
	hearHangups(t)
	tmp := t.TempDir()
	cmd := exec.Command(binary(t), "serve", "--demo", "--imap", "127.0.0.1:0", "--imaps", "127.0.0.1:0", "--lmtp", "off")
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && !strings.HasSuffix(lines.Text(), " --help") {
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) != 0 {
		t.Errorf("something is left behind: %v, %v", left, err)
	}
}
