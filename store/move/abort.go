package move

import (
	"context"
	"errors"
	"fmt"

	"restante/store"
)

// Aborted tells what was given up.
type Aborted struct {
	User string `json:"user"`
	// Mailboxes and Messages are how much had come to the target.
	Mailboxes int   `json:"mailboxes"`
	Messages  int64 `json:"messages"`
}

// ErrHandedOver says that a move cannot be given up any more: the account has left, or leaves at the
// moment. Moving it once more goes on; afterwards it can be moved back.
var ErrHandedOver = errors.New("the account has been handed over already")

// Abort gives up a move of a user that was begun and has not ended: what has come to the target is
// removed, and changes of the account do not wait any more. A move that is under way somewhere else
// ends with store.ErrTakenOver. ErrHandedOver.
func (j *Job) Abort(ctx context.Context, name string) (r Aborted, err error) {
	r.User = name
	u, err := j.From.User(ctx, name)
	if err != nil {
		return r, err
	}
	residence, err := j.From.Residence(ctx, u.ID)
	if err != nil {
		return r, err
	}
	if residence.State != store.InUse {
		return r, fmt.Errorf("move: %w: to %s", ErrHandedOver, residence.To)
	}
	id := u.ID
	if !j.Within {
		identity, err := j.From.Identity(ctx)
		if err != nil {
			return r, err
		}
		id = store.MovedID(identity, u.ID)
	}
	// The order is what counts: whoever else moves the account asks, when changes wait for it, whether
	// the arrival is still its own, before it has the account leave. So when our fence stands nobody
	// leaves any more.
	arrival, err := j.arrived(ctx, id)
	if err != nil {
		return r, err
	}
	if err := j.step("fence"); err != nil {
		return r, err
	}
	fence, err := j.From.Fence(ctx, u.ID)
	if errors.Is(err, store.ErrMoved) {
		return r, fmt.Errorf("move: %w: %w", ErrHandedOver, err)
	}
	if err != nil {
		return r, err
	}
	defer fence.Release()
	if arrival == nil {
		return r, nil
	}
	if err := r.count(ctx, arrival); err != nil {
		return r, err
	}
	if err := j.step("discard"); err != nil {
		return r, err
	}
	return r, arrival.Discard(context.WithoutCancel(ctx))
}

// arrived takes over what has come of an account: nil when nothing has.
func (j *Job) arrived(ctx context.Context, id store.AccountID) (store.Arrival, error) {
	residence, err := j.To.Residence(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && residence.State == store.Moved:
		return nil, nil
	case err == nil && residence.State == store.InUse && j.Within:
		return nil, fmt.Errorf("move: %w", ErrHandedOver)
	case err == nil && residence.State == store.InUse:
		// Accepted, though it has not left: somebody has brought the source back from a back-up.
		err = store.ErrExists
	}
	if err != nil {
		return nil, fmt.Errorf("move: the account in the target: %w", err)
	}
	arrival, err := j.To.Arrive(ctx, id)
	if j.Within && errors.Is(err, store.ErrExists) {
		err = fmt.Errorf("move: %w: %w", ErrHandedOver, err)
	}
	return arrival, err
}

// count counts what has come.
func (r *Aborted) count(ctx context.Context, arrival store.Arrival) error {
	names, _, err := arrival.Names(ctx)
	if err != nil {
		return err
	}
	for e := range names.All() {
		box, err := arrival.Open(ctx, e.ID)
		if err != nil {
			return err
		}
		r.Mailboxes++
		r.Messages += int64(box.Version().Len())
		if err := box.Close(); err != nil {
			return err
		}
	}
	return nil
}
