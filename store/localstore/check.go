package localstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"restante/mailbox"
	"restante/store"
)

// Checked tells what Check has looked at.
type Checked struct {
	Users, Accounts, Mailboxes, Messages, Groups int
	Octets                                       int64 // of message bodies
}

// Check reads everything in a store that is not open: every group of the log, every body, every
// table and every reference from one to the other. Each thing that is wrong is reported with an
// error that says where it is. Like Open, it first recovers what the index does not know yet. The
// error it returns is that of opening or closing, or of ctx.
func Check(ctx context.Context, dir string, report func(error)) (Checked, error) {
	c := checker{report: report, rows: map[uint64]int{}, live: map[uint64]int64{}}
	s, err := open(dir, nil)
	if err != nil {
		return c.Checked, openError(err)
	}
	// Without a writer and a janitor nothing changes meanwhile.
	close(s.written)
	close(s.swept)
	c.s = s
	err = c.run(ctx)
	return c.Checked, errors.Join(err, s.Close())
}

type checker struct {
	Checked
	s      *Store
	report func(error)
	rows   map[uint64]int   // how many refer to a message
	live   map[uint64]int64 // octets by segment
}

func (c *checker) problem(format string, args ...any) {
	c.report(fmt.Errorf("%w: "+format, append([]any{ErrCorrupt}, args...)...))
}

func (c *checker) run(ctx context.Context) error {
	if err := c.s.writeCheckpoint(); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{c.log, c.accounts, c.messages, c.references} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// log checks every group, and the snapshots.
func (c *checker) log(ctx context.Context) error {
	for _, g := range c.s.log.all() {
		err := c.s.eachGroup(g, g.end(), func(uint64, []byte) error {
			c.Groups++
			return ctx.Err()
		})
		if errors.Is(err, ErrCorrupt) {
			c.report(err)
		} else if err != nil {
			return err
		}
	}
	for _, snap := range c.s.snapshots {
		_, err := c.s.readSnapshot(snap.path, func(_, _ []byte) error { return ctx.Err() })
		if errors.Is(err, ErrCorrupt) {
			c.report(err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// accounts checks users, names and tables, and counts references.
func (c *checker) accounts(ctx context.Context) error {
	users, err := c.s.Users(ctx)
	if err != nil {
		return err
	}
	c.Users = len(users)
	known := map[store.Ref]bool{}
	var ids []store.AccountID
	if err := c.s.each(keyAccount, func(id uint64, value []byte) error {
		ids = append(ids, store.AccountID(id))
		return nil
	}); err != nil {
		return err
	}
	c.Accounts = len(ids)
	for _, u := range users {
		if _, err := c.s.account(u.ID); err != nil {
			c.report(err)
		}
	}
	for _, id := range ids {
		a, err := c.s.account(id)
		if err != nil {
			c.report(err)
			continue
		}
		c.metadata(a)
		var sum usage
		for e := range a.cur.Load().names.All() {
			if err := ctx.Err(); err != nil {
				return err
			}
			known[store.Ref{Account: id, Mailbox: e.ID}] = true
			c.Mailboxes++
			b, err := c.s.pin(a, e.ID)
			if err != nil {
				c.problem("account %d, mailbox %d: %v", id, e.ID, err)
				continue
			}
			c.table(b, e)
			sum = sum.add(b.cur.Load().Counts())
			c.s.unpin(b)
		}
		if u := *a.usage.Load(); u != sum {
			c.problem("account %d: its mailboxes have %d messages of %d octets, but %d of %d are counted", id, sum.messages, sum.octets, u.messages, u.octets)
		}
	}
	for _, letter := range []byte{keyMailbox, keyTable, keyHistory} {
		if err := c.s.eachKey([]byte{letter}, func(k, _ []byte) error {
			if len(k) < 17 || !known[store.Ref{Account: store.AccountID(keyNum(k)), Mailbox: mailbox.ID(keyNum(k[8:]))}] {
				c.problem("the index has rows of a mailbox that does not exist: %x", k)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// metadata checks that the entries of an account are such as can be, of mailboxes that there are, and so
// its limits.
func (c *checker) metadata(a *account) {
	names := a.cur.Load().names
	if _, err := mailbox.NewNamespace(nil, nil).SetQuota(names.Quota()); err != nil {
		c.problem("account %d: the limits %v: %v", a.id, names.Quota(), err)
	}
	for id, m := range names.AllMetadata() {
		if _, ok := names.ByID(id); !ok && id != 0 {
			c.problem("account %d: the metadata entry %q is of mailbox %d, which does not exist", a.id, m.Name, id)
		}
		if err := mailbox.CheckEntry(m.Name); err != nil {
			c.problem("account %d, mailbox %d: %q: %v", a.id, id, m.Name, err)
		}
	}
}

// table checks one mailbox, which was loaded and so agrees with its counts.
func (c *checker) table(b *box, e mailbox.Entry) {
	v := b.cur.Load()
	if v.UIDValidity != e.UIDValidity {
		c.problem("account %d, mailbox %d: UIDVALIDITY is %d, expected %d", b.account.id, b.id, v.UIDValidity, e.UIDValidity)
	}
	last := mailbox.Row{}
	for _, r := range v.Rows() {
		c.rows[r.Ref]++
		if r.UID <= last.UID || r.UID >= v.UIDNext || r.ModSeq > v.HighestModSeq {
			c.problem("account %d, mailbox %d: UID %d with mod-sequence %d follows UID %d; UIDNEXT %d, HIGHESTMODSEQ %d",
				b.account.id, b.id, r.UID, r.ModSeq, last.UID, v.UIDNext, v.HighestModSeq)
		}
		last = *r
		if m, err := c.s.message(r.Ref); err != nil {
			c.problem("account %d, mailbox %d, UID %d: %v", b.account.id, b.id, r.UID, err)
		} else if m.size != r.Size {
			c.problem("account %d, mailbox %d, UID %d: the message has %d octets, expected %d", b.account.id, b.id, r.UID, m.size, r.Size)
		}
	}
}

// messages checks every body, and how many rows refer to it.
func (c *checker) messages(ctx context.Context) error {
	copies := map[uint64]int{}
	if err := c.s.each(keyCopies, func(id uint64, value []byte) error {
		n, _ := binary.Uvarint(value)
		copies[id] = int(n)
		return nil
	}); err != nil {
		return err
	}
	unreferenced := map[uint64]bool{}
	for _, id := range c.s.unreferenced {
		unreferenced[id] = true
	}
	err := c.s.each(keyMessage, func(id uint64, value []byte) error {
		c.Messages++
		m, ok := parseMessage(value)
		if !ok {
			c.problem("the row of message %d is damaged", id)
			return nil
		}
		want := 1
		if n, ok := copies[id]; ok {
			want = n
		} else if unreferenced[id] {
			want = 0
		}
		delete(copies, id)
		if c.rows[id] != want {
			c.problem("message %d is in mailboxes %d times, expected %d", id, c.rows[id], want)
		}
		if m.emailID == 0 {
			c.problem("message %d has no EmailID", id)
		}
		c.body(id, &m)
		return ctx.Err()
	})
	for id := range copies {
		c.problem("message %d is missing", id)
	}
	return err
}

func (c *checker) body(id uint64, m *message) {
	b, err := c.s.openBody(m)
	if err != nil {
		c.problem("message %d: %v", id, err)
		return
	}
	defer b.Close()
	if weight := m.weight(); weight > 0 {
		c.live[c.s.log.base(m.pos)] += weight
	}
	if m.file != 0 {
		if value, err := c.s.get(key(keyLarge, m.file)); err != nil || keyNum(append([]byte{0}, value...)) != id {
			c.problem("message %d has the file %s, which belongs to another", id, largeName(m.file))
		}
	}
	if b.small != nil {
		return
	}
	c.Octets += b.size
	_, sum, err := b.sum()
	if err != nil {
		c.problem("message %d: %v", id, err)
		return
	}
	if sum != m.sum {
		c.problem("message %d is damaged at %s", id, c.s.place(m))
	}
}

// references checks what refers to files.
func (c *checker) references(context.Context) error {
	for base, n := range c.s.live {
		if c.live[base] != n {
			c.problem("%s has %d octets of live messages, expected %d", segmentName(base), c.live[base], n)
		}
	}
	files := map[uint64]uint64{}
	if err := c.s.each(keyLarge, func(file uint64, value []byte) error {
		files[file] = keyNum(append([]byte{0}, value...))
		return nil
	}); err != nil {
		return err
	}
	for file, id := range files {
		info, err := os.Stat(c.s.largePath(file))
		m, merr := c.s.message(id)
		switch {
		case err != nil:
			c.problem("message %d: %v", id, err)
		case merr != nil:
			c.problem("%s: %v", largeName(file), merr)
		case info.Size() != int64(m.size):
			c.problem("%s has %d octets, expected %d", largeName(file), info.Size(), m.size)
		}
	}
	return nil
}
