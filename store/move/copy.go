package move

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// copying is an account on its way.
type copying struct {
	job     *Job
	user    store.User
	arrival store.Arrival

	names        *mailbox.Namespace // that the target has
	lastValidity uint32
	boxes        map[mailbox.ID]*box
	refs         map[uint64]uint64   // of messages: in the source, and in the target
	compared     map[uint64]struct{} // messages, by their Refs in the source

	copied, octets int64 // so far: messages copied, octets compared
	attempts       int
	waited         time.Duration
}

// box is a mailbox on its way.
type box struct {
	entry  mailbox.Entry
	source store.Mailbox
	copied *mailbox.Version // of the source, which the target has all of
	base   *mailbox.Version // without copied: what the target has from an earlier attempt
	// compared is the version whose copy was compared.
	compared *mailbox.Version
	// modseq and since are HIGHESTMODSEQ and the beginning of the history in the target.
	modseq, since imap.ModSeq
}

func (c *copying) close() {
	for _, b := range c.boxes {
		b.source.Close()
	}
}

func (c *copying) messages() (n int64) {
	for _, b := range c.boxes {
		n += int64(b.copied.Len())
	}
	return n
}

func (c *copying) ref(id mailbox.ID) store.Ref { return store.Ref{Account: c.user.ID, Mailbox: id} }

// pass copies what the target does not have, and returns how many messages that was.
func (c *copying) pass(ctx context.Context) (messages int, err error) {
	if err := c.copyNames(ctx); err != nil {
		return 0, err
	}
	// First of all mailboxes, because they share messages.
	for _, b := range c.boxes {
		if b.base == nil {
			if err := c.findCopied(ctx, b); err != nil {
				return 0, err
			}
		}
	}
	for _, b := range c.boxes {
		n, err := c.copyBox(ctx, b)
		if errors.Is(err, store.ErrNotFound) {
			// It was deleted since, and the next pass knows, unless it is the arrival that was discarded.
			if err := c.stillOurs(ctx); err != nil {
				return messages, err
			}
			return max(messages, few+1), nil
		}
		if err != nil {
			return messages, fmt.Errorf("move: mailbox %q: %w", b.entry.Name, err)
		}
		messages += n
	}
	return messages, nil
}

// stillOurs fails when somebody else has begun to take the account in, or has given the move up.
func (c *copying) stillOurs(ctx context.Context) error {
	return c.arrival.SetNames(ctx, c.names, c.lastValidity)
}

// copyNames makes the target's names what they are, and opens the mailboxes that are new.
func (c *copying) copyNames(ctx context.Context) error {
	names, lastValidity, err := c.job.From.Names(ctx, c.user.ID)
	if err != nil {
		return err
	}
	if c.names == nil || lastValidity != c.lastValidity || !sameNames(c.names, names) {
		if err := c.job.step("names"); err != nil {
			return err
		}
		if err := c.arrival.SetNames(ctx, names, lastValidity); err != nil {
			return err
		}
		c.names, c.lastValidity = names, lastValidity
	}
	now := map[mailbox.ID]*box{}
	for e := range names.All() {
		b := c.boxes[e.ID]
		if b == nil {
			source, err := c.job.From.Open(ctx, store.System, c.ref(e.ID))
			if errors.Is(err, store.ErrNotFound) {
				continue // the next pass knows that it is gone
			}
			if err != nil {
				return err
			}
			b = &box{source: source}
		}
		b.entry = e
		now[e.ID] = b
	}
	for id, b := range c.boxes {
		if now[id] == nil {
			b.source.Close()
		}
	}
	c.boxes = now
	return nil
}

// sameNames reports whether two namespaces have the same names, uses, subscriptions, metadata and
// limits.
func sameNames(a, b *mailbox.Namespace) bool {
	return slices.EqualFunc(slices.Collect(a.All()), slices.Collect(b.All()), func(x, y mailbox.Entry) bool {
		return x.ID == y.ID && x.Name == y.Name && x.UIDValidity == y.UIDValidity && slices.Equal(x.Use, y.Use)
	}) && slices.Equal(slices.Collect(a.Subscribed()), slices.Collect(b.Subscribed())) &&
		len(mailbox.DiffMetadata(a, b)) == 0 && maps.Equal(a.Quota(), b.Quota())
}

// copyBox copies what the target does not have of a mailbox.
func (c *copying) copyBox(ctx context.Context, b *box) (messages int, err error) {
	v, err := b.source.Refresh(ctx)
	if err != nil {
		return 0, err
	}
	if v.Deleted {
		return 0, store.ErrNotFound
	}
	base := b.copied
	if base == nil {
		base = b.base
	} else if base == v || base.HighestModSeq == v.HighestModSeq && base.UIDNext == v.UIDNext {
		return 0, nil
	}
	b.source.Hold(v)
	rows, gone := missing(base, v)
	expunged, since, err := c.job.From.History(ctx, c.ref(b.entry.ID))
	if err != nil {
		return 0, err
	}
	for rest := rows; ; {
		var batch []mailbox.Row
		batch, rest = c.nextBatch(rest)
		p := mailbox.Import{Rows: batch, Keywords: v.Keywords(), UIDNext: base.UIDNext, HighestModSeq: b.modseq, HistorySince: b.since}
		if len(rest) == 0 { // all of it is there afterwards
			p.Gone, p.UIDNext, p.HighestModSeq, p.HistorySince = gone, v.UIDNext, v.HighestModSeq, since
			for _, x := range expunged {
				if x.ModSeq > b.modseq && x.ModSeq <= v.HighestModSeq {
					p.Expunged = append(p.Expunged, x)
				}
			}
		}
		for i := range batch {
			if set := v.Set(&batch[i]); set.Far != (mailbox.FarBits{}) {
				if p.Far == nil {
					p.Far = map[imap.UID]mailbox.FarBits{}
				}
				p.Far[batch[i].UID] = set.Far
			}
		}
		if err := c.copyBatch(ctx, b, &p, len(rest) == 0); err != nil {
			return messages, err
		}
		messages += len(batch)
		if len(rest) == 0 {
			break
		}
	}
	b.copied, b.modseq, b.since = v, v.HighestModSeq, since
	return messages, nil
}

// findCopied finds out what the target has of a mailbox from an earlier attempt.
func (c *copying) findCopied(ctx context.Context, b *box) error {
	target, err := c.arrival.Open(ctx, b.entry.ID)
	if err != nil {
		return err
	}
	defer target.Close()
	b.base = target.Version()
	v := b.source.Version()
	for _, r := range b.base.Rows() {
		if _, row, ok := v.Find(r.UID); ok {
			c.refs[row.Ref] = r.Ref
		}
	}
	b.modseq = b.base.HighestModSeq
	_, b.since, err = c.arrival.History(ctx, b.entry.ID)
	return err
}

// missing returns the rows of v that base does not have, or has otherwise, and what base has that v has
// not. A message that has changed has another mod-sequence.
func missing(base, v *mailbox.Version) (rows []mailbox.Row, gone imap.UIDSet) {
	for _, r := range v.Rows() {
		if _, old, ok := base.Find(r.UID); !ok || old.ModSeq != r.ModSeq {
			rows = append(rows, *r)
		}
	}
	for _, r := range base.Rows() {
		if _, _, ok := v.Find(r.UID); !ok {
			gone.Add(r.UID)
		}
	}
	return rows, gone
}

// Bounds of a batch.
const (
	batchRows   = 4096
	batchBodies = 256
	batchOctets = 4 << 20 // of bodies, but for one that has more
)

// nextBatch takes rows for one change. A message that two rows have is not in it twice: the second
// row is told which it is.
func (c *copying) nextBatch(rows []mailbox.Row) (batch, rest []mailbox.Row) {
	bodies, octets := 0, int64(0)
	pending := map[uint64]struct{}{}
	for i := range rows {
		r := &rows[i]
		if _, known := c.refs[r.Ref]; !known {
			_, twice := pending[r.Ref]
			if twice || bodies == batchBodies || bodies > 0 && octets+int64(r.Size) > batchOctets {
				return rows[:i], rows[i:]
			}
			pending[r.Ref] = struct{}{}
			bodies++
			octets += int64(r.Size)
		}
		if i+1 == batchRows {
			return rows[:i+1], rows[i+1:]
		}
	}
	return rows, nil
}

// copyBatch puts a part of a mailbox into the target, with the messages that are new there.
func (c *copying) copyBatch(ctx context.Context, b *box, p *mailbox.Import, complete bool) (err error) {
	bodies := make([]*store.NewMessage, len(p.Rows))
	defer func() {
		for _, m := range bodies {
			if m != nil {
				m.Body.Discard()
			}
		}
	}()
	sources := make([]uint64, len(p.Rows))
	p.Rows = slices.Clone(p.Rows)
	var fresh []mailbox.Row
	var at []int
	for i := range p.Rows {
		r := &p.Rows[i]
		sources[i] = r.Ref
		if ref, known := c.refs[r.Ref]; known {
			r.Ref = ref
			continue
		}
		fresh, at = append(fresh, *r), append(at, i)
	}
	details, err := readDetails(ctx, b.source, fresh)
	if err != nil {
		return err
	}
	for i := range fresh {
		m := &store.NewMessage{Summary: details[i].Summary, EmailID: details[i].EmailID, ThreadID: details[i].ThreadID}
		if m.Body, err = c.stage(ctx, b.source, &fresh[i]); err != nil {
			return fmt.Errorf("UID %d: %w", fresh[i].UID, err)
		}
		bodies[at[i]] = m
	}
	recent := imap.UID(1)
	if part, ok := store.Find[store.Recent](c.job.From); ok {
		if recent, err = part.RecentFrom(ctx, store.System, c.ref(b.entry.ID)); err != nil {
			return err
		}
	}
	if err := c.job.step("import"); err != nil {
		return err
	}
	refs, err := c.arrival.Import(ctx, b.entry.ID, p, bodies, recent, complete)
	if err != nil {
		return err
	}
	for i, ref := range refs {
		c.refs[sources[i]] = ref
	}
	c.copied += int64(len(p.Rows))
	c.report("copying", c.copied, 0)
	return nil
}

func (c *copying) report(what string, messages, octets int64) {
	if c.job.Progress != nil {
		c.job.Progress(Progress{User: c.user.Name, What: what, Messages: messages, Octets: octets})
	}
}

// stage copies a body.
func (c *copying) stage(ctx context.Context, source store.Mailbox, row *mailbox.Row) (store.Staged, error) {
	body, err := source.Body(ctx, row)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return c.arrival.Stage(ctx, io.NewSectionReader(body, 0, body.Size()))
}

// detailsOctets is how many octets of summaries are read at once.
const detailsOctets = 4 << 20

// readDetails reads what is kept beside messages, whose summaries are copied.
func readDetails(ctx context.Context, box store.Mailbox, rows []mailbox.Row) ([]store.Details, error) {
	details := make([]store.Details, len(rows))
	for n := 0; n < len(rows); {
		_, read, err := box.Details(ctx, rows[n:], nil, detailsOctets, details[n:])
		if err != nil {
			return nil, err
		}
		for i := range details[n : n+read] {
			if details[n+i].EmailID == 0 {
				return nil, fmt.Errorf("UID %d: %w", rows[n+i].UID, store.ErrGone)
			}
		}
		n += read
	}
	return details, nil
}
