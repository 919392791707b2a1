package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"
)

const password = "secret"

// users have all writers between them.
var users = []string{"ann", "bob"}

// node is where a node of ours takes connections.
type node struct{ name, imap, lmtp string }

// operation is what is counted by itself.
type operation int

const (
	appended operation = iota
	copied
	moved
	stored
	expunged
	delivered
	mailboxes // made and removed
	operations
)

// counts are what became of a load's operations.
type counts struct {
	acknowledged [operations]int
	unknown      int
	gap          time.Duration // the longest without an acknowledgement
}

// load is what writers do while one thing breaks, and what was acknowledged.
type load struct {
	fault, name string // name is in those of its mailboxes and messages
	nodes       []node
	writers     []*writer
	boxes       []*box
	complaints  map[complaint]bool

	mu struct {
		sync.Mutex
		counts
		last    time.Time      // of an acknowledgement
		answers map[string]int // that were no OK
	}
}

// newLoad makes the mailboxes of writers: for each user one that all of the user's writers change, and
// one for LMTP; for each writer two of its own.
func newLoad(ctx context.Context, fault, name string, nodes []node, writers int) (*load, error) {
	l := &load{fault: fault, name: name, nodes: nodes, complaints: map[complaint]bool{}}
	l.mu.answers = map[string]int{}
	for i, user := range users {
		of := func(suffix string) *box {
			b := newBox(user, name+suffix)
			l.boxes = append(l.boxes, b)
			return b
		}
		// Those that messages are moved to come after those that they are moved from; see readNode.
		shared, inbound := of("-shared"), of("-delivered")
		for n := i; n < writers; n += len(users) {
			l.writers = append(l.writers, &writer{load: l, number: n, user: user, shared: shared, inbound: inbound,
				home: of(fmt.Sprintf("-%d", n)), copies: of(fmt.Sprintf("-%d-copies", n)),
				messages: map[*box][]*place{}, made: map[string]state{}})
		}
	}
	return l, until(ctx, func() error { return l.makeBoxes(ctx) })
}

// makeBoxes makes the mailboxes, of which some may be there from an attempt before.
func (l *load) makeBoxes(ctx context.Context) error {
	for i, user := range users {
		c, err := dial(ctx, l.nodes[i%len(l.nodes)].imap, user, password)
		if err != nil {
			return fmt.Errorf("%s: %w", user, err)
		}
		defer c.close()
		for _, b := range l.boxes {
			if b.user != user {
				continue
			}
			if _, err := c.do("CREATE "+b.name, nil, nil); err != nil && !strings.Contains(err.Error(), "[ALREADYEXISTS]") {
				return fmt.Errorf("%s: CREATE %s: %w", user, b.name, err)
			}
		}
	}
	return nil
}

// until tries again what fails while something that has just been mended is not there yet.
func until(ctx context.Context, try func() error) error {
	const most = 5 * time.Minute
	for end := time.Now().Add(most); ; {
		err := try()
		if err == nil || time.Now().After(end) {
			return err
		}
		if sleep(ctx, time.Second) != nil {
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

// sleep waits, or returns why the context has ended.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// start begins to write, until stop is called, which waits for the answers that are under way, or
// until the context ends.
func (l *load) start(ctx context.Context) (stop func()) {
	end := make(chan struct{})
	var running sync.WaitGroup
	l.resume()
	for _, w := range l.writers {
		running.Go(func() {
			for !ended(ctx, end) {
				w.session(ctx, end)
			}
		})
	}
	return sync.OnceFunc(func() {
		l.pause()
		close(end)
		running.Wait()
	})
}

func ended(ctx context.Context, end <-chan struct{}) bool {
	select {
	case <-ctx.Done():
	case <-end:
	default:
		return false
	}
	return true
}

// note counts what was acknowledged, or what nobody knows.
func (l *load) note(o operation, err error) {
	if err != nil {
		l.refused(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.mu.acknowledged[o]++
		l.endGapLocked()
	case errors.Is(err, errUnknown):
		l.mu.unknown++
	}
}

// refused counts an answer that was no OK.
func (l *load) refused(err error) {
	var said *answerError
	if !errors.As(err, &said) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.answers[withoutNumbers(said.text)]++
}

func (l *load) endGapLocked() {
	now := time.Now()
	l.mu.gap = max(l.mu.gap, now.Sub(l.mu.last))
	l.mu.last = now
}

// resume and pause are around the time in which gaps are measured.
func (l *load) resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.last = time.Now()
}

func (l *load) pause() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.endGapLocked()
}

// mark begins to look for the longest gap.
func (l *load) mark() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.last, l.mu.gap = time.Now(), 0
}

// counted returns what became of the operations until now.
func (l *load) counted() counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.counts
}

// refusals returns the answers that were no OK, and how often they came.
func (l *load) refusals() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.mu.answers)
}
