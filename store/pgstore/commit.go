package pgstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"restante/blob"
	"restante/mailbox"
	"restante/store"
)

// commit is a Commit on its way.
type commit struct {
	ops      []store.Op
	accounts []store.AccountID // all, in order
	naming   []store.AccountID // those whose names it changes
	added    []store.AccountID // those that can use more after it
	refs     []store.Ref       // all mailboxes that it names, in order
	bodies   []*staged         // that it uses
	emails   map[use]*newEmail // what its messages become
	copies   map[copyOf]*newEmail
	missing  []missingCopy
	objects  []blob.Key // that were made for it alone

	outcomes []store.Outcome
	err      error
	done     chan struct{}
}

// use is a message of an Append.
type use struct{ op, message int }

// copyOf is a message that a Copy brings to another account: one that is there, by its Ref, or one
// that is new with the same commit, by its object.
type copyOf struct {
	op     int
	ref    uint64
	object string
}

// missingCopy is one that has to be made before the commit can be.
type missingCopy struct {
	copyOf
	email    *newEmail // nil: one that is there
	from, to store.AccountID
}

var (
	// errNotPrepared says that a message is to be copied to another account that was not there when
	// the copies were prepared.
	errNotPrepared = errors.New("pgstore: a message has come meanwhile")
	errFenced      = errors.New("pgstore: the account is being moved")
)

func movedAway(id store.AccountID) error {
	return fmt.Errorf("pgstore: account %d: %w", id, store.ErrMoved)
}

// newCommit finds out what a commit is about.
func newCommit(ops []store.Op) *commit {
	c := &commit{ops: ops, outcomes: make([]store.Outcome, len(ops)), done: make(chan struct{})}
	created := map[store.Ref]bool{}
	at := func(ref store.Ref) {
		c.accounts = append(c.accounts, ref.Account)
		if !created[ref] {
			c.refs = append(c.refs, ref)
		}
	}
	name := func(id store.AccountID) { c.accounts, c.naming = append(c.accounts, id), append(c.naming, id) }
	for _, op := range ops {
		switch op := op.(type) {
		case *store.Append:
			at(op.Mailbox)
		case *store.StoreFlags:
			at(op.Mailbox)
		case *store.Expunge:
			at(op.Mailbox)
		case *store.Copy:
			at(op.From)
			at(op.To)
		case *store.Create:
			name(op.Account)
			created[store.Ref{Account: op.Account, Mailbox: op.ID}] = true
		case *store.Delete:
			name(op.Account)
		case *store.Rename:
			name(op.Account)
		case *store.Subscribe:
			name(op.Account)
		case *store.SetMetadata:
			name(op.Mailbox.Account)
		case *store.SetQuota:
			name(op.Account)
		}
	}
	c.added = store.AddedTo(ops)
	c.accounts, c.naming, c.refs = sortedSet(c.accounts), sortedSet(c.naming), sortedRefs(c.refs)
	return c
}

func sortedSet(ids []store.AccountID) []store.AccountID {
	slices.Sort(ids)
	return slices.Compact(ids)
}

func sortedRefs(refs []store.Ref) []store.Ref {
	slices.SortFunc(refs, func(a, b store.Ref) int {
		// As the database orders them, whose numbers have a sign.
		switch {
		case a.Account != b.Account && int64(a.Account) < int64(b.Account), a.Account == b.Account && int64(a.Mailbox) < int64(b.Mailbox):
			return -1
		case a == b:
			return 0
		}
		return 1
	})
	return slices.Compact(refs)
}

// commit makes a commit whose accounts are all of this cell.
func (c *cell) commit(ctx context.Context, ops []store.Op) ([]store.Outcome, error) {
	if err := c.begin(ctx); err != nil {
		return nil, err
	}
	defer c.running.Done()
	if len(ops) == 0 {
		return nil, nil
	}
	// From here on it is not abandoned, whatever ctx does.
	ctx = context.WithoutCancel(ctx)
	m := newCommit(ops)
	err := c.take(ctx, m)
	if err == nil {
		for range prepareRounds + len(ops) {
			if err = c.prepareCopies(ctx, m); err != nil {
				break
			}
			if c.submit(ctx, m); !errors.Is(m.err, errNotPrepared) {
				err = m.err
				break
			}
			err = m.err
			m.done = make(chan struct{})
		}
	}
	// A change whose outcome could not be found out may yet be there: then its objects must be, too.
	made := err == nil || errors.Is(err, store.ErrUnavailable)
	for _, b := range m.bodies {
		b.end(made)
	}
	if !made {
		c.forget(m.objects...)
	}
	if errors.Is(err, errNotPrepared) {
		err = unavailable(err)
	}
	if err != nil {
		return nil, err
	}
	return m.outcomes, nil
}

// prepareRounds is how often copies are prepared when the source changes meanwhile, besides once for
// each operation of the commit.
const prepareRounds = 3

// take makes the bodies of a commit its own, and emails of them.
func (c *cell) take(ctx context.Context, m *commit) error {
	m.emails = map[use]*newEmail{}
	for i, op := range m.ops {
		a, ok := op.(*store.Append)
		if !ok {
			continue
		}
		for j := range a.Messages {
			email, err := c.newEmail(ctx, m, a.Mailbox.Account, &a.Messages[j])
			if errors.Is(err, store.ErrStale) {
				return &store.OpError{Index: i, Ref: a.Mailbox, Err: err}
			}
			if err != nil {
				return err
			}
			m.emails[use{i, j}] = email
		}
	}
	return nil
}

// newEmail makes an email of a message. Every one has an object of its own, in its own account: so
// when it is removed, or the account moves, nobody else's body is touched.
func (c *cell) newEmail(ctx context.Context, m *commit, account store.AccountID, msg *store.NewMessage) (*newEmail, error) {
	b, ok := msg.Body.(*staged)
	if !ok {
		return nil, store.ErrStale
	}
	again := slices.Contains(m.bodies, b)
	if !again {
		if err := b.begin(); err != nil {
			return nil, err
		}
		m.bodies = append(m.bodies, b)
	}
	e := &newEmail{Details: store.Details{Summary: msg.Summary, EmailID: msg.EmailID, ThreadID: msg.ThreadID}, size: b.size, sum: b.sum[:]}
	if e.EmailID == 0 {
		e.EmailID = store.NewEmailID()
	}
	if int64(len(e.Summary)) > maxSummary {
		return nil, fmt.Errorf("pgstore: a summary of %d octets", len(e.Summary))
	}
	if b.size <= int64(c.options.InlineLimit) {
		octets, err := b.octets()
		e.body = octets
		return e, err
	}
	key := b.mu.key // nobody changes it while the commit has the body
	if again || b.cell != c || b.account != account || key == "" || isOld(key, c.generation()) {
		var err error
		if key, err = c.put(ctx, account, &b.mu.spool, b.size); err != nil {
			return nil, err
		}
		m.objects = append(m.objects, key)
	}
	text := string(key)
	e.blob = &text
	return e, nil
}

// maxSummary is more than what any caller gives.
const maxSummary = 1 << 20

// oldGenerations is how many generations an object must be old for a sweep to take it for an orphan;
// from half of that on no commit refers to it any more.
const oldGenerations = 4

func isOld(key blob.Key, now blob.Generation) bool {
	g, _, err := key.Parse()
	return err != nil || int64(now)-int64(g) >= oldGenerations/2
}

// submit makes a commit: in one group with others that wait for the same account, or by itself.
func (c *cell) submit(ctx context.Context, m *commit) {
	accounts := make([]*account, len(m.accounts))
	for i, id := range m.accounts {
		accounts[i] = c.account(id)
		defer c.leave(accounts[i])
	}
	if len(accounts) > 1 {
		c.run(ctx, []*commit{m})
		return
	}
	accounts[0].enqueue(m)
	<-m.done
}

// attempt is a transaction whose outcome is not known: what it would have done.
type attempt struct {
	draft *draft
	errs  []error
	outs  [][]store.Outcome
}

// group are commits that are made in one transaction.
type group struct {
	cell    *cell
	id      int64 // in the table done
	commits []*commit
	full    map[store.Ref]bool // mailboxes of which all messages are needed
	sent    *attempt           // the last transaction of which COMMIT was sent
	// pass says that mailboxes which somebody else has locked are not waited for: the commits that
	// name them become held.
	pass bool
	held []*commit
}

// run makes a group, all of it in one transaction, and tells each commit what became of it.
func (c *cell) run(ctx context.Context, commits []*commit) { _ = c.runGroup(ctx, commits, false) }

// runGroup is run. With pass it returns the commits that were not made, because somebody else has
// their mailboxes locked.
func (c *cell) runGroup(ctx context.Context, commits []*commit, pass bool) (held []*commit) {
	g := &group{cell: c, id: rand.Int64(), commits: commits, full: map[store.Ref]bool{}, pass: pass}
	err := c.db.retry(ctx, func(ctx context.Context) error {
		for {
			var need errNeedFull
			err := c.db.with(ctx, groupTimeout, g.try)
			if errors.Is(err, errFenced) {
				return errors.Join(err, c.unfenceLapsed(ctx, g.commits))
			}
			if !errors.As(err, &need) {
				return err
			}
			g.full[need.ref] = true
		}
	})
	if g.sent != nil {
		defer g.sent.draft.release()
		if err == nil {
			c.publish(ctx, g.sent.draft)
		}
	}
	for i, m := range g.commits {
		if m.err = err; err == nil {
			m.err, m.outcomes = g.sent.errs[i], g.sent.outs[i]
		}
		close(m.done)
	}
	return g.held
}

// try makes one transaction. When it returns an error after g.sent was set, the outcome is unknown:
// the transaction is tried again under the same id, which the database accepts once.
func (g *group) try(ctx context.Context, conn *pgx.Conn) error {
	takeUnreplicated(conn)
	d := newDraft(g.cell, conn)
	keep := false
	defer func() {
		if !keep {
			d.release()
		}
	}()
	account := g.commits[0].accounts[0]
	err := d.exchange(ctx, g.cell.db.answer, func(b *pgx.Batch) {
		b.Queue("BEGIN")
		b.Queue("INSERT INTO done (account_id, commit_id) VALUES ($1, $2)", int64(account), g.id)
		g.lock(d, b)
	})
	if isCode(err, codeUniqueViolation) && g.sent != nil {
		return g.cell.confirm(ctx, conn, account)
	}
	if err != nil {
		return d.rollback(err)
	}
	if g.sent != nil { // it was not made
		g.sent.draft.release()
		g.sent = nil
	}
	if g.pass {
		if g.hold(d); len(g.commits) == 0 {
			return d.endUnchanged(ctx)
		}
	}
	for ref := range g.full {
		if _, err := d.box(ctx, ref, true); err != nil && !errors.Is(err, store.ErrNotFound) {
			return d.rollback(err)
		}
	}
	now := &attempt{d, make([]error, len(g.commits)), make([][]store.Outcome, len(g.commits))}
	for i, m := range g.commits {
		undo := d.savepoint()
		now.outs[i], now.errs[i] = d.commit(ctx, m)
		if now.errs[i] == nil {
			continue
		}
		var op *store.OpError
		if !errors.As(now.errs[i], &op) && !errors.Is(now.errs[i], errNotPrepared) {
			return d.rollback(now.errs[i]) // of the database: it concerns them all
		}
		undo()
	}
	var b pgx.Batch
	work := d.write(&b)
	if work == 0 {
		if err := d.endUnchanged(ctx); err != nil {
			return err
		}
		keep, g.sent = true, now // nothing has changed
		return nil
	}
	b.Queue("COMMIT")
	keep, g.sent = true, now
	err = d.exchange(ctx, g.cell.db.answer+time.Duration(work)*rowTime, func(all *pgx.Batch) { *all = b })
	if err == nil && takeUnreplicated(conn) {
		err = errUnreplicated
	}
	if isRefused(err) {
		keep, g.sent = false, nil
		return d.rollback(err)
	}
	return err
}

// lock locks everything that the group names.
func (g *group) lock(d *draft, b *pgx.Batch) {
	var naming, added []store.AccountID
	var refs []store.Ref
	for _, m := range g.commits {
		naming, added, refs = append(naming, m.naming...), append(added, m.added...), append(refs, m.refs...)
	}
	d.lock(b, sortedSet(naming), sortedSet(added), sortedRefs(refs), g.pass)
}

// hold takes the commits whose mailboxes could not be locked, or must not be changed, out of the group.
func (g *group) hold(d *draft) {
	g.pass = false // whatever becomes of this attempt, the next one is of the same commits
	var made []*commit
	for _, m := range g.commits {
		if slices.ContainsFunc(m.refs, func(ref store.Ref) bool {
			b, ok := d.boxes[ref]
			return !ok || b.head.state != stateInUse
		}) {
			g.held = append(g.held, m)
		} else {
			made = append(made, m)
		}
	}
	g.commits = made
}

const (
	groupTimeout = 10 * time.Minute
	rowTime      = time.Millisecond // for each row that is written, on a slow machine
)

// commit makes the operations of one commit. An error that is no OpError is one of the database.
func (d *draft) commit(ctx context.Context, m *commit) ([]store.Outcome, error) {
	quotas, err := d.quotas(ctx, m.ops)
	if err != nil {
		return nil, err
	}
	outs := make([]store.Outcome, len(m.ops))
	for i := range m.ops {
		var blame store.Ref
		var err error
		if outs[i], blame, err = d.do(ctx, m, i); err == nil {
			continue
		}
		if isTransient(err) || errors.Is(err, errNotPrepared) || !isOpError(err) {
			return nil, err
		}
		return nil, &store.OpError{Index: i, Ref: blame, Err: err}
	}
	return outs, d.checkQuotas(ctx, quotas, m.ops)
}

// isOpError reports whether an error is about an operation, and not about the database.
func isOpError(err error) bool {
	for _, known := range []error{store.ErrNotFound, store.ErrExists, store.ErrGone, store.ErrStale, store.ErrNoUIDs, store.ErrMoved,
		mailbox.ErrTooManyKeywords, mailbox.ErrBadName, mailbox.ErrHasChildren, mailbox.ErrInbox, mailbox.ErrUseTaken, mailbox.ErrTooMany,
		mailbox.ErrBadEntry, mailbox.ErrMetadataTooBig, mailbox.ErrTooManyMetadata, mailbox.ErrBadQuota} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// exchange sends queries and waits for their answers, for so long at most.
func (d *draft) exchange(ctx context.Context, limit time.Duration, queue func(*pgx.Batch)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var b pgx.Batch
	queue(&b)
	return d.conn.SendBatch(ctx, &b).Close()
}

// rollback ends a transaction that failed. A connection on which that is not possible is closed by
// the pool.
func (d *draft) rollback(err error) error {
	ctx, cancel := context.WithTimeout(context.Background(), d.cell.db.answer)
	defer cancel()
	if !d.conn.IsClosed() {
		_, _ = d.conn.Exec(ctx, "ROLLBACK")
	}
	return err
}

// endUnchanged ends a transaction that has changed nothing.
func (d *draft) endUnchanged(ctx context.Context) error {
	return d.exchange(ctx, d.cell.db.answer, func(b *pgx.Batch) { b.Queue("ROLLBACK") })
}

// isRefused reports whether the database has said that it did not make a change. A FATAL says
// nothing: it also ends the wait for a standby.
func isRefused(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.SeverityUnlocalized == "ERROR"
}

// confirm is for a transaction of which nobody knew whether it was committed, when it was. It may
// not be replicated yet: but what is written after it cannot be before it is.
func (c *cell) confirm(ctx context.Context, conn *pgx.Conn, account store.AccountID) error {
	ctx, cancel := context.WithTimeout(ctx, c.db.answer)
	defer cancel()
	if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
		return err
	}
	takeUnreplicated(conn)
	if _, err := conn.Exec(ctx, "INSERT INTO done (account_id, commit_id) VALUES ($1, $2)", int64(account), rand.Int64()); err != nil {
		return err
	}
	if takeUnreplicated(conn) {
		return errUnreplicated
	}
	return nil
}

// publish makes a draft that was committed known on this machine, and to others.
func (c *cell) publish(ctx context.Context, d *draft) {
	h := hint{}
	for id, a := range d.accounts {
		if a.base == nil || a.names == a.base.namespace {
			continue
		}
		a.account.publish(&names{namespace: a.names, seq: a.row.seq + 1})
		h.names = append(h.names, id)
	}
	for ref, b := range d.boxes {
		if b.version == nil || b.version == b.base {
			continue
		}
		h.boxes = append(h.boxes, boxHint{ref, b.version.HighestModSeq})
		box := b.box
		if box == nil {
			// Somebody may have opened it meanwhile.
			if box = c.knownBox(ref); box != nil {
				err := box.refresh(ctx)
				c.release(box)
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					c.log.Warn("reading what was just changed", "err", err) // it is looked for again
				}
			}
			c.noteChanged(ref.Account, ref.Mailbox, b.version.HighestModSeq)
			continue
		}
		box.publish(&known{b.version, max(d.epoch, b.head.epoch)})
	}
	if len(h.names)+len(h.boxes) > 0 {
		c.hints.send(h)
	}
}

// prepareCopies makes what is to be copied to other accounts ready, outside every lock: what the commit
// has found missing when it was tried.
func (c *cell) prepareCopies(ctx context.Context, m *commit) error {
	if m.copies == nil {
		m.copies = map[copyOf]*newEmail{}
	}
	for _, x := range m.missing {
		e, err := c.copyEmail(ctx, m, &x)
		if errors.Is(err, store.ErrGone) {
			continue // expunged, and swept away: the commit will not find it either
		}
		if err != nil {
			return err
		}
		m.copies[x.copyOf] = e
	}
	m.missing = nil
	return nil
}

// copyEmail makes a copy of an email for another account.
func (c *cell) copyEmail(ctx context.Context, m *commit, x *missingCopy) (*newEmail, error) {
	if x.email != nil {
		e := *x.email
		return &e, c.copyObject(ctx, m, &e, x.to)
	}
	e, err := c.readEmail(ctx, emailRef{x.from, x.ref})
	if err == nil && e.blob != nil {
		err = c.copyObject(ctx, m, e, x.to)
	}
	return e, err
}

// copyObject gives an email an object of its own, which is another account's.
func (c *cell) copyObject(ctx context.Context, m *commit, e *newEmail, to store.AccountID) error {
	body, err := c.bodies.Open(ctx, blob.Key(*e.blob), e.size, [sha256.Size]byte(e.sum))
	if err != nil {
		return err
	}
	defer body.Close()
	key, err := c.put(ctx, to, body, e.size)
	if err != nil {
		return err
	}
	m.objects = append(m.objects, key)
	text := string(key)
	e.blob = &text
	return nil
}
