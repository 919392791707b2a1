package localstore

import (
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"restante/imap"
	"restante/mailbox"
)

// The rows of format 1 that are different in format 2: those of mailboxes, tables and messages. A
// migration writes new ones beside them; one batch makes these the valid ones and removes the old. So
// whenever it is interrupted, the index is one of format 1, or of format 2.
const (
	keyMailbox1 = 'b'
	keyTable1   = 't'
	keyMessage1 = 'm'
	row1Len     = 40
)

// migrate brings an index of format 1 to format 2.
func (s *Store) migrate() error {
	value, err := s.get([]byte{keyFormat})
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(value) != 9 || value[0] != 1 {
		return nil // readState looks at it
	}
	s.o.Log.Info("localstore: the index is brought from format 1 to format 2", "dir", s.indexDir())
	m := migration{s: s, id: binary.LittleEndian.Uint64(value[1:]), batch: s.index.NewBatch()}
	defer func() { m.batch.Close() }()
	for _, letter := range []byte{keyMailbox, keyTable, keyMessage, keyIndexOnly} { // of an attempt that was interrupted
		m.batch.DeleteRange([]byte{letter}, []byte{letter + 1}, nil)
	}
	if err := m.flush(); err != nil {
		return err
	}
	for _, step := range []struct {
		letter byte
		f      func(k, value []byte) error
	}{{keyMailbox1, m.mailbox}, {keyTable1, m.table}, {keyMessage1, m.message}} {
		if err := s.eachKey([]byte{step.letter}, func(k, value []byte) error {
			if err := step.f(k, value); err != nil {
				return err
			}
			if m.batch.Len() < s.o.batchBytes {
				return nil
			}
			return m.flush()
		}); err != nil {
			return err
		}
	}
	if err := m.flush(); err != nil {
		return err
	}
	return m.finish()
}

type migration struct {
	s     *Store
	id    uint64 // of the store
	batch *pebble.Batch
}

func (m *migration) flush() error {
	if err := m.s.hooks.check("migrate"); err != nil {
		return err
	}
	if err := m.s.index.stuck(); err != nil {
		return err
	}
	if err := m.s.index.commit(m.batch); err != nil {
		return m.s.indexError(err)
	}
	m.batch.Close()
	m.batch = m.s.index.NewBatch()
	return nil
}

// finish makes the new rows the valid ones. Without rows of segments, recovery counts anew what lives
// in them.
func (m *migration) finish() error {
	for _, letter := range []byte{keyMailbox1, keyTable1, keyMessage1, keySegment} {
		m.batch.DeleteRange([]byte{letter}, []byte{letter + 1}, nil)
	}
	m.batch.Set([]byte{keyFormat}, binary.LittleEndian.AppendUint64([]byte{indexFormat}, m.id), nil)
	if err := m.flush(); err != nil {
		return err
	}
	if err := m.s.index.flush(nil); err != nil {
		return m.s.indexError(err)
	}
	return m.s.hooks.check("migrated")
}

// mailbox: the history begins here.
func (m *migration) mailbox(k, value []byte) error {
	d := decoder{b: value}
	var meta boxMeta
	meta.counts, meta.recent = d.counts()
	meta.keywords = decodeStrings[imap.Flag](&d)
	if !d.done() {
		return m.s.damagedIndex("a mailbox's row is damaged")
	}
	meta.historySince = meta.counts.HighestModSeq
	return m.batch.Set(append([]byte{keyMailbox}, k[1:]...), meta.encode(), nil)
}

// table: rows get a time of saving, which nobody knows.
func (m *migration) table(k, value []byte) error {
	if len(value)%row1Len != 0 {
		return m.s.damagedIndex("a mailbox's table is damaged")
	}
	rows := make([]mailbox.Row, 0, len(value)/row1Len)
	for b := value; len(b) > 0; b = b[row1Len:] {
		rows = append(rows, mailbox.Row{
			UID:    imap.UID(binary.LittleEndian.Uint32(b)),
			Size:   binary.LittleEndian.Uint32(b[4:]),
			Flags:  mailbox.FlagBits(binary.LittleEndian.Uint64(b[8:])),
			ModSeq: imap.ModSeq(binary.LittleEndian.Uint64(b[16:])),
			Date:   mailbox.Date(binary.LittleEndian.Uint64(b[24:])),
			Ref:    binary.LittleEndian.Uint64(b[32:]),
		})
	}
	return m.batch.Set(append([]byte{keyTable}, k[1:]...), appendTable(nil, nil, rows), nil)
}

// message: it gets an EmailID.
func (m *migration) message(k, value []byte) error {
	d := decoder{b: value}
	x := message{size: uint32(d.uvarint()), sum: d.uint32(), file: d.uvarint(), pos: d.uvarint(), emailID: emailIDOf(m.id, keyNum(k))}
	x.summary = value[d.i:]
	if x.file != 0 || x.size == 0 {
		x.pos = indexOnly
	}
	if d.bad {
		return m.s.damagedIndex("the row of message %d is damaged", keyNum(k))
	}
	if x.pos == indexOnly {
		m.batch.Set(key(keyIndexOnly, keyNum(k)), nil, nil)
	}
	return m.batch.Set(append([]byte{keyMessage}, k[1:]...), appendMessage(nil, &x), nil)
}
