package localstore

import (
	"encoding/binary"
	"fmt"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// The records of messages. What a change has computed already is kept beside the record, with the
// versions that it was computed from, so that apply does not do it again.

func appendRef(b []byte, ref store.Ref) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, uint64(ref.Account)), uint64(ref.Mailbox))
}

func (d *decoder) ref() store.Ref {
	return store.Ref{Account: store.AccountID(d.uvarint()), Mailbox: mailbox.ID(d.uvarint())}
}

// appendRecord: new messages with ascending UIDs, their summaries and bodies. It is the only place
// where a message is.
type appendRecord struct {
	mailbox  store.Ref
	modseq   imap.ModSeq
	uid      imap.UID    // of the first message
	id       uint64      // of the first message
	keywords []imap.Flag // what Version.Learn was asked for, if that made new keywords
	messages []newMessage
	near     bool // Version.LearnNear was asked
}

// newMessage is a message in an appendRecord.
type newMessage struct {
	flags mailbox.FlagSet
	date  mailbox.Date
	saved mailbox.Saved
	message
	body []byte   // nil when it lies in a file of its own
	same *message // an earlier message of the same group that has the same body, or nil
}

func (r *appendRecord) kind() byte { return kindAppend }

func (r *appendRecord) encode(b []byte) []byte {
	b = appendRef(b, r.mailbox)
	b = binary.AppendUvarint(b, uint64(r.modseq))
	b = binary.AppendUvarint(b, uint64(r.uid))
	b = binary.AppendUvarint(b, r.id)
	b = appendStrings(b, r.keywords)
	b = binary.AppendUvarint(b, uint64(len(r.messages)))
	for i := range r.messages {
		m := &r.messages[i]
		b = appendFlags(b, m.flags)
		b = binary.AppendVarint(b, int64(m.date))
		b = binary.LittleEndian.AppendUint32(b, uint32(m.saved))
		b = m.message.encode(b, m.body, m.same)
	}
	return b
}

func (r *appendRecord) decode(d *decoder) {
	r.mailbox = d.ref()
	r.modseq = imap.ModSeq(d.uvarint())
	r.uid = imap.UID(d.uvarint())
	r.id = d.uvarint()
	r.keywords = decodeStrings[imap.Flag](d)
	r.messages = make([]newMessage, d.count())
	for i := range r.messages {
		m := &r.messages[i]
		m.flags = d.flags()
		m.date = mailbox.Date(d.varint())
		m.saved = mailbox.Saved(d.uint32())
		m.body = m.message.decode(d)
	}
}

func (r *appendRecord) apply(t *tx) (int, error) {
	b, v, err := t.version(r.mailbox)
	if err != nil {
		return 0, err
	}
	if len(r.keywords) > 0 {
		if v, _, err = learn(v, r.keywords, r.near); err != nil {
			return 0, err
		}
	}
	if r.uid != v.UIDNext || r.modseq != v.HighestModSeq+1 {
		return 0, fmt.Errorf("UID %d follows UIDNEXT %d, mod-sequence %d follows %d", r.uid, v.UIDNext, r.modseq, v.HighestModSeq)
	}
	rows := make([]mailbox.Row, len(r.messages))
	var far map[imap.UID]mailbox.FarBits
	for i := range rows {
		m := &r.messages[i]
		rows[i] = mailbox.Row{UID: r.uid + imap.UID(i), Size: m.size, Flags: m.flags.Bits, ModSeq: r.modseq, Date: m.date, Ref: r.id + uint64(i), Saved: m.saved}
		if m.flags.Far != (mailbox.FarBits{}) {
			if far == nil {
				far = map[imap.UID]mailbox.FarBits{}
			}
			far[rows[i].UID] = m.flags.Far
		}
	}
	if v, err = v.Append(rows, far); err != nil {
		return 0, err
	}
	for i := range rows {
		t.addMessage(rows[i].Ref, r.messages[i].message)
	}
	t.nextMessage = max(t.nextMessage, r.id+uint64(len(rows)))
	t.set(b, v)
	t.work += len(rows)
	return len(rows), nil
}

// learn is Version.Learn, or LearnNear.
func learn(v *mailbox.Version, flags []imap.Flag, near bool) (*mailbox.Version, mailbox.FlagSet, error) {
	if near {
		return v.LearnNear(flags)
	}
	return v.Learn(flags)
}

// storeRecord: flags of messages change.
type storeRecord struct {
	mailbox  store.Ref
	modseq   imap.ModSeq
	set      imap.UIDSet
	op       imap.StoreOp
	flags    mailbox.FlagSet
	keywords []imap.Flag // as in appendRecord
	near     bool        // as in appendRecord

	from, to *mailbox.Version
	changed  int
}

func (r *storeRecord) kind() byte { return kindStore }

func (r *storeRecord) encode(b []byte) []byte {
	b = appendRef(b, r.mailbox)
	b = binary.AppendUvarint(b, uint64(r.modseq))
	b = appendSet(b, r.set)
	b = append(b, byte(r.op))
	b = appendFlags(b, r.flags)
	return appendStrings(b, r.keywords)
}

func (r *storeRecord) decode(d *decoder) {
	r.mailbox = d.ref()
	r.modseq = imap.ModSeq(d.uvarint())
	r.set = d.set()
	r.op = imap.StoreOp(d.byte())
	r.flags = d.flags()
	r.keywords = decodeStrings[imap.Flag](d)
}

// compute makes the next version of v.
func (r *storeRecord) compute(v *mailbox.Version) (err error) {
	r.from = v
	if len(r.keywords) > 0 {
		var flags mailbox.FlagSet
		if v, flags, err = learn(v, r.keywords, r.near); err != nil {
			return err
		}
		if flags != r.flags {
			return fmt.Errorf("keywords %q are %x, were %x", r.keywords, flags, r.flags)
		}
	}
	if r.modseq != v.HighestModSeq+1 {
		return fmt.Errorf("mod-sequence %d follows %d", r.modseq, v.HighestModSeq)
	}
	r.to, r.changed, err = v.Store(r.set, r.op, r.flags, r.modseq)
	return err
}

func (r *storeRecord) apply(t *tx) (int, error) {
	b, v, err := t.version(r.mailbox)
	if err != nil {
		return 0, err
	}
	if r.from != v {
		if err := r.compute(v); err != nil {
			return 0, err
		}
	}
	if r.changed > 0 {
		t.set(b, r.to)
		t.work += r.changed
	}
	return r.changed, nil
}

// expungeRecord: messages are removed, whatever their flags.
type expungeRecord struct {
	mailbox store.Ref
	modseq  imap.ModSeq
	set     imap.UIDSet

	from, to *mailbox.Version
	removed  []mailbox.Row
}

func (r *expungeRecord) kind() byte { return kindExpunge }

func (r *expungeRecord) encode(b []byte) []byte {
	b = appendRef(b, r.mailbox)
	b = binary.AppendUvarint(b, uint64(r.modseq))
	return appendSet(b, r.set)
}

func (r *expungeRecord) decode(d *decoder) {
	r.mailbox = d.ref()
	r.modseq = imap.ModSeq(d.uvarint())
	r.set = d.set()
}

func (r *expungeRecord) apply(t *tx) (int, error) {
	b, v, err := t.version(r.mailbox)
	if err != nil {
		return 0, err
	}
	if r.modseq != v.HighestModSeq+1 {
		return 0, fmt.Errorf("mod-sequence %d follows %d", r.modseq, v.HighestModSeq)
	}
	if r.from != v {
		r.from = v
		r.to, r.removed = v.Expunge(r.set, false, r.modseq)
	}
	if len(r.removed) > 0 {
		t.set(b, r.to)
		t.count(r.removed, -1)
	}
	return len(r.removed), nil
}

// copyRecord: messages are copied, or moved, to the end of a mailbox. Their keywords go with
// them, which both versions determine.
type copyRecord struct {
	src, dst store.Ref
	move     bool
	set      imap.UIDSet // all exist
	uid      imap.UID    // of the first copy
	saved    mailbox.Saved
	near     bool // as in appendRecord

	from, to *mailbox.Version // that copied was computed from
	copied   *mailbox.Copied
	left     *mailbox.Version // what the source becomes when they are moved
}

func (r *copyRecord) kind() byte { return kindCopy }

func (r *copyRecord) encode(b []byte) []byte {
	b = appendBool(appendRef(appendRef(b, r.src), r.dst), r.move)
	b = binary.AppendUvarint(appendSet(b, r.set), uint64(r.uid))
	return binary.LittleEndian.AppendUint32(b, uint32(r.saved))
}

func (r *copyRecord) decode(d *decoder) {
	r.src, r.dst = d.ref(), d.ref()
	r.move, r.set, r.uid, r.saved = d.byte() == 1, d.set(), imap.UID(d.uvarint()), mailbox.Saved(d.uint32())
}

// compute makes the next versions of both mailboxes.
func (r *copyRecord) compute(from, to *mailbox.Version) (err error) {
	r.from, r.to = from, to
	if r.uid != to.UIDNext {
		return fmt.Errorf("UID %d follows UIDNEXT %d", r.uid, to.UIDNext)
	}
	if r.near {
		var used mailbox.FlagSet
		for _, row := range from.RowsByUID(r.set) {
			used = used.Union(from.Set(row))
		}
		if to, _, err = to.LearnNear(from.Flags(used)); err != nil {
			return err
		}
	}
	if r.copied, err = mailbox.Copy(from, r.set, to, r.saved, nil); err != nil || !r.move || len(r.copied.From) == 0 {
		return err
	}
	if r.src == r.dst { // the removal is a part of the same change
		r.left, _ = r.copied.To.Expunge(r.set, false, r.copied.To.HighestModSeq)
	} else {
		r.left, _ = from.Expunge(r.set, false, from.HighestModSeq+1)
	}
	return nil
}

func (r *copyRecord) apply(t *tx) (int, error) {
	src, from, err := t.version(r.src)
	if err != nil {
		return 0, err
	}
	dst, to, err := t.version(r.dst)
	if err != nil {
		return 0, err
	}
	if r.from != from || r.to != to {
		if err := r.compute(from, to); err != nil {
			return 0, err
		}
	}
	if len(r.copied.From) == 0 {
		return 0, nil
	}
	t.set(dst, r.copied.To)
	if r.move {
		t.set(src, r.left)
		t.work += len(r.copied.From)
	} else {
		t.count(r.copied.From, +1)
	}
	return len(r.copied.From), nil
}

// movedRecord: a message that compaction has moved out of an old segment lies here now.
type movedRecord struct {
	id   uint64
	from uint64 // the position where it was
	message
	body []byte
}

func (r *movedRecord) kind() byte { return kindMoved }

func (r *movedRecord) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, r.id)
	b = binary.AppendUvarint(b, r.from)
	return r.message.encode(b, r.body, nil)
}

func (r *movedRecord) decode(d *decoder) {
	r.id, r.from = d.uvarint(), d.uvarint()
	r.body = r.message.decode(d)
}

func (r *movedRecord) apply(t *tx) (int, error) {
	t.addMessage(r.id, r.message)
	if g := t.s.log.find(r.from); g != nil { // when an index is made anew, the segment may be gone
		t.live[g.base] -= r.logged
	}
	return 1, nil
}
