package localstore

import (
	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// The records of format 1 that are not written any more. They do what those of today do, with what
// was not noted then: no EmailID, no time of saving, and at most 59 keywords in a mailbox.

// notWritten is for records that are only read.
type notWritten struct{}

func (notWritten) encode([]byte) []byte { panic("localstore: a record of format 1 is not written") }

type appendRecord1 struct {
	notWritten
	r appendRecord
}

func (r *appendRecord1) kind() byte { return kindAppend1 }

func (r *appendRecord1) decode(d *decoder) {
	a := &r.r
	a.near = true
	a.mailbox = d.ref()
	a.modseq = imap.ModSeq(d.uvarint())
	a.uid = imap.UID(d.uvarint())
	a.id = d.uvarint()
	a.keywords = decodeStrings[imap.Flag](d)
	a.messages = make([]newMessage, d.count())
	for i := range a.messages {
		m := &a.messages[i]
		m.flags.Bits = mailbox.FlagBits(d.uvarint())
		m.date = mailbox.Date(d.varint())
		m.body = m.message.decode1(d)
	}
}

func (r *appendRecord1) apply(t *tx) (int, error) {
	r.r.identify(t.s.log.id)
	return r.r.apply(t)
}

// identify gives the messages of a record of format 1 their EmailIDs.
func (r *appendRecord) identify(storeID uint64) {
	for i := range r.messages {
		r.messages[i].emailID = emailIDOf(storeID, r.id+uint64(i))
	}
}

type storeRecord1 struct {
	notWritten
	r storeRecord
}

func (r *storeRecord1) kind() byte { return kindStore1 }

func (r *storeRecord1) decode(d *decoder) {
	s := &r.r
	s.near = true
	s.mailbox = d.ref()
	s.modseq = imap.ModSeq(d.uvarint())
	s.set = d.set()
	s.op = imap.StoreOp(d.byte())
	s.flags.Bits = mailbox.FlagBits(d.uvarint())
	s.keywords = decodeStrings[imap.Flag](d)
}

func (r *storeRecord1) apply(t *tx) (int, error) { return r.r.apply(t) }

type copyRecord1 struct {
	notWritten
	r copyRecord
}

func (r *copyRecord1) kind() byte { return kindCopy1 }

func (r *copyRecord1) decode(d *decoder) {
	c := &r.r
	c.near = true
	account := store.AccountID(d.uvarint())
	c.src = store.Ref{Account: account, Mailbox: mailbox.ID(d.uvarint())}
	c.dst = store.Ref{Account: account, Mailbox: mailbox.ID(d.uvarint())}
	c.move, c.set, c.uid = d.byte() == 1, d.set(), imap.UID(d.uvarint())
}

func (r *copyRecord1) apply(t *tx) (int, error) { return r.r.apply(t) }

type movedRecord1 struct {
	notWritten
	r movedRecord
}

func (r *movedRecord1) kind() byte { return kindMoved1 }

func (r *movedRecord1) decode(d *decoder) {
	r.r.id, r.r.from = d.uvarint(), d.uvarint()
	r.r.body = r.r.message.decode1(d)
}

func (r *movedRecord1) apply(t *tx) (int, error) {
	r.r.emailID = emailIDOf(t.s.log.id, r.r.id)
	return r.r.apply(t)
}
