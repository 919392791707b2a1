package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

const password = "secret"

// users have all writers between them.
var users = []string{"ann", "bob"}

// node is where a node of ours takes connections.
type node struct{ name, imap, lmtp string }

// load is what writers do while one thing breaks, and what was acknowledged.
type load struct {
	name    string // in the names of its messages
	nodes   []node
	writers []*writer
	boxes   []*box

	mu struct {
		sync.Mutex
		acknowledged, appended, unknown int
		last                            time.Time // of an acknowledgement
		gap                             time.Duration
		answers                         map[string]int // that were no OK
	}
}

// newLoad makes the mailboxes of writers.
func newLoad(name string, nodes []node, writers int) (*load, error) {
	l := &load{name: name, nodes: nodes}
	l.mu.answers = map[string]int{}
	for i, user := range users {
		c, err := dial(nodes[i%len(nodes)].imap, user, password)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", user, err)
		}
		defer c.close()
		make := func(suffix string) *box {
			b := newBox(user, name+suffix)
			if _, failed := c.do("CREATE "+b.name, nil, nil); failed != nil {
				err = failed
			}
			l.boxes = append(l.boxes, b)
			return b
		}
		shared, delivered := make("-shared"), make("-delivered")
		for n := i; n < writers; n += len(users) {
			l.writers = append(l.writers, &writer{load: l, number: n, user: user, shared: shared, delivered: delivered,
				home: make(fmt.Sprintf("-%d", n)), copies: make(fmt.Sprintf("-%d-copies", n)), made: map[string]state{}})
		}
		if err != nil {
			return nil, err
		}
	}
	return l, nil
}

// start begins to write, until stop is called.
func (l *load) start() (stop func()) {
	end := make(chan struct{})
	var running sync.WaitGroup
	l.mark()
	for _, w := range l.writers {
		running.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
					w.session(end)
				}
			}
		})
	}
	return sync.OnceFunc(func() {
		l.note(nil, false) // ends the last gap
		close(end)
		running.Wait()
	})
}

func (l *load) node() node { return l.nodes[rand.IntN(len(l.nodes))] }

// pause is between two attempts at something that is refused.
func pause(end <-chan struct{}) {
	select {
	case <-end:
	case <-time.After(200 * time.Millisecond):
	}
}

// note counts what was acknowledged, or what nobody knows.
func (l *load) note(err error, appended bool) {
	if err != nil {
		l.refused(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		if errors.Is(err, errUnknown) {
			l.mu.unknown++
		}
		return
	}
	l.mu.acknowledged++
	if appended {
		l.mu.appended++
	}
	now := time.Now()
	l.mu.gap = max(l.mu.gap, now.Sub(l.mu.last))
	l.mu.last = now
}

// refused counts an answer that was no OK.
func (l *load) refused(err error) {
	var said *answerError
	if !errors.As(err, &said) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.answers[said.text]++
}

// mark begins to measure gaps.
func (l *load) mark() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.last, l.mu.gap = time.Now(), 0
}
