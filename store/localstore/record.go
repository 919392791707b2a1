package localstore

import (
	"encoding/binary"
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

// The kinds of records. Numbers are never used again for something else. Those of format 1 that are
// not written any more are in record1.go; they are read for ever.
const (
	kindUser byte = iota + 1
	kindSecret
	kindUserGone
	kindCreate
	kindDelete
	kindRename
	kindSubscribe
	kindAppend1
	kindStore1
	kindExpunge
	kindCopy1
	kindMoved1
	kindAppend
	kindStore
	kindCopy
	kindMoved
	kindArriving // the first of format 3
	kindNames
	kindImport
	kindResidence
	kindMetadata // the first of format 4
	kindQuota
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
	case kindAppend1:
		return &appendRecord1{}
	case kindStore1:
		return &storeRecord1{}
	case kindExpunge:
		return &expungeRecord{}
	case kindCopy1:
		return &copyRecord1{}
	case kindMoved1:
		return &movedRecord1{}
	case kindAppend:
		return &appendRecord{}
	case kindStore:
		return &storeRecord{}
	case kindCopy:
		return &copyRecord{}
	case kindMoved:
		return &movedRecord{}
	case kindArriving:
		return &arrivingRecord{}
	case kindNames:
		return &namesRecord{}
	case kindImport:
		return &importRecord{}
	case kindResidence:
		return &residenceRecord{}
	case kindMetadata:
		return &metadataRecord{}
	case kindQuota:
		return &quotaRecord{}
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

// userGoneRecord: a user and all mail of the account are removed; without a name an account that has
// no user.
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
	a, err := t.anyAccount(r.account)
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
	if r.name != "" {
		t.users[r.name] = nil
	}
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
	return appendBool(appendEntry(b, r.entry), r.subscribed)
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
	s.lastValidity = max(s.lastValidity, r.entry.UIDValidity)
	t.accounts[a] = &s
	b := newBox(a, r.entry.ID)
	t.newBoxes[b.ref()] = b
	t.set(b, mailbox.New(r.entry.UIDValidity).WithHistory(0, nil, t.s.o.History))
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
	return appendBool(appendString(binary.AppendUvarint(b, uint64(r.account)), r.name), r.on)
}

func (r *subscribeRecord) decode(d *decoder) {
	r.account, r.name, r.on = store.AccountID(d.uvarint()), d.string(), d.byte() == 1
}

func (r *subscribeRecord) apply(t *tx) (int, error) {
	return t.rename(r.account, func(n *mailbox.Namespace) (*mailbox.Namespace, error) { return n.Subscribe(r.name, r.on) })
}
