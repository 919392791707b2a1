package imapwire

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// seeds returns the examples of the RFCs in testdata/<kind>.txt: one a line, \r and \n written as
// such, lines that begin with # left out. That there are some is part of the test.
func seeds(tb testing.TB, kind string) []string {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", kind+".txt"))
	if err != nil {
		tb.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSuffix(line, "\n"); line != "" && !strings.HasPrefix(line, "# ") {
			out = append(out, strings.NewReplacer(`\r`, "\r", `\n`, "\n", `\\`, `\`).Replace(line))
		}
	}
	if len(out) == 0 {
		tb.Fatalf("no seeds in testdata/%s.txt", kind)
	}
	return out
}
