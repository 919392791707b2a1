package move

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"

	"restante/mailbox"
	"restante/store"
)

// compare compares what the target has with what was copied to it: names, and of the mailboxes that
// have changed since the last time every row, and the messages that are new.
func (c *copying) compare(ctx context.Context) error {
	names, lastValidity, err := c.arrival.Names(ctx)
	if err != nil {
		return err
	}
	if !sameNames(names, c.names) || lastValidity != c.lastValidity {
		return fmt.Errorf("move: %w: the names of the mailboxes", ErrDiffers)
	}
	for _, b := range c.boxes {
		if b.copied == nil || b.compared == b.copied {
			continue
		}
		if err := c.compareBox(ctx, b); err != nil {
			return fmt.Errorf("move: mailbox %q: %w", b.entry.Name, err)
		}
		b.compared = b.copied
	}
	return nil
}

func (c *copying) compareBox(ctx context.Context, b *box) error {
	target, err := c.arrival.Open(ctx, b.entry.ID)
	if err != nil {
		return err
	}
	defer target.Close()
	v, copied := b.copied, target.Version()
	if v.Counts() != copied.Counts() {
		return fmt.Errorf("%w: it has %+v, expected %+v", ErrDiffers, copied.Counts(), v.Counts())
	}
	if !slices.Equal(v.Keywords(), copied.Keywords()) {
		return fmt.Errorf("%w: it has the keywords %q, expected %q", ErrDiffers, copied.Keywords(), v.Keywords())
	}
	if err := c.compareHistory(ctx, b); err != nil {
		return err
	}
	var sources, targets []mailbox.Row // not compared yet
	for seq, r := range v.Rows() {
		got := copied.At(seq)
		if got.UID != r.UID || got.ModSeq != r.ModSeq || got.Date != r.Date || got.Saved != r.Saved || got.Size != r.Size ||
			copied.Set(&got) != v.Set(r) || got.Ref != c.refs[r.Ref] {
			return fmt.Errorf("%w: UID %d is %+v, expected %+v", ErrDiffers, r.UID, got, *r)
		}
		if _, done := c.compared[r.Ref]; !done {
			sources, targets = append(sources, *r), append(targets, got)
		}
		if len(sources) == batchBodies {
			if err := c.compareMessages(ctx, b.source, target, sources, targets); err != nil {
				return err
			}
			sources, targets = sources[:0], targets[:0]
		}
	}
	return c.compareMessages(ctx, b.source, target, sources, targets)
}

// compareHistory compares what was removed, up to what was copied.
func (c *copying) compareHistory(ctx context.Context, b *box) error {
	want, since, err := c.job.From.History(ctx, c.ref(b.entry.ID))
	if err != nil {
		return err
	}
	got, gotSince, err := c.arrival.History(ctx, b.entry.ID)
	if err != nil {
		return err
	}
	from := max(since, gotSince) // a store may remember less than another
	known := func(list []mailbox.Expunged) []mailbox.Expunged {
		return slices.DeleteFunc(slices.Clone(list), func(x mailbox.Expunged) bool {
			return x.ModSeq <= from || x.ModSeq > b.copied.HighestModSeq
		})
	}
	if !slices.Equal(known(got), known(want)) {
		return fmt.Errorf("%w: what was expunged", ErrDiffers)
	}
	return nil
}

// compareMessages compares the details and bodies of messages.
func (c *copying) compareMessages(ctx context.Context, source, target store.Mailbox, sources, targets []mailbox.Row) error {
	want, err := readDetails(ctx, source, sources)
	if err != nil {
		return err
	}
	got, err := readDetails(ctx, target, targets)
	if err != nil {
		return err
	}
	for i := range sources {
		uid := sources[i].UID
		if got[i].EmailID != want[i].EmailID || got[i].ThreadID != want[i].ThreadID || string(got[i].Summary) != string(want[i].Summary) {
			return fmt.Errorf("%w: the details of UID %d", ErrDiffers, uid)
		}
		wantSum, err := hash(ctx, source, &sources[i])
		if err != nil {
			return fmt.Errorf("UID %d: %w", uid, err)
		}
		gotSum, err := hash(ctx, target, &targets[i])
		if err != nil {
			return fmt.Errorf("UID %d, in the target: %w", uid, err)
		}
		if gotSum != wantSum {
			return fmt.Errorf("%w: the body of UID %d", ErrDiffers, uid)
		}
		c.compared[sources[i].Ref] = struct{}{}
		c.octets += int64(sources[i].Size)
		c.report("comparing", int64(len(c.compared)), c.octets)
	}
	return nil
}

// hash returns the SHA-256 of a body.
func hash(ctx context.Context, box store.Mailbox, row *mailbox.Row) (sum [sha256.Size]byte, err error) {
	if err := ctx.Err(); err != nil {
		return sum, err
	}
	body, err := box.Body(ctx, row)
	if err != nil {
		return sum, err
	}
	defer body.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(body, 0, body.Size())); err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	return sum, nil
}
