package transcript

import (
	"os"
	"strings"
	"sync"
	"testing"
)

// updates collects the rewritten transcripts of parallel runs. The first run of a transcript that
// fails decides; others are for the next time.
type updates struct {
	mu struct {
		sync.Mutex
		by    map[string]*runner // by path
		lines map[string][]string
	}
}

func (u *updates) add(path string, by *runner, lines []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.mu.by == nil {
		u.mu.by, u.mu.lines = map[string]*runner{}, map[string][]string{}
	}
	if u.mu.by[path] == nil || u.mu.by[path] == by {
		u.mu.by[path], u.mu.lines[path] = by, lines
	}
}

// write puts the files in place.
func (u *updates) write(t testing.TB) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for path, lines := range u.mu.lines {
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o666); err != nil {
			t.Error(err)
		}
	}
}
