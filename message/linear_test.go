package message

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// hostile are messages of about n octets, or some times that, which look as if they took long to parse.
var hostile = map[string]func(n int) string{
	"quotes":    func(n int) string { return "From: " + strings.Repeat(`"\"`, n) + "\n\n" },
	"comments":  func(n int) string { return "From: " + strings.Repeat("(", n) + "\n\n" },
	"pairs":     func(n int) string { return "From: " + strings.Repeat("(()", n) + "\n\n" },
	"angles":    func(n int) string { return "From: " + strings.Repeat("<@", n) + "\n\n" },
	"words":     func(n int) string { return "From: " + strings.Repeat("x ", n) + "@" + strings.Repeat(" :", n) + "\n\n" },
	"literals":  func(n int) string { return "From: " + strings.Repeat("[@", n) + "\n\n" },
	"params":    func(n int) string { return "Content-Type: a/b;" + strings.Repeat("(=;", n) + "\n\n" },
	"more":      func(n int) string { return "Content-Type: a/b;" + strings.Repeat(`x="\`, n) + "\n\n" },
	"pieces":    func(n int) string { return "Content-Type: a/b;" + strings.Repeat("x*9=1;", n) + "\n\n" },
	"languages": func(n int) string { return "Content-Language: " + strings.Repeat("(,", n) + "\n\n" },
	"folds":     func(n int) string { return "Subject: " + strings.Repeat("x\n ", n) + "\n\n" },
	"boundaries": func(n int) string {
		return "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n", n)
	},
	"dashes": func(n int) string { return "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--\n", n) },
	"near": func(n int) string {
		return "Content-Type: multipart/mixed; boundary=" + strings.Repeat("-", 70) + "\n\n" + strings.Repeat("-", n)
	},
	"line feeds":       func(n int) string { return "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("\n-", n) },
	"fields":           func(n int) string { return strings.Repeat("From:a\n", n) + "\n\n" },
	"words in subject": func(n int) string { return "Subject: " + strings.Repeat("=?a ", n) + "?=\n\n" },
}

// linearMessage is set in the environment of a process that parses one of them: its name and n.
const linearMessage = "MESSAGE_LINEAR"

// TestLinear: hostile messages take work in proportion to their size. The work is counted, in statements that
// are run, by this test built to count them; what the library searches in one go is one. Ten times the size may
// take twenty times as many, where a quadratic step would take a hundred times.
func TestLinear(t *testing.T) {
	if v := os.Getenv(linearMessage); v != "" {
		name, n := "", 0
		if _, err := fmt.Sscanf(v, "%q %d", &name, &n); err != nil {
			t.Fatal(err)
		}
		HeaderText(ParseBytes([]byte(hostile[name](n))).Header)
		return
	}
	dir := t.TempDir()
	counting := filepath.Join(dir, "counting")
	build := exec.Command("go", "test", "-c", "-covermode=count", "-coverpkg=restante/message,restante/internal/charset", "-o", counting, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	statements := func(name string, n int) int64 {
		profile := filepath.Join(dir, "profile")
		cmd := exec.Command(counting, "-test.run=^TestLinear$", "-test.coverprofile="+profile)
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%q %d", linearMessage, name, n))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		data, err := os.ReadFile(profile)
		if err != nil {
			t.Fatal(err)
		}
		total := int64(0)
		for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
			// FILE:FROM,TO STATEMENTS TIMES
			var in, times int64
			_, counts, _ := strings.Cut(lines.Text(), " ")
			if _, err := fmt.Sscan(counts, &in, &times); err == nil {
				total += in * times
			}
		}
		return total
	}
	for name := range hostile {
		short, long := statements(name, 6_000), statements(name, 60_000)
		if short < 100 {
			t.Errorf("%s: %d statements are counted", name, short)
		}
		if long > 20*short {
			t.Errorf("%s: %d statements, ten times the size %d", name, short, long)
		}
	}
}
