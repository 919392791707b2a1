package localstore

import (
	"encoding/binary"

	"restante/mailbox"
	"restante/store"
)

// metadataRecord: entries of a mailbox, or with ID 0 of the account, have these values, and those in
// remove none. The account may be on its way from another store.
type metadataRecord struct {
	mailbox store.Ref
	set     []mailbox.Metadata
	remove  []string
}

func (r *metadataRecord) kind() byte { return kindMetadata }

func (r *metadataRecord) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(r.mailbox.Account))
	b = binary.AppendUvarint(b, uint64(r.mailbox.Mailbox))
	return appendStrings(appendMetadata(b, r.set), r.remove)
}

func (r *metadataRecord) decode(d *decoder) {
	r.mailbox = store.Ref{Account: store.AccountID(d.uvarint()), Mailbox: mailbox.ID(d.uvarint())}
	r.set, r.remove = d.metadata(), decodeStrings[string](d)
}

func (r *metadataRecord) apply(t *tx) (int, error) {
	a, err := t.anyAccount(r.mailbox.Account)
	if err != nil {
		return 0, err
	}
	return t.setNames(a, func(n *mailbox.Namespace) (*mailbox.Namespace, error) {
		return n.SetMetadata(r.mailbox.Mailbox, r.set, r.remove)
	})
}

func appendMetadata(b []byte, list []mailbox.Metadata) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, m := range list {
		b = appendString(appendString(b, m.Name), m.Value)
	}
	return b
}

func (d *decoder) metadata() []mailbox.Metadata {
	n := d.count()
	if n == 0 {
		return nil
	}
	list := make([]mailbox.Metadata, n)
	for i := range list {
		list[i] = mailbox.Metadata{Name: d.string(), Value: d.string()}
	}
	return list
}

// appendAllMetadata writes the entries of an account: how many, and of each the mailbox, name and value.
func appendAllMetadata(b []byte, names *mailbox.Namespace) []byte {
	n := 0
	for range names.AllMetadata() {
		n++
	}
	b = binary.AppendUvarint(b, uint64(n))
	for id, m := range names.AllMetadata() {
		b = appendString(appendString(binary.AppendUvarint(b, uint64(id)), m.Name), m.Value)
	}
	return b
}

// withMetadata reads them into a namespace.
func (d *decoder) withMetadata(names *mailbox.Namespace) *mailbox.Namespace {
	return names.WithMetadata(func(yield func(mailbox.ID, mailbox.Metadata) bool) {
		for range d.count() {
			id := mailbox.ID(d.uvarint())
			if !yield(id, mailbox.Metadata{Name: d.string(), Value: d.string()}) {
				return
			}
		}
	})
}
