package output

import (
	"io"
	"sync"
)

// LockedWriter lets several goroutines write whole blocks of lines.
type LockedWriter struct {
	W  io.Writer
	mu struct{ sync.Mutex }
}

// Write writes p in one piece.
func (l *LockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.W.Write(p)
}

// PrefixWriter puts a prefix before what is written, a line at a time.
type PrefixWriter struct {
	W      io.Writer
	Prefix string
}

// Write writes one line.
func (p *PrefixWriter) Write(line []byte) (int, error) {
	_, err := p.W.Write(append([]byte(p.Prefix), line...))
	return len(line), err
}
