package pgstore

import (
	"context"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// draft is what a group of commits makes of what there is, while the rows of all that it changes are
// locked. It is written at the end, and published when that is durable.
type draft struct {
	cell  *cell
	conn  *pgx.Conn
	epoch int64
	now   time.Time
	draftState
}

// draftState is the part of a draft that a commit which fails gives back.
type draftState struct {
	accounts map[store.AccountID]accountDraft
	boxes    map[store.Ref]boxDraft
	emails   map[emailRef]*newEmail
}

// emailRef names an email: a row's Ref, in its account.
type emailRef struct {
	account store.AccountID
	ref     uint64
}

// newEmail is a row of the table email.
type newEmail struct {
	store.Details
	size int64
	sum  []byte
	blob *string
	body []byte
}

type accountDraft struct {
	account *account
	row     accountRow
	base    *names
	names   *mailbox.Namespace
	usage   *usage // before the group; nil: nobody has asked yet
}

type boxDraft struct {
	box     *box // nil when nobody here has the mailbox open
	head    *head
	name    string // of a new one
	uses    []string
	base    *mailbox.Version // before the group; of a new mailbox nil
	version *mailbox.Version
	full    bool               // base has the messages that there are, not only the counts
	removed []mailbox.Expunged // oldest first
}

// Failover may take back what was seen but never acknowledged. So that no number is given out twice,
// the first change after it leaves out so many.
const (
	skipUIDs       = 1 << 12
	skipModSeqs    = 1 << 20
	skipValidities = 1 << 10
)

func newDraft(c *cell, conn *pgx.Conn) *draft {
	return &draft{cell: c, conn: conn, epoch: epochOf(conn), now: c.now(), draftState: draftState{
		accounts: map[store.AccountID]accountDraft{}, boxes: map[store.Ref]boxDraft{}, emails: map[emailRef]*newEmail{}}}
}

// savepoint returns what undo goes back to.
func (d *draft) savepoint() (undo func()) {
	s := draftState{maps.Clone(d.accounts), maps.Clone(d.boxes), maps.Clone(d.emails)}
	return func() {
		// What was locked and read meanwhile need not be again, but it is as it was.
		for id, a := range d.accounts {
			if _, ok := s.accounts[id]; !ok {
				a.names = a.base.namespace
				s.accounts[id] = a
			}
		}
		for ref, b := range d.boxes {
			before, ok := s.boxes[ref]
			if b.base != nil && (!ok || before.version == nil || before.box != b.box) {
				s.boxes[ref] = b.untouched()
			}
		}
		d.draftState = s
	}
}

// untouched returns the draft of a mailbox as it was before any change.
func (b boxDraft) untouched() boxDraft {
	b.version, b.removed = b.base, nil
	return b
}

// lock locks the rows of mailboxes, of accounts whose names are to change, and of those that are added
// to and have limits, in an order in which everybody does. With pass it leaves out mailboxes that
// somebody else has locked.
func (d *draft) lock(b *pgx.Batch, naming, added []store.AccountID, refs []store.Ref, pass bool) {
	for _, id := range sortedSet(slices.Concat(naming, added)) {
		query := lockLimited
		if slices.Contains(naming, id) {
			query = selectAccount + ` FOR UPDATE`
		}
		b.Queue(query, int64(id)).Query(func(rows pgx.Rows) error {
			defer rows.Close()
			if rows.Next() {
				row, err := scanAccount(rows)
				if err != nil {
					return err
				}
				d.accounts[id] = accountDraft{row: row}
			}
			rows.Close()
			return rows.Err()
		})
	}
	for len(refs) > 0 {
		account, n := refs[0].Account, 0
		var ids []int64
		for n < len(refs) && refs[n].Account == account {
			ids = append(ids, int64(refs[n].Mailbox))
			n++
		}
		refs = refs[n:]
		query := lockHeads
		if pass {
			query = lockHeads + ` SKIP LOCKED`
		}
		b.Queue(query, int64(account), ids).
			Query(func(rows pgx.Rows) error {
				defer rows.Close()
				for rows.Next() {
					h, err := scanHead(rows)
					if err != nil {
						return err
					}
					d.addHead(account, h)
				}
				return rows.Err()
			})
	}
}

const lockHeads = `SELECT ` + headColumns + ` FROM mailbox WHERE account_id = $1 AND mailbox_id = ANY($2) ORDER BY mailbox_id FOR NO KEY UPDATE`

// addHead begins the draft of a mailbox whose row is locked.
func (d *draft) addHead(account store.AccountID, h *head) {
	if h.epoch < d.epoch {
		h.epoch = d.epoch
		if h.counts.UIDNext < math.MaxUint32-2*skipUIDs {
			h.counts.UIDNext += skipUIDs
		}
		h.counts.HighestModSeq += skipModSeqs
	}
	d.boxes[store.Ref{Account: account, Mailbox: h.id}] = boxDraft{head: h}
}

// account returns the draft of an account whose row is locked, with its names.
func (d *draft) account(ctx context.Context, id store.AccountID) (accountDraft, error) {
	ctx, cancel := context.WithTimeout(ctx, d.cell.db.answer)
	defer cancel()
	a, ok := d.accounts[id]
	if !ok {
		var b pgx.Batch
		d.lock(&b, []store.AccountID{id}, nil, nil, false)
		if err := d.conn.SendBatch(ctx, &b).Close(); err != nil {
			return a, err
		}
		if a, ok = d.accounts[id]; !ok {
			return a, accountNotFound(id)
		}
	}
	if err := stateError(id, a.row.state); err != nil {
		return a, err
	}
	if a.base != nil {
		return a, nil
	}
	if a.row.epoch < d.epoch {
		a.row.epoch = d.epoch
		a.row.lastValidity = min(a.row.lastValidity+skipValidities, math.MaxUint32-1)
	}
	a.account = d.cell.knownAccount(id) // it is in use by the group
	var err error
	if a.base, err = a.account.catchUp(ctx, d.conn, &a.row); err != nil {
		return a, err
	}
	a.names = a.base.namespace
	d.accounts[id] = a
	return a, nil
}

// stateError says why an account, or a mailbox of it, cannot be changed.
func stateError(id store.AccountID, state int16) error {
	switch state {
	case stateInUse:
		return nil
	case stateFenced:
		return transientError{errFenced}
	case stateMoved:
		return movedAway(id)
	}
	return accountNotFound(id)
}

// box returns the draft of a mailbox whose row is locked. Only with full, or when it is open here, its
// version has the messages that are there.
func (d *draft) box(ctx context.Context, ref store.Ref, full bool) (boxDraft, error) {
	ctx, cancel := context.WithTimeout(ctx, d.cell.db.answer)
	defer cancel()
	b, ok := d.boxes[ref]
	if !ok {
		var batch pgx.Batch
		d.lock(&batch, nil, nil, []store.Ref{ref}, false)
		if err := d.conn.SendBatch(ctx, &batch).Close(); err != nil {
			return b, err
		}
		if b, ok = d.boxes[ref]; !ok {
			return b, mailboxNotFound(ref.Mailbox)
		}
	}
	if b.version != nil && b.version.Deleted {
		return b, mailboxNotFound(ref.Mailbox)
	}
	if err := stateError(ref.Account, b.head.state); err != nil {
		return b, err
	}
	if b.version == nil {
		if b.box = d.cell.knownBox(ref); b.box != nil {
			full = true
		} else if !full {
			v, err := mailbox.Load(b.head.counts, b.head.keywords, nil, nil)
			if err != nil {
				return b, err
			}
			b.base, b.version = v, v
		}
	} else if b.full || !full {
		return b, nil
	}
	if full {
		if b.version != nil && b.version != b.base {
			// It was changed by an earlier operation of the group without knowing all messages.
			return b, errNeedFull{ref}
		}
		if b.box == nil {
			b.box = d.cell.box(ref)
		}
		k, err := b.box.catchUp(ctx, d.conn, d.epoch, b.head)
		if err != nil {
			d.cell.release(b.box)
			return b, err
		}
		b.base, b.version, b.full = k.version, k.version, true
	}
	d.boxes[ref] = b
	return b, nil
}

// errNeedFull says that a group has to be made again with all messages of a mailbox known from the
// beginning.
type errNeedFull struct{ ref store.Ref }

func (errNeedFull) Error() string { return "pgstore: all messages of the mailbox are needed" }

// release lets go of the mailboxes.
func (d *draft) release() {
	for _, b := range d.boxes {
		if b.box != nil {
			d.cell.release(b.box)
		}
	}
}

// do makes one operation of a commit. With an error it returns the mailbox that is to blame, if one
// is.
func (d *draft) do(ctx context.Context, c *commit, index int) (out store.Outcome, blame store.Ref, err error) {
	switch op := c.ops[index].(type) {
	case *store.Append:
		out, err = d.append(ctx, c, index, op)
		return out, op.Mailbox, err
	case *store.StoreFlags:
		out, err = d.storeFlags(ctx, op)
		return out, op.Mailbox, err
	case *store.Expunge:
		out, err = d.expunge(ctx, op)
		return out, op.Mailbox, err
	case *store.Copy:
		return d.copy(ctx, c, index, op)
	case *store.Create:
		return d.create(ctx, op)
	case *store.Delete:
		err = d.delete(ctx, op)
	case *store.Rename:
		err = d.rename(ctx, op.Account, func(n *mailbox.Namespace) (*mailbox.Namespace, error) { return n.Rename(op.From, op.To) })
	case *store.Subscribe:
		err = d.rename(ctx, op.Account, func(n *mailbox.Namespace) (*mailbox.Namespace, error) { return n.Subscribe(op.Name, op.On) })
	case *store.SetMetadata:
		return out, op.Mailbox, d.setMetadata(ctx, op)
	case *store.SetQuota:
		err = d.rename(ctx, op.Account, func(n *mailbox.Namespace) (*mailbox.Namespace, error) { return n.SetQuota(op.Quota) })
	}
	return out, blame, err
}

// rename changes the names of an account.
func (d *draft) rename(ctx context.Context, id store.AccountID, change func(*mailbox.Namespace) (*mailbox.Namespace, error)) error {
	a, err := d.account(ctx, id)
	if err != nil {
		return err
	}
	a.account.changing.Lock()
	defer a.account.changing.Unlock()
	next, err := change(a.names)
	if err != nil {
		return err
	}
	a.names = next
	d.accounts[id] = a
	return nil
}

func (d *draft) create(ctx context.Context, op *store.Create) (out store.Outcome, blame store.Ref, err error) {
	a, err := d.account(ctx, op.Account)
	if err != nil {
		return out, blame, err
	}
	e := mailbox.Entry{Name: imap.CanonicalName(op.Name), ID: op.ID, Use: slices.Clone(op.Use),
		UIDValidity: uint32(min(max(a.row.lastValidity+1, d.now.Unix()), math.MaxUint32))}
	if e.ID == 0 {
		e.ID = store.NewMailboxID()
	}
	ref := store.Ref{Account: op.Account, Mailbox: e.ID}
	_, used := a.names.ByID(e.ID)
	if _, inGroup := d.boxes[ref]; used || inGroup { // also when it was deleted in the same group
		return out, ref, store.ErrExists
	}
	err = d.rename(ctx, op.Account, func(n *mailbox.Namespace) (*mailbox.Namespace, error) { return n.Create(e) })
	if err != nil {
		return out, blame, err
	}
	a = d.accounts[op.Account]
	a.row.lastValidity = int64(e.UIDValidity)
	d.accounts[op.Account] = a
	v := mailbox.New(e.UIDValidity).WithHistory(0, nil, d.cell.options.History)
	b := boxDraft{head: &head{id: e.ID, counts: v.Counts(), epoch: d.epoch}, name: e.Name, version: v, full: true}
	for _, use := range e.Use {
		b.uses = append(b.uses, string(use))
	}
	d.boxes[ref] = b
	return store.Outcome{Created: e}, blame, nil
}

func (d *draft) delete(ctx context.Context, op *store.Delete) error {
	a, err := d.account(ctx, op.Account)
	if err != nil {
		return err
	}
	e, _ := a.names.Lookup(op.Name)
	err = d.rename(ctx, op.Account, func(n *mailbox.Namespace) (*mailbox.Namespace, error) { return n.Delete(op.Name) })
	if err != nil {
		return err
	}
	ref := store.Ref{Account: op.Account, Mailbox: e.ID}
	b, err := d.box(ctx, ref, false)
	if err != nil {
		return err
	}
	b.version = b.version.WithDeleted(b.version.HighestModSeq + 1)
	d.boxes[ref] = b
	return nil
}

// checkUIDs returns ErrNoUIDs unless there are UIDs for n more messages.
func checkUIDs(v *mailbox.Version, n int) error {
	if uint64(v.UIDNext)+uint64(n) > math.MaxUint32 {
		return store.ErrNoUIDs
	}
	return nil
}

func (d *draft) append(ctx context.Context, c *commit, index int, op *store.Append) (out store.Outcome, err error) {
	b, err := d.box(ctx, op.Mailbox, false)
	if err != nil {
		return out, err
	}
	// All flags at once: a keyword that is new with one message is not given up for the next.
	var flags []imap.Flag
	for i := range op.Messages {
		flags = append(flags, op.Messages[i].Flags...)
	}
	if !b.full && len(b.version.Keywords())+len(flags) > mailbox.MaxKeywords {
		// A keyword may have to make room, one that no message has.
		if b, err = d.box(ctx, op.Mailbox, true); err != nil {
			return out, err
		}
	}
	v := b.version
	out.UIDValidity = v.UIDValidity
	if len(op.Messages) == 0 {
		return out, nil
	}
	if err := checkUIDs(v, len(op.Messages)); err != nil {
		return out, err
	}
	if v, _, err = v.Learn(flags); err != nil {
		return out, err
	}
	out.ModSeq = v.HighestModSeq + 1
	rows := make([]mailbox.Row, len(op.Messages))
	far := map[imap.UID]mailbox.FarBits{}
	for i := range op.Messages {
		m := &op.Messages[i]
		email := c.emails[use{index, i}]
		date, saved := m.Date, m.Saved
		if date.IsZero() {
			date = d.now
		}
		if saved.IsZero() {
			saved = d.now
		}
		set := v.Known(m.Flags...)
		r := mailbox.Row{UID: v.UIDNext + imap.UID(i), Size: uint32(email.size), Flags: set.Bits, ModSeq: out.ModSeq,
			Date: mailbox.MakeDate(date), Saved: mailbox.MakeSaved(saved), Ref: newRef()}
		if set.Far != (mailbox.FarBits{}) {
			far[r.UID] = set.Far
		}
		d.emails[emailRef{op.Mailbox.Account, r.Ref}] = email
		rows[i] = r
		out.UIDs = append(out.UIDs, r.UID)
	}
	if b.version, err = v.Append(rows, far); err != nil {
		return out, err
	}
	d.boxes[op.Mailbox] = b
	return out, nil
}

// newRef returns a random Ref, which is never 0.
func newRef() uint64 { return rand.Uint64() | 1 }

func (d *draft) storeFlags(ctx context.Context, op *store.StoreFlags) (out store.Outcome, err error) {
	b, err := d.box(ctx, op.Mailbox, true)
	if err != nil {
		return out, err
	}
	v := b.version
	if op.MustExist && !v.HasAll(op.UIDs) {
		return out, store.ErrGone
	}
	out.Done = v.Existing(op.UIDs)
	if op.UnchangedSince != nil {
		out.Done, out.Modified = v.Unchanged(op.UIDs, *op.UnchangedSince)
	}
	if out.Done.Empty() {
		return out, nil
	}
	var flags mailbox.FlagSet
	if op.Op == imap.StoreRemove {
		flags = v.Known(op.Flags...) // what the mailbox does not know, no message carries
	} else if v, flags, err = v.Learn(op.Flags); err != nil {
		return out, err
	}
	modseq := v.HighestModSeq + 1
	v, changed, err := v.Store(out.Done, op.Op, flags, modseq)
	if err != nil {
		return out, err
	}
	if changed > 0 {
		b.version, out.ModSeq = v, modseq
		d.boxes[op.Mailbox] = b
	}
	return out, nil
}

func (d *draft) expunge(ctx context.Context, op *store.Expunge) (out store.Outcome, err error) {
	b, err := d.box(ctx, op.Mailbox, true)
	if err != nil {
		return out, err
	}
	if op.MustExist && !b.version.HasAll(op.UIDs) {
		return out, store.ErrGone
	}
	modseq := b.version.HighestModSeq + 1
	if out.Done = b.remove(b.version.Existing(op.UIDs), !op.Undeleted, modseq); !out.Done.Empty() {
		out.ModSeq = modseq
		d.boxes[op.Mailbox] = b
	}
	return out, nil
}

// remove takes messages out of the mailbox and returns which.
func (b *boxDraft) remove(set imap.UIDSet, onlyDeleted bool, modseq imap.ModSeq) (done imap.UIDSet) {
	v, rows := b.version.Expunge(set, onlyDeleted, modseq)
	b.version = v
	for i := range rows {
		done.Add(rows[i].UID)
	}
	for _, r := range done.Ranges() {
		b.removed = append(b.removed, mailbox.Expunged{ModSeq: modseq, First: r.First, Last: r.Last})
	}
	return done
}

func (d *draft) copy(ctx context.Context, c *commit, index int, op *store.Copy) (out store.Outcome, blame store.Ref, err error) {
	from, err := d.box(ctx, op.From, true)
	if err != nil {
		return out, op.From, err
	}
	to, err := d.box(ctx, op.To, false)
	if err != nil {
		return out, op.To, err
	}
	if op.MustExist && !from.version.HasAll(op.UIDs) {
		return out, op.From, store.ErrGone
	}
	set := from.version.Existing(op.UIDs)
	out.UIDValidity = to.version.UIDValidity
	if set.Empty() {
		return out, blame, nil
	}
	if err := checkUIDs(to.version, set.Len()); err != nil {
		return out, op.To, err
	}
	if !to.full && len(to.version.Keywords())+len(from.version.Keywords()) > mailbox.MaxKeywords {
		if to, err = d.box(ctx, op.To, true); err != nil {
			return out, op.To, err
		}
	}
	var ref func(uint64) uint64
	if op.From.Account != op.To.Account {
		if ref, err = d.foreign(c, index, op, from.version, set); err != nil {
			return out, op.From, err
		}
	}
	copied, err := mailbox.Copy(from.version, set, to.version, mailbox.MakeSaved(d.now), ref)
	if err != nil {
		return out, op.To, err
	}
	out.Done, out.ModSeq = set, copied.Rows[0].ModSeq
	for i := range copied.Rows {
		out.Source, out.UIDs = append(out.Source, copied.From[i].UID), append(out.UIDs, copied.Rows[i].UID)
	}
	to.version = copied.To
	d.boxes[op.To] = to
	if op.Move {
		// Within one mailbox the removal is a part of the same change.
		modseq := out.ModSeq
		if op.From != op.To {
			modseq = from.version.HighestModSeq + 1
		}
		from = d.boxes[op.From]
		from.remove(set, false, modseq)
		d.boxes[op.From] = from
	}
	return out, blame, nil
}

// foreign makes the emails of messages that are copied to another account known there, and returns
// what their Refs become. errNotPrepared when an object has to be copied first.
func (d *draft) foreign(c *commit, index int, op *store.Copy, from *mailbox.Version, set imap.UIDSet) (func(uint64) uint64, error) {
	refs := map[uint64]uint64{}
	c.missing = nil
	ready := true
	for _, r := range from.RowsByUID(set) {
		// One that is new is known, but an object has one owner.
		email := d.emails[emailRef{op.From.Account, r.Ref}]
		if email == nil || email.blob != nil {
			k := copyOf{op: index, ref: r.Ref}
			if email != nil {
				k = copyOf{op: index, object: *email.blob}
			}
			if c.copies[k] == nil {
				c.missing = append(c.missing, missingCopy{k, email, op.From.Account, op.To.Account})
				ready = false
				continue
			}
			email = c.copies[k]
		}
		refs[r.Ref] = newRef()
		d.emails[emailRef{op.To.Account, refs[r.Ref]}] = email
	}
	if !ready {
		return nil, errNotPrepared
	}
	return func(ref uint64) uint64 { return refs[ref] }, nil
}
