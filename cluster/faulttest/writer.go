package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// writer changes mail over all nodes: messages of its own, in mailboxes of its own and in one that
// all writers of its user change.
type writer struct {
	load         *load
	number       int
	user         string
	home, copies *box
	shared       *box
	inbound      *box              // of LMTP
	count        int               // of its messages
	moves        int               // to the next node
	messages     map[*box][]*place // that are there, for certain, and may be changed
	made         map[string]state  // mailboxes
}

// session writes over one connection until it breaks, or for a while. Half of the writers then go to the
// next node, so that whatever breaks has writers at it; the others only when theirs is not there, so that
// not all of them wait for one that does not answer.
func (w *writer) session(ctx context.Context, end <-chan struct{}) {
	node, in := w.load.nodes[(w.number/len(users)+w.moves)%len(w.load.nodes)], w.home
	if rand.IntN(2) == 0 {
		in = w.shared
	}
	if everywhere := len(users) * len(w.load.nodes); w.number/everywhere%2 == 0 {
		w.moves++
	}
	c, err := dial(ctx, node.imap, w.user, password)
	if err == nil {
		defer c.close()
		err = ask(c, in, "SELECT "+in.name+" (CONDSTORE)")
	}
	if err != nil {
		w.load.refused(err)
		w.moves++
		rest(end)
		return
	}
	for range 1 + rand.IntN(60) {
		if ended(ctx, end) {
			return
		}
		if err := w.step(ctx, c, node, in); errors.Is(err, errUnknown) {
			w.moves++
			return
		} else if err != nil {
			rest(end)
		}
	}
}

// rest is between two attempts at something that is refused.
func rest(end <-chan struct{}) {
	select {
	case <-end:
	case <-time.After(200 * time.Millisecond):
	}
}

// step does one thing, or a few of a kind.
func (w *writer) step(ctx context.Context, c *client, n node, in *box) error {
	switch i := rand.IntN(40); {
	case i < 14:
		return w.append(c, in)
	case i < 21:
		return w.append(c, [...]*box{w.home, w.shared}[rand.IntN(2)])
	case i < 24 && n.lmtp != "":
		return w.deliver(ctx, n)
	case i < 30:
		return w.flag(c, in)
	case i < 32:
		return w.copy(c, in)
	case i < 34:
		return w.move(c, in)
	case i < 36:
		return w.expunge(c, in)
	case i < 38:
		return w.status(c)
	}
	return w.makeAndRemove(c)
}

// text makes the next message; a large one is an object.
func (w *writer) text(large bool) (*message, []byte) {
	m := &message{id: fmt.Sprintf("%s-%d-%d", w.load.name, w.number, w.count)}
	w.count++
	lines := 10
	if large {
		lines = 800 + rand.IntN(1000)
	}
	text := []byte("X-Id: " + m.id + "\r\nSubject: fault test\r\n\r\n" + strings.Repeat(m.id+" "+strconv.FormatUint(rand.Uint64(), 36)+" and some more of it\r\n", lines))
	m.sum = sha256.Sum256(text)
	return m, text
}

var appendUID = regexp.MustCompile(`\[APPENDUID (\d+) (\d+)\]`)

// append appends some messages without waiting between them, or a large one.
func (w *writer) append(c *client, b *box) error {
	large := rand.IntN(8) == 0
	commands := make([]command, 1+rand.IntN(12))
	if large {
		commands = commands[:1]
	}
	messages := make([]*message, len(commands))
	for i := range commands {
		var text []byte
		messages[i], text = w.text(large)
		commands[i] = command{text: "APPEND " + b.name, literal: text}
	}
	floor := b.known()
	c.doAll(commands, nil)
	var failed error
	for i, m := range messages {
		err := commands[i].err
		p := &place{message: m, there: outcome(err)}
		if err == nil {
			put(b, p, appendUID.FindStringSubmatch(commands[i].ok), floor)
			if p.uid != 0 {
				floor.uidNext = p.uid + 1
				w.messages[b] = append(w.messages[b], p)
			}
		} else {
			b.put(p)
			failed = errors.Join(failed, err)
		}
		w.load.note(appended, err)
	}
	return failed
}

// put notes a place with the UIDVALIDITY and UID of an APPENDUID or COPYUID.
func put(b *box, p *place, told []string, floor counters) {
	if told == nil {
		b.complain("%s: an OK without its UID", p.message.id)
		b.put(p)
		return
	}
	uid, _ := strconv.ParseUint(told[2], 10, 32)
	b.putAt(p, uint32(uid), told[1], floor)
}

func (w *writer) deliver(ctx context.Context, n node) error {
	m, text := w.text(rand.IntN(8) == 0)
	err := deliver(ctx, n.lmtp, w.user+"+"+w.inbound.name+"@cluster.example", text)
	w.inbound.put(&place{message: m, there: outcome(err)})
	w.load.note(delivered, err)
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

// pick returns one of the writer's messages in a mailbox, nil when there is none.
func (w *writer) pick(in *box) *place {
	all := w.messages[in]
	if len(all) == 0 {
		return nil
	}
	return all[rand.IntN(len(all))]
}

// leave sees to it that a message is not picked again.
func (w *writer) leave(in *box, p *place) {
	all := w.messages[in]
	for i := range all {
		if all[i] == p {
			all[i] = all[len(all)-1]
			w.messages[in] = all[:len(all)-1]
			return
		}
	}
}

var modSeqItem = regexp.MustCompile(`\bMODSEQ \((\d+)\)`)

// store adds a flag to a message, or removes it. A FETCH response has to tell that it was done: of a
// message that it does not know, a server says OK.
func (w *writer) store(c *client, in *box, p *place, change, flag string) error {
	floor := in.known()
	var modSeq uint64
	_, err := c.do(fmt.Sprintf(`UID STORE %d %sFLAGS (%s)`, p.uid, change, flag), nil, func(line string, _ [][]byte) {
		uid, m := fetchUID.FindStringSubmatch(line), modSeqItem.FindStringSubmatch(line)
		if uid != nil && m != nil && uid[1] == strconv.FormatUint(uint64(p.uid), 10) && strings.Contains(line, flag) == (change == "+") {
			modSeq, _ = strconv.ParseUint(m[1], 10, 64)
		}
	})
	switch {
	case err != nil:
	case modSeq == 0:
		in.complain("UID %d: %s: STORE %s%s was acknowledged without the new flags and mod-sequence", p.uid, p.message.id, change, flag)
	default:
		in.changed(p, modSeq, floor)
	}
	w.load.note(stored, err)
	return err
}

// flag turns \Flagged on or off. A message of which nobody knows whether it was done is left alone:
// it may be done later.
func (w *writer) flag(c *client, in *box) error {
	p := w.pick(in)
	if p == nil {
		return nil
	}
	change, want := "+", yes
	if p.flagged == yes {
		change, want = "-", no
	}
	err := w.store(c, in, p, change, `\Flagged`)
	switch outcome(err) {
	case yes:
		p.flagged = want
	case maybe:
		p.flagged = maybe
		w.leave(in, p)
	}
	return err
}

var copyUID = regexp.MustCompile(`\[COPYUID (\d+) \d+ (\d+)\]`)

func (w *writer) copy(c *client, in *box) error {
	p := w.pick(in)
	if p == nil {
		return nil
	}
	floor := w.copies.known()
	ok, err := c.do(fmt.Sprintf("UID COPY %d %s", p.uid, w.copies.name), nil, nil)
	to := &place{message: p.message, there: outcome(err), flagged: p.flagged}
	if err == nil {
		put(w.copies, to, copyUID.FindStringSubmatch(ok), floor)
	} else {
		to.flagged = maybe // it may be done later, with the flags of then
		w.copies.put(to)
	}
	w.load.note(copied, err)
	return err
}

func (w *writer) move(c *client, in *box) error {
	p := w.pick(in)
	if p == nil {
		return nil
	}
	w.leave(in, p)
	floor := w.copies.known()
	var told []string
	ok, err := c.do(fmt.Sprintf("UID MOVE %d %s", p.uid, w.copies.name), nil, func(line string, _ [][]byte) {
		if m := copyUID.FindStringSubmatch(line); m != nil {
			told = m
		}
	})
	if told == nil {
		told = copyUID.FindStringSubmatch(ok)
	}
	to := &place{message: p.message, there: outcome(err), flagged: p.flagged}
	switch to.there {
	case yes:
		p.there = no
	case maybe:
		p.there, p.leaving, p.moved = maybe, true, to
	}
	if err == nil || told != nil {
		put(w.copies, to, told, floor)
	} else {
		w.copies.put(to)
	}
	w.load.note(moved, err)
	return err
}

func (w *writer) expunge(c *client, in *box) error {
	p := w.pick(in)
	if p == nil {
		return nil
	}
	w.leave(in, p)
	if err := w.store(c, in, p, "+", `\Deleted`); err != nil {
		return err
	}
	_, err := c.do(fmt.Sprintf("UID EXPUNGE %d", p.uid), nil, nil)
	switch outcome(err) {
	case yes:
		p.there = no
	case maybe:
		p.there, p.leaving = maybe, true
	}
	w.load.note(expunged, err)
	return err
}

// status looks whether UIDNEXT and HIGHESTMODSEQ are above all that was told before.
func (w *writer) status(c *client) error {
	b := [...]*box{w.home, w.shared, w.copies}[rand.IntN(3)]
	err := ask(c, b, "STATUS "+b.name+" (UIDNEXT UIDVALIDITY HIGHESTMODSEQ)")
	if err != nil {
		w.load.refused(err)
	}
	return err
}

// makeAndRemove makes a mailbox, and then removes most of them.
func (w *writer) makeAndRemove(c *client) error {
	name := fmt.Sprintf("%s-%d", w.home.name, len(w.made))
	_, err := c.do("CREATE "+name, nil, nil)
	w.made[name] = outcome(err)
	w.load.note(mailboxes, err)
	if err != nil || len(w.made)%4 == 0 {
		return err
	}
	_, err = c.do("DELETE "+name, nil, nil)
	switch outcome(err) {
	case yes:
		w.made[name] = no
	case maybe:
		w.made[name] = maybe
	}
	w.load.note(mailboxes, err)
	return err
}
