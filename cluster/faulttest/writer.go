package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
)

// writer changes mail over whatever node: messages of its own, in mailboxes of its own and in one that
// all writers of its user append to.
type writer struct {
	load         *load
	number       int
	user         string
	home, copies *box
	shared       *box
	delivered    *box // by LMTP
	count        int
	messages     []*place         // in home, of which it is known that they are there
	made         map[string]state // mailboxes
}

// session writes over one connection until it breaks, or for a while.
func (w *writer) session(end <-chan struct{}) {
	node := w.load.node()
	c, err := dial(node.imap, w.user, password)
	if err != nil {
		w.load.refused(err)
		pause(end)
		return
	}
	defer c.close()
	if _, err := c.do("SELECT "+w.home.name, nil, nil); err != nil {
		w.load.refused(err)
		pause(end)
		return
	}
	last := map[*box]uint32{} // the UIDs that were issued on this connection
	for range 100 {
		select {
		case <-end:
			return
		default:
		}
		if err := w.step(c, node, last); errors.Is(err, errUnknown) {
			return
		} else if err != nil {
			pause(end)
		}
	}
}

// step does one thing, or a few of a kind.
func (w *writer) step(c *client, n node, last map[*box]uint32) error {
	switch i := rand.IntN(40); {
	case i < 12:
		return w.append(c, w.home, last)
	case i < 22:
		return w.append(c, w.shared, last)
	case i < 24 && n.lmtp != "":
		return w.deliver(n)
	case i < 30:
		return w.flag(c)
	case i < 32:
		return w.copy(c, last)
	case i < 34:
		return w.move(c, last)
	case i < 36:
		return w.expunge(c)
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
func (w *writer) append(c *client, b *box, last map[*box]uint32) error {
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
	c.doAll(commands, nil)
	var failed error
	for i, m := range messages {
		p := &place{message: m, there: yes}
		switch err := commands[i].err; {
		case err == nil:
			p.uid = issued(appendUID, commands[i].ok, b, last)
		case errors.Is(err, errUnknown):
			p.there, failed = maybe, err
		default:
			p.there, failed = no, err
		}
		b.add(p)
		if b == w.home && p.there == yes {
			w.messages = append(w.messages, p)
		}
		w.load.note(commands[i].err, true)
	}
	return failed
}

// issued returns the UID that an OK tells, which must be above those before it on this connection.
func issued(code *regexp.Regexp, ok string, b *box, last map[*box]uint32) uint32 {
	m := code.FindStringSubmatch(ok)
	if m == nil {
		b.complain("no UID in %s", ok)
		return 0
	}
	b.saw(m[1], 0, 0)
	uid, _ := strconv.ParseUint(m[2], 10, 32)
	if uint32(uid) <= last[b] {
		b.complain("UID %d after %d", uid, last[b])
	}
	last[b] = uint32(uid)
	return uint32(uid)
}

func (w *writer) deliver(n node) error {
	m, text := w.text(rand.IntN(8) == 0)
	err := deliver(n.lmtp, w.user+"+"+w.delivered.name+"@cluster.example", text)
	w.delivered.add(&place{message: m, there: outcome(err)})
	w.load.note(err, true)
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

// pick returns one of the writer's messages, nil when there is none. take: it is not picked again.
func (w *writer) pick(take bool) *place {
	if len(w.messages) == 0 {
		return nil
	}
	i := rand.IntN(len(w.messages))
	p := w.messages[i]
	if take {
		w.messages[i] = w.messages[len(w.messages)-1]
		w.messages = w.messages[:len(w.messages)-1]
	}
	return p
}

func (w *writer) flag(c *client) error {
	p := w.pick(false)
	if p == nil {
		return nil
	}
	op, want := "+", yes
	if p.flagged == yes {
		op, want = "-", no
	}
	_, err := c.do(fmt.Sprintf(`UID STORE %d %sFLAGS.SILENT (\Flagged)`, p.uid, op), nil, nil)
	switch outcome(err) {
	case yes:
		p.flagged = want
	case maybe:
		p.flagged = maybe
	}
	w.load.note(err, false)
	return err
}

var copyUID = regexp.MustCompile(`\[COPYUID (\d+) \d+ (\d+)\]`)

func (w *writer) copy(c *client, last map[*box]uint32) error {
	p := w.pick(false)
	if p == nil {
		return nil
	}
	ok, err := c.do(fmt.Sprintf("UID COPY %d %s", p.uid, w.copies.name), nil, nil)
	to := &place{message: p.message, there: outcome(err), flagged: p.flagged}
	if err == nil {
		to.uid = issued(copyUID, ok, w.copies, last)
	}
	w.copies.add(to)
	w.load.note(err, false)
	return err
}

func (w *writer) move(c *client, last map[*box]uint32) error {
	p := w.pick(true)
	if p == nil {
		return nil
	}
	to := &place{message: p.message, flagged: p.flagged}
	_, err := c.do(fmt.Sprintf("UID MOVE %d %s", p.uid, w.copies.name), nil, func(line string, _ [][]byte) {
		if copyUID.MatchString(line) {
			to.uid = issued(copyUID, line, w.copies, last)
		}
	})
	switch to.there = outcome(err); to.there {
	case yes:
		p.there = no
	case maybe:
		p.there, p.other, to.other = maybe, to, p
	}
	w.copies.add(to)
	w.load.note(err, false)
	return err
}

func (w *writer) expunge(c *client) error {
	p := w.pick(true)
	if p == nil {
		return nil
	}
	_, err := c.do(fmt.Sprintf(`UID STORE %d +FLAGS.SILENT (\Deleted)`, p.uid), nil, nil)
	if err == nil {
		_, err = c.do(fmt.Sprintf("UID EXPUNGE %d", p.uid), nil, nil)
		p.there = [...]state{no: yes, yes: no, maybe: maybe}[outcome(err)]
	}
	w.load.note(err, false)
	return err
}

var statusItems = regexp.MustCompile(`UIDNEXT (\d+) UIDVALIDITY (\d+)`)

// status looks whether UIDNEXT is above all that was issued before.
func (w *writer) status(c *client) error {
	b := []*box{w.home, w.shared, w.copies}[rand.IntN(3)]
	floor := b.known()
	_, err := c.do("STATUS "+b.name+" (UIDNEXT UIDVALIDITY)", nil, func(line string, _ [][]byte) {
		if m := statusItems.FindStringSubmatch(line); m != nil {
			next, _ := strconv.ParseUint(m[1], 10, 32)
			b.saw(m[2], uint32(next), floor)
		}
	})
	w.load.note(err, false)
	return err
}

// makeAndRemove makes a mailbox, and then removes every other one.
func (w *writer) makeAndRemove(c *client) error {
	name := fmt.Sprintf("%s-%d", w.home.name, len(w.made))
	_, err := c.do("CREATE "+name, nil, nil)
	w.made[name] = outcome(err)
	w.load.note(err, false)
	if err == nil && len(w.made)%4 != 0 {
		_, err = c.do("DELETE "+name, nil, nil)
		w.made[name] = [...]state{no: yes, yes: no, maybe: maybe}[outcome(err)]
		w.load.note(err, false)
	}
	return err
}
