package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// modelOp is one operation as both stores are told it.
type modelOp struct {
	drv, ref store.Op
	box      *modelBox // that it is about, nil for names
	to       *modelBox // of Copy
}

// modelDraft is a commit that is being drawn.
type modelDraft struct {
	ops     []modelOp
	names   map[*modelAccount]*mailbox.Namespace // what the operations so far make of memstore's
	boxes   []*modelBox                          // that there are then, new ones too
	drv     store.Staged                         // the last body
	ref     store.Staged
	bodies  []store.Staged // all of the driver's
	refs    []store.Staged
	stale   bool // one of them is discarded
	touched map[*modelBox]bool
}

// commitStep makes one commit of 1 to 6 operations, of which some must fail.
func (m *model) commitStep() {
	d := &modelDraft{names: map[*modelAccount]*mailbox.Namespace{}, touched: map[*modelBox]bool{}}
	for _, a := range m.accounts {
		d.names[a] = a.ref.Namespace()
		for entry := range d.names[a].All() {
			d.boxes = append(d.boxes, a.boxes[entry.Name])
		}
	}
	for range 1 + m.rnd.IntN(1+m.rnd.IntN(6)) {
		m.drawOp(d)
	}
	var drv, ref []store.Op
	for _, op := range d.ops {
		drv, ref = append(drv, op.drv), append(ref, op.ref)
		m.did("  %s", describeOp(op.ref))
	}
	m.did("commit of %d", len(ref))
	outD, errD := m.store.Commit(m.ctx, store.System, drv...)
	outR, errR := m.ref.store.Commit(m.ctx, store.System, ref...)
	m.did("which returned %v", errR)
	switch {
	case d.stale && errors.Is(errD, store.ErrStale) && errR != nil:
		m.saw("stale", true) // whatever else is wrong
	case m.same(errD, errR):
		m.compareOutcomes(d, outD, outR)
	default:
		m.sawFailure(d, errR)
	}
	for _, s := range append(d.bodies, d.refs...) {
		s.Discard() // what was not committed
	}
	for _, a := range m.accounts {
		m.track(a)
	}
}

// describeOp tells of an operation, without bodies.
func describeOp(op store.Op) string {
	switch op := op.(type) {
	case *store.Append:
		s := fmt.Sprintf("Append to %+v:", op.Mailbox)
		for i := range op.Messages {
			s += fmt.Sprintf(" %d octets %.200q,", op.Messages[i].Body.Size(), op.Messages[i].Flags)
		}
		return s
	case *store.StoreFlags:
		if op.UnchangedSince != nil {
			return fmt.Sprintf("StoreFlags unchanged since %d %.300s", *op.UnchangedSince, fmt.Sprintf("%+v", *op))
		}
	}
	return fmt.Sprintf("%.300s", fmt.Sprintf("%T %+v", op, op))
}

// drawOp adds one operation to the commit.
func (m *model) drawOp(d *modelDraft) {
	b := d.box(m)
	var op modelOp
	switch n := m.rnd.IntN(100); {
	case n < 26:
		op = m.drawAppend(d, b)
	case n < 50:
		op = m.drawFlags(b)
	case n < 60:
		drv, ref, must := m.drawSet(b)
		undeleted := m.rnd.IntN(3) == 0
		op = modelOp{drv: &store.Expunge{Mailbox: b.drvRef(), UIDs: drv, Undeleted: undeleted, MustExist: must},
			ref: &store.Expunge{Mailbox: b.refRef(), UIDs: ref, Undeleted: undeleted, MustExist: must}, box: b}
	case n < 80:
		to := d.box(m)
		if m.rnd.IntN(5) == 0 {
			to = b
		}
		drv, ref, must := m.drawSet(b)
		move := m.rnd.IntN(2) == 0
		op = modelOp{drv: &store.Copy{From: b.drvRef(), To: to.drvRef(), UIDs: drv, Move: move, MustExist: must},
			ref: &store.Copy{From: b.refRef(), To: to.refRef(), UIDs: ref, Move: move, MustExist: must}, box: b, to: to}
	default:
		op = m.drawName(d)
	}
	d.touched[op.box], d.touched[op.to] = true, true
	d.ops = append(d.ops, op)
}

// box returns a mailbox that is there after the operations so far, and now and then one that is
// not.
func (d *modelDraft) box(m *model) *modelBox {
	if len(m.gone) > 0 && m.rnd.IntN(60) == 0 {
		return pick(m.rnd, m.gone)
	}
	if m.rnd.IntN(3) == 0 {
		return d.boxes[len(d.boxes)-1] // perhaps a new one
	}
	return pick(m.rnd, d.boxes)
}

// drawSet draws a set of messages, some of them gone, in both stores' UIDs, and whether all must
// exist.
func (m *model) drawSet(b *modelBox) (drv, ref imap.UIDSet, mustExist bool) {
	mustExist = m.rnd.IntN(4) == 0
	switch n := m.rnd.IntN(30); {
	case n < 2:
		return imap.UIDRange(1, 0), imap.UIDRange(1, 0), false
	case n < 4:
		return imap.UIDs(0), imap.UIDs(0), mustExist
	case n < 5:
		return imap.UIDSet{}, imap.UIDSet{}, mustExist
	case n < 6 || len(b.uids) == 0:
		return imap.UIDs(1 << 30), imap.UIDs(1 << 30), mustExist && m.rnd.IntN(4) == 0
	}
	from := b.uids
	if v := b.ref; v != nil && v.Len() > 0 && m.rnd.IntN(5) > 0 {
		from = uidsOf(v) // those that exist
	}
	i := m.rnd.IntN(len(from))
	for range 1 + m.rnd.IntN(8) {
		ref.Add(from[i])
		drv.Add(b.toDrv[from[i]])
		if m.rnd.IntN(3) == 0 {
			i = m.rnd.IntN(len(from))
		} else {
			i = min(i+1, len(from)-1)
		}
	}
	if m.rnd.IntN(10) == 0 {
		drv.AddRange(b.toDrv[from[i]], 0)
		ref.AddRange(from[i], 0)
		mustExist = false // there may be holes in one store only
	}
	return drv, ref, mustExist
}

func (m *model) drawKeywords() (flags []imap.Flag) {
	for range m.rnd.IntN(4) {
		flags = append(flags, pick(m.rnd, append(keywords("k", 5), mailbox.SystemFlags...)))
	}
	if m.rnd.IntN(15) == 0 { // more than fit into a mailbox.FlagBits, and now and then too many
		return append(flags, keywords(fmt.Sprintf("many%d-", m.rnd.IntN(4)), 70+m.rnd.IntN(90))...)
	}
	return flags
}

func (m *model) drawFlags(b *modelBox) modelOp {
	drv, ref, must := m.drawSet(b)
	op, flags := imap.StoreOp(m.rnd.IntN(3)), m.drawKeywords()
	d := &store.StoreFlags{Mailbox: b.drvRef(), UIDs: drv, Op: op, Flags: flags, MustExist: must}
	r := &store.StoreFlags{Mailbox: b.refRef(), UIDs: ref, Op: op, Flags: flags, MustExist: must}
	if m.rnd.IntN(3) == 0 && len(b.marks) > 0 {
		mark := pick(m.rnd, append(slices.Clone(b.marks), b.marks[len(b.marks)-1], modelMark{}, modelMark{1<<63 - 1, 1<<63 - 1}))
		d.UnchangedSince, r.UnchangedSince = &mark.drv, &mark.ref
	}
	return modelOp{drv: d, ref: r, box: b}
}

func (m *model) drawAppend(d *modelDraft, b *modelBox) modelOp {
	drv, ref := &store.Append{Mailbox: b.drvRef()}, &store.Append{Mailbox: b.refRef()}
	for range m.rnd.IntN(5) {
		if d.drv == nil || m.rnd.IntN(6) > 0 {
			m.drawBody(d)
		}
		msg := store.NewMessage{Flags: m.drawKeywords(), ThreadID: store.ThreadID(m.rnd.IntN(3)),
			Date: time.Unix(m.rnd.Int64N(1<<32), 0).In(time.FixedZone("", 60*(m.rnd.IntN(1000)-500)))}
		if m.rnd.IntN(3) == 0 {
			msg.Saved = modelOld.Add(time.Duration(m.rnd.IntN(1e6)) * time.Second)
		}
		if m.rnd.IntN(3) == 0 {
			msg.EmailID = store.NewEmailID()
		}
		if m.rnd.IntN(2) == 0 {
			msg.Summary = fmt.Appendf(nil, "summary %s", strings.Repeat("x", m.rnd.IntN(200)))
		}
		msg.Body = d.drv
		drv.Messages = append(drv.Messages, msg)
		msg.Body = d.ref
		ref.Messages = append(ref.Messages, msg)
	}
	return modelOp{drv: drv, ref: ref, box: b}
}

// modelOld is before any test was run: saved dates from then on, up to modelNew, were given.
var modelOld, modelNew = time.Date(2002, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// drawBody stages a body in both stores.
func (m *model) drawBody(d *modelDraft) {
	s := text()
	switch m.rnd.IntN(25) {
	case 0:
		s = ""
	case 1:
		s += strings.Repeat("a long line of text\r\n", 5000)
	case 2:
		s = "the same each time"
	}
	d.drv, d.ref = m.stage(m.accounts[0].drv.ID(), s), m.ref.stage(m.accounts[0].ref.ID(), s)
	d.bodies, d.refs = append(d.bodies, d.drv), append(d.refs, d.ref)
	if m.rnd.IntN(50) == 0 {
		d.drv.Discard()
		d.ref.Discard()
		d.stale = true
	}
}

var (
	modelNames = []string{"INBOX", "inbox", "a", "b", "a/x", "b/y", "b/y/z", "c", "bad//name"}
	modelUses  = [][]imap.MailboxAttr{nil, nil, {imap.AttrSent}, {imap.AttrTrash, imap.AttrJunk}}
)

// drawName draws an operation on names: mostly one that can be done.
func (m *model) drawName(d *modelDraft) (op modelOp) {
	for try := range 10 {
		a := m.accounts[max(0, m.rnd.IntN(8)-6)]
		name, to, use, on := pick(m.rnd, modelNames), pick(m.rnd, modelNames), pick(m.rnd, modelUses), m.rnd.IntN(2) == 0
		names, drvID, refID := d.names[a], a.drv.ID(), a.ref.ID()
		var next *mailbox.Namespace
		var err error
		switch m.rnd.IntN(8) {
		case 0, 1:
			var id mailbox.ID
			if m.rnd.IntN(3) > 0 {
				id = store.NewMailboxID()
			}
			op.drv, op.ref = &store.Create{Account: drvID, ID: id, Name: name, Use: use}, &store.Create{Account: refID, ID: id, Name: name, Use: use}
			if next, err = names.Create(mailbox.Entry{Name: name, ID: id, Use: use}); err == nil && id != 0 {
				d.boxes = append(d.boxes, &modelBox{account: a, drvID: id, refID: id, toDrv: map[imap.UID]imap.UID{}})
			}
		case 2:
			op.drv, op.ref = &store.Delete{Account: drvID, Name: name}, &store.Delete{Account: refID, Name: name}
			e, _ := names.Lookup(name)
			if next, err = names.Delete(name); err == nil {
				d.boxes = slices.DeleteFunc(d.boxes, func(b *modelBox) bool { return b.account == a && b.refID == e.ID })
			}
		case 3, 4:
			op.drv, op.ref = &store.Rename{Account: drvID, From: name, To: to}, &store.Rename{Account: refID, From: name, To: to}
			next, err = names.Rename(name, to)
		case 5:
			op.drv, op.ref = &store.Subscribe{Account: drvID, Name: name, On: on}, &store.Subscribe{Account: refID, Name: name, On: on}
			next, err = names.Subscribe(name, on)
		case 6:
			next, err = m.drawMetadata(&op, a, names, name, on)
		case 7:
			quota := m.drawQuota()
			op.drv, op.ref = &store.SetQuota{Account: drvID, Quota: quota}, &store.SetQuota{Account: refID, Quota: quota}
			next, err = names.SetQuota(quota)
		}
		if err == nil {
			d.names[a] = next
			return op
		}
		if try > 0 && m.rnd.IntN(12) == 0 {
			break // one that fails
		}
	}
	return op
}

// drawQuota draws limits, mostly none.
func (m *model) drawQuota() mailbox.Quota {
	quota := mailbox.Quota{}
	for _, resource := range imap.QuotaResources {
		if m.rnd.IntN(5) == 0 {
			quota[resource] = int64(m.rnd.IntN(40))
			if resource == imap.QuotaStorage {
				quota[resource] *= 200
			}
		}
	}
	return quota
}

// modelEntries are names of metadata: mostly such that are allowed.
var modelEntries = []string{"/shared/comment", "/private/comment", "/shared/vendor/a/b", "/bad"}

// drawMetadata draws a change of metadata of a mailbox that memstore has, or of the account.
func (m *model) drawMetadata(op *modelOp, a *modelAccount, names *mailbox.Namespace, name string, on bool) (*mailbox.Namespace, error) {
	drv, ref := &store.SetMetadata{Mailbox: store.Ref{Account: a.drv.ID()}}, &store.SetMetadata{Mailbox: store.Ref{Account: a.ref.ID()}}
	if b := a.boxes[imap.CanonicalName(name)]; b != nil {
		op.box = b
		drv.Mailbox, ref.Mailbox = b.drvRef(), b.refRef()
	}
	if entry := pick(m.rnd, modelEntries); on {
		drv.Set = []mailbox.Metadata{{Name: entry, Value: text()}}
		ref.Set = drv.Set
	} else {
		drv.Remove = []string{entry}
		ref.Remove = drv.Remove
	}
	op.drv, op.ref = drv, ref
	return names.SetMetadata(ref.Mailbox.Mailbox, ref.Set, ref.Remove)
}

// compareOutcomes compares what both stores say of a commit that was made.
func (m *model) compareOutcomes(d *modelDraft, drv, ref []store.Outcome) {
	m.Helper()
	if len(drv) != len(ref) {
		m.failf("the driver has %d outcomes, memstore %d", len(drv), len(ref))
	}
	several := 0
	for i, op := range d.ops {
		got, want := &drv[i], &ref[i]
		if (got.ModSeq != 0) != (want.ModSeq != 0) || len(got.Source) != len(want.Source) || len(got.UIDs) != len(want.UIDs) {
			m.failf("the outcome of operation %d is %+v, want %+v", i, got, want)
		}
		m.sawOp(op, want)
		switch r := op.ref.(type) {
		case *store.StoreFlags, *store.Expunge:
			m.sameSet(fmt.Sprintf("operation %d: done", i), op.box, got.Done, want.Done)
			m.sameSet(fmt.Sprintf("operation %d: modified", i), op.box, got.Modified, want.Modified)
		case *store.Append:
			m.given(op.box, got.UIDs, want.UIDs)
		case *store.Copy:
			for j, uid := range want.Source {
				if op.box.toDrv[uid] != got.Source[j] {
					m.failf("operation %d took %v, want %v in the driver's UIDs", i, got.Source, want.Source)
				}
			}
			m.given(op.to, got.UIDs, want.UIDs)
		case *store.Create:
			if g, w := got.Created, want.Created; g.Name != w.Name || !slices.Equal(g.Use, w.Use) || g.ID == 0 || r.ID != 0 && g.ID != w.ID {
				m.failf("operation %d created %+v, want %+v", i, g, w)
			}
			// A mailbox that later operations have got messages of is known already.
			for _, b := range d.boxes {
				if r.ID != 0 && b.refID == r.ID {
					b.account.boxes["\x00new "+want.Created.Name] = b // until track finds it
				}
			}
		}
		if want.ModSeq != 0 {
			several++
		}
	}
	delete(d.touched, nil)
	m.saw("many operations", several > 2)
	m.saw("several mailboxes", several > 1 && len(d.touched) > 1)
}

// sawOp notes which situations an operation is one of that was done.
func (m *model) sawOp(op modelOp, out *store.Outcome) {
	switch r := op.ref.(type) {
	case *store.Append:
		m.saw("append", len(out.UIDs) > 0)
		for i := range r.Messages {
			m.saw("append with \\Flagged", slices.Contains(r.Messages[i].Flags, imap.Flagged))
			m.saw("append with an old saved date", !r.Messages[i].Saved.IsZero())
			m.saw("append with many keywords", len(r.Messages[i].Flags) > 70)
			m.saw("one body for two messages", i > 0 && r.Messages[i].Body == r.Messages[i-1].Body && r.Messages[i].Body.Size() > 0)
		}
	case *store.StoreFlags:
		m.saw("flags changed", out.ModSeq != 0)
		m.saw("flags left as they are", out.ModSeq == 0 && !out.Done.Empty())
		m.saw("some modified", !out.Modified.Empty() && !out.Done.Empty())
		m.saw("all modified", !out.Modified.Empty() && out.Done.Empty())
		m.saw("store many keywords", len(r.Flags) > 70 && out.ModSeq != 0)
		m.saw("must exist, and do", r.MustExist && !out.Done.Empty())
	case *store.Expunge:
		m.saw("expunge", !r.Undeleted && out.ModSeq != 0)
		m.saw("expunge undeleted", r.Undeleted && out.ModSeq != 0)
	case *store.Copy:
		done := len(out.UIDs) > 0
		m.saw("copy", !r.Move && done)
		m.saw("move", r.Move && done)
		m.saw("copy to itself", !r.Move && done && op.box == op.to)
		m.saw("move to itself", r.Move && done && op.box == op.to)
		m.saw("copy to another account", done && op.box.account != op.to.account)
		for _, uid := range out.Source {
			if op.box.ref == nil {
				break
			}
			_, row, ok := op.box.ref.Find(uid)
			m.saw("copy of flags", ok && row.Flags != 0)
		}
	case *store.Create:
		m.saw("create", true)
	case *store.Delete:
		m.saw("delete", true)
	case *store.Rename:
		m.saw("rename", true)
	case *store.Subscribe:
		m.saw("subscribe", true)
	case *store.SetMetadata:
		m.saw("metadata", len(r.Set) > 0)
		m.saw("metadata removed", len(r.Remove) > 0)
	case *store.SetQuota:
		m.saw("quota", len(r.Quota) > 0)
	}
}

// sawFailure notes why a commit failed.
func (m *model) sawFailure(d *modelDraft, err error) {
	op := err.(*store.OpError)
	m.saw("the last of several fails", slices.ContainsFunc(d.ops[:op.Index], func(op modelOp) bool {
		a, ok := op.ref.(*store.Append) // which would have changed something
		return ok && len(a.Messages) > 0
	}))
	m.saw("over quota", errors.Is(op.Err, store.ErrOverQuota))
	switch op.Err {
	case store.ErrGone:
		m.saw("must exist, and do not", true)
	case store.ErrNotFound:
		m.saw("no such mailbox", d.ops[op.Index].box != nil)
	case mailbox.ErrTooManyKeywords:
		m.saw("too many keywords", true)
	}
}
