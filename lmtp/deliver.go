package lmtp

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
	"restante/summary"
)

// delivery is one copy of a message. Recipients that are the same user and folder share it.
type delivery struct {
	to    recipient
	entry mailbox.Entry
	err   error
	reply reply
}

type copyKey struct {
	user   store.AccountID
	folder string
}

// deliver brings the message of the transaction to its recipients, and answers in their order
// (RFC 2033 §4.2). They share one body and one change of the store, as far as that keeps them
// together; whoever cannot have it does not keep it from the others.
func (c *conn) deliver() {
	var (
		start    = time.Now()
		id       = rand.Text()[:16]
		copies   []*delivery
		byKey    = make(map[copyKey]*delivery)
		outcomes = make([]*delivery, len(c.tx.recipients))
	)
	for i, r := range c.tx.recipients {
		k := copyKey{r.user.ID, r.folder}
		if byKey[k] == nil {
			byKey[k] = &delivery{to: r}
			copies = append(copies, byKey[k])
		}
		outcomes[i] = byKey[k]
	}
	size := c.commit(copies, id, start)
	took := time.Since(start)
	for _, d := range copies {
		c.noteDelivery(d, id, size, took)
	}
	for i, r := range c.tx.recipients {
		c.answer(r, outcomes[i].reply, size, took)
	}
}

// answer replies for a recipient of the message.
func (c *conn) answer(r recipient, with reply, size int64, took time.Duration) {
	c.reply(with.with("<%s> %s", r.raw, with.text))
	if o := c.server.Observer; o != nil {
		o.Delivered(with.code, size, took)
	}
}

// commit adds the message to the mailboxes of all copies that can have it. It returns how many
// octets it has.
func (c *conn) commit(copies []*delivery, id string, now time.Time) (size int64) {
	var waiting []*delivery
	for _, d := range copies {
		if d.err = c.findFolder(c.server.ctx, d); d.err == nil {
			waiting = append(waiting, d)
		}
	}
	if len(waiting) == 0 {
		return c.tx.message.text.Size()
	}
	trace := c.trace(id, now)
	for groups := [][]*delivery{waiting}; len(groups) > 0; {
		var apart [][]*delivery
		apart, size = c.commitGroup(groups[0], trace, now)
		groups = append(groups[1:], apart...)
	}
	return size
}

// commitGroup adds the message to mailboxes with one commit, and returns how many octets it has. When
// the store does not keep them together it does nothing, and returns them in two parts.
func (c *conn) commitGroup(waiting []*delivery, trace string, now time.Time) (apart [][]*delivery, size int64) {
	ctx, mail := c.server.ctx, c.server.Mail
	w, finish := summary.NewBuilder()
	body := io.TeeReader(io.MultiReader(strings.NewReader(trace), c.tx.message.text.Reader()), w)
	staged, err := mail.Stage(ctx, store.System, waiting[0].to.user.ID, body)
	if err != nil {
		for _, d := range waiting {
			d.err = err
		}
		return nil, c.tx.message.text.Size()
	}
	defer staged.Discard()
	m := store.NewMessage{Body: staged, Date: now, Summary: finish()}
	waiting = slices.Clone(waiting)
	for len(waiting) > 0 {
		ops := make([]store.Op, len(waiting))
		for i, d := range waiting {
			ops[i] = &store.Append{Mailbox: store.Ref{Account: d.to.user.ID, Mailbox: d.entry.ID}, Messages: []store.NewMessage{m}}
		}
		_, err := mail.Commit(ctx, store.System, ops...)
		var blamed *store.OpError
		if !errors.As(err, &blamed) {
			for _, d := range waiting {
				d.err = err
			}
			break
		}
		d := waiting[blamed.Index]
		switch {
		case errors.Is(err, store.ErrApart) && blamed.Index > 0:
			return [][]*delivery{waiting[:blamed.Index], waiting[blamed.Index:]}, staged.Size()
		case errors.Is(err, store.ErrNotFound) && d.entry.Name != imap.Inbox:
			// The folder went away in the meantime: INBOX takes it.
			d.to.folder = ""
			if d.err = c.findFolder(ctx, d); d.err == nil {
				continue
			}
		default:
			d.err = blamed.Err
		}
		waiting = slices.Delete(waiting, blamed.Index, blamed.Index+1)
	}
	return nil, staged.Size()
}

// findFolder looks up the recipient's folder, or INBOX when there is no such folder.
func (c *conn) findFolder(ctx context.Context, d *delivery) error {
	account, err := c.server.Mail.Account(ctx, store.System, d.to.user.ID)
	if err != nil {
		return err
	}
	defer account.Close()
	var ok bool
	if d.entry, ok = fileInto(account.Namespace(), d.to.folder); !ok {
		return store.ErrNotFound
	}
	return nil
}

// noteDelivery makes the reply for a copy, and tells the log.
func (c *conn) noteDelivery(d *delivery, id string, size int64, took time.Duration) {
	if d.reply = outcome(d.err); d.err == nil {
		d.reply.text = "Delivered as " + id
	}
	log := c.log.With("user", d.to.user.Name, "mailbox", d.entry.Name, "id", id, "size", size, "dur", took)
	if d.err == nil {
		log.Info("delivered")
	} else {
		log.Warn("not delivered", "recipient", d.to.raw, "from", c.tx.from.raw, "code", d.reply.code, "err", d.err)
	}
}

// outcome turns what the store said into a reply. What is not known to be for ever is temporary:
// the client keeps the message and tries again.
func outcome(err error) reply {
	switch {
	case err == nil:
		return replyOK
	case errors.Is(err, store.ErrOverQuota):
		return replyOverQuota
	case errors.Is(err, store.ErrTooBig):
		return replyTooBig
	case errors.Is(err, store.ErrNoSpace):
		return replyNoSpace
	case errors.Is(err, store.ErrNotFound):
		return replyNoUser // deleted since RCPT
	}
	return replyTemporary
}
