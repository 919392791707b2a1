package storetest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
	"restante/store/memstore"
)

// model applies the same random changes to the driver and to memstore, and compares what both
// say. UIDs, mailbox IDs and mod-sequences need not be the same numbers; a fresh memstore stands
// for "the mailbox from its beginning" also after the driver was opened again.
type model struct {
	*env
	rnd     *rand.Rand
	drv     store.Account
	ref     store.Account
	boxes   map[string]*modelBox // by name
	handles []*modelHandle
	log     []string // what was done
}

// modelBox is one mailbox in both stores.
type modelBox struct {
	drvID, refID mailbox.ID
	uids         []imap.UID            // all that memstore ever gave
	toDrv        map[imap.UID]imap.UID // memstore's UID to the driver's
	drv, ref     *mailbox.Version      // as they were after the last step
}

// modelHandle is a session in both stores. They hold the same version.
type modelHandle struct {
	box              *modelBox
	drv, ref         store.Mailbox
	drvHeld, refHeld *mailbox.Version
}

func testModel(t *testing.T, o Opener) {
	rounds, steps := 3, 300
	if testing.Short() {
		rounds, steps = 1, 150
	}
	rnd := newRand(t)
	for range rounds {
		m := &model{env: newEnv(t, o), rnd: rnd, boxes: map[string]*modelBox{}}
		m.drv = m.account("ann")
		m.ref = (&env{T: t, ctx: m.ctx, store: memstore.New()}).account("ann")
		m.track("INBOX")
		for range steps {
			m.step()
			m.compare()
		}
		m.compareBodies()
		m.reopenModel()
		m.compareBodies()
	}
}

// did notes what is done, for the log of a failure.
func (m *model) did(format string, args ...any) {
	m.log = append(m.log, fmt.Sprintf(format, args...))
}

func (m *model) failf(format string, args ...any) {
	m.Helper()
	from := max(0, len(m.log)-30)
	m.Fatalf("%s\nafter these steps, the last one at the end:\n%s", fmt.Sprintf(format, args...), strings.Join(m.log[from:], "\n"))
}

// same checks that both stores failed in the same way, or not at all. It reports whether they did
// not fail.
func (m *model) same(drv, ref error) bool {
	m.Helper()
	for _, kind := range []error{store.ErrNotFound, store.ErrExists, store.ErrShortBody, store.ErrTooBig, mailbox.ErrBadName,
		mailbox.ErrHasChildren, mailbox.ErrInbox, mailbox.ErrUseTaken, mailbox.ErrTooManyKeywords} {
		if errors.Is(drv, kind) != errors.Is(ref, kind) {
			m.failf("the driver says %v, memstore %v", drv, ref)
		}
	}
	if (drv == nil) != (ref == nil) {
		m.failf("the driver says %v, memstore %v", drv, ref)
	}
	return ref == nil
}

// track begins to compare a mailbox that exists in both stores.
func (m *model) track(name string) {
	m.Helper()
	d, ok := m.drv.Namespace().Lookup(name)
	r, _ := m.ref.Namespace().Lookup(name)
	if !ok {
		m.failf("there is no %s", name)
	}
	m.boxes[name] = &modelBox{drvID: d.ID, refID: r.ID, toDrv: map[imap.UID]imap.UID{}, drv: mailbox.New(d.UIDValidity), ref: mailbox.New(r.UIDValidity)}
}

// given notes UIDs that both stores have given to the same messages.
func (m *model) given(b *modelBox, drv, ref []imap.UID) {
	m.Helper()
	if len(drv) != len(ref) {
		m.failf("the driver gave UIDs %v, memstore %v", drv, ref)
	}
	for i := range ref {
		b.toDrv[ref[i]] = drv[i]
	}
	b.uids = append(b.uids, ref...)
}

func pick[T any](rnd *rand.Rand, from []T) T { return from[rnd.IntN(len(from))] }

// randBox returns an existing mailbox.
func (m *model) randBox() (string, *modelBox) {
	name := pick(m.rnd, slices.Sorted(maps.Keys(m.boxes)))
	return name, m.boxes[name]
}

// randSet returns a set of messages, some of them gone, in both stores' UIDs.
func (m *model) randSet(b *modelBox) (drv, ref imap.UIDSet) {
	if len(b.uids) == 0 || m.rnd.IntN(30) == 0 {
		return imap.UIDs(1 << 30), imap.UIDs(1 << 30)
	}
	if m.rnd.IntN(15) == 0 {
		return imap.UIDRange(1, 0), imap.UIDRange(1, 0)
	}
	i := m.rnd.IntN(len(b.uids))
	for range 1 + m.rnd.IntN(8) {
		ref.Add(b.uids[i])
		drv.Add(b.toDrv[b.uids[i]])
		if m.rnd.IntN(3) == 0 {
			i = m.rnd.IntN(len(b.uids))
		} else {
			i = min(i+1, len(b.uids)-1)
		}
	}
	return drv, ref
}

func (m *model) randFlags() (flags []imap.Flag) {
	for range m.rnd.IntN(4) {
		flags = append(flags, pick(m.rnd, append(keywords("k", 5), mailbox.SystemFlags...)))
	}
	if m.rnd.IntN(25) == 0 { // enough to run out of keywords now and then
		return append(flags, keywords(fmt.Sprintf("many%d-", m.rnd.IntN(3)), 10+m.rnd.IntN(40))...)
	}
	return flags
}

var (
	modelNames = []string{"INBOX", "inbox", "a", "b", "a/x", "b/y", "b/y/z", "c", "bad//name"}
	modelUses  = [][]imap.MailboxAttr{nil, nil, {imap.AttrSent}, {imap.AttrTrash, imap.AttrJunk}}
)

// step does one random thing in both stores.
func (m *model) step() {
	if len(m.handles) < 2 {
		m.openHandle()
		return
	}
	h := pick(m.rnd, m.handles)
	switch n := m.rnd.IntN(100); {
	case n < 22:
		m.append()
	case n < 40:
		drv, ref := m.randSet(h.box)
		op, flags := imap.StoreOp(m.rnd.IntN(3)), m.randFlags()
		m.did("mailbox %d: StoreFlags(%v, %d, %q)", h.box.refID, ref, op, flags)
		d, errD := h.drv.StoreFlags(m.ctx, drv, op, flags)
		r, errR := h.ref.StoreFlags(m.ctx, ref, op, flags)
		if m.same(errD, errR) && (d == 0) != (r == 0) {
			m.failf("StoreFlags returned %d, memstore's %d", d, r)
		}
	case n < 46:
		drv, ref := m.randSet(h.box)
		m.did("mailbox %d: Expunge(%v)", h.box.refID, ref)
		d, errD := h.drv.Expunge(m.ctx, drv)
		r, errR := h.ref.Expunge(m.ctx, ref)
		var want imap.UIDSet
		for uid := range r.All() {
			want.Add(h.box.toDrv[uid])
		}
		if m.same(errD, errR) && !d.Equal(want) {
			m.failf("Expunge removed %v, want %v", d, want)
		}
	case n < 58:
		m.transfer(h, n < 52)
	case n < 70:
		m.namespaceStep()
	case n < 76:
		m.openHandle()
	case n < 82:
		m.did("mailbox %d: close a handle", h.box.refID)
		m.closeBox(h.drv)
		m.must(h.ref.Close())
		m.handles = slices.DeleteFunc(m.handles, func(x *modelHandle) bool { return x == h })
	case n < 89:
		m.did("mailbox %d: hold the newest version", h.box.refID)
		h.hold(h.drv.Version(), h.ref.Version())
	case n < 95:
		if !h.ref.Version().Deleted {
			m.did("mailbox %d: hold the newest version with ghosts", h.box.refID)
			h.hold(mailbox.Retain(h.drvHeld, h.drv.Version()), mailbox.Retain(h.refHeld, h.ref.Version()))
		}
	case n < 98:
		m.claim(h)
	default:
		m.reopenModel()
	}
}

func (h *modelHandle) hold(drv, ref *mailbox.Version) {
	h.drvHeld, h.refHeld = drv, ref
	h.drv.Hold(drv)
	h.ref.Hold(ref)
}

func (m *model) append() {
	name, b := m.randBox()
	var drv, ref []store.NewMessage
	for range 1 + m.rnd.IntN(4) {
		s := text()
		switch m.rnd.IntN(20) {
		case 0:
			s = ""
		case 1:
			s += strings.Repeat("a long line of text\r\n", 5000)
		case 2:
			s = "the same each time"
		}
		msg := message(s, m.randFlags()...)
		msg.Date = time.Unix(m.rnd.Int64N(1<<32), 0).In(time.FixedZone("", 60*(m.rnd.IntN(1000)-500)))
		if m.rnd.IntN(2) == 0 {
			msg.Summary = func() []byte { return []byte("summary of " + s[:min(len(s), 200)]) }
		}
		if m.rnd.IntN(40) == 0 {
			msg.Size++
		}
		drv = append(drv, msg)
		msg.Body = strings.NewReader(s)
		ref = append(ref, msg)
	}
	m.did("%s (mailbox %d): append %d messages", name, b.refID, len(ref))
	d, errD := m.drv.Append(m.ctx, b.drvID, drv)
	r, errR := m.ref.Append(m.ctx, b.refID, ref)
	if m.same(errD, errR) {
		m.given(b, d.UIDs, r.UIDs)
	}
}

func (m *model) transfer(h *modelHandle, move bool) {
	name, dst := m.randBox()
	drv, ref := m.randSet(h.box)
	m.did("mailbox %d: transfer %v to %s (mailbox %d), move %v", h.box.refID, ref, name, dst.refID, move)
	copyD, copyR := h.drv.Copy, h.ref.Copy
	if move {
		copyD, copyR = h.drv.Move, h.ref.Move
	}
	d, errD := copyD(m.ctx, drv, dst.drvID)
	r, errR := copyR(m.ctx, ref, dst.refID)
	if !m.same(errD, errR) {
		return
	}
	for i, uid := range r.Source {
		if len(d.Source) != len(r.Source) || h.box.toDrv[uid] != d.Source[i] {
			m.failf("the driver took %v, memstore %v", d.Source, r.Source)
		}
	}
	m.given(dst, d.Dest, r.Dest)
}

func (m *model) namespaceStep() {
	name, to := pick(m.rnd, modelNames), pick(m.rnd, modelNames)
	switch m.rnd.IntN(5) {
	case 0, 1:
		use := pick(m.rnd, modelUses)
		m.did("create %s %v", name, use)
		_, errD := m.drv.Create(m.ctx, name, use)
		e, errR := m.ref.Create(m.ctx, name, use)
		if m.same(errD, errR) {
			m.track(e.Name)
		}
	case 2:
		m.did("delete %s", name)
		if m.same(m.drv.Delete(m.ctx, name), m.ref.Delete(m.ctx, name)) {
			delete(m.boxes, name)
		}
	case 3:
		m.did("rename %s to %s", name, to)
		if m.same(m.drv.Rename(m.ctx, name, to), m.ref.Rename(m.ctx, name, to)) {
			old := maps.Clone(m.boxes)
			clear(m.boxes)
			for entry := range m.ref.Namespace().All() {
				for _, b := range old {
					if b.refID == entry.ID {
						m.boxes[entry.Name] = b
					}
				}
			}
		}
	case 4:
		on := m.rnd.IntN(2) == 0
		m.did("subscribe %s %v", name, on)
		m.same(m.drv.Subscribe(m.ctx, name, on), m.ref.Subscribe(m.ctx, name, on))
	}
}

func (m *model) openHandle() {
	name, b := m.randBox()
	m.did("open %s (mailbox %d)", name, b.refID)
	d, errD := m.drv.Open(m.ctx, b.drvID)
	r, errR := m.ref.Open(m.ctx, b.refID)
	if m.same(errD, errR) {
		m.env.handles = append(m.env.handles, d)
		m.handles = append(m.handles, &modelHandle{b, d, r, d.Version(), r.Version()})
	}
}

// claim claims all messages of a mailbox as recent.
func (m *model) claim(h *modelHandle) {
	v := h.ref.Version()
	if v.Deleted {
		return
	}
	d, errD := m.drv.RecentFrom(m.ctx, h.box.drvID)
	r, errR := m.ref.RecentFrom(m.ctx, h.box.refID)
	m.same(errD, errR)
	m.did("mailbox %d: claim what is recent from %d", h.box.refID, r)
	claimedD, claimedR := h.drv.ClaimRecent(h.drv.Version().UIDNext), h.ref.ClaimRecent(v.UIDNext)
	if claimedD != d || claimedR != r {
		m.failf("RecentFrom says %d, ClaimRecent %d; memstore's %d and %d", d, claimedD, r, claimedR)
	}
	recent := func(v *mailbox.Version, from imap.UID) int { return v.Existing(imap.UIDRange(from, 1<<32-1)).Len() }
	if got, want := recent(h.drv.Version(), d), recent(v, r); got != want {
		m.failf("%d messages are recent, want %d", got, want)
	}
}

// reopenModel opens the driver's store again, with all handles closed. Recent messages may have
// been forgotten to be claimed.
func (m *model) reopenModel() {
	if !m.opener.Persistent {
		return
	}
	m.did("reopen")
	for _, h := range m.handles {
		m.must(h.ref.Close())
	}
	m.handles = nil
	m.reopen() // which closes the driver's
	m.drv = m.account("ann")
	for _, b := range m.boxes {
		d, errD := m.drv.Open(m.ctx, b.drvID)
		r, errR := m.ref.Open(m.ctx, b.refID)
		m.must(errors.Join(errD, errR))
		v := d.Version()
		if diff := mailbox.Diff(b.drv, v); !diff.Empty() || v.UIDNext < b.drv.UIDNext || v.HighestModSeq < b.drv.HighestModSeq || v.UIDValidity != b.drv.UIDValidity {
			m.failf("mailbox %d was %+v, is %+v after reopening; the difference is %+v", b.refID, b.drv.Counts(), v.Counts(), diff)
		}
		d.ClaimRecent(v.UIDNext)
		r.ClaimRecent(r.Version().UIDNext)
		b.drv = v
		m.must(errors.Join(d.Close(), r.Close()))
	}
	m.compare()
}

// compare checks that both stores are in the same state.
func (m *model) compare() {
	m.Helper()
	if d, r := describe(m.drv.Namespace()), describe(m.ref.Namespace()); d != r {
		m.failf("the mailboxes are %s, want %s", d, r)
	}
	for entry := range m.ref.Namespace().All() {
		b := m.boxes[entry.Name]
		if d, _ := m.drv.Namespace().Lookup(entry.Name); b.refID != entry.ID || b.drvID != d.ID {
			m.failf("%s is mailbox %d, want %d", entry.Name, d.ID, b.drvID)
		}
		m.compareBox(b)
	}
	for _, h := range m.handles {
		d, r := h.drv.Version(), h.ref.Version()
		if d.Deleted != r.Deleted || !d.Deleted && (d.HighestModSeq != h.box.drv.HighestModSeq || d.Len() != h.box.drv.Len()) {
			m.failf("mailbox %d: a handle has %+v, deleted %v; the newest version is %+v", h.box.refID, d.Counts(), d.Deleted, h.box.drv.Counts())
		}
		select {
		case <-h.ref.Bell():
			m.wantBell(h.drv)
		default:
		}
		m.compareHeld(h)
	}
}

// compareBox compares the newest versions of a mailbox, as a new handle sees them, and how they
// differ from the ones before.
func (m *model) compareBox(b *modelBox) {
	m.Helper()
	hd, errD := m.drv.Open(m.ctx, b.drvID)
	hr, errR := m.ref.Open(m.ctx, b.refID)
	m.must(errors.Join(errD, errR))
	d, r := hd.Version(), hr.Version()
	m.must(errors.Join(hd.Close(), hr.Close()))
	if err := checkVersion(d); err != nil {
		m.failf("mailbox %d: %v", b.refID, err)
	}
	cd, cr := d.Counts(), r.Counts()
	if status, err := m.drv.Status(m.ctx, b.drvID); err != nil || status != cd {
		m.failf("mailbox %d: Status is %+v (%v), the version %+v", b.refID, status, err, cd)
	}
	if cd.Messages != cr.Messages || cd.UIDValidity != b.drv.UIDValidity || cd.UIDNext < b.drv.UIDNext || (d.HighestModSeq > b.drv.HighestModSeq) != (r.HighestModSeq > b.ref.HighestModSeq) {
		m.failf("mailbox %d: %+v became %+v; memstore's %+v became %+v", b.refID, b.drv.Counts(), cd, b.ref.Counts(), cr)
	}
	for seq, want := range r.Rows() {
		got := d.At(seq)
		if got.UID != b.toDrv[want.UID] || got.Size != want.Size || got.Date != want.Date || flagString(d.Flags(got.Flags)) != flagString(r.Flags(want.Flags)) {
			m.failf("mailbox %d: message %d is %+v with flags %q, want %+v with %q (UID %d)", b.refID, seq, got, d.Flags(got.Flags), *want, r.Flags(want.Flags), b.toDrv[want.UID])
		}
	}
	if got, want := summarize(mailbox.Diff(b.drv, d)), summarize(mailbox.Diff(b.ref, r)); got != want {
		m.failf("mailbox %d: the difference is %s, want %s", b.refID, got, want)
	}
	b.drv, b.ref = d, r
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

// compareHeld reads one message that a session still shows.
func (m *model) compareHeld(h *modelHandle) {
	m.Helper()
	if h.refHeld.Len() != h.drvHeld.Len() {
		m.failf("mailbox %d: the held version has %d messages, want %d", h.box.refID, h.drvHeld.Len(), h.refHeld.Len())
	}
	if n := h.refHeld.Len(); n > 0 {
		seq := imap.SeqNum(1 + m.rnd.IntN(n))
		m.compareMessage(h.drv, h.ref, h.drvHeld.At(seq), h.refHeld.At(seq))
	}
}

// compareMessage compares body and summary of a message that is there, or held.
func (m *model) compareMessage(drv, ref store.Mailbox, d, r mailbox.Row) {
	m.Helper()
	want, err := readBody(ref, r.Ref)
	m.must(err)
	got, err := readBody(drv, d.Ref)
	if err != nil || got != want {
		m.failf("mailbox %d: the body of UID %d is %.100q, %v; want %.100q", ref.ID(), r.UID, got, err, want)
	}
	sd, sr := make([][]byte, 1), make([][]byte, 1)
	_, errD := drv.Summaries(m.ctx, []uint64{d.Ref}, nil, sd)
	_, errR := ref.Summaries(m.ctx, []uint64{r.Ref}, nil, sr)
	if m.must(errors.Join(errD, errR)); string(sd[0]) != string(sr[0]) {
		m.failf("mailbox %d: the summary of UID %d is %q, want %q", ref.ID(), r.UID, sd[0], sr[0])
	}
}

// compareBodies compares every message.
func (m *model) compareBodies() {
	m.Helper()
	for _, b := range m.boxes {
		d, errD := m.drv.Open(m.ctx, b.drvID)
		r, errR := m.ref.Open(m.ctx, b.refID)
		m.must(errors.Join(errD, errR))
		for seq, row := range r.Version().Rows() {
			m.compareMessage(d, r, d.Version().At(seq), *row)
		}
		m.must(errors.Join(d.Close(), r.Close()))
	}
	for _, h := range m.handles {
		for seq, row := range h.refHeld.Rows() {
			m.compareMessage(h.drv, h.ref, h.drvHeld.At(seq), *row)
		}
	}
}
