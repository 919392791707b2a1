package pgstore

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// States of an account, and of its mailboxes, in the database.
const (
	stateInUse = iota
	stateFenced
	stateMoved
	stateDeleted
	stateArriving
)

// account is what this machine knows of an account. It exists while somebody has a handle on it or
// a change is under way.
type account struct {
	cell  *cell
	id    store.AccountID
	users int // handles and changes; guarded by cell.mu
	cur   atomic.Pointer[names]

	changing sync.Mutex // a namespace is made of another by one at a time

	mu struct {
		sync.Mutex
		handles map[*accountHandle]struct{}
		modseqs map[mailbox.ID]imap.ModSeq // the highest that we have heard of
		changed map[mailbox.ID]uint64      // when it was noted that something has changed
		now     uint64                     // notes so far, and 1
		since   uint64                     // changed knows of all that was noted from then on
	}

	queue struct {
		sync.Mutex
		waiting []*commit
		busy    bool
	}
}

// names is an immutable state of an account.
type names struct {
	namespace *mailbox.Namespace
	seq       int64 // as in the database
	gone      bool
	moved     bool // and gone: to another cell or store
}

// maxChanged is of how many mailboxes an account remembers when they have changed.
const maxChanged = 4096

// account returns an account, in use until leave, which may not exist.
func (c *cell) account(id store.AccountID) *account {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.mu.accounts[id]
	if a == nil {
		a = &account{cell: c, id: id}
		a.mu.handles, a.mu.modseqs, a.mu.changed = map[*accountHandle]struct{}{}, map[mailbox.ID]imap.ModSeq{}, map[mailbox.ID]uint64{}
		a.mu.now, a.mu.since = 1, 1
		c.mu.accounts[id] = a
	}
	a.users++
	return a
}

func (c *cell) leave(a *account) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.users--; a.users == 0 {
		delete(c.mu.accounts, a.id)
	}
}

func (c *cell) knownAccount(id store.AccountID) *account {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.accounts[id]
}

// accountRow is a row of the table account.
type accountRow struct {
	state        int16
	seq          int64
	lastValidity int64
	epoch        int64
	quota        mailbox.Quota // nil: no limits
}

const selectAccount = `SELECT state, names_seq, last_validity, epoch, quota FROM account WHERE account_id = $1`

func scanAccount(row pgx.Row) (r accountRow, err error) {
	err = row.Scan(&r.state, &r.seq, &r.lastValidity, &r.epoch, &r.quota)
	return r, err
}

// catchUp returns the names that there are, given the account's row, which is locked or in the same
// snapshot.
func (a *account) catchUp(ctx context.Context, q querier, r *accountRow) (*names, error) {
	if old := a.cur.Load(); old != nil && old.seq == r.seq && !old.gone {
		return old, nil
	}
	var entries []mailbox.Entry
	var subscribed []string
	modseqs := map[mailbox.ID]imap.ModSeq{}
	var b pgx.Batch
	b.Queue(`SELECT mailbox_id, name, uses, uidvalidity, modseq FROM mailbox WHERE account_id = $1`, int64(a.id)).Query(func(rows pgx.Rows) error {
		var id, validity, modseq int64
		var name string
		var uses []string
		_, err := pgx.ForEachRow(rows, []any{&id, &name, &uses, &validity, &modseq}, func() error {
			e := mailbox.Entry{Name: name, ID: mailbox.ID(id), UIDValidity: uint32(validity)}
			for _, use := range uses {
				e.Use = append(e.Use, imap.MailboxAttr(use))
			}
			entries = append(entries, e)
			modseqs[e.ID] = imap.ModSeq(modseq)
			return nil
		})
		return err
	})
	b.Queue(`SELECT name FROM subscription WHERE account_id = $1`, int64(a.id)).Query(func(rows pgx.Rows) (err error) {
		subscribed, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	var metadata metadataRows
	b.Queue(selectMetadata, int64(a.id)).Query(metadata.scan)
	if err := q.SendBatch(ctx, &b).Close(); err != nil {
		return nil, err
	}
	a.learn(modseqs)
	return &names{namespace: mailbox.NewNamespace(entries, subscribed).WithMetadata(metadata.all).WithQuota(r.quota), seq: r.seq}, nil
}

// learn notes mod-sequences of mailboxes of which nothing was known before. Unless none were, they are
// new, which is a change.
func (a *account) learn(modseqs map[mailbox.ID]imap.ModSeq) {
	if a.cur.Load() != nil {
		for id, modseq := range modseqs {
			if _, known := a.heardOf(id); !known {
				a.note(id, modseq)
			}
		}
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, modseq := range modseqs {
		if _, known := a.mu.modseqs[id]; !known {
			a.mu.modseqs[id] = modseq
		}
	}
}

func (a *account) heardOf(id mailbox.ID) (modseq imap.ModSeq, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	modseq, known = a.mu.modseqs[id]
	return modseq, known
}

// publish makes names the newest, unless newer ones are known, and tells the sessions.
func (a *account) publish(n *names) {
	for {
		old := a.cur.Load()
		if old != nil && (old.gone || old.seq >= n.seq && !n.gone) {
			return
		}
		if a.cur.CompareAndSwap(old, n) {
			if old != nil {
				a.noteDeleted(old, n)
				a.ring()
			}
			if n.moved {
				a.cell.ringBoxes(a.id)
			}
			return
		}
	}
}

// noteDeleted notes the mailboxes that are not there any more.
func (a *account) noteDeleted(old, now *names) {
	for _, e := range mailbox.DiffNamespaces(old.namespace, now.namespace).Deleted {
		modseq, _ := a.heardOf(e.ID)
		a.noteOnly(e.ID, modseq+1)
	}
}

// refresh reads the names, and publishes them. They are as new as the moment of the call.
func (a *account) refresh(ctx context.Context) error {
	return a.cell.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		r, err := scanAccount(conn.QueryRow(ctx, selectAccount, int64(a.id)))
		if err == nil {
			if old := a.cur.Load(); old != nil && old.seq == r.seq && r.state == stateInUse {
				return nil
			}
			if _, err = conn.Exec(ctx, snapshot); err != nil {
				return err
			}
			defer conn.Exec(ctx, "ROLLBACK")
			r, err = scanAccount(conn.QueryRow(ctx, selectAccount, int64(a.id)))
		}
		switch {
		case err == nil && r.state == stateMoved:
			a.publish(&names{namespace: mailbox.NewNamespace(nil, nil), gone: true, moved: true})
			return movedAway(a.id)
		case notFound(err) || err == nil && r.state != stateInUse && r.state != stateFenced:
			if a.cur.Load() == nil {
				return accountNotFound(a.id)
			}
			a.publish(&names{namespace: mailbox.NewNamespace(nil, nil), gone: true})
			return nil
		case err != nil:
			return err
		}
		n, err := a.catchUp(ctx, conn, &r)
		if err != nil {
			return err
		}
		a.publish(n)
		return nil
	})
}

// note remembers that something has changed in a mailbox, unless we have heard of it before.
func (a *account) note(id mailbox.ID, modseq imap.ModSeq) {
	if a.noteOnly(id, modseq) {
		a.ring()
	}
}

func (a *account) noteOnly(id mailbox.ID, modseq imap.ModSeq) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if modseq <= a.mu.modseqs[id] {
		return false
	}
	a.mu.modseqs[id] = modseq
	a.mu.changed[id] = a.mu.now
	a.mu.now++
	if len(a.mu.changed) > maxChanged {
		times := slices.Sorted(maps.Values(a.mu.changed))
		a.mu.since = times[len(times)/2] + 1
		maps.DeleteFunc(a.mu.changed, func(_ mailbox.ID, at uint64) bool { return at < a.mu.since })
	}
	return true
}

func (a *account) ring() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for h := range a.mu.handles {
		ring(h.bell)
	}
}

// ring puts an element into a bell that has none.
func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

// lookAtAccounts finds out what hints have not told of the accounts that sessions here have open: one
// query says which have changed, by their names' number and the sum of their mod-sequences.
func (c *cell) lookAtAccounts(ctx context.Context) error {
	accounts := c.openAccounts()
	defer func() {
		for _, a := range accounts {
			c.leave(a)
		}
	}()
	ids := make([]int64, len(accounts))
	for i, a := range accounts {
		ids[i] = int64(a.id)
	}
	type mark struct{ seq, sum int64 }
	marks := map[store.AccountID]mark{}
	err := c.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		clear(marks)
		rows, err := conn.Query(ctx, `SELECT a.account_id, a.names_seq, (SELECT coalesce(sum(m.modseq), 0)::bigint FROM mailbox m WHERE m.account_id = a.account_id)
			FROM unnest($1::bigint[]) AS o (account_id) JOIN account a ON a.account_id = o.account_id WHERE a.state IN (0, 1)`, ids)
		if err != nil {
			return err
		}
		var id int64
		var m mark
		_, err = pgx.ForEachRow(rows, []any{&id, &m.seq, &m.sum}, func() error {
			marks[store.AccountID(id)] = m
			return nil
		})
		return err
	})
	if err != nil {
		return err
	}
	for _, a := range accounts {
		m, there := marks[a.id]
		if n := a.cur.Load(); n != nil && (!there && !n.gone || there && n.seq != m.seq) {
			if err := a.refresh(ctx); err != nil && there {
				return err
			}
		}
		if there && a.sum() != m.sum {
			if err := a.lookAtBoxes(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *cell) openAccounts() (out []*account) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.mu.accounts {
		a.users++
		out = append(out, a)
	}
	return out
}

// sum returns the sum of the mod-sequences of the mailboxes that there are.
func (a *account) sum() (sum int64) {
	n := a.cur.Load()
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, modseq := range a.mu.modseqs {
		if n == nil {
			break
		}
		if _, ok := n.namespace.ByID(id); ok {
			sum += int64(modseq)
		}
	}
	return sum
}

// lookAtBoxes notes in which mailboxes something has changed.
func (a *account) lookAtBoxes(ctx context.Context) error {
	modseqs := map[mailbox.ID]imap.ModSeq{}
	err := a.cell.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT mailbox_id, modseq FROM mailbox WHERE account_id = $1`, int64(a.id))
		if err != nil {
			return err
		}
		var id, modseq int64
		_, err = pgx.ForEachRow(rows, []any{&id, &modseq}, func() error {
			modseqs[mailbox.ID(id)] = imap.ModSeq(modseq)
			return nil
		})
		return err
	})
	for id, modseq := range modseqs {
		a.note(id, modseq)
	}
	return err
}

// accountHandle is a session's handle on an account.
type accountHandle struct {
	*account
	bell   chan struct{}
	closed atomic.Bool
}

// openAccount opens a handle.
func (c *cell) openAccount(ctx context.Context, id store.AccountID) (store.Account, error) {
	a := c.account(id)
	h := &accountHandle{account: a, bell: make(chan struct{}, 1)}
	a.addHandle(h) // first: what changes while the names are read rings
	err := a.refresh(ctx)
	if err == nil && a.cur.Load().gone {
		err = accountNotFound(id)
	}
	if err != nil {
		h.Close()
		return nil, err
	}
	select {
	case <-h.bell:
	default:
	}
	return h, nil
}

func (a *account) addHandle(h *accountHandle) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.handles[h] = struct{}{}
}

func (h *accountHandle) ID() store.AccountID           { return h.id }
func (h *accountHandle) Bell() <-chan struct{}         { return h.bell }
func (h *accountHandle) Namespace() *mailbox.Namespace { return h.cur.Load().namespace }

func (h *accountHandle) Refresh(ctx context.Context) (*mailbox.Namespace, error) {
	if err := h.account.refresh(ctx); err != nil {
		return nil, err
	}
	return h.Namespace(), nil
}

func (h *accountHandle) Changed(since uint64) (ids []mailbox.ID, now uint64, all bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if since < h.mu.since || since == 0 {
		return nil, h.mu.now, false
	}
	for id, at := range h.mu.changed {
		if at >= since {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, h.mu.now, true
}

func (h *accountHandle) Close() error {
	if h.closed.Swap(true) {
		return nil
	}
	h.mu.Lock()
	delete(h.mu.handles, h)
	h.mu.Unlock()
	h.cell.leave(h.account)
	return nil
}
