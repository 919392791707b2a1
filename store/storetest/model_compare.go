package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// compare checks that both stores are in the same state.
func (m *model) compare() {
	m.Helper()
	for _, a := range m.accounts {
		if d, r := describe(a.drv.Namespace()), describe(a.ref.Namespace()); d != r {
			m.failf("the mailboxes are %s, want %s", d, r)
		}
		usageD, _, errD := a.drv.Usage(m.ctx)
		if usageR, _, errR := a.ref.Usage(m.ctx); m.same(errD, errR) && !maps.Equal(usageD, usageR) {
			m.failf("the account uses %v, want %v", usageD, usageR)
		}
		var moved []*modelBox
		for entry := range a.ref.Namespace().All() {
			b := a.boxes[entry.Name]
			if d, _ := a.drv.Namespace().Lookup(entry.Name); b.refID != entry.ID || b.drvID != d.ID {
				m.failf("%s is mailbox %d, want %d", entry.Name, d.ID, b.drvID)
			}
			if m.compareBox(b) {
				moved = append(moved, b)
			}
		}
		m.compareChanged(a, moved)
		select {
		case <-a.ref.Bell():
			m.wantBell("an account", a.drv.Bell())
		default:
		}
	}
	for _, h := range m.handles {
		d, r := h.drv.Version(), h.ref.Version()
		if d.Deleted != r.Deleted || !d.Deleted && (d.HighestModSeq != h.box.drv.HighestModSeq || d.Len() != h.box.drv.Len()) {
			m.failf("mailbox %d: a handle has %+v, deleted %v; the newest version is %+v", h.box.refID, d.Counts(), d.Deleted, h.box.drv.Counts())
		}
		select {
		case <-h.ref.Bell():
			m.wantBell("a mailbox", h.drv.Bell())
		default:
		}
		m.compareHeld(h)
	}
}

// compareChanged checks that an account tells of the mailboxes that have changed.
func (m *model) compareChanged(a *modelAccount, moved []*modelBox) {
	m.Helper()
	ids, now, all := a.drv.Changed(a.drvNow)
	_, _, refAll := a.ref.Changed(a.refNow)
	if all && a.drvNow == 0 {
		m.failf("since never something has changed in %d only", ids)
	}
	if !all && a.drvNow != 0 && refAll {
		m.failf("it is not known where something has changed since the last step")
	}
	for _, b := range moved {
		if all && !slices.Contains(ids, b.drvID) {
			m.failf("mailbox %d has changed, but these are said to be all: %d", b.drvID, ids)
		}
	}
	a.drvNow = now
	_, a.refNow, _ = a.ref.Changed(0)
}

// compareBox compares the newest versions of a mailbox, as a new handle sees them, and how they
// differ from the ones before. It reports whether they do.
func (m *model) compareBox(b *modelBox) (moved bool) {
	m.Helper()
	hd, hr := m.openBox(b.drvRef()), m.ref.openBox(b.refRef())
	defer func() { m.closeBox(hd); m.ref.closeBox(hr) }()
	d, r := hd.Version(), hr.Version()
	if d == b.drv && r == b.ref {
		return false
	}
	if err := checkVersion(d); err != nil {
		m.failf("mailbox %d: %v", b.refID, err)
	}
	cd, cr := d.Counts(), r.Counts()
	if status, err := m.store.Status(m.ctx, store.System, b.drvRef()); err != nil || status != cd {
		m.failf("mailbox %d: Status is %+v (%v), the version %+v", b.refID, status, err, cd)
	}
	if b.drv == nil { // new: as one that was empty before
		b.drv, b.ref = mailbox.New(d.UIDValidity), mailbox.New(r.UIDValidity)
		moved = true
	}
	if cd.Messages != cr.Messages || cd.UIDValidity != b.drv.UIDValidity || cd.UIDNext < b.drv.UIDNext || (d.HighestModSeq > b.drv.HighestModSeq) != (r.HighestModSeq > b.ref.HighestModSeq) {
		m.failf("mailbox %d: %+v became %+v; memstore's %+v became %+v", b.refID, b.drv.Counts(), cd, b.ref.Counts(), cr)
	}
	for seq, want := range r.Rows() {
		got := d.At(seq)
		if got.UID != b.toDrv[want.UID] || got.Size != want.Size || got.Date != want.Date || !sameSaved(got.Saved, want.Saved) || flagString(d.Flags(d.Set(&got))) != flagString(r.Flags(r.Set(want))) {
			m.failf("mailbox %d: message %d is %+v with flags %q, want %+v with %q (UID %d)", b.refID, seq, got, d.Flags(d.Set(&got)), *want, r.Flags(r.Set(want)), b.toDrv[want.UID])
		}
	}
	diff := mailbox.Diff(b.ref, r)
	if got, want := summarize(mailbox.Diff(b.drv, d)), summarize(diff); got != want {
		m.failf("mailbox %d: the difference is %s, want %s", b.refID, got, want)
	}
	for _, n := range diff.Added {
		m.compareMessage(hd, hr, d.At(n.Seq), n.Row)
	}
	if d.HighestModSeq > b.drv.HighestModSeq {
		m.compareChanges(b, hd, hr)
		moved = true
	}
	b.drv, b.ref = d, r
	b.marks = append(b.marks, modelMark{d.HighestModSeq, r.HighestModSeq})
	b.marks = b.marks[max(0, len(b.marks)-20):]
	return moved
}

// sameSaved reports whether both dates are the one that was given, or both the time of the change.
func sameSaved(drv, ref mailbox.Saved) bool {
	t, ok := drv.Time()
	if old, _ := ref.Time(); old.Before(modelNew) {
		return drv == ref
	}
	return ok && !t.Before(modelNew) && !t.After(time.Now())
}

// compareChanges checks the changes from the last version to the newest.
func (m *model) compareChanges(b *modelBox, drv, ref store.Mailbox) {
	m.Helper()
	d, errD := drv.Changes(m.ctx, b.drv.HighestModSeq)
	r, errR := ref.Changes(m.ctx, b.ref.HighestModSeq)
	m.must(errors.Join(errD, errR))
	m.saw("changes", len(r.Rows) > 0 && len(r.Expunged) > 0)
	m.sameSet(fmt.Sprintf("mailbox %d: removed", b.refID), b, d.Vanished(), r.Vanished())
	if len(d.Rows) != len(r.Rows) {
		m.failf("mailbox %d: %d messages have changed, want %d", b.refID, len(d.Rows), len(r.Rows))
	}
	got, err := b.drv.Apply(d)
	if err == nil {
		err = sameVersion(got, drv.Version())
	}
	if err != nil {
		m.failf("mailbox %d: %v", b.refID, err)
	}
}

// summarize returns the sequence numbers of a difference.
func summarize(d mailbox.Delta) string {
	var nums [3][]imap.SeqNum
	for i, part := range [][]mailbox.Numbered{d.Expunged, changed(&d), d.Added} {
		for _, n := range part {
			nums[i] = append(nums[i], n.Seq)
		}
	}
	return fmt.Sprintf("expunged %v, changed %v, added %v", nums[0], nums[1], nums[2])
}

// compareHeld reads one message that a session still shows, and one that is gone since.
func (m *model) compareHeld(h *modelHandle) {
	m.Helper()
	if h.refHeld.Len() != h.drvHeld.Len() {
		m.failf("mailbox %d: the held version has %d messages, want %d", h.box.refID, h.drvHeld.Len(), h.refHeld.Len())
	}
	n := h.refHeld.Len()
	if n == 0 {
		return
	}
	seqs := []imap.SeqNum{imap.SeqNum(1 + m.rnd.IntN(n))}
	if d := mailbox.Diff(h.refHeld, h.ref.Version()); len(d.Expunged) > 0 {
		seqs = append(seqs, pick(m.rnd, d.Expunged).Seq)
		m.saw("what is held is gone", true)
	}
	for _, seq := range seqs {
		m.compareMessage(h.drv, h.ref, h.drvHeld.At(seq), h.refHeld.At(seq))
	}
}

// compareMessage compares body and details of a message that is there, or held.
func (m *model) compareMessage(drv, ref store.Mailbox, d, r mailbox.Row) {
	m.Helper()
	want, err := readBody(ref, &r)
	m.must(err)
	got, err := readBody(drv, &d)
	if err != nil || got != want {
		m.failf("mailbox %d: the body of UID %d is %.100q, %v; want %.100q", ref.Ref().Mailbox, r.UID, got, err, want)
	}
	sd, sr := m.details(drv, &d), m.ref.details(ref, &r)
	if string(sd.Summary) != string(sr.Summary) || (sd.Summary == nil) != (sr.Summary == nil) || sd.ThreadID != sr.ThreadID {
		m.failf("mailbox %d: the details of UID %d are %+v, want %+v", ref.Ref().Mailbox, r.UID, sd, sr)
	}
	// The IDs are the same where memstore's are, and nowhere else.
	id, known := m.emails[sr.EmailID]
	back, knownBack := m.emailsOf[sd.EmailID]
	if known && id != sd.EmailID || knownBack && back != sr.EmailID {
		m.failf("mailbox %d: the email ID of UID %d is %d, which is that of another message; memstore's is %d", ref.Ref().Mailbox, r.UID, sd.EmailID, sr.EmailID)
	}
	m.emails[sr.EmailID], m.emailsOf[sd.EmailID] = sd.EmailID, sr.EmailID
}

// compareBodies compares every message.
func (m *model) compareBodies() {
	m.Helper()
	for _, a := range m.accounts {
		for _, b := range a.boxes {
			d, r := m.openBox(b.drvRef()), m.ref.openBox(b.refRef())
			for seq, row := range r.Version().Rows() {
				m.compareMessage(d, r, d.Version().At(seq), *row)
			}
			m.closeBox(d)
			m.ref.closeBox(r)
		}
	}
	for _, h := range m.handles {
		for seq, row := range h.refHeld.Rows() {
			m.compareMessage(h.drv, h.ref, h.drvHeld.At(seq), *row)
		}
	}
}
