package localstore

import (
	"encoding/binary"
	"fmt"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// The index's keys: a letter, then big-endian numbers.
const (
	keyFormat   = 'f' //                          -> format, store ID
	keyState    = 'p' //                          -> state
	keyUser     = 'u' // name                     -> account, secret
	keyAccount  = 'n' // account                  -> accountState
	keyMailbox  = 'b' // account, mailbox         -> counts, keywords, recent
	keyTable    = 't' // account, mailbox, chunk  -> rows
	keyMessage  = 'm' // message                  -> message
	keyCopies   = 'c' // message                  -> how many rows refer to it, when that is not 1
	keyGrave    = 'g' // message                  -> nothing; no row refers to it
	keyLarge    = 'l' // file                     -> message
	keySegment  = 's' // position                 -> octets that live messages need
	indexFormat = 1
)

func key(letter byte, nums ...uint64) []byte {
	b := make([]byte, 1, 1+8*len(nums))
	b[0] = letter
	for _, n := range nums {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

func tableKey(b boxKey, chunk uint32) []byte {
	return binary.BigEndian.AppendUint32(key(keyTable, uint64(b.account), uint64(b.id)), chunk)
}

// keyEnd returns the first key behind those that start with prefix, which is not all 0xff.
func keyEnd(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; ; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
}

func keyNum(k []byte) uint64 {
	if len(k) < 9 {
		return 0
	}
	return binary.BigEndian.Uint64(k[1:])
}

// message is where a message is, and what is told of it without reading it. It never changes,
// but for its place.
type message struct {
	size    uint32
	sum     uint32 // CRC32C of the body
	file    uint64 // of its own, or 0
	pos     uint64 // of the body in the log, if there is no such file
	off     int    // the same, in the group
	summary []byte
	weight  int64 // octets that it needs in the log while it lives
}

// weigh sets the message's weight. What has no octets in the log is told by the index alone.
func (m *message) weigh() {
	if m.weight = 0; m.file == 0 && m.size > 0 {
		m.weight = int64(m.size) + int64(len(m.summary))
	}
}

// encode appends the message and its body to a group, and remembers where the body is.
func (m *message) encode(group, body []byte) []byte {
	b := binary.AppendUvarint(group, uint64(m.size))
	b = binary.LittleEndian.AppendUint32(b, m.sum)
	b = binary.AppendUvarint(b, m.file)
	b = appendBytes(b, m.summary)
	m.off = len(b)
	m.weigh()
	return append(b, body...)
}

// decode reads what encode wrote. The decoder must have begun with the group.
func (m *message) decode(d *decoder) (body []byte) {
	m.size, m.sum, m.file, m.summary = uint32(d.uvarint()), d.uint32(), d.uvarint(), d.bytes()
	m.off = d.i
	m.weigh()
	if m.file == 0 {
		return d.take(uint64(m.size))
	}
	return nil
}

// appendMessage writes a message's value in the index.
func appendMessage(b []byte, m *message) []byte {
	b = binary.AppendUvarint(b, uint64(m.size))
	b = binary.LittleEndian.AppendUint32(b, m.sum)
	b = binary.AppendUvarint(b, m.file)
	b = binary.AppendUvarint(b, m.pos)
	return append(b, m.summary...)
}

// parseMessage reads it. The summary is not copied.
func parseMessage(b []byte) (m message, ok bool) {
	d := decoder{b: b}
	m.size, m.sum, m.file, m.pos = uint32(d.uvarint()), d.uint32(), d.uvarint(), d.uvarint()
	if d.i < len(b) {
		m.summary = b[d.i:]
	}
	m.weigh()
	return m, !d.bad
}

const rowLen = 40

func appendRows(b []byte, rows []mailbox.Row) []byte {
	for i := range rows {
		r := &rows[i]
		b = binary.LittleEndian.AppendUint32(b, uint32(r.UID))
		b = binary.LittleEndian.AppendUint32(b, r.Size)
		b = binary.LittleEndian.AppendUint64(b, uint64(r.Flags))
		b = binary.LittleEndian.AppendUint64(b, uint64(r.ModSeq))
		b = binary.LittleEndian.AppendUint64(b, uint64(r.Date))
		b = binary.LittleEndian.AppendUint64(b, r.Ref)
	}
	return b
}

func parseRows(rows []mailbox.Row, b []byte) ([]mailbox.Row, bool) {
	if len(b)%rowLen != 0 {
		return rows, false
	}
	for ; len(b) > 0; b = b[rowLen:] {
		_ = b[rowLen-1]
		rows = append(rows, mailbox.Row{
			UID:    imap.UID(binary.LittleEndian.Uint32(b)),
			Size:   binary.LittleEndian.Uint32(b[4:]),
			Flags:  mailbox.FlagBits(binary.LittleEndian.Uint64(b[8:])),
			ModSeq: imap.ModSeq(binary.LittleEndian.Uint64(b[16:])),
			Date:   mailbox.Date(binary.LittleEndian.Uint64(b[24:])),
			Ref:    binary.LittleEndian.Uint64(b[32:]),
		})
	}
	return rows, true
}

// boxMeta is a mailbox's row: everything but its messages.
type boxMeta struct {
	counts   mailbox.Counts
	recent   imap.UID
	keywords []imap.Flag
}

func (m *boxMeta) encode() []byte {
	var b []byte
	for _, n := range []uint64{uint64(m.counts.UIDValidity), uint64(m.counts.UIDNext), uint64(m.counts.HighestModSeq),
		uint64(m.counts.Messages), uint64(m.counts.Unseen), uint64(m.counts.Deleted), uint64(m.counts.Size), uint64(m.recent)} {
		b = binary.AppendUvarint(b, n)
	}
	return appendStrings(b, m.keywords)
}

func parseBoxMeta(b []byte) (m boxMeta, err error) {
	d := decoder{b: b}
	m.counts = mailbox.Counts{UIDValidity: uint32(d.uvarint()), UIDNext: imap.UID(d.uvarint()), HighestModSeq: imap.ModSeq(d.uvarint()),
		Messages: uint32(d.uvarint()), Unseen: uint32(d.uvarint()), Deleted: uint32(d.uvarint()), Size: int64(d.uvarint())}
	m.recent = imap.UID(d.uvarint())
	m.keywords = decodeStrings[imap.Flag](&d)
	if !d.done() {
		return m, fmt.Errorf("%w: a mailbox's row is damaged", ErrCorrupt)
	}
	return m, nil
}

func appendEntry(b []byte, e mailbox.Entry) []byte {
	b = binary.AppendUvarint(b, uint64(e.ID))
	b = binary.AppendUvarint(b, uint64(e.UIDValidity))
	return appendStrings(appendString(b, e.Name), e.Use)
}

func (d *decoder) entry() (e mailbox.Entry) {
	e.ID, e.UIDValidity = mailbox.ID(d.uvarint()), uint32(d.uvarint())
	e.Name, e.Use = d.string(), decodeStrings[imap.MailboxAttr](d)
	return e
}

func (s *accountState) encode() []byte {
	b := binary.AppendUvarint(nil, uint64(s.lastBox))
	b = binary.AppendUvarint(b, uint64(s.lastValidity))
	b = binary.AppendUvarint(b, uint64(s.names.Len()))
	for e := range s.names.All() {
		b = appendEntry(b, e)
	}
	var subscribed []string
	for name := range s.names.Subscribed() {
		subscribed = append(subscribed, name)
	}
	return appendStrings(b, subscribed)
}

func parseAccountState(b []byte) (*accountState, error) {
	d := decoder{b: b}
	s := &accountState{lastBox: mailbox.ID(d.uvarint()), lastValidity: uint32(d.uvarint())}
	entries := make([]mailbox.Entry, d.count())
	for i := range entries {
		entries[i] = d.entry()
	}
	s.names = mailbox.NewNamespace(entries, decodeStrings[string](&d))
	if !d.done() {
		return nil, fmt.Errorf("%w: an account's row is damaged", ErrCorrupt)
	}
	return s, nil
}

func encodeUser(u *store.User) []byte {
	return append(binary.AppendUvarint(nil, uint64(u.ID)), u.Secret...)
}

func parseUser(name, b []byte) (store.User, error) {
	d := decoder{b: b}
	u := store.User{ID: store.AccountID(d.uvarint()), Name: string(name)}
	if d.bad {
		return u, fmt.Errorf("%w: a user's row is damaged", ErrCorrupt)
	}
	u.Secret = append([]byte(nil), b[d.i:]...)
	return u, nil
}

// state is what the index knows of the log: everything before pos is in the tables.
type state struct {
	pos, seq    uint64
	nextMessage uint64
	nextAccount store.AccountID
}

func (s *state) encode() []byte {
	var b []byte
	for _, n := range []uint64{s.pos, s.seq, s.nextMessage, uint64(s.nextAccount)} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return b
}

func parseState(b []byte) (s state, err error) {
	if len(b) != 32 {
		return s, fmt.Errorf("%w: the index's state is damaged", ErrCorrupt)
	}
	return state{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:]),
		store.AccountID(binary.LittleEndian.Uint64(b[24:]))}, nil
}

// keyPut puts a number into a key that key made with one.
func keyPut(k []byte, n uint64) []byte {
	binary.BigEndian.PutUint64(k[1:], n)
	return k
}
