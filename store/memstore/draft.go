package memstore

import (
	"math"
	"slices"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// draft is what a commit makes of the store: copies of all that it changes, which are published at
// its end or forgotten. The store's mutex is held as long as there is one.
type draft struct {
	store    *Store
	now      time.Time
	accounts map[store.AccountID]*accountDraft
	boxes    map[store.Ref]*boxDraft
	bodies   []*staged // that are used
}

type accountDraft struct {
	*account
	names        *mailbox.Namespace
	lastID       mailbox.ID
	lastValidity uint32
}

type boxDraft struct {
	*box
	version  *mailbox.Version
	messages map[imap.UID]message // new ones
	ghosts   []ghost              // new ones
}

func newDraft(s *Store) *draft {
	return &draft{store: s, now: s.options.Now(), accounts: map[store.AccountID]*accountDraft{}, boxes: map[store.Ref]*boxDraft{}}
}

// addAccount makes a draft of an account, which may be a new one.
func (d *draft) addAccount(a *account) *accountDraft {
	draft := &accountDraft{a, a.names, a.lastID, a.lastValidity}
	d.accounts[a.id] = draft
	return draft
}

// account returns the draft of an account.
func (d *draft) account(id store.AccountID) (*accountDraft, error) {
	if a, ok := d.accounts[id]; ok {
		return a, nil
	}
	if a, ok := d.store.mu.accounts[id]; ok {
		return d.addAccount(a), nil
	}
	return nil, store.ErrNotFound
}

// addBox makes a draft of a mailbox, which may be a new one.
func (d *draft) addBox(b *box) *boxDraft {
	draft := &boxDraft{b, b.version, map[imap.UID]message{}, nil}
	d.boxes[b.ref] = draft
	return draft
}

// box returns the draft of a mailbox.
func (d *draft) box(ref store.Ref) (*boxDraft, error) {
	if b, ok := d.boxes[ref]; ok {
		if b.version.Deleted {
			return nil, store.ErrNotFound
		}
		return b, nil
	}
	a, err := d.account(ref.Account)
	if err != nil {
		return nil, err
	}
	if b, ok := a.boxes[ref.Mailbox]; ok {
		return d.addBox(b), nil
	}
	return nil, store.ErrNotFound
}

// publish makes the draft the state of the store, and tells everybody.
func (d *draft) publish() {
	for _, b := range d.bodies {
		b.gone = true
	}
	rung := map[*account]bool{}
	for _, a := range d.accounts {
		rung[a.account] = a.names != a.account.names
		a.account.names, a.account.lastID, a.account.lastValidity = a.names, a.lastID, a.lastValidity
	}
	for ref, b := range d.boxes {
		a := d.accounts[ref.Account].account
		if a.boxes[ref.Mailbox] == b.box && b.version == b.box.version {
			continue
		}
		if a.boxes[ref.Mailbox] = b.box; b.version.Deleted {
			delete(a.boxes, ref.Mailbox)
		}
		for uid, m := range b.messages {
			b.box.messages[uid] = m
		}
		b.box.version = b.version
		b.box.ghosts = append(b.box.ghosts, b.ghosts...)
		b.collect()
		for h := range b.handles {
			ring(h.bell)
		}
		a.noteChanged(ref.Mailbox)
		rung[a] = true
	}
	for a, is := range rung {
		if is {
			a.ring()
		}
	}
}

// do makes one operation. With an error it returns the mailbox that is to blame, if one is.
func (d *draft) do(op store.Op) (out store.Outcome, blame store.Ref, err error) {
	switch op := op.(type) {
	case *store.Append:
		out, err = d.append(op)
		return out, op.Mailbox, err
	case *store.StoreFlags:
		out, err = d.storeFlags(op)
		return out, op.Mailbox, err
	case *store.Expunge:
		out, err = d.expunge(op)
		return out, op.Mailbox, err
	case *store.Copy:
		return d.copy(op)
	case *store.Create:
		return d.create(op)
	case *store.Delete:
		err = d.delete(op)
	case *store.Rename:
		var a *accountDraft
		if a, err = d.account(op.Account); err == nil {
			a.names, err = a.names.Rename(op.From, op.To)
		}
	case *store.Subscribe:
		err = d.subscribe(op)
	case *store.SetMetadata:
		var a *accountDraft
		if a, err = d.account(op.Mailbox.Account); err == nil {
			a.names, err = a.names.SetMetadata(op.Mailbox.Mailbox, op.Set, op.Remove)
		}
		return out, op.Mailbox, err
	case *store.SetQuota:
		var a *accountDraft
		if a, err = d.account(op.Account); err == nil {
			a.names, err = a.names.SetQuota(op.Quota)
		}
	}
	return out, store.Ref{}, err
}

// usage returns what an account uses by the draft.
func (d *draft) usage(id store.AccountID) mailbox.Usage {
	a, err := d.account(id)
	if err != nil {
		return nil
	}
	var messages, octets int64
	count := func(v *mailbox.Version) { messages, octets = messages+int64(v.Len()), octets+v.Counts().Size }
	for _, b := range a.boxes {
		if d.boxes[b.ref] == nil {
			count(b.version)
		}
	}
	for ref, b := range d.boxes {
		if ref.Account == id {
			count(b.version)
		}
	}
	return a.names.Usage(messages, octets)
}

// quotas returns the limits of the accounts to which the operations can add, and what those use now.
func (d *draft) quotas(ops []store.Op) (quotas []store.Quota) {
	for _, id := range store.AddedTo(ops) {
		if a, err := d.account(id); err == nil && len(a.names.Quota()) > 0 {
			quotas = append(quotas, store.Quota{Account: id, Limits: a.names.Quota(), Before: d.usage(id)})
		}
	}
	return quotas
}

func (d *draft) create(op *store.Create) (out store.Outcome, blame store.Ref, err error) {
	a, err := d.account(op.Account)
	if err != nil {
		return out, blame, err
	}
	used := func(ref store.Ref) bool { return d.boxes[ref] != nil || a.boxes[ref.Mailbox] != nil }
	ref := store.Ref{Account: op.Account, Mailbox: op.ID}
	for op.ID == 0 && (ref.Mailbox == 0 || used(ref)) {
		a.lastID++
		ref.Mailbox = a.lastID
	}
	if used(ref) {
		return out, ref, store.ErrExists
	}
	e := mailbox.Entry{Name: imap.CanonicalName(op.Name), ID: ref.Mailbox,
		UIDValidity: max(a.lastValidity+1, uint32(d.now.Unix())), Use: slices.Clone(op.Use)}
	if a.names, err = a.names.Create(e); err != nil {
		return out, blame, err
	}
	a.lastValidity = e.UIDValidity
	d.addBox(&box{store: d.store, ref: ref, version: mailbox.New(e.UIDValidity).WithHistory(0, nil, d.store.options.History),
		handles: map[*handle]struct{}{}, messages: map[imap.UID]message{}, claimed: 1})
	return store.Outcome{Created: e}, blame, nil
}

func (d *draft) delete(op *store.Delete) error {
	a, err := d.account(op.Account)
	if err != nil {
		return err
	}
	e, _ := a.names.Lookup(op.Name)
	if a.names, err = a.names.Delete(op.Name); err != nil {
		return err
	}
	b, err := d.box(store.Ref{Account: op.Account, Mailbox: e.ID})
	if err != nil {
		return err
	}
	b.delete()
	return nil
}

func (d *draft) subscribe(op *store.Subscribe) error {
	a, err := d.account(op.Account)
	if err != nil {
		return err
	}
	a.names, err = a.names.Subscribe(op.Name, op.On)
	return err
}

// delete ends the mailbox.
func (b *boxDraft) delete() {
	modseq := b.version.HighestModSeq + 1
	for _, r := range b.version.Rows() {
		b.ghosts = append(b.ghosts, ghost{r.UID, modseq})
	}
	b.version = b.version.WithDeleted(modseq)
}

// room returns ErrNoUIDs unless there are UIDs for n more messages.
func (b *boxDraft) room(n int) error {
	if uint64(b.version.UIDNext)+uint64(n) > math.MaxUint32 {
		return store.ErrNoUIDs
	}
	return nil
}

func (d *draft) append(op *store.Append) (out store.Outcome, err error) {
	b, err := d.box(op.Mailbox)
	if err != nil {
		return out, err
	}
	v := b.version
	out.UIDValidity = v.UIDValidity
	if len(op.Messages) == 0 {
		return out, nil
	}
	if err := b.room(len(op.Messages)); err != nil {
		return out, err
	}
	// All flags at once: a keyword that is new with one message is not given up for the next.
	var flags []imap.Flag
	for i := range op.Messages {
		flags = append(flags, op.Messages[i].Flags...)
	}
	if v, _, err = v.Learn(flags); err != nil {
		return out, err
	}
	out.ModSeq = v.HighestModSeq + 1
	rows := make([]mailbox.Row, len(op.Messages))
	far := map[imap.UID]mailbox.FarBits{}
	for i := range op.Messages {
		m := &op.Messages[i]
		body, ok := m.Body.(*staged)
		if !ok || body.store != d.store || body.gone {
			return out, store.ErrStale
		}
		d.bodies = append(d.bodies, body)
		date, saved := m.Date, m.Saved
		if date.IsZero() {
			date = d.now
		}
		if saved.IsZero() {
			saved = d.now
		}
		details := store.Details{Summary: slices.Clone(m.Summary), EmailID: m.EmailID, ThreadID: m.ThreadID}
		if details.EmailID == 0 {
			details.EmailID = store.NewEmailID()
		}
		d.store.mu.lastRef++
		set := v.Known(m.Flags...)
		r := mailbox.Row{UID: v.UIDNext + imap.UID(i), Size: uint32(len(body.body)), Flags: set.Bits, ModSeq: out.ModSeq,
			Date: mailbox.MakeDate(date), Saved: mailbox.MakeSaved(saved), Ref: d.store.mu.lastRef}
		if set.Far != (mailbox.FarBits{}) {
			far[r.UID] = set.Far
		}
		b.messages[r.UID] = message{r.Ref, body.body, details}
		rows[i] = r
		out.UIDs = append(out.UIDs, r.UID)
	}
	b.version, err = v.Append(rows, far)
	return out, err
}

func (d *draft) storeFlags(op *store.StoreFlags) (out store.Outcome, err error) {
	b, err := d.box(op.Mailbox)
	if err != nil {
		return out, err
	}
	if op.MustExist && !b.version.HasAll(op.UIDs) {
		return out, store.ErrGone
	}
	v := b.version
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
	}
	return out, nil
}

func (d *draft) expunge(op *store.Expunge) (out store.Outcome, err error) {
	b, err := d.box(op.Mailbox)
	if err != nil {
		return out, err
	}
	if op.MustExist && !b.version.HasAll(op.UIDs) {
		return out, store.ErrGone
	}
	modseq := b.version.HighestModSeq + 1
	if out.Done = b.remove(b.version.Existing(op.UIDs), !op.Undeleted, modseq); !out.Done.Empty() {
		out.ModSeq = modseq
	}
	return out, nil
}

// remove takes messages out of the mailbox and returns which.
func (b *boxDraft) remove(set imap.UIDSet, onlyDeleted bool, modseq imap.ModSeq) (done imap.UIDSet) {
	v, rows := b.version.Expunge(set, onlyDeleted, modseq)
	b.version = v
	for _, r := range rows {
		done.Add(r.UID)
		b.ghosts = append(b.ghosts, ghost{r.UID, modseq})
	}
	return done
}

func (d *draft) copy(op *store.Copy) (out store.Outcome, blame store.Ref, err error) {
	from, err := d.box(op.From)
	if err != nil {
		return out, op.From, err
	}
	to, err := d.box(op.To)
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
	if err := to.room(set.Len()); err != nil {
		return out, op.To, err
	}
	copied, err := mailbox.Copy(from.version, set, to.version, mailbox.MakeSaved(d.now), nil)
	if err != nil {
		return out, op.To, err
	}
	out.Done, out.ModSeq = set, copied.Rows[0].ModSeq
	for i, r := range copied.Rows {
		m, ok := from.messages[copied.From[i].UID]
		if !ok {
			m = from.box.messages[copied.From[i].UID]
		}
		to.messages[r.UID] = m
		out.Source, out.UIDs = append(out.Source, copied.From[i].UID), append(out.UIDs, r.UID)
	}
	to.version = copied.To
	if op.Move {
		// Within one mailbox the removal is a part of the same change.
		modseq := out.ModSeq
		if from != to {
			modseq = from.version.HighestModSeq + 1
		}
		from.remove(set, false, modseq)
	}
	return out, blame, nil
}
