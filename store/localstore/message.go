package localstore

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"restante/store"
)

// message is where a message is, and what is told of it without reading it. It never changes,
// but for its place.
type message struct {
	size     uint32
	sum      uint32 // CRC32C of the body
	file     uint64 // of its own, or 0
	pos      uint64 // in the log: of the body or, when that is not there, of what stands in its place; or one of those below
	off      int    // the same, in the group
	emailID  store.EmailID
	threadID store.ThreadID
	summary  []byte
	logged   int64 // about how many octets it takes in the log
}

const (
	// indexOnly is the position of a message of format 1 that has no octets in the log, of which
	// the index knows no other. Snapshots tell of it.
	indexOnly = 0
	// unfound is the position of a message while an index is made anew: it is neither in the log
	// nor in the snapshot, because it was removed after that.
	unfound = math.MaxUint64
	// recordOctets is about what a message needs in the log besides its body and summary.
	recordOctets = 48
)

// weight returns how many octets of the segment at its position the message needs while it lives.
func (m *message) weight() int64 {
	if m.pos == indexOnly || m.pos == unfound {
		return 0
	}
	return m.logged
}

// weigh sets logged.
func (m *message) weigh() {
	m.logged = int64(recordOctets + len(m.summary))
	if m.file == 0 {
		m.logged += int64(m.size)
	}
}

// encode appends the message and its body to a group, and remembers where the body is. same is the
// message of the same group that has the body already, or nil.
func (m *message) encode(group, body []byte, same *message) []byte {
	b := binary.LittleEndian.AppendUint64(group, uint64(m.emailID))
	b = binary.AppendUvarint(b, uint64(m.threadID))
	b = binary.AppendUvarint(b, uint64(m.size))
	b = binary.LittleEndian.AppendUint32(b, m.sum)
	b = binary.AppendUvarint(b, m.file)
	b = appendBytes(b, m.summary)
	m.weigh()
	switch {
	case len(body) == 0:
		m.off = len(group)
		return append(b, 0)
	case same != nil:
		m.off = same.off
		return binary.AppendUvarint(b, uint64(m.off))
	}
	b = append(b, 0)
	m.off = len(b)
	return append(b, body...)
}

// decode reads what encode wrote. The decoder must have begun with the group.
func (m *message) decode(d *decoder) (body []byte) {
	start := d.i
	m.emailID, m.threadID = store.EmailID(d.uint64()), store.ThreadID(d.uvarint())
	m.size, m.sum, m.file, m.summary = uint32(d.uvarint()), d.uint32(), d.uvarint(), d.bytes()
	m.weigh()
	same := d.uvarint()
	switch {
	case m.file != 0 || m.size == 0:
		m.off = start
	case same != 0:
		m.off = int(min(same, uint64(start)))
		before := decoder{b: d.b[:start], i: m.off}
		body = before.take(uint64(m.size))
		d.bad = d.bad || before.bad
	default:
		m.off = d.i
		body = d.take(uint64(m.size))
	}
	return body
}

// decode1 reads a message of format 1.
func (m *message) decode1(d *decoder) (body []byte) {
	start := d.i
	m.size, m.sum, m.file, m.summary = uint32(d.uvarint()), d.uint32(), d.uvarint(), d.bytes()
	m.weigh()
	if m.off = d.i; m.file == 0 {
		body = d.take(uint64(m.size))
	}
	if len(body) == 0 {
		m.off = start
	}
	return body
}

// emailIDOf returns the EmailID of a message of format 1: the same whenever it is asked for.
func emailIDOf(storeID, id uint64) store.EmailID {
	h := sha256.Sum256(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64([]byte("EmailID"), storeID), id))
	return store.EmailID(binary.LittleEndian.Uint64(h[:]) | 1)
}

// appendMessage writes a message's value in the index.
func appendMessage(b []byte, m *message) []byte {
	b = binary.AppendUvarint(b, uint64(m.size))
	b = binary.LittleEndian.AppendUint32(b, m.sum)
	b = binary.AppendUvarint(b, m.file)
	b = binary.AppendUvarint(b, m.pos)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.emailID))
	b = binary.AppendUvarint(b, uint64(m.threadID))
	return append(b, m.summary...)
}

// parseMessage reads it. The summary is not copied.
func parseMessage(b []byte) (m message, ok bool) {
	d := decoder{b: b}
	m.size, m.sum, m.file, m.pos = uint32(d.uvarint()), d.uint32(), d.uvarint(), d.uvarint()
	m.emailID, m.threadID = store.EmailID(d.uint64()), store.ThreadID(d.uvarint())
	if d.i < len(b) {
		m.summary = b[d.i:]
	}
	m.weigh()
	return m, !d.bad
}
