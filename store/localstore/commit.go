package localstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

const (
	// maxCommit is how many octets of bodies in memory and summaries one Commit may have.
	maxCommit = 512 << 20
	// manyMessages is from how many UIDs on a change is computed before the writer sees it.
	manyMessages = 1000
	// maxComputed is how often it is computed before the writer does it.
	maxComputed = 5
)

// errOvertaken says that a mailbox has changed since a change was computed.
var errOvertaken = errors.New("localstore: overtaken by another change")

// commit is a Commit under way.
type commit struct {
	pins
	ops      []store.Op
	outcomes []store.Outcome
	late     []func()  // what is found out of the outcomes when the writer is done
	bodies   []*staged // that are in use
	links    []link

	// A change of very many messages that was computed outside the writer.
	computed record
}

// link is another file of a body, for another message.
type link struct {
	body *staged
	file uint64
	used bool
}

// Commit implements store.Mail.
func (s *Store) Commit(ctx context.Context, _ store.Actor, ops ...store.Op) (_ []store.Outcome, err error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	if len(ops) == 0 {
		return nil, nil
	}
	c := &commit{pins: pins{s: s}, ops: ops}
	defer c.unpin()
	defer func() { c.letGo(err == nil || errors.Is(err, store.ErrFailed)) }()
	if err := c.takeBodies(); err != nil {
		return nil, err
	}
	if err := c.load(ctx); err != nil {
		return nil, err
	}
	for n := 1; ; n++ {
		c.computed = nil
		if len(ops) == 1 && n < maxComputed { // the last time the writer does it
			if c.computed, err = c.compute(); err != nil {
				return nil, err
			}
		}
		err = c.change(ctx, accountOf(ops[0]), c.adds(), c.run)
		if !errors.Is(err, errOvertaken) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	for _, f := range c.late {
		f()
	}
	return c.outcomes, nil
}

// adds reports whether the commit adds messages that are not in the store.
func (c *commit) adds() bool {
	return slices.ContainsFunc(c.ops, func(op store.Op) bool {
		_, is := op.(*store.Append)
		return is
	})
}

// accountOf returns in whose line an operation waits.
func accountOf(op store.Op) store.AccountID {
	switch op := op.(type) {
	case *store.Append:
		return op.Mailbox.Account
	case *store.StoreFlags:
		return op.Mailbox.Account
	case *store.Expunge:
		return op.Mailbox.Account
	case *store.Copy:
		return op.From.Account
	case *store.Create:
		return op.Account
	case *store.Delete:
		return op.Account
	case *store.Rename:
		return op.Account
	case *store.Subscribe:
		return op.Account
	case *store.SetMetadata:
		return op.Mailbox.Account
	case *store.SetQuota:
		return op.Account
	}
	return 0
}

// takeBodies makes sure that nobody else uses the bodies. One that is stale is left to the change.
func (c *commit) takeBodies() error {
	octets := int64(0)
	for i, op := range c.ops {
		a, ok := op.(*store.Append)
		if !ok {
			continue
		}
		for j := range a.Messages {
			octets += int64(len(a.Messages[j].Summary))
			b, ok := a.Messages[j].Body.(*staged)
			if !ok || b.s != c.s {
				continue
			}
			if b.use(c) {
				c.bodies = append(c.bodies, b)
			}
			if octets += int64(len(b.body)); octets > maxCommit {
				return &store.OpError{Index: i, Ref: a.Mailbox, Err: tooBig(maxCommit)}
			}
		}
	}
	return nil
}

// has reports whether the commit uses a body.
func (c *commit) has(body store.Staged) bool {
	b, ok := body.(*staged)
	return ok && b.s == c.s && b.isUsed(c)
}

// letGo ends the use of the bodies.
func (c *commit) letGo(kept bool) {
	for _, b := range c.bodies {
		b.used(kept)
	}
	for _, l := range c.links {
		if !kept || !l.used {
			os.Remove(c.s.largePath(l.file)) // what is left, the next Open removes
		}
	}
}

// load pins what exists of the mailboxes that the operations name.
func (c *commit) load(ctx context.Context) error {
	for _, op := range c.ops {
		var refs []store.Ref
		switch op := op.(type) {
		case *store.Append:
			refs = append(refs, op.Mailbox)
		case *store.StoreFlags:
			refs = append(refs, op.Mailbox)
		case *store.Expunge:
			refs = append(refs, op.Mailbox)
		case *store.Copy:
			refs = append(refs, op.From, op.To)
		case *store.Delete:
			if a, err := c.account(ctx, op.Account); err == nil {
				if e, ok := a.cur.Load().names.Lookup(op.Name); ok {
					refs = append(refs, store.Ref{Account: op.Account, Mailbox: e.ID})
				}
			} else if !errors.Is(err, store.ErrNotFound) {
				return err
			}
		default:
			if _, err := c.account(ctx, accountOf(op)); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		for _, ref := range refs {
			if err := c.box(ctx, ref); err != nil {
				return err
			}
		}
	}
	return c.linkBodies()
}

// linkBodies gives another file to every message that has a large body in common with one before.
func (c *commit) linkBodies() error {
	for _, b := range c.bodies {
		b.first = nil
	}
	for _, op := range c.ops {
		a, ok := op.(*store.Append)
		if !ok {
			continue
		}
		for i := range a.Messages {
			if !c.has(a.Messages[i].Body) {
				continue
			}
			b := a.Messages[i].Body.(*staged)
			if b.file == 0 {
				continue
			}
			if b.first != nil {
				file, err := b.link()
				c.links = append(c.links, link{body: b, file: file})
				if err != nil {
					return err
				}
			}
			b.first = &message{}
		}
	}
	return nil
}

// compute makes the next versions of a change of very many messages. It returns nil for another.
func (c *commit) compute() (r record, err error) {
	var blame store.Ref
	switch op := c.ops[0].(type) {
	case *store.StoreFlags:
		if v := c.newest(op.Mailbox); v != nil && isMany(v, op.UIDs) {
			blame = op.Mailbox
			_, r, err = planStore(v, op)
		}
	case *store.Expunge:
		if v := c.newest(op.Mailbox); v != nil && isMany(v, op.UIDs) {
			blame = op.Mailbox
			r, err = planExpunge(v, op)
		}
	case *store.Copy:
		if from, to := c.newest(op.From), c.newest(op.To); from != nil && to != nil && isMany(from, op.UIDs) {
			r, blame, err = planCopy(from, to, op)
		}
	}
	if err != nil {
		return nil, &store.OpError{Index: 0, Ref: blame, Err: err}
	}
	return r, nil
}

func isMany(v *mailbox.Version, set imap.UIDSet) bool {
	return v.Len() >= manyMessages && set.Resolve(v.MaxUID()).Len() >= manyMessages
}

// run makes the operations, on the writer.
func (c *commit) run(t *tx) error {
	c.outcomes, c.late = make([]store.Outcome, len(c.ops)), nil
	for _, b := range c.bodies {
		b.first = nil
	}
	for i := range c.links {
		c.links[i].used = false
	}
	undo := func() {}
	quotas := t.quotas(c.ops)
	if len(c.ops) > 1 || len(quotas) > 0 {
		undo = t.savepoint()
	}
	for i, op := range c.ops {
		blame, err := c.do(t, op, &c.outcomes[i])
		if err == nil {
			continue
		}
		undo()
		if _, is := isUnloaded(err); is || errors.Is(err, errOvertaken) || isFenced(err) {
			return err
		}
		return &store.OpError{Index: i, Ref: blame, Err: err}
	}
	if err := t.checkQuotas(quotas, c.ops); err != nil {
		undo()
		return err
	}
	return nil
}

// do makes one operation, and returns the mailbox that is to blame for an error.
func (c *commit) do(t *tx, op store.Op, out *store.Outcome) (blame store.Ref, err error) {
	switch op := op.(type) {
	case *store.Append:
		return op.Mailbox, c.append(t, op, out)
	case *store.StoreFlags:
		return op.Mailbox, c.storeFlags(t, op, out)
	case *store.Expunge:
		return op.Mailbox, c.expunge(t, op, out)
	case *store.Copy:
		return c.copy(t, op, out)
	case *store.Create:
		return c.create(t, op, out)
	case *store.Delete:
		_, err = t.do(&deleteRecord{op.Account, op.Name})
	case *store.Rename:
		_, err = t.do(&renameRecord{op.Account, op.From, op.To})
	case *store.Subscribe:
		_, err = t.do(&subscribeRecord{op.Account, op.Name, op.On})
	case *store.SetMetadata:
		return op.Mailbox, setMetadata(t, op)
	case *store.SetQuota:
		err = setQuota(t, op)
	default:
		err = fmt.Errorf("localstore: unknown operation %T", op)
	}
	return blame, err
}

// pins keeps accounts and mailboxes in memory for a change.
type pins struct {
	s        *Store
	accounts []*account
	boxes    map[store.Ref]*box
}

func (p *pins) account(ctx context.Context, id store.AccountID) (*account, error) {
	for _, a := range p.accounts {
		if a.id == id {
			return a, nil
		}
	}
	if err := p.s.reading(ctx); err != nil {
		return nil, err
	}
	defer p.s.unread()
	a, err := p.s.account(id)
	if err == nil {
		p.accounts = append(p.accounts, a)
	}
	return a, err
}

// box pins a mailbox. One that does not exist is left to the change.
func (p *pins) box(ctx context.Context, ref store.Ref) error {
	if p.boxes[ref] != nil {
		return nil
	}
	a, err := p.account(ctx, ref.Account)
	if err == nil {
		err = p.pin(ctx, a, ref)
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

func (p *pins) pin(ctx context.Context, a *account, ref store.Ref) error {
	if err := p.s.reading(ctx); err != nil {
		return err
	}
	defer p.s.unread()
	b, err := p.s.pin(a, ref.Mailbox)
	if err != nil {
		return err
	}
	if p.boxes == nil {
		p.boxes = map[store.Ref]*box{}
	}
	p.boxes[ref] = b
	return nil
}

// newest returns the newest version of a mailbox that is pinned and exists, or nil.
func (p *pins) newest(ref store.Ref) *mailbox.Version {
	if b := p.boxes[ref]; b != nil {
		if v := b.cur.Load(); !v.Deleted {
			return v
		}
	}
	return nil
}

// change makes a change, and pins what it asks for. It waits while the account is fenced.
func (p *pins) change(ctx context.Context, account store.AccountID, adds bool, run func(*tx) error) error {
	for {
		err := p.s.change(ctx, account, adds, run)
		if isFenced(err) {
			if err := p.s.awaitFence(ctx, err); err != nil {
				return err
			}
			continue
		}
		ref, is := isUnloaded(err)
		if !is {
			return err
		}
		if b := p.boxes[ref]; b != nil { // pinned before, but no more the mailbox of that ID
			p.s.unpin(b)
			delete(p.boxes, ref)
		}
		if err := p.box(ctx, ref); err != nil {
			return err
		}
	}
}

func (p *pins) unpin() {
	for _, b := range p.boxes {
		p.s.unpin(b)
	}
}
