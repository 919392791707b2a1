package imapserver_test

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"restante/imapserver"
	"restante/store/memstore"
)

// TestInProgress has commands that take longer than it seems by the clock, which goes on by itself
// (RFC 9585 §4).
func TestInProgress(t *testing.T) {
	var seconds, pace atomic.Int64
	start := time.Now()
	ts := startServer(t, memstore.New(), func(s *imapserver.Server) {
		imapserver.SetClock(s, func() time.Time { return start.Add(time.Duration(seconds.Add(pace.Load())) * time.Second) })
	})
	target := ts.target(t, false)
	for i := range 4 {
		msg := fmt.Sprintf("Subject: %d\r\n\r\n%s\r\n", i, strings.Repeat("word ", imapserver.CheckSteps/3))
		if err := target.Seed("INBOX", []byte(msg), nil, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	nc, err := target.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	r := bufio.NewReader(nc)
	// ask returns the lines of the answer that tell of a progress, and of FETCH.
	ask := func(tag, command string) (told []string) {
		t.Helper()
		fmt.Fprintf(nc, "%s %s\r\n", tag, command)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if m := literalEnd.FindStringSubmatch(line); m != nil {
				var n int64
				fmt.Sscan(m[1], &n)
				io.CopyN(io.Discard, r, n)
			}
			switch {
			case strings.HasPrefix(line, tag+" "):
				if !strings.HasPrefix(line, tag+" OK") {
					t.Errorf("%s: %s", command, line)
				}
				return told
			case strings.Contains(line, "INPROGRESS"):
				told = append(told, strings.TrimSpace(line))
			case strings.Contains(line, " FETCH "):
				told = append(told, "FETCH")
			}
		}
	}
	check := func(command string, got, want []string) {
		t.Helper()
		got = slices.Compact(got) // the clock goes on wherever it is looked at
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: told\n%s\nwant\n%s", command, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	ask("a0", "LOGIN "+target.User+" "+target.Password)
	ask("a1", "SELECT INBOX")
	pace.Store(11)
	progress := func(tag string, n int) string {
		return fmt.Sprintf(`* OK [INPROGRESS (%s %d 4)] Still working`, tag, n)
	}
	check("SEARCH", ask("a2", "SEARCH BODY sword"), []string{progress(`"a2"`, 1), progress(`"a2"`, 2), progress(`"a2"`, 3)})
	check("a tag with a bracket", ask("a]3", "SEARCH BODY sword"), []string{progress("NIL", 1), progress("NIL", 2), progress("NIL", 3)})
	check("FETCH", ask("a4", `FETCH 1:4 (BINARY[1])`), []string{"FETCH", progress(`"a4"`, 1), "FETCH", progress(`"a4"`, 2), "FETCH", progress(`"a4"`, 3), "FETCH"})
	pace.Store(0)
	check("SEARCH in no time", ask("a5", "SEARCH BODY sword"), nil)
}
