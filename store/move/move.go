// Package move brings an account from one store to another while its user works.
//
// All of it is copied, and what changes meanwhile is copied again, until little is left. Then what has
// come is compared with what there is: every name and row, and every body by its SHA-256, read from
// where it is now. Changes have to wait for the rest, which is copied and compared like all before;
// then the account changes hands. So at each moment the mail is in one place for whoever asks, and
// an interruption leaves the account where it was, or where it was to go, but for the moment between
// two stores that know nothing of each other: there the account has left the one and waits, whole, to
// be accepted by the other. Moving it once more goes on where the last attempt ended.
package move

import (
	"context"
	"errors"
	"fmt"
	"time"

	"restante/store"
)

// Job is what is to be moved where. Methods are used by one goroutine at a time.
type Job struct {
	From, To store.Movable
	// Within says that To is another part of the store From: the user stays, and the account's ID.
	Within bool
	ToName string // of To, for people; From keeps it
	// Progress is told now and then how far it is, if it is set.
	Progress func(Progress)
	// Step is called before each step that changes something, if it is set. An error ends the move
	// as an interruption would.
	Step func(name string) error
}

// Progress tells how far a move is.
type Progress struct {
	User string
	What string // is done: "copying", "comparing"
	// Messages and Octets are how much of that was done.
	Messages int64
	Octets   int64
}

// Result tells what was moved.
type Result struct {
	User      string        `json:"user"`
	Already   bool          `json:"already,omitempty"` // an earlier attempt had done all but the end, or all
	Mailboxes int           `json:"mailboxes"`
	Messages  int64         `json:"messages"`
	Octets    int64         `json:"octets"`             // of bodies that were compared
	Waited    time.Duration `json:"waited_ns"`          // how long changes had to wait
	Attempts  int           `json:"attempts,omitempty"` // how often they had to
}

// ErrElsewhere says that the user has moved to another place than the one that is asked for.
var ErrElsewhere = errors.New("the user has moved elsewhere")

// ErrDiffers says that what has come is not what there is.
var ErrDiffers = errors.New("the copy differs")

// ErrBusy says that so much changes that it could not be copied while changes wait.
var ErrBusy = errors.New("the account changes too quickly to be moved at the moment")

const (
	maxWait     = 1500 * time.Millisecond // how long changes may have to wait for copying and comparing
	maxAttempts = 8
	few         = 100 // messages: what is left when changes may be made to wait
)

// User moves the account of a user.
func (j *Job) User(ctx context.Context, name string) (r Result, err error) {
	r.User = name
	u, err := j.From.User(ctx, name)
	if err != nil {
		return r, err
	}
	id := u.ID
	if !j.Within {
		identity, err := j.From.Identity(ctx)
		if err != nil {
			return r, err
		}
		id = store.MovedID(identity, u.ID)
		residence, err := j.From.Residence(ctx, u.ID)
		if err != nil {
			return r, err
		}
		if residence.State == store.Moved {
			r.Already = true
			return r, j.finish(ctx, u, id, residence.To)
		}
		if err := j.checkName(ctx, name); err != nil {
			return r, err
		}
	}
	arrival, err := j.To.Arrive(ctx, id)
	if j.Within && errors.Is(err, store.ErrExists) {
		r.Already = true
		return r, nil
	}
	if err != nil {
		return r, err
	}
	c := &copying{job: j, user: u, arrival: arrival, refs: map[uint64]uint64{}, compared: map[uint64]struct{}{}}
	defer c.close()
	if err := c.run(ctx); err != nil {
		return r, err
	}
	r.Mailboxes, r.Messages, r.Octets, r.Waited, r.Attempts = len(c.boxes), c.messages(), c.octets, c.waited, c.attempts
	return r, nil
}

// checkName fails with ErrExists when the target has a user of the name, other than one that has moved
// away from there.
func (j *Job) checkName(ctx context.Context, name string) error {
	other, err := j.To.User(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	residence, err := j.To.Residence(ctx, other.ID)
	if err == nil && residence.State == store.Moved || errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil {
		err = store.ErrExists
	}
	return fmt.Errorf("move: user %q in the target: %w", name, err)
}

// finish accepts an account that has left already, and is whole in the target.
func (j *Job) finish(ctx context.Context, u store.User, id store.AccountID, to string) error {
	residence, err := j.To.Residence(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && residence.State == store.Moved:
		return fmt.Errorf("%w: %s", ErrElsewhere, to)
	case err != nil || residence.State == store.InUse:
		return err
	}
	arrival, err := j.To.Arrive(ctx, id)
	if err != nil {
		return err
	}
	if err := j.step("accept"); err != nil {
		return err
	}
	return arrival.Accept(ctx, u.Name, u.Secret)
}

func (j *Job) step(name string) error {
	if j.Step != nil {
		return j.Step(name)
	}
	return nil
}

// run copies, compares and hands over.
func (c *copying) run(ctx context.Context) error {
	for {
		n, err := c.pass(ctx)
		if err != nil {
			return err
		}
		if n <= few {
			break
		}
	}
	if err := c.compare(ctx); err != nil {
		return err
	}
	for c.attempts = 1; c.attempts <= maxAttempts; c.attempts++ {
		if _, err := c.pass(ctx); err != nil {
			return err
		}
		if err := c.compare(ctx); err != nil {
			return err
		}
		done, err := c.handOver(ctx)
		if done || err != nil {
			return err
		}
	}
	return ErrBusy
}

// handOver has changes wait, copies what is left, and makes the target the account's place. It
// returns false when that takes too long.
func (c *copying) handOver(ctx context.Context) (done bool, err error) {
	j := c.job
	if err := j.step("fence"); err != nil {
		return false, err
	}
	fence, err := j.From.Fence(ctx, c.user.ID)
	if err != nil {
		return false, err
	}
	start := time.Now()
	defer func() { c.waited = time.Since(start) }()
	defer fence.Release()
	limited, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	n, err := c.pass(limited)
	if err == nil && n <= few {
		err = c.compare(limited)
	}
	if ctx.Err() == nil && (limited.Err() != nil || n > few) {
		return false, nil // another time there is less to do
	}
	if err != nil {
		return false, err
	}
	// From here on it is not abandoned, whatever ctx does.
	ctx = context.WithoutCancel(ctx)
	// An arrival that is another's now cannot be accepted: then the account must not leave (see Abort).
	if err := c.stillOurs(ctx); err != nil {
		return false, err
	}
	if j.Within {
		if err := j.step("relocate"); err != nil {
			return false, err
		}
		r, ok := fence.(store.Relocator)
		if !ok {
			return false, errors.New("move: the store cannot hand an account over within itself")
		}
		err = r.Relocate(ctx, c.arrival)
		return err == nil, unlessUnfenced(err)
	}
	if err := j.checkName(ctx, c.user.Name); err != nil {
		return false, err
	}
	if err := j.step("leave"); err != nil {
		return false, err
	}
	if err := fence.Leave(ctx, j.ToName); err != nil {
		return false, unlessUnfenced(err)
	}
	if err := j.step("accept"); err != nil {
		return false, err
	}
	// The secret may have been changed while everything was copied; now it cannot be any more.
	u, err := j.From.User(ctx, c.user.Name)
	if err != nil {
		return false, err
	}
	return true, c.arrival.Accept(ctx, u.Name, u.Secret)
}

// unlessUnfenced returns the error, but for ErrUnfenced, after which it is tried again.
func unlessUnfenced(err error) error {
	if errors.Is(err, store.ErrUnfenced) {
		return nil
	}
	return err
}
