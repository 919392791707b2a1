package localstore

import (
	"math"
	"slices"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// The operations of a Commit, as the writer makes them. A plan is the pure part: it makes the record
// and the next version of one version, on whatever goroutine.

// checkUIDs returns ErrNoUIDs unless a mailbox has UIDs for n more messages.
func checkUIDs(v *mailbox.Version, n int) error {
	if uint64(v.UIDNext)+uint64(n) > math.MaxUint32 {
		return store.ErrNoUIDs
	}
	return nil
}

func (c *commit) append(t *tx, op *store.Append, out *store.Outcome) error {
	_, v, err := t.version(op.Mailbox)
	if err != nil {
		return err
	}
	out.UIDValidity = v.UIDValidity
	if len(op.Messages) == 0 {
		return nil
	}
	if err := checkUIDs(v, len(op.Messages)); err != nil {
		return err
	}
	// All flags at once: a keyword that is new with one message is not given up for the next.
	var flags []imap.Flag
	for i := range op.Messages {
		flags = append(flags, op.Messages[i].Flags...)
	}
	known, _, err := v.Learn(flags)
	if err != nil {
		return err
	}
	r := &appendRecord{mailbox: op.Mailbox, modseq: v.HighestModSeq + 1, uid: v.UIDNext, id: t.nextMessage, messages: make([]newMessage, len(op.Messages))}
	if known != v {
		r.keywords = flags
	}
	now := time.Now()
	for i := range op.Messages {
		m, dst := &op.Messages[i], &r.messages[i]
		if !c.has(m.Body) {
			return store.ErrStale
		}
		date, saved := m.Date, m.Saved
		if date.IsZero() {
			date = now
		}
		if saved.IsZero() {
			saved = now
		}
		dst.flags, dst.date, dst.saved = known.Known(m.Flags...), mailbox.MakeDate(date), mailbox.MakeSaved(saved)
		c.message(m, dst)
		out.UIDs = append(out.UIDs, r.uid+imap.UID(i))
	}
	out.ModSeq = r.modseq
	_, err = t.do(r)
	return err
}

// message fills in a message's details and body.
func (c *commit) message(m *store.NewMessage, dst *newMessage) {
	b := m.Body.(*staged)
	dst.size, dst.body, dst.sum, dst.file = uint32(b.size), b.body, b.sum, b.file
	dst.summary, dst.emailID, dst.threadID = m.Summary, m.EmailID, m.ThreadID
	if dst.emailID == 0 {
		dst.emailID = store.NewEmailID()
	}
	if dst.same = b.first; dst.same == nil {
		b.first = &dst.message
		return
	}
	for i := range c.links {
		if l := &c.links[i]; l.body == b && !l.used {
			l.used, dst.file = true, l.file
			break
		}
	}
}

// planStore returns what UnchangedSince leaves out, and a record, nil when nothing is to be done.
func planStore(v *mailbox.Version, op *store.StoreFlags) (modified imap.UIDSet, _ *storeRecord, err error) {
	if op.MustExist && !v.HasAll(op.UIDs) {
		return modified, nil, store.ErrGone
	}
	set := op.UIDs.Resolve(v.MaxUID())
	if op.UnchangedSince != nil {
		set, modified = v.Unchanged(set, *op.UnchangedSince)
	}
	r := &storeRecord{mailbox: op.Mailbox, modseq: v.HighestModSeq + 1, set: set, op: op.Op, from: v, to: v}
	if !anyExists(v, set) {
		return modified, r, nil
	}
	if op.Op == imap.StoreRemove {
		r.flags = v.Known(op.Flags...) // what the mailbox does not know, no message carries
	} else {
		var known *mailbox.Version
		if known, r.flags, err = v.Learn(op.Flags); err != nil {
			return modified, nil, err
		}
		if known != v {
			r.keywords = op.Flags
		}
	}
	return modified, r, r.compute(v)
}

// anyExists reports whether the version has a message of the set.
func anyExists(v *mailbox.Version, set imap.UIDSet) bool {
	for range v.RowsByUID(set) {
		return true
	}
	return false
}

func (c *commit) storeFlags(t *tx, op *store.StoreFlags, out *store.Outcome) error {
	_, v, err := t.version(op.Mailbox)
	if err != nil {
		return err
	}
	r, _ := c.computed.(*storeRecord)
	switch {
	case r != nil && r.from == v:
	case r != nil:
		return errOvertaken
	default:
		if _, r, err = planStore(v, op); err != nil {
			return err
		}
	}
	c.late = append(c.late, func() {
		out.Done = v.Existing(r.set)
		if op.UnchangedSince != nil {
			_, out.Modified = v.Unchanged(op.UIDs, *op.UnchangedSince)
		}
	})
	if r.to == v {
		return nil
	}
	n, err := t.do(r)
	if n > 0 {
		out.ModSeq = r.modseq
	}
	return err
}

// planExpunge returns a record whose set is empty when there is nothing to remove.
func planExpunge(v *mailbox.Version, op *store.Expunge) (*expungeRecord, error) {
	if op.MustExist && !v.HasAll(op.UIDs) {
		return nil, store.ErrGone
	}
	r := &expungeRecord{mailbox: op.Mailbox, modseq: v.HighestModSeq + 1, from: v}
	r.to, r.removed = v.Expunge(op.UIDs.Resolve(v.MaxUID()), !op.Undeleted, r.modseq)
	for i := range r.removed {
		r.set.Add(r.removed[i].UID)
	}
	return r, nil
}

func (c *commit) expunge(t *tx, op *store.Expunge, out *store.Outcome) error {
	_, v, err := t.version(op.Mailbox)
	if err != nil {
		return err
	}
	r, _ := c.computed.(*expungeRecord)
	switch {
	case r != nil && r.from == v:
	case r != nil:
		return errOvertaken
	default:
		if r, err = planExpunge(v, op); err != nil {
			return err
		}
	}
	if len(r.removed) == 0 {
		return nil
	}
	out.Done, out.ModSeq = r.set, r.modseq
	_, err = t.do(r)
	return err
}

// planCopy returns a record whose set is empty when there is nothing to copy.
func planCopy(from, to *mailbox.Version, op *store.Copy) (_ *copyRecord, blame store.Ref, err error) {
	if op.MustExist && !from.HasAll(op.UIDs) {
		return nil, op.From, store.ErrGone
	}
	r := &copyRecord{src: op.From, dst: op.To, move: op.Move, set: from.Existing(op.UIDs), uid: to.UIDNext, saved: mailbox.MakeSaved(time.Now())}
	if err := checkUIDs(to, r.set.Len()); err != nil {
		return nil, op.To, err
	}
	return r, op.To, r.compute(from, to)
}

func (c *commit) copy(t *tx, op *store.Copy, out *store.Outcome) (blame store.Ref, err error) {
	_, from, err := t.version(op.From)
	if err != nil {
		return op.From, err
	}
	_, to, err := t.version(op.To)
	if err != nil {
		return op.To, err
	}
	r, _ := c.computed.(*copyRecord)
	switch {
	case r != nil && r.from == from && r.to == to:
	case r != nil:
		return op.From, errOvertaken
	default:
		if r, blame, err = planCopy(from, to, op); err != nil {
			return blame, err
		}
	}
	out.UIDValidity = to.UIDValidity
	if len(r.copied.From) == 0 {
		return blame, nil
	}
	out.Done, out.ModSeq = r.set, r.copied.Rows[0].ModSeq
	c.late = append(c.late, func() {
		out.Source, out.UIDs = make([]imap.UID, len(r.copied.Rows)), make([]imap.UID, len(r.copied.Rows))
		for i := range r.copied.Rows {
			out.Source[i], out.UIDs[i] = r.copied.From[i].UID, r.copied.Rows[i].UID
		}
	})
	_, err = t.do(r)
	return op.To, err
}

func (c *commit) create(t *tx, op *store.Create, out *store.Outcome) (blame store.Ref, err error) {
	a, err := t.account(op.Account)
	if err != nil {
		return blame, err
	}
	s := t.state(a)
	e := mailbox.Entry{Name: imap.CanonicalName(op.Name), ID: op.ID, UIDValidity: newValidity(s.lastValidity), Use: slices.Clone(op.Use)}
	if e.ID == 0 {
		e.ID = store.NewMailboxID()
	}
	ref := store.Ref{Account: op.Account, Mailbox: e.ID}
	_, used := s.names.ByID(e.ID)
	if _, new := t.newBoxes[ref]; used || new { // also when it was deleted in the same group
		return ref, store.ErrExists
	}
	out.Created = e
	_, err = t.do(&createRecord{account: op.Account, entry: e})
	return blame, err
}

func setMetadata(t *tx, op *store.SetMetadata) error {
	if _, err := t.account(op.Mailbox.Account); err != nil {
		return err
	}
	_, err := t.do(&metadataRecord{op.Mailbox, op.Set, op.Remove})
	return err
}
