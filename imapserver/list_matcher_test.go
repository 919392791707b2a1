package imapserver

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"restante/imap"
)

// TestListMatcher compares many patterns at once with each of them alone.
func TestListMatcher(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	word := func(letters string, most int) string {
		b := make([]byte, r.IntN(most))
		for i := range b {
			b[i] = letters[r.IntN(len(letters))]
		}
		return string(b)
	}
	starts := []string{"", "", "INBOX", "inbox", "INBOX/", "Inbox/", "inb"}
	for range 20_000 {
		ref := word("ab/", 3)
		patterns := make([]string, 1+r.IntN(6))
		for i := range patterns {
			patterns[i] = starts[r.IntN(len(starts))] + word("ab/%*", 6)
		}
		name := starts[r.IntN(len(starts))] + word("ab/", 8)
		want := false
		for _, p := range patterns {
			want = want || newListPattern(ref+p).match(name)
		}
		if got, steps := newListMatcher(ref, patterns).match(name); got != want || steps == 0 {
			t.Fatalf("%q behind %q and %q: %v in %d steps", patterns, ref, name, got, steps)
		}
	}
}

// workConn is a connection without a client whose work is counted.
func workConn() *conn {
	s := &Server{}
	s.init()
	return &conn{s: s}
}

// TestListWork has LIST match many patterns with many names.
func TestListWork(t *testing.T) {
	var names []string
	for i := range 5000 {
		names = append(names, fmt.Sprintf("Archive %d/Projects", i))
	}
	count := func(format string) []string {
		patterns := make([]string, 3000)
		for i := range patterns {
			patterns[i] = fmt.Sprintf(format, i)
		}
		return patterns
	}
	same := strings.Split(strings.Repeat("*chive*/%ects ", 3000), " ")[:3000]
	for what, tt := range map[string]struct {
		patterns []string
		matches  int
		most     int64 // steps; 0: it is refused
	}{
		"whole names":        {count("Archive %d/Projects"), 3000, 3 << 20},
		"starts":             {count("Archive %d/*"), 3000, 3 << 20},
		"the same":           {same, 5000, 3 << 20},
		"one that has all":   {append(count("%d*"), "*"), 5000, 3 << 20},
		"in the middle":      {count("*ive %d/*"), 0, 0},
		"that are long":      {[]string{strings.Repeat("*x", 500)}, 0, 3 << 20},
		"in another's place": {count("Archive %%x%d*"), 0, 0},
	} {
		c := workConn()
		matches, err := c.matching(names, "", tt.patterns)
		if tt.most == 0 {
			var f *failure
			if !errors.As(err, &f) || f.code != imap.CodeLimit || c.work.steps > maxListSteps {
				t.Errorf("patterns %s: %v in %d steps", what, err, c.work.steps)
			}
			continue
		}
		n := 0
		for _, m := range matches {
			if m {
				n++
			}
		}
		if err != nil || n != tt.matches || c.work.steps > tt.most {
			t.Errorf("patterns %s: %d match, %v, in %d steps", what, n, err, c.work.steps)
		}
	}
}

// TestListStops ends the server in the middle of a LIST.
func TestListStops(t *testing.T) {
	c := workConn()
	c.s.kill()
	names := make([]string, 1<<20)
	for i := range names {
		names[i] = "name"
	}
	if _, err := c.matching(names, "", []string{"*"}); !errors.Is(err, errShutdown) || c.work.steps > 2*checkSteps {
		t.Errorf("%v after %d steps", err, c.work.steps)
	}
}
