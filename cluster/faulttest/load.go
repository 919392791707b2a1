package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// load is what writes, and what was acknowledged.
type load struct {
	nodes   []string
	writers []*writer
	run     string // in the names of this run's mailboxes and messages

	mu           sync.Mutex
	acknowledged int
	unknown      int
	last         time.Time // of an acknowledgement
	gap          time.Duration
	marked       [2]int
}

// message is one that a writer has appended.
type message struct {
	id      string
	sum     [sha256.Size]byte
	uid     uint32 // 0: nobody knows whether it is there
	flagged state
	gone    state
}

// state is whether something was done.
type state int

const (
	no state = iota
	yes
	maybe
)

// writer writes into a mailbox of its own, over whatever node.
type writer struct {
	load     *load
	number   int
	mailbox  string
	validity string
	messages []*message
}

const user, password = "ann", "secret"

func newLoad(nodes []string, writers int) (*load, error) {
	l := &load{nodes: nodes, run: fmt.Sprintf("%x", time.Now().UnixNano())}
	c, err := dial(nodes[0], user, password)
	if err != nil {
		return nil, err
	}
	defer c.close()
	for i := range writers {
		w := &writer{load: l, number: i, mailbox: fmt.Sprintf("faults-%s-%d", l.run, i)}
		if _, err := c.do("CREATE "+w.mailbox, nil, nil); err != nil {
			return nil, err
		}
		l.writers = append(l.writers, w)
	}
	return l, nil
}

// start begins to write, until stop is called, which may be twice.
func (l *load) start() (stop func()) {
	end := make(chan struct{})
	var running sync.WaitGroup
	l.last = time.Now()
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
		close(end)
		running.Wait()
	})
}

// session writes over one connection until it breaks, or for a while.
func (w *writer) session(end <-chan struct{}) {
	c, err := dial(w.load.nodes[rand.IntN(len(w.load.nodes))], user, password)
	if err != nil {
		select {
		case <-end:
		case <-time.After(200 * time.Millisecond):
		}
		return
	}
	defer c.close()
	if _, err := c.do("SELECT "+w.mailbox, nil, nil); err != nil {
		return
	}
	for range 200 {
		select {
		case <-end:
			return
		default:
		}
		if err := w.step(c); err != nil && errors.Is(err, errUnknown) {
			w.load.note(false)
			return
		} else if err == nil {
			w.load.note(true)
		}
	}
}

var appendUID = regexp.MustCompile(`\[APPENDUID (\d+) (\d+)\]`)

// step does one thing.
func (w *writer) step(c *client) error {
	n := rand.IntN(20)
	if n < 16 || len(w.messages) == 0 {
		return w.append(c, n == 0)
	}
	m := w.messages[rand.IntN(len(w.messages))]
	if m.uid == 0 || m.gone != no {
		return w.append(c, false)
	}
	uid := strconv.FormatUint(uint64(m.uid), 10)
	if n < 19 {
		_, err := c.do("UID STORE "+uid+` +FLAGS.SILENT (\Flagged)`, nil, nil)
		m.flagged = max(m.flagged, outcome(err))
		return err
	}
	m.gone = maybe
	if _, err := c.do("UID STORE "+uid+` +FLAGS.SILENT (\Deleted)`, nil, nil); err != nil {
		return err
	}
	_, err := c.do("UID EXPUNGE "+uid, nil, nil)
	if err == nil {
		m.gone = yes
	}
	return err
}

// outcome is what an error says about whether something was done.
func outcome(err error) state {
	switch {
	case err == nil:
		return yes
	case errors.Is(err, errUnknown):
		return maybe
	}
	return no
}

// append appends a message, a large one is an object.
func (w *writer) append(c *client, large bool) error {
	m := &message{id: fmt.Sprintf("%s-%d-%d", w.load.run, w.number, len(w.messages))}
	lines := 20
	if large {
		lines = 600 + rand.IntN(900)
	}
	text := []byte("X-Id: " + m.id + "\r\nSubject: fault test\r\n\r\n" + strings.Repeat(m.id+" "+strconv.FormatUint(rand.Uint64(), 36)+" and more of it\r\n", lines))
	m.sum = sha256.Sum256(text)
	ok, err := c.do("APPEND "+w.mailbox, text, nil)
	switch {
	case err == nil:
		found := appendUID.FindStringSubmatch(ok)
		if found == nil {
			return fmt.Errorf("no APPENDUID: %s", ok)
		}
		if w.validity != "" && w.validity != found[1] {
			return fmt.Errorf("UIDVALIDITY was %s and is %s", w.validity, found[1])
		}
		w.validity = found[1]
		uid, err := strconv.ParseUint(found[2], 10, 32)
		if err != nil {
			return err
		}
		m.uid = uint32(uid)
	case !errors.Is(err, errUnknown):
		return err
	}
	w.messages = append(w.messages, m)
	return err
}

// note counts what was acknowledged, or what nobody knows.
func (l *load) note(acknowledged bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !acknowledged {
		l.unknown++
		return
	}
	l.acknowledged++
	now := time.Now()
	l.gap = max(l.gap, now.Sub(l.last))
	l.last = now
}

// mark begins to count anew.
func (l *load) mark() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marked = [2]int{l.acknowledged, l.unknown}
	l.gap = 0
}

// since returns what was counted since mark.
func (l *load) since() (acknowledged, unknown int, gap time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.acknowledged - l.marked[0], l.unknown - l.marked[1], max(l.gap, time.Since(l.last))
}

// found is what a node shows of a message.
type found struct {
	uid     uint32
	sum     [sha256.Size]byte
	flagged bool
}

var (
	fetchUID = regexp.MustCompile(`\bUID (\d+)`)
	headerID = regexp.MustCompile(`^X-Id: ([^\r]*)\r`)
)

// verify compares what every node shows with what was acknowledged.
func (l *load) verify(out io.Writer) error {
	var lost, twice, wrong, total int
	for _, node := range l.nodes {
		for _, w := range l.writers {
			there, err := w.read(node)
			if err != nil {
				return fmt.Errorf("%s: reading %s: %w", node, w.mailbox, err)
			}
			a, b, c := w.compare(there, func(format string, args ...any) {
				fmt.Fprintf(out, "%s: %s: %s\n", node, w.mailbox, fmt.Sprintf(format, args...))
			})
			lost, twice, wrong = lost+a, twice+b, wrong+c
		}
	}
	for _, w := range l.writers {
		total += len(w.messages)
	}
	fmt.Fprintf(out, "%d operations were acknowledged, %d messages appended, read on %d nodes: %d lost, %d twice, %d wrong\n",
		l.acknowledged, total, len(l.nodes), lost, twice, wrong)
	if lost+twice+wrong > 0 {
		return errors.New("something is not as it was acknowledged")
	}
	return nil
}

// read returns all messages of the mailbox, by their ids.
func (w *writer) read(node string) (map[string][]found, error) {
	c, err := dial(node, user, password)
	if err != nil {
		return nil, err
	}
	defer c.close()
	if _, err := c.do("EXAMINE "+w.mailbox, nil, nil); err != nil {
		return nil, err
	}
	there := map[string][]found{}
	_, err = c.do("UID FETCH 1:* (FLAGS BODY.PEEK[])", nil, func(line string, literals [][]byte) {
		m := fetchUID.FindStringSubmatch(line)
		if m == nil || len(literals) != 1 {
			return
		}
		uid, _ := strconv.ParseUint(m[1], 10, 32)
		id := "?"
		if h := headerID.FindSubmatch(literals[0]); h != nil {
			id = string(h[1])
		}
		there[id] = append(there[id], found{uint32(uid), sha256.Sum256(literals[0]), strings.Contains(line, `\Flagged`)})
	})
	return there, err
}

// compare counts what is lost, there twice, or other than what was acknowledged.
func (w *writer) compare(there map[string][]found, tell func(format string, args ...any)) (lost, twice, wrong int) {
	issued := map[uint32]string{}
	last := uint32(0)
	for _, m := range w.messages {
		if m.uid != 0 {
			if other, ok := issued[m.uid]; ok || m.uid < last {
				tell("UID %d was given to %s and %s, after %d", m.uid, other, m.id, last)
				wrong++
			}
			issued[m.uid], last = m.id, m.uid
		}
		f := there[m.id]
		delete(there, m.id)
		switch {
		case len(f) > 1:
			tell("%s is there %d times", m.id, len(f))
			twice++
		case len(f) == 0:
			if m.uid != 0 && m.gone == no {
				tell("%s, UID %d, is not there", m.id, m.uid)
				lost++
			}
		case m.gone == yes, f[0].sum != m.sum, m.uid != 0 && f[0].uid != m.uid, m.flagged == yes && !f[0].flagged, m.flagged == no && f[0].flagged:
			tell("%s is not as it was acknowledged: UID %d instead of %d, flagged %v (%d), gone %d, octets right %v", m.id, f[0].uid, m.uid, f[0].flagged, m.flagged, m.gone, f[0].sum == m.sum)
			wrong++
		}
	}
	for id := range there {
		tell("nobody has appended %s", id)
		wrong++
	}
	return lost, twice, wrong
}
