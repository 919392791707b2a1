package localstore

import (
	"encoding/binary"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"restante/imap"
	"restante/mailbox"
)

// historyBlock is how many entries of history a row of the index gets before the next is begun.
const historyBlock = 512

// savedHistory is what the index has of a mailbox's history: rows with what was removed from a
// mod-sequence on, up to the next row's. A checkpoint writes the last row again, or begins another.
type savedHistory struct {
	rows []imap.ModSeq // their first mod-sequences, ascending
	last int           // how many entries the last row has
}

func historyKey(b *box, from imap.ModSeq) []byte {
	return key(keyHistory, uint64(b.account.id), uint64(b.id), uint64(from))
}

// writeHistory adds to the batch what has changed in a mailbox's history.
func (b *boxState) writeHistory(batch *pebble.Batch) {
	h := b.history
	h.rows = slices.Clone(h.rows)
	for len(h.rows) > 1 && h.rows[1] <= b.version.HistorySince()+1 {
		batch.Delete(historyKey(b.box, h.rows[0]), nil)
		h.rows = h.rows[1:]
	}
	known := imap.ModSeq(0)
	if b.saved != nil {
		known = b.saved.HighestModSeq
	}
	isNew := false
	for range b.version.Removed(known) {
		isNew = true
		break
	}
	if isNew {
		if len(h.rows) == 0 || h.last >= historyBlock {
			h.rows = append(h.rows, known+1)
		}
		from := h.rows[len(h.rows)-1]
		list := slices.Collect(b.version.Removed(from - 1))
		h.last = len(list)
		batch.Set(historyKey(b.box, from), appendHistory(nil, list), nil)
	}
	b.nextHistory = h
}

// loadHistory gives a version that was loaded its history.
func (s *Store) loadHistory(b *box, v *mailbox.Version, since imap.ModSeq) (*mailbox.Version, error) {
	var list []mailbox.Expunged
	b.history = savedHistory{}
	err := s.eachKey(key(keyHistory, uint64(b.account.id), uint64(b.id)), func(k, value []byte) error {
		before := len(list)
		var ok bool
		if list, ok = parseHistory(list, value); !ok || len(k) != 25 {
			return s.damagedIndex("the history of mailbox %d of account %d is damaged", b.id, b.account.id)
		}
		b.history.rows = append(b.history.rows, imap.ModSeq(binary.BigEndian.Uint64(k[17:])))
		b.history.last = len(list) - before
		return nil
	})
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(x mailbox.Expunged) bool { return x.ModSeq <= since })
	return v.WithHistory(since, list, s.o.History), nil
}

func appendHistory(b []byte, list []mailbox.Expunged) []byte {
	last := imap.ModSeq(0)
	for _, x := range list {
		b = binary.AppendUvarint(b, uint64(x.ModSeq-last))
		b = binary.AppendUvarint(b, uint64(x.First))
		b = binary.AppendUvarint(b, uint64(x.Last-x.First))
		last = x.ModSeq
	}
	return b
}

func parseHistory(list []mailbox.Expunged, b []byte) ([]mailbox.Expunged, bool) {
	d := decoder{b: b}
	last := imap.ModSeq(0)
	for d.i < len(b) {
		last += imap.ModSeq(d.uvarint())
		first := d.uvarint()
		list = append(list, mailbox.Expunged{ModSeq: last, First: imap.UID(first), Last: imap.UID(first + d.uvarint())})
	}
	return list, !d.bad
}
