package localstore

import (
	"encoding/binary"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// The index's keys: a letter, then big-endian numbers. Letters are never used again for something
// else. Those of format 1 that are no more: b, t, m (migrate.go).
const (
	keyFormat       = 'f' //                          -> format, store ID
	keyState        = 'p' //                          -> state
	keyUser         = 'u' // name                     -> account, secret
	keyAccount      = 'n' // account                  -> accountState
	keyMailbox      = 'B' // account, mailbox         -> counts, keywords, recent, where the history begins
	keyTable        = 'T' // account, mailbox, chunk  -> rows
	keyHistory      = 'x' // account, mailbox, modseq -> what was removed from there on, up to the next row
	keyMessage      = 'M' // message                  -> message
	keyIndexOnly    = 'o' // message                  -> nothing; it has no position in the log
	keyCopies       = 'c' // message                  -> how many rows refer to it, when that is not 1
	keyUnreferenced = 'g' // message                  -> nothing; no row refers to it
	keyLarge        = 'l' // file                     -> message
	keySegment      = 's' // position                 -> octets that live messages need
	indexFormat     = 2
)

func key(letter byte, nums ...uint64) []byte {
	b := make([]byte, 1, 1+8*len(nums))
	b[0] = letter
	for _, n := range nums {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

func tableKey(b *box, chunk uint32) []byte {
	return binary.BigEndian.AppendUint32(key(keyTable, uint64(b.account.id), uint64(b.id)), chunk)
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

// keyPut puts a number into a key that key made with one.
func keyPut(k []byte, n uint64) []byte {
	binary.BigEndian.PutUint64(k[1:], n)
	return k
}

const (
	rowLen = 44
	farLen = 4 + 8*len(mailbox.FarBits{})
)

// appendTable writes a chunk of a mailbox's table: how many rows, the rows, and for those that have
// any the UIDs and FarBits.
func appendTable(b []byte, v *mailbox.Version, rows []mailbox.Row) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(rows)))
	for i := range rows {
		r := &rows[i]
		b = binary.LittleEndian.AppendUint32(b, uint32(r.UID))
		b = binary.LittleEndian.AppendUint32(b, r.Size)
		b = binary.LittleEndian.AppendUint64(b, uint64(r.Flags))
		b = binary.LittleEndian.AppendUint64(b, uint64(r.ModSeq))
		b = binary.LittleEndian.AppendUint64(b, uint64(r.Date))
		b = binary.LittleEndian.AppendUint64(b, r.Ref)
		b = binary.LittleEndian.AppendUint32(b, uint32(r.Saved))
	}
	for i := range rows {
		if r := &rows[i]; v.Far(r) {
			b = binary.LittleEndian.AppendUint32(b, uint32(r.UID))
			for _, word := range v.Set(r).Far {
				b = binary.LittleEndian.AppendUint64(b, word)
			}
		}
	}
	return b
}

// parseTable appends what appendTable wrote.
func parseTable(rows []mailbox.Row, far map[imap.UID]mailbox.FarBits, b []byte) ([]mailbox.Row, map[imap.UID]mailbox.FarBits, bool) {
	if len(b) < 4 {
		return rows, far, false
	}
	n := uint64(binary.LittleEndian.Uint32(b))
	if b = b[4:]; uint64(len(b)) < n*rowLen || (uint64(len(b))-n*rowLen)%uint64(farLen) != 0 {
		return rows, far, false
	}
	for ; n > 0; b, n = b[rowLen:], n-1 {
		_ = b[rowLen-1]
		rows = append(rows, mailbox.Row{
			UID:    imap.UID(binary.LittleEndian.Uint32(b)),
			Size:   binary.LittleEndian.Uint32(b[4:]),
			Flags:  mailbox.FlagBits(binary.LittleEndian.Uint64(b[8:])),
			ModSeq: imap.ModSeq(binary.LittleEndian.Uint64(b[16:])),
			Date:   mailbox.Date(binary.LittleEndian.Uint64(b[24:])),
			Ref:    binary.LittleEndian.Uint64(b[32:]),
			Saved:  mailbox.Saved(binary.LittleEndian.Uint32(b[40:])),
		})
	}
	for ; len(b) > 0; b = b[farLen:] {
		var bits mailbox.FarBits
		for i := range bits {
			bits[i] = binary.LittleEndian.Uint64(b[4+8*i:])
		}
		if far == nil {
			far = map[imap.UID]mailbox.FarBits{}
		}
		far[imap.UID(binary.LittleEndian.Uint32(b))] = bits
	}
	return rows, far, true
}

// boxMeta is a mailbox's row: everything but its messages and its history.
type boxMeta struct {
	counts       mailbox.Counts
	recent       imap.UID
	historySince imap.ModSeq
	keywords     []imap.Flag
}

func (m *boxMeta) encode() []byte {
	var b []byte
	for _, n := range []uint64{uint64(m.counts.UIDValidity), uint64(m.counts.UIDNext), uint64(m.counts.HighestModSeq),
		uint64(m.counts.Messages), uint64(m.counts.Unseen), uint64(m.counts.Deleted), uint64(m.counts.Size), uint64(m.recent), uint64(m.historySince)} {
		b = binary.AppendUvarint(b, n)
	}
	return appendStrings(b, m.keywords)
}

func parseBoxMeta(b []byte) (m boxMeta, ok bool) {
	d := decoder{b: b}
	m.counts, m.recent = d.counts()
	m.historySince = imap.ModSeq(d.uvarint())
	m.keywords = decodeStrings[imap.Flag](&d)
	return m, d.done()
}

// counts reads the counts of a mailbox and the lowest UID that nobody has claimed.
func (d *decoder) counts() (c mailbox.Counts, recent imap.UID) {
	c = mailbox.Counts{UIDValidity: uint32(d.uvarint()), UIDNext: imap.UID(d.uvarint()), HighestModSeq: imap.ModSeq(d.uvarint()),
		Messages: uint32(d.uvarint()), Unseen: uint32(d.uvarint()), Deleted: uint32(d.uvarint()), Size: int64(d.uvarint())}
	return c, imap.UID(d.uvarint())
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
	b := binary.AppendUvarint(nil, 0) // the highest mailbox ID, in format 1
	b = binary.AppendUvarint(b, uint64(s.lastValidity))
	b = binary.AppendUvarint(b, uint64(s.names.Len()))
	for e := range s.names.All() {
		b = appendEntry(b, e)
	}
	var subscribed []string
	for name := range s.names.Subscribed() {
		subscribed = append(subscribed, name)
	}
	b = appendStrings(b, subscribed)
	hasMetadata, quota := false, s.names.Quota()
	for range s.names.AllMetadata() {
		hasMetadata = true
		break
	}
	if s.residence.State != store.InUse || hasMetadata || len(quota) > 0 {
		b = appendString(append(b, byte(s.residence.State)), s.residence.To)
	}
	if hasMetadata || len(quota) > 0 {
		b = appendAllMetadata(b, s.names)
	}
	if len(quota) > 0 {
		b = appendQuota(b, quota)
	}
	return b
}

func parseAccountState(b []byte) (*accountState, bool) {
	d := decoder{b: b}
	d.uvarint()
	s := &accountState{lastValidity: uint32(d.uvarint())}
	entries := make([]mailbox.Entry, d.count())
	for i := range entries {
		entries[i] = d.entry()
	}
	s.names = mailbox.NewNamespace(entries, decodeStrings[string](&d))
	if d.i < len(b) {
		s.residence = store.Residence{State: store.ResidenceState(d.byte()), To: d.string()}
	}
	if d.i < len(b) {
		s.names = d.withMetadata(s.names)
	}
	if d.i < len(b) {
		s.names = s.names.WithQuota(d.quota())
	}
	return s, d.done()
}

func encodeUser(u *store.User) []byte {
	return append(binary.AppendUvarint(nil, uint64(u.ID)), u.Secret...)
}

func parseUser(name, b []byte) (store.User, bool) {
	d := decoder{b: b}
	u := store.User{ID: store.AccountID(d.uvarint()), Name: string(name)}
	u.Secret = append([]byte(nil), b[d.i:]...)
	return u, !d.bad
}

// state is what the index knows of the log: everything before pos is in the tables.
type state struct {
	pos, seq    uint64
	nextMessage uint64
	nextAccount store.AccountID
}

const stateLen = 32

func (s *state) append(b []byte) []byte {
	for _, n := range []uint64{s.pos, s.seq, s.nextMessage, uint64(s.nextAccount)} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return b
}

func parseState(b []byte) (s state, ok bool) {
	if len(b) != stateLen {
		return s, false
	}
	return state{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:]),
		store.AccountID(binary.LittleEndian.Uint64(b[24:]))}, true
}
