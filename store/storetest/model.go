package storetest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
	"restante/store/memstore"
)

// model makes the same random commits in the driver and in memstore, and compares what both say.
// UIDs, mod-sequences and IDs that the store makes need not be the same numbers; a memstore stands
// for "the store from its beginning" also after the driver was opened again.
type model struct {
	*env
	rnd      *rand.Rand
	ref      *env // memstore
	accounts []*modelAccount
	handles  []*modelHandle
	gone     []*modelBox // deleted
	emails   map[store.EmailID]store.EmailID
	emailsOf map[store.EmailID]store.EmailID // the same, the other way round
	seen     map[string]int                  // how often each situation has occurred
	log      []string                        // what was done
}

// modelAccount is one account in both stores.
type modelAccount struct {
	name           string
	drv, ref       store.Account
	boxes          map[string]*modelBox // by name
	drvNow, refNow uint64               // of Changed
}

// modelBox is one mailbox in both stores.
type modelBox struct {
	account      *modelAccount
	drvID, refID mailbox.ID
	uids         []imap.UID            // all that memstore ever gave
	toDrv        map[imap.UID]imap.UID // memstore's UID to the driver's
	drv, ref     *mailbox.Version      // as they were after the last step; nil before the first
	marks        []modelMark           // HIGHESTMODSEQ after some steps
}

type modelMark struct{ drv, ref imap.ModSeq }

func (b *modelBox) drvRef() store.Ref {
	return store.Ref{Account: b.account.drv.ID(), Mailbox: b.drvID}
}
func (b *modelBox) refRef() store.Ref {
	return store.Ref{Account: b.account.ref.ID(), Mailbox: b.refID}
}

// modelHandle is a session in both stores. They hold the same version.
type modelHandle struct {
	box              *modelBox
	drv, ref         store.Mailbox
	drvHeld, refHeld *mailbox.Version
}

// situations are what every run of the model comes across, so that a driver that is wrong there is
// always noticed. A run has as many steps as that takes.
var situations = []string{
	"append", "append with \\Flagged", "append with an old saved date", "one body for two messages",
	"flags changed", "flags left as they are", "some modified", "all modified", "append with many keywords", "store many keywords", "too many keywords",
	"expunge", "expunge undeleted", "copy", "copy of flags", "copy to itself", "copy to another account", "move", "move to itself",
	"create", "delete", "rename", "subscribe", "metadata", "metadata removed", "quota", "over quota", "many operations", "several mailboxes",
	"must exist, and do", "must exist, and do not", "stale", "no such mailbox", "the last of several fails",
	"what is held is gone", "ghosts that nobody else holds", "claim", "changes",
}

const often = 3 // how many times each of them

func testModel(t *testing.T, o Opener) {
	rounds, steps := 3, 250
	if testing.Short() {
		rounds, steps = 1, 100
	}
	rnd, seen := newRand(t), map[string]int{}
	for round := range rounds {
		m := &model{env: newEnv(t, o), rnd: rnd, seen: seen,
			emails: map[store.EmailID]store.EmailID{}, emailsOf: map[store.EmailID]store.EmailID{}}
		m.ref = newEnv(t, Opener{Open: func(string) (store.Store, error) { return memstore.New(), nil }})
		for _, name := range []string{"ann", "bob"} {
			a := &modelAccount{name: name, drv: m.account(name), ref: m.ref.account(name), boxes: map[string]*modelBox{}}
			m.accounts = append(m.accounts, a)
			m.track(a)
		}
		n := 0
		for ; n < steps || round == rounds-1 && m.missing() != ""; n++ {
			if n > 40*steps {
				m.Fatalf("after %d steps there was still no %s", n, m.missing())
			}
			m.step()
			m.compare()
		}
		t.Logf("%d steps, in all %v", n, seen)
		m.compareBodies()
		m.reopenModel()
		m.compareBodies()
	}
}

// missing returns a situation that has not occurred often enough.
func (m *model) missing() string {
	for _, s := range situations {
		if m.seen[s] < often {
			return s
		}
	}
	return ""
}

// saw notes a situation, if it is one.
func (m *model) saw(situation string, is bool) {
	if is {
		m.seen[situation]++
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
	for _, kind := range []error{store.ErrNotFound, store.ErrExists, store.ErrGone, store.ErrStale, store.ErrTooBig, store.ErrTooOld,
		mailbox.ErrBadName, mailbox.ErrHasChildren, mailbox.ErrInbox, mailbox.ErrUseTaken, mailbox.ErrTooManyKeywords,
		mailbox.ErrBadEntry, mailbox.ErrBadQuota, store.ErrOverQuota} {
		if errors.Is(drv, kind) != errors.Is(ref, kind) {
			m.failf("the driver says %v, memstore %v", drv, ref)
		}
	}
	var d, r *store.OpError
	if errors.As(ref, &r) != errors.As(drv, &d) || r != nil && r.Index != d.Index {
		m.failf("the driver says %#v, memstore %#v", drv, ref)
	}
	if (drv == nil) != (ref == nil) {
		m.failf("the driver says %v, memstore %v", drv, ref)
	}
	return ref == nil
}

// track begins to compare the mailboxes of an account that are new, and ends it with those that
// are gone.
func (m *model) track(a *modelAccount) {
	m.Helper()
	old := a.boxes
	a.boxes = map[string]*modelBox{}
	kept := map[*modelBox]bool{}
	for entry := range a.ref.Namespace().All() {
		d, ok := a.drv.Namespace().Lookup(entry.Name)
		if !ok {
			m.failf("there is no %s", entry.Name)
		}
		b := &modelBox{account: a, drvID: d.ID, refID: entry.ID, toDrv: map[imap.UID]imap.UID{}}
		for _, known := range old {
			if known.refID == entry.ID {
				b = known
			}
		}
		a.boxes[entry.Name], kept[b] = b, true
	}
	for _, b := range old {
		if !kept[b] {
			m.gone = append(m.gone, b)
		}
	}
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

// sameSet checks that two sets are of the same messages of b.
func (m *model) sameSet(what string, b *modelBox, drv, ref imap.UIDSet) {
	m.Helper()
	var want imap.UIDSet
	for uid := range ref.All() {
		want.Add(b.toDrv[uid])
	}
	if !drv.Equal(want) {
		m.failf("%s are %v, want %v", what, drv, want)
	}
}

func pick[T any](rnd *rand.Rand, from []T) T { return from[rnd.IntN(len(from))] }

// randBox returns an existing mailbox.
func (m *model) randBox() *modelBox {
	a := m.accounts[max(0, m.rnd.IntN(8)-6)] // mostly the first
	return a.boxes[pick(m.rnd, slices.Sorted(maps.Keys(a.boxes)))]
}

// step does one random thing in both stores.
func (m *model) step() {
	if len(m.handles) < 2 {
		m.openHandle()
		return
	}
	h := pick(m.rnd, m.handles)
	switch n := m.rnd.IntN(100); {
	case n < 62:
		m.commitStep()
	case n < 70:
		m.openHandle()
	case n < 76:
		m.did("mailbox %d: close a handle", h.box.refID)
		m.closeBox(h.drv)
		m.ref.closeBox(h.ref)
		m.handles = slices.DeleteFunc(m.handles, func(x *modelHandle) bool { return x == h })
	case n < 84:
		m.did("mailbox %d: hold the newest version", h.box.refID)
		h.hold(h.drv.Version(), h.ref.Version())
	case n < 92:
		if !h.ref.Version().Deleted {
			m.did("mailbox %d: hold the newest version with ghosts", h.box.refID)
			h.hold(mailbox.Retain(h.drvHeld, h.drv.Version()), mailbox.Retain(h.refHeld, h.ref.Version()))
			m.saw("ghosts that nobody else holds", m.alone(h))
		}
	case n < 97:
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

// alone reports whether a handle holds ghosts, and all others of its mailbox hold the newest version.
func (m *model) alone(h *modelHandle) bool {
	return !h.refHeld.Ghosts().Empty() && !slices.ContainsFunc(m.handles, func(x *modelHandle) bool {
		return x != h && x.box == h.box && (x.refHeld.HighestModSeq != h.refHeld.HighestModSeq || !x.refHeld.Ghosts().Empty())
	})
}

func (m *model) openHandle() {
	b := m.randBox()
	m.did("open mailbox %d", b.refID)
	d, r := m.openBox(b.drvRef()), m.ref.openBox(b.refRef())
	m.handles = append(m.handles, &modelHandle{b, d, r, d.Version(), r.Version()})
}

// claim claims all messages of a mailbox as recent.
func (m *model) claim(h *modelHandle) {
	drv, ok := store.Find[store.Recent](m.store)
	ref, _ := store.Find[store.Recent](m.ref.store)
	m.saw("claim", true)
	v := h.ref.Version()
	if v.Deleted || !ok {
		return
	}
	d, errD := drv.RecentFrom(m.ctx, store.System, h.box.drvRef())
	r, errR := ref.RecentFrom(m.ctx, store.System, h.box.refRef())
	m.must(errors.Join(errD, errR))
	m.did("mailbox %d: claim what is recent from %d", h.box.refID, r)
	claimedD, errD := drv.ClaimRecent(m.ctx, store.System, h.box.drvRef(), h.drv.Version().UIDNext)
	claimedR, errR := ref.ClaimRecent(m.ctx, store.System, h.box.refRef(), v.UIDNext)
	m.must(errors.Join(errD, errR))
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
		m.ref.closeBox(h.ref)
	}
	m.handles = nil
	m.reopen() // which closes the driver's
	recent, ok := store.Find[store.Recent](m.store)
	refRecent, _ := store.Find[store.Recent](m.ref.store)
	for _, a := range m.accounts {
		a.drv = m.account(a.name)
		a.drvNow = 0
		for _, b := range a.boxes {
			d := m.openBox(b.drvRef())
			v := d.Version()
			if diff := mailbox.Diff(b.drv, v); !diff.Empty() || v.UIDNext < b.drv.UIDNext || v.HighestModSeq < b.drv.HighestModSeq || v.UIDValidity != b.drv.UIDValidity {
				m.failf("mailbox %d was %+v, is %+v after reopening; the difference is %+v", b.refID, b.drv.Counts(), v.Counts(), diff)
			}
			if ok {
				_, errD := recent.ClaimRecent(m.ctx, store.System, b.drvRef(), v.UIDNext)
				_, errR := refRecent.ClaimRecent(m.ctx, store.System, b.refRef(), b.ref.UIDNext)
				m.must(errors.Join(errD, errR))
			}
			b.drv = v
			m.closeBox(d)
		}
	}
	m.compare()
}
