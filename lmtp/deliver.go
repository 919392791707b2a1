package lmtp

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
	"restante/summary"
)

// delivery is one copy of a message. Recipients that are the same user and folder share it.
type delivery struct {
	to    recipient
	done  chan struct{}
	reply reply // once done is closed
}

type copyKey struct {
	user   store.AccountID
	folder string
}

// deliver brings the message of the transaction to its recipients, and answers in their order,
// each as soon as its outcome is known (RFC 2033 §5). Several are served at a time, so that a
// store that makes changes durable in groups needs few groups.
func (c *conn) deliver() {
	var (
		id         = rand.Text()[:16]
		now        = time.Now()
		recipients = c.tx.recipients
		copies     []*delivery
		byKey      = make(map[copyKey]*delivery)
		outcomes   = make([]*delivery, len(recipients))
	)
	for i, r := range recipients {
		k := copyKey{r.user.ID, r.folder}
		if byKey[k] == nil {
			byKey[k] = &delivery{to: r, done: make(chan struct{})}
			copies = append(copies, byKey[k])
		}
		outcomes[i] = byKey[k]
	}
	finished := make(chan struct{})
	go func() { // Go blocks when enough are under way; the answers must not wait for that
		defer close(finished)
		var group errgroup.Group
		group.SetLimit(c.server.limits.Parallel)
		for _, d := range copies {
			group.Go(func() error {
				d.reply = c.deliverTo(d.to, id, now)
				close(d.done)
				return nil
			})
		}
		group.Wait()
	}()
	for i, r := range recipients {
		d := outcomes[i]
		<-d.done
		c.reply(d.reply.with("<%s> %s", r.raw, d.reply.text))
		if i < len(recipients)-1 {
			c.bw.Flush() // an error shows at the next command
		}
	}
	<-finished
}

// deliverTo adds the message to one recipient's mailbox.
func (c *conn) deliverTo(r recipient, id string, now time.Time) reply {
	start := time.Now()
	trace := c.trace(r, id, now)
	size := int64(len(trace)) + c.tx.message.spool.size
	box, err := c.appendTo(r, trace, size, now)
	took := time.Since(start)
	out := outcome(err)
	if out.code == 250 {
		out.text = "Delivered as " + id
	}
	log := c.log.With("user", r.user.Name, "mailbox", box, "id", id, "size", size, "dur", took)
	switch {
	case err == nil:
		log.Info("delivered")
	default:
		log.Warn("not delivered", "code", out.code, "err", err)
	}
	if o := c.server.Observer; o != nil {
		o.Delivered(out.code, size, took)
	}
	return out
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
	case errors.Is(err, store.ErrNotFound):
		return replyNoUser // deleted since RCPT
	}
	return replyTemporary
}

// appendTo adds the message to the recipient's folder, or to INBOX when there is no such folder.
func (c *conn) appendTo(r recipient, trace string, size int64, now time.Time) (box string, err error) {
	ctx := c.server.ctx
	account, err := c.server.Store.Account(ctx, r.user.ID)
	if err != nil {
		return "", err
	}
	entry, ok := fileInto(account.Namespace(), r.folder)
	if !ok {
		return "", store.ErrNotFound
	}
	err = c.appendMessage(ctx, account, entry.ID, trace, size, now)
	if errors.Is(err, store.ErrNotFound) && entry.Name != imap.Inbox {
		// The folder went away in the meantime.
		if entry, ok = account.Namespace().Lookup(imap.Inbox); ok {
			err = c.appendMessage(ctx, account, entry.ID, trace, size, now)
		}
	}
	return entry.Name, err
}

func (c *conn) appendMessage(ctx context.Context, account store.Account, id mailbox.ID, trace string, size int64, now time.Time) error {
	body := io.MultiReader(strings.NewReader(trace), c.tx.message.spool.reader())
	w, finish := summary.NewBuilder()
	m := store.NewMessage{
		Date:    now,
		Size:    size,
		Body:    io.TeeReader(body, w),
		Summary: func() []byte { return finish() },
	}
	_, err := account.Append(ctx, id, []store.NewMessage{m})
	return err
}
