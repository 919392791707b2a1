package localstore

import (
	"encoding/binary"
	"fmt"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// The records of accounts that come from another store, or go to one. They began with format 3.

// arrivingRecord: an account without mailboxes, which nobody sees before it is accepted. Its ID is
// not one that this store has given.
type arrivingRecord struct{ account store.AccountID }

func (r *arrivingRecord) kind() byte { return kindArriving }

func (r *arrivingRecord) encode(b []byte) []byte {
	return binary.AppendUvarint(b, uint64(r.account))
}

func (r *arrivingRecord) decode(d *decoder) { r.account = store.AccountID(d.uvarint()) }

func (r *arrivingRecord) apply(t *tx) (int, error) {
	a := newAccount(t.s, r.account)
	t.newAccounts[r.account] = a
	t.accounts[a] = &accountState{names: mailbox.NewNamespace(nil, nil), residence: store.Residence{State: store.Arriving}}
	return 1, nil
}

// residenceRecord: an account is in use from now on, or has moved away.
type residenceRecord struct {
	account store.AccountID
	store.Residence
}

func (r *residenceRecord) kind() byte { return kindResidence }

func (r *residenceRecord) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(r.account))
	return appendString(append(b, byte(r.State)), r.To)
}

func (r *residenceRecord) decode(d *decoder) {
	r.account = store.AccountID(d.uvarint())
	r.Residence = store.Residence{State: store.ResidenceState(d.byte()), To: d.string()}
}

func (r *residenceRecord) apply(t *tx) (int, error) {
	a, err := t.anyAccount(r.account)
	if err != nil {
		return 0, err
	}
	s := *t.state(a)
	s.residence = r.Residence
	t.accounts[a] = &s
	return 1, nil
}

// arriving returns an account that is on its way.
func (t *tx) arriving(id store.AccountID) (*account, error) {
	a, err := t.anyAccount(id)
	if err == nil && t.state(a).residence.State != store.Arriving {
		err = accountNotFound(id)
	}
	return a, err
}

// namesRecord: all names of an account that is on its way. Mailboxes that are new are empty; those
// that are not among them are removed.
type namesRecord struct {
	account      store.AccountID
	lastValidity uint32
	entries      []mailbox.Entry
	subscribed   []string
}

func (r *namesRecord) kind() byte { return kindNames }

func (r *namesRecord) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(r.account))
	b = binary.AppendUvarint(b, uint64(r.lastValidity))
	b = binary.AppendUvarint(b, uint64(len(r.entries)))
	for _, e := range r.entries {
		b = appendEntry(b, e)
	}
	return appendStrings(b, r.subscribed)
}

func (r *namesRecord) decode(d *decoder) {
	r.account, r.lastValidity = store.AccountID(d.uvarint()), uint32(d.uvarint())
	r.entries = make([]mailbox.Entry, d.count())
	for i := range r.entries {
		r.entries[i] = d.entry()
	}
	r.subscribed = decodeStrings[string](d)
}

func (r *namesRecord) apply(t *tx) (int, error) {
	a, err := t.arriving(r.account)
	if err != nil {
		return 0, err
	}
	s := *t.state(a)
	names := mailbox.NewNamespace(r.entries, r.subscribed)
	var removed []*box
	for e := range s.names.All() {
		if now, ok := names.ByID(e.ID); ok && now.UIDValidity == e.UIDValidity {
			continue
		}
		b, err := t.box(a, e.ID)
		if err != nil {
			return 0, err
		}
		removed = append(removed, b)
	}
	for _, b := range removed {
		t.removeBox(b)
	}
	for _, e := range r.entries {
		if was, ok := s.names.ByID(e.ID); ok && was.UIDValidity == e.UIDValidity {
			continue
		}
		b := newBox(a, e.ID)
		t.newBoxes[b.ref()] = b
		t.set(b, mailbox.New(e.UIDValidity).WithHistory(0, nil, t.s.o.History))
	}
	s.names, s.lastValidity = names, r.lastValidity
	t.accounts[a] = &s
	return 1, nil
}

// importRecord: a part of a mailbox of an account that is on its way, with all its numbers.
type importRecord struct {
	mailbox store.Ref
	id      uint64 // of the first message that is new
	part    mailbox.Import
	rows    []importedRow

	refs []uint64 // of the rows, when it was applied
}

// importedRow is a message of an importRecord.
type importedRow struct {
	uid    imap.UID
	modseq imap.ModSeq
	source rowSource
	id     uint64 // of the message, with rowShared
	newMessage
}

// rowSource says where the message of a row is.
type rowSource byte

const (
	rowKnown  rowSource = iota // the row is in the mailbox: its flags have changed
	rowShared                  // another row has the message
	rowNew                     // it is in the record
)

func (r *importRecord) kind() byte { return kindImport }

func (r *importRecord) encode(b []byte) []byte {
	b = appendRef(b, r.mailbox)
	b = binary.AppendUvarint(b, r.id)
	p := &r.part
	b = appendStrings(b, p.Keywords)
	b = appendSet(b, p.Gone)
	b = binary.AppendUvarint(b, uint64(p.UIDNext))
	b = binary.AppendUvarint(b, uint64(p.HighestModSeq))
	b = binary.AppendUvarint(b, uint64(p.HistorySince))
	b = binary.AppendUvarint(b, uint64(len(p.Expunged)))
	for _, x := range p.Expunged {
		b = binary.AppendUvarint(b, uint64(x.ModSeq))
		b = binary.AppendUvarint(b, uint64(x.First))
		b = binary.AppendUvarint(b, uint64(x.Last))
	}
	b = binary.AppendUvarint(b, uint64(len(r.rows)))
	for i := range r.rows {
		b = r.rows[i].encode(b)
	}
	return b
}

func (m *importedRow) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(m.uid))
	b = binary.AppendUvarint(b, uint64(m.modseq))
	b = appendFlags(b, m.flags)
	b = binary.AppendVarint(b, int64(m.date))
	b = binary.LittleEndian.AppendUint32(b, uint32(m.saved))
	b = append(b, byte(m.source))
	switch m.source {
	case rowShared:
		b = binary.AppendUvarint(b, m.id)
		b = binary.AppendUvarint(b, uint64(m.size))
	case rowNew:
		b = m.message.encode(b, m.body, m.same)
	}
	return b
}

func (r *importRecord) decode(d *decoder) {
	r.mailbox, r.id = d.ref(), d.uvarint()
	p := &r.part
	p.Keywords = decodeStrings[imap.Flag](d)
	p.Gone = d.set()
	p.UIDNext, p.HighestModSeq, p.HistorySince = imap.UID(d.uvarint()), imap.ModSeq(d.uvarint()), imap.ModSeq(d.uvarint())
	p.Expunged = make([]mailbox.Expunged, d.count())
	for i := range p.Expunged {
		p.Expunged[i] = mailbox.Expunged{ModSeq: imap.ModSeq(d.uvarint()), First: imap.UID(d.uvarint()), Last: imap.UID(d.uvarint())}
	}
	r.rows = make([]importedRow, d.count())
	for i := range r.rows {
		r.rows[i].decode(d)
	}
}

func (m *importedRow) decode(d *decoder) {
	m.uid, m.modseq, m.flags = imap.UID(d.uvarint()), imap.ModSeq(d.uvarint()), d.flags()
	m.date, m.saved = mailbox.Date(d.varint()), mailbox.Saved(d.uint32())
	switch m.source = rowSource(d.byte()); m.source {
	case rowKnown:
	case rowShared:
		m.id, m.size = d.uvarint(), uint32(d.uvarint())
	case rowNew:
		m.body = m.message.decode(d)
	default:
		d.fail()
	}
}

func (r *importRecord) apply(t *tx) (int, error) {
	a, err := t.arriving(r.mailbox.Account)
	if err != nil {
		return 0, err
	}
	b, err := t.box(a, r.mailbox.Mailbox)
	if err != nil {
		return 0, err
	}
	v := t.newest(b)
	if v.Deleted {
		return 0, mailboxNotFound(r.mailbox.Mailbox)
	}
	p := r.part
	p.Rows, p.Far, r.refs = make([]mailbox.Row, len(r.rows)), map[imap.UID]mailbox.FarBits{}, make([]uint64, len(r.rows))
	id := r.id
	var shared []mailbox.Row
	var fresh []indexedMessage
	for i := range r.rows {
		m := &r.rows[i]
		row := mailbox.Row{UID: m.uid, ModSeq: m.modseq, Flags: m.flags.Bits, Date: m.date, Saved: m.saved, Size: m.size, Ref: m.id}
		if i > 0 && m.uid <= r.rows[i-1].uid {
			return 0, fmt.Errorf("UID %d follows %d", m.uid, r.rows[i-1].uid)
		}
		_, old, there := v.Find(m.uid)
		if there != (m.source == rowKnown) {
			return 0, fmt.Errorf("UID %d is in the mailbox: %t", m.uid, there)
		}
		switch m.source {
		case rowKnown:
			row.Ref, row.Size = old.Ref, old.Size
		case rowShared:
			shared = append(shared, row)
		case rowNew:
			row.Ref = id
			fresh = append(fresh, indexedMessage{id, m.message})
			id++
		}
		if m.flags.Far != (mailbox.FarBits{}) {
			p.Far[row.UID] = m.flags.Far
		}
		p.Rows[i], r.refs[i] = row, row.Ref
	}
	next, err := v.Import(&p, t.s.o.History)
	if err != nil {
		return 0, err
	}
	var gone []mailbox.Row
	for _, row := range v.RowsByUID(p.Gone) {
		gone = append(gone, *row)
	}
	for _, m := range fresh {
		t.addMessage(m.id, m.message)
	}
	t.nextMessage = max(t.nextMessage, id)
	t.count(shared, +1)
	t.count(gone, -1)
	t.set(b, next)
	t.work += len(r.rows)
	return 1 + len(r.rows), nil
}
