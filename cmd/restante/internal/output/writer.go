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

// Queue lets several goroutines write to W one after the other, in the order of the calls of Turn:
// who is not first waits at its first Write, so that nothing is held in memory.
type Queue struct {
	W    io.Writer
	last *Turn
}

// Turn is a place in a Queue.
type Turn struct {
	w      io.Writer
	before *Turn // nil for the first
	done   chan struct{}
}

// Turn adds a place at the end of the queue. Whoever has it must call Done.
func (q *Queue) Turn() *Turn {
	q.last = &Turn{w: q.W, before: q.last, done: make(chan struct{})}
	return q.last
}

// Wait waits until all before this place are done.
func (t *Turn) Wait() {
	if t.before != nil {
		<-t.before.done
	}
}

// Write writes p when it is the turn of this place.
func (t *Turn) Write(p []byte) (int, error) {
	t.Wait()
	return t.w.Write(p)
}

// Done lets the next one write, after all before this place are done.
func (t *Turn) Done() {
	t.Wait()
	close(t.done)
}
