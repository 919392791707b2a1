package localstore

import (
	"encoding/binary"
	"fmt"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// record is one logical change. Making a change and replaying it go through the same apply, so
// that the state after a recovery is the state before it.
type record interface {
	kind() byte
	// encode appends the record without its kind to the group.
	encode(group []byte) []byte
	decode(d *decoder)
	// apply makes the change. When it returns an error, or 0 changed things, it changed nothing.
	apply(t *tx) (changed int, err error)
}

// The kinds of records. Numbers are never used again for something else.
const (
	kindUser byte = iota + 1
	kindSecret
	kindUserGone
	kindCreate
	kindDelete
	kindRename
	kindSubscribe
	kindAppend
	kindStore
	kindExpunge
	kindCopy
	kindMoved
)

func newRecord(kind byte) record {
	switch kind {
	case kindUser:
		return &userRecord{}
	case kindSecret:
		return &secretRecord{}
	case kindUserGone:
		return &userGoneRecord{}
	case kindCreate:
		return &createRecord{}
	case kindDelete:
		return &deleteRecord{}
	case kindRename:
		return &renameRecord{}
	case kindSubscribe:
		return &subscribeRecord{}
	case kindAppend:
		return &appendRecord{}
	case kindStore:
		return &storeRecord{}
	case kindExpunge:
		return &expungeRecord{}
	case kindCopy:
		return &copyRecord{}
	case kindMoved:
		return &movedRecord{}
	}
	return nil
}

// userRecord: a user and an account without mailboxes. The mailboxes follow in the same group.
type userRecord struct {
	account store.AccountID
	name    string
	secret  []byte
}

func (r *userRecord) kind() byte { return kindUser }

func (r *userRecord) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(r.account))
	return appendBytes(appendString(b, r.name), r.secret)
}

func (r *userRecord) decode(d *decoder) {
	r.account, r.name, r.secret = store.AccountID(d.uvarint()), d.string(), d.bytes()
}

func (r *userRecord) apply(t *tx) (int, error) {
	a := newAccount(t.s, r.account)
	t.newAccounts[r.account] = a
	t.accounts[a] = &accountState{names: mailbox.NewNamespace(nil, nil)}
	t.users[r.name] = &store.User{ID: r.account, Name: r.name, Secret: r.secret}
	t.nextAccount = max(t.nextAccount, r.account+1)
	return 1, nil
}

// secretRecord: a user's new secret.
type secretRecord userRecord

func (r *secretRecord) kind() byte             { return kindSecret }
func (r *secretRecord) encode(b []byte) []byte { return (*userRecord)(r).encode(b) }
func (r *secretRecord) decode(d *decoder)      { (*userRecord)(r).decode(d) }

func (r *secretRecord) apply(t *tx) (int, error) {
	t.users[r.name] = &store.User{ID: r.account, Name: r.name, Secret: r.secret}
	return 1, nil
}

// userGoneRecord: a user and all mail of the account are removed.
type userGoneRecord struct {
	account store.AccountID
	name    string
}

func (r *userGoneRecord) kind() byte { return kindUserGone }

func (r *userGoneRecord) encode(b []byte) []byte {
	return appendString(binary.AppendUvarint(b, uint64(r.account)), r.name)
}

func (r *userGoneRecord) decode(d *decoder) {
	r.account, r.name = store.AccountID(d.uvarint()), d.string()
}

func (r *userGoneRecord) apply(t *tx) (int, error) {
	a, err := t.account(r.account)
	if err != nil {
		return 0, err
	}
	boxes := make([]*box, 0, t.state(a).names.Len())
	for e := range t.state(a).names.All() {
		b, err := t.box(a, e.ID)
		if err != nil {
			return 0, err
		}
		boxes = append(boxes, b)
	}
	for _, b := range boxes {
		t.removeBox(b)
	}
	t.accounts[a] = &accountState{names: mailbox.NewNamespace(nil, nil), gone: true}
	t.users[r.name] = nil
	return 1, nil
}

// createRecord: a new mailbox, subscribed if it is one that came with the account.
type createRecord struct {
	account    store.AccountID
	entry      mailbox.Entry
	subscribed bool
}

func (r *createRecord) kind() byte { return kindCreate }

func (r *createRecord) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(r.account))
	b = appendEntry(b, r.entry)
	if r.subscribed {
		return append(b, 1)
	}
	return append(b, 0)
}

func (r *createRecord) decode(d *decoder) {
	r.account, r.entry, r.subscribed = store.AccountID(d.uvarint()), d.entry(), d.byte() == 1
}

func (r *createRecord) apply(t *tx) (int, error) {
	a, err := t.account(r.account)
	if err != nil {
		return 0, err
	}
	s := *t.state(a)
	if s.names, err = s.names.Create(r.entry); err != nil {
		return 0, err
	}
	if r.subscribed {
		if s.names, err = s.names.Subscribe(r.entry.Name, true); err != nil {
			return 0, err
		}
	}
	s.lastBox = max(s.lastBox, r.entry.ID)
	s.lastValidity = max(s.lastValidity, r.entry.UIDValidity)
	t.accounts[a] = &s
	b := newBox(a, r.entry.ID)
	t.newBoxes[boxKey{r.account, r.entry.ID}] = b
	t.boxes[b] = mailbox.New(r.entry.UIDValidity)
	return 1, nil
}

// deleteRecord: a mailbox and its messages are removed.
type deleteRecord struct {
	account store.AccountID
	name    string
}

func (r *deleteRecord) kind() byte { return kindDelete }

func (r *deleteRecord) encode(b []byte) []byte {
	return appendString(binary.AppendUvarint(b, uint64(r.account)), r.name)
}

func (r *deleteRecord) decode(d *decoder) {
	r.account, r.name = store.AccountID(d.uvarint()), d.string()
}

func (r *deleteRecord) apply(t *tx) (int, error) {
	a, err := t.account(r.account)
	if err != nil {
		return 0, err
	}
	s := *t.state(a)
	e, _ := s.names.Lookup(r.name)
	if s.names, err = s.names.Delete(r.name); err != nil {
		return 0, err
	}
	b, err := t.box(a, e.ID)
	if err != nil {
		return 0, err
	}
	t.removeBox(b)
	t.accounts[a] = &s
	return 1, nil
}

// renameRecord: a mailbox and its inferiors are called differently.
type renameRecord struct {
	account  store.AccountID
	from, to string
}

func (r *renameRecord) kind() byte { return kindRename }

func (r *renameRecord) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(r.account))
	return appendString(appendString(b, r.from), r.to)
}

func (r *renameRecord) decode(d *decoder) {
	r.account, r.from, r.to = store.AccountID(d.uvarint()), d.string(), d.string()
}

func (r *renameRecord) apply(t *tx) (int, error) {
	return t.rename(r.account, func(n *mailbox.Namespace) (*mailbox.Namespace, error) { return n.Rename(r.from, r.to) })
}

// subscribeRecord: a name is subscribed, or is not any more.
type subscribeRecord struct {
	account store.AccountID
	name    string
	on      bool
}

func (r *subscribeRecord) kind() byte { return kindSubscribe }

func (r *subscribeRecord) encode(b []byte) []byte {
	b = appendString(binary.AppendUvarint(b, uint64(r.account)), r.name)
	if r.on {
		return append(b, 1)
	}
	return append(b, 0)
}

func (r *subscribeRecord) decode(d *decoder) {
	r.account, r.name, r.on = store.AccountID(d.uvarint()), d.string(), d.byte() == 1
}

func (r *subscribeRecord) apply(t *tx) (int, error) {
	return t.rename(r.account, func(n *mailbox.Namespace) (*mailbox.Namespace, error) { return n.Subscribe(r.name, r.on) })
}

// appendRecord: new messages with ascending UIDs and IDs, their summaries and bodies. It is the
// only place where a message is.
type appendRecord struct {
	account  store.AccountID
	mailbox  mailbox.ID
	modseq   imap.ModSeq
	uid      imap.UID    // of the first message
	id       uint64      // of the first message
	keywords []imap.Flag // what Version.Bits was asked for, if that made new keywords
	messages []newMessage
}

// newMessage is a message in an appendRecord.
type newMessage struct {
	flags mailbox.FlagBits
	date  mailbox.Date
	message
	body []byte // nil when it lies in a file of its own
}

func (r *appendRecord) kind() byte { return kindAppend }

func (r *appendRecord) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(r.account))
	b = binary.AppendUvarint(b, uint64(r.mailbox))
	b = binary.AppendUvarint(b, uint64(r.modseq))
	b = binary.AppendUvarint(b, uint64(r.uid))
	b = binary.AppendUvarint(b, r.id)
	b = appendStrings(b, r.keywords)
	b = binary.AppendUvarint(b, uint64(len(r.messages)))
	for i := range r.messages {
		m := &r.messages[i]
		b = binary.AppendUvarint(b, uint64(m.flags))
		b = binary.AppendVarint(b, int64(m.date))
		b = m.message.encode(b, m.body)
	}
	return b
}

func (r *appendRecord) decode(d *decoder) {
	r.account = store.AccountID(d.uvarint())
	r.mailbox = mailbox.ID(d.uvarint())
	r.modseq = imap.ModSeq(d.uvarint())
	r.uid = imap.UID(d.uvarint())
	r.id = d.uvarint()
	r.keywords = decodeStrings[imap.Flag](d)
	r.messages = make([]newMessage, d.count())
	for i := range r.messages {
		m := &r.messages[i]
		m.flags = mailbox.FlagBits(d.uvarint())
		m.date = mailbox.Date(d.varint())
		m.body = m.message.decode(d)
	}
}

func (r *appendRecord) apply(t *tx) (int, error) {
	b, v, err := t.version(r.account, r.mailbox)
	if err != nil {
		return 0, err
	}
	if len(r.keywords) > 0 {
		if v, _, err = v.Bits(r.keywords); err != nil {
			return 0, err
		}
	}
	if r.uid != v.UIDNext || r.modseq != v.HighestModSeq+1 {
		return 0, fmt.Errorf("UID %d follows UIDNEXT %d, mod-sequence %d follows %d", r.uid, v.UIDNext, r.modseq, v.HighestModSeq)
	}
	rows := make([]mailbox.Row, len(r.messages))
	for i := range rows {
		m := &r.messages[i]
		rows[i] = mailbox.Row{UID: r.uid + imap.UID(i), Size: m.size, Flags: m.flags, ModSeq: r.modseq, Date: m.date, Ref: r.id + uint64(i)}
		t.addMessage(r.id+uint64(i), m.message)
	}
	t.nextMessage = max(t.nextMessage, r.id+uint64(len(rows)))
	t.boxes[b] = v.Append(rows)
	return len(rows), nil
}

// storeRecord: flags of messages change.
type storeRecord struct {
	account  store.AccountID
	mailbox  mailbox.ID
	modseq   imap.ModSeq
	set      imap.UIDSet
	op       imap.StoreOp
	bits     mailbox.FlagBits
	keywords []imap.Flag // as in appendRecord
}

func (r *storeRecord) kind() byte { return kindStore }

func (r *storeRecord) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(r.account))
	b = binary.AppendUvarint(b, uint64(r.mailbox))
	b = binary.AppendUvarint(b, uint64(r.modseq))
	b = appendSet(b, r.set)
	b = append(b, byte(r.op))
	b = binary.AppendUvarint(b, uint64(r.bits))
	return appendStrings(b, r.keywords)
}

func (r *storeRecord) decode(d *decoder) {
	r.account = store.AccountID(d.uvarint())
	r.mailbox = mailbox.ID(d.uvarint())
	r.modseq = imap.ModSeq(d.uvarint())
	r.set = d.set()
	r.op = imap.StoreOp(d.byte())
	r.bits = mailbox.FlagBits(d.uvarint())
	r.keywords = decodeStrings[imap.Flag](d)
}

func (r *storeRecord) apply(t *tx) (int, error) {
	b, v, err := t.version(r.account, r.mailbox)
	if err != nil {
		return 0, err
	}
	if len(r.keywords) > 0 {
		var bits mailbox.FlagBits
		if v, bits, err = v.Bits(r.keywords); err != nil {
			return 0, err
		}
		if bits != r.bits {
			return 0, fmt.Errorf("keywords %q are %x, were %x", r.keywords, bits, r.bits)
		}
	}
	if r.modseq != v.HighestModSeq+1 {
		return 0, fmt.Errorf("mod-sequence %d follows %d", r.modseq, v.HighestModSeq)
	}
	v, n := v.Store(r.set, r.op, r.bits, r.modseq)
	if n > 0 {
		t.boxes[b] = v
		t.work += n
	}
	return n, nil
}

// expungeRecord: messages are removed, whatever their flags.
type expungeRecord struct {
	account store.AccountID
	mailbox mailbox.ID
	modseq  imap.ModSeq
	set     imap.UIDSet
}

func (r *expungeRecord) kind() byte { return kindExpunge }

func (r *expungeRecord) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(r.account))
	b = binary.AppendUvarint(b, uint64(r.mailbox))
	b = binary.AppendUvarint(b, uint64(r.modseq))
	return appendSet(b, r.set)
}

func (r *expungeRecord) decode(d *decoder) {
	r.account = store.AccountID(d.uvarint())
	r.mailbox = mailbox.ID(d.uvarint())
	r.modseq = imap.ModSeq(d.uvarint())
	r.set = d.set()
}

func (r *expungeRecord) apply(t *tx) (int, error) {
	b, v, err := t.version(r.account, r.mailbox)
	if err != nil {
		return 0, err
	}
	if r.modseq != v.HighestModSeq+1 {
		return 0, fmt.Errorf("mod-sequence %d follows %d", r.modseq, v.HighestModSeq)
	}
	v, removed := v.Expunge(r.set, false, r.modseq)
	if len(removed) > 0 {
		t.boxes[b] = v
		t.remove(b, removed, r.modseq)
		t.count(removed, -1)
	}
	return len(removed), nil
}

// copyRecord: messages are copied, or moved, to the end of a mailbox. Their keywords go with
// them, which both versions determine.
type copyRecord struct {
	account  store.AccountID
	src, dst mailbox.ID
	move     bool
	set      imap.UIDSet // all exist
	uid      imap.UID    // of the first copy
}

func (r *copyRecord) kind() byte { return kindCopy }

func (r *copyRecord) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(r.account))
	b = binary.AppendUvarint(b, uint64(r.src))
	b = binary.AppendUvarint(b, uint64(r.dst))
	if r.move {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	return binary.AppendUvarint(appendSet(b, r.set), uint64(r.uid))
}

func (r *copyRecord) decode(d *decoder) {
	r.account = store.AccountID(d.uvarint())
	r.src, r.dst = mailbox.ID(d.uvarint()), mailbox.ID(d.uvarint())
	r.move, r.set, r.uid = d.byte() == 1, d.set(), imap.UID(d.uvarint())
}

func (r *copyRecord) apply(t *tx) (int, error) {
	src, from, err := t.version(r.account, r.src)
	if err != nil {
		return 0, err
	}
	dst, to, err := t.version(r.account, r.dst)
	if err != nil {
		return 0, err
	}
	if r.uid != to.UIDNext {
		return 0, fmt.Errorf("UID %d follows UIDNEXT %d", r.uid, to.UIDNext)
	}
	var rows []mailbox.Row
	var used mailbox.FlagBits
	for _, row := range from.RowsByUID(r.set) {
		used |= row.Flags
		rows = append(rows, *row)
	}
	if len(rows) == 0 {
		return 0, nil
	}
	// All keywords at once: one that is new with one message is not given up for the next.
	if to, _, err = to.Bits(from.Flags(used)); err != nil {
		return 0, err
	}
	mapped := map[mailbox.FlagBits]mailbox.FlagBits{}
	modseq := to.HighestModSeq + 1
	for i := range rows {
		row := &rows[i]
		bits, ok := mapped[row.Flags]
		if !ok {
			for _, f := range from.Flags(row.Flags) {
				bits |= to.Bit(f)
			}
			mapped[row.Flags] = bits
		}
		row.UID, row.Flags, row.ModSeq = r.uid+imap.UID(i), bits, modseq
	}
	t.boxes[dst] = to.Append(rows)
	if !r.move {
		t.count(rows, +1)
		return len(rows), nil
	}
	if src != dst {
		modseq = from.HighestModSeq + 1
	}
	left, removed := t.newest(src).Expunge(r.set, false, modseq)
	t.boxes[src] = left
	t.remove(src, removed, modseq)
	t.work += len(rows)
	return len(rows), nil
}

// movedRecord: a message that compaction has rescued from an old segment lies here now.
type movedRecord struct {
	id   uint64
	from uint64 // the position where the body was
	message
	body []byte
}

func (r *movedRecord) kind() byte { return kindMoved }

func (r *movedRecord) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, r.id)
	b = binary.AppendUvarint(b, r.from)
	return r.message.encode(b, r.body)
}

func (r *movedRecord) decode(d *decoder) {
	r.id, r.from = d.uvarint(), d.uvarint()
	r.body = r.message.decode(d)
}

func (r *movedRecord) apply(t *tx) (int, error) {
	t.addMessage(r.id, r.message)
	t.live[t.s.log.base(r.from)] -= r.weight
	return 1, nil
}
