package storetest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// crashCommit is a commit that a worker draws.
type crashCommit struct {
	*worker
	names *mailbox.Namespace // what the operations so far make of it
	steps []crashStep
	ops   []store.Op
	err   error // of making it ready
}

// add adds an operation.
func (c *crashCommit) add(s crashStep, op store.Op) {
	c.steps, c.ops = append(c.steps, s), append(c.ops, op)
}

// ref returns the mailbox that has the name after the operations so far.
func (c *crashCommit) ref(name string) store.Ref {
	e, _ := c.names.Lookup(name)
	return store.Ref{Account: c.account.ID(), Mailbox: e.ID}
}

// own returns the names of the worker's mailboxes after the operations so far.
func (c *crashCommit) own() (out []string) {
	for e := range c.names.All() {
		if strings.HasPrefix(e.Name, crashPrefix(c.number)) {
			out = append(out, e.Name)
		}
	}
	return out
}

// draw adds a random operation.
func (c *crashCommit) draw() {
	own := c.own()
	if len(own) == 0 {
		c.create()
		return
	}
	name := pick(c.rnd, own)
	to := pick(c.rnd, append(own, crashShared))
	uids := c.uids(name)
	must := c.rnd.IntN(8) == 0
	switch n := c.rnd.IntN(100); {
	case n < 25 || len(uids) == 0 && n < 84:
		c.appendTo(to, 1+c.rnd.IntN(3))
	case n < 45:
		s := crashStep{Op: "flags", Box: name, UIDs: uids, StoreOp: imap.StoreOp(c.rnd.IntN(3)), Flags: c.flags()}
		c.add(s, &store.StoreFlags{Mailbox: c.ref(name), UIDs: imap.UIDs(uids...), Op: s.StoreOp, Flags: s.Flags, MustExist: must})
	case n < 60:
		s := crashStep{Op: "expunge", Box: name, UIDs: uids, On: c.rnd.IntN(2) == 0}
		c.add(s, &store.Expunge{Mailbox: c.ref(name), UIDs: imap.UIDs(uids...), Undeleted: s.On, MustExist: must})
	case n < 84:
		s := crashStep{Op: "copy", Box: name, To: to, UIDs: uids}
		move := c.rnd.IntN(2) == 0
		if move {
			s.Op = "move"
		}
		c.add(s, &store.Copy{From: c.ref(name), To: c.ref(to), UIDs: imap.UIDs(uids...), Move: move, MustExist: must})
	default:
		c.drawName(name)
	}
}

// uids returns some messages that the mailbox had before the commit; many of one that is too full.
func (c *crashCommit) uids(name string) (out []imap.UID) {
	h := c.handles[c.ref(name).Mailbox]
	if h == nil { // a new one
		return nil
	}
	v := h.Version()
	if v.Len() == 0 {
		return nil
	}
	n := 1 + c.rnd.IntN(6)
	if v.Len() > 60 {
		n = 1 + c.rnd.IntN(60)
	}
	first := c.rnd.IntN(v.Len())
	for i := first; i < min(v.Len(), first+n); i++ {
		out = append(out, v.At(imap.SeqNum(i+1)).UID)
	}
	return out
}

func (c *crashCommit) flags() (flags []imap.Flag) {
	for range c.rnd.IntN(3) {
		flags = append(flags, pick(c.rnd, append(keywords("k", 90), imap.Seen, imap.Flagged, imap.Deleted, imap.Deleted)))
	}
	return flags
}

// appendTo adds an operation that appends n messages.
func (c *crashCommit) appendTo(name string, n int) {
	s, op := crashStep{Op: "append", Box: name}, &store.Append{Mailbox: c.ref(name)}
	for range n {
		text := fmt.Appendf(nil, "Subject: message %d of worker %d\r\n\r\n", c.rnd.Uint64(), c.number)
		switch c.rnd.IntN(40) {
		case 0: // to a file of its own, if the driver does so
			text = append(text, bytes.Repeat(text[len(text)-40:], 1<<20/30)...)
		case 1, 2, 3:
			text = append(text, bytes.Repeat([]byte("lorem ipsum\r\n"), c.rnd.IntN(3000))...)
		}
		m := store.NewMessage{Body: c.stage(text), Flags: c.flags(), Date: time.Unix(c.rnd.Int64N(1<<31), 0).UTC(),
			Saved: time.Unix(1e9+c.rnd.Int64N(1e9), 0), EmailID: store.EmailID(c.rnd.Uint64() | 1), Summary: text[:20]}
		op.Messages = append(op.Messages, m)
		s.Msgs = append(s.Msgs, stateMsg{Hash: hash(string(text)), Flags: changeFlags("", imap.StoreSet, m.Flags), Date: mailbox.MakeDate(m.Date),
			Saved: mailbox.MakeSaved(m.Saved), EmailID: m.EmailID, Summary: string(m.Summary)})
	}
	if c.rnd.IntN(20) == 0 { // a body that nobody commits
		c.stage(bytes.Repeat([]byte("nobody's\r\n"), c.rnd.IntN(200_000)))
	}
	c.add(s, op)
}

func (c *crashCommit) stage(text []byte) store.Staged {
	s, err := c.store.Stage(context.Background(), store.System, c.account.ID(), bytes.NewReader(text))
	if err != nil {
		c.err = err
	}
	return s
}

// discard discards the bodies, which were not committed.
func (c *crashCommit) discard() {
	for _, op := range c.ops {
		if op, ok := op.(*store.Append); ok {
			discard(op.Messages)
		}
	}
}

// create adds an operation that makes a mailbox, unless the worker has all it may have, and
// returns the name of one that there is.
func (c *crashCommit) create() string {
	for range 5 {
		e := mailbox.Entry{Name: c.name(), ID: mailbox.ID(c.rnd.Uint64()>>1 | 1)}
		next, err := c.names.Create(e)
		if err != nil {
			continue
		}
		c.names = next
		c.add(crashStep{Op: "create", Box: e.Name}, &store.Create{Account: c.account.ID(), ID: e.ID, Name: e.Name})
		return e.Name
	}
	return pick(c.rnd, c.own())
}

// drawName adds an operation on names, which now and then cannot be done.
func (c *crashCommit) drawName(name string) {
	id, to := c.account.ID(), c.name()
	switch n := c.rnd.IntN(10); {
	case n < 4:
		c.create()
	case n < 6:
		if next, err := c.names.Delete(name); err == nil {
			c.names = next
			c.add(crashStep{Op: "delete", Box: name}, &store.Delete{Account: id, Name: name})
		}
	case n < 8:
		next, err := c.names.Rename(name, to)
		if err != nil && c.rnd.IntN(4) > 0 {
			return
		}
		c.names = next
		c.add(crashStep{Op: "rename", Box: name, To: to}, &store.Rename{Account: id, From: name, To: to})
	default:
		s := crashStep{Op: "subscribe", Box: to, On: c.rnd.IntN(2) == 0}
		c.add(s, &store.Subscribe{Account: id, Name: to, On: s.On})
	}
}
