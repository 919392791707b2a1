package imapserver

import (
	"encoding/binary"

	"restante/imap"
	"restante/mailbox"
	"restante/summary"
)

// sortKey is a key of SORT, a row of the table: a number of the row, or a fact. What has the smaller number
// comes first; of two with the same number the texts decide.
type sortKey struct {
	row  func(*mailbox.Row) int64
	fact fact
}

// baseSortKeys are the keys of RFC 5256 §3.
var baseSortKeys = map[imap.SortKey]sortKey{
	imap.SortArrival: {row: func(r *mailbox.Row) int64 { return r.Date.Time().Unix() }},
	imap.SortSize:    {row: func(r *mailbox.Row) int64 { return int64(r.Size) }},
	imap.SortDate:    {fact: sentFact},
	imap.SortSubject: envelopeKey("subject", func(dst, envelope []byte) []byte {
		dst, _ = summary.AppendSubject(dst, envelope)
		return dst
	}),
	imap.SortFrom: addressKey("from", summary.AppendMailbox, summary.From),
	imap.SortTo:   addressKey("to", summary.AppendMailbox, summary.To),
	imap.SortCc:   addressKey("cc", summary.AppendMailbox, summary.Cc),
}

// sortDisplayExtension are the keys that order addresses by what is shown of them.
var sortDisplayExtension = extension{
	name: "SORT=DISPLAY", rfc: "RFC 5957",
	capabilities: afterLogin("SORT=DISPLAY"),
	sortKeys: map[imap.SortKey]sortKey{
		imap.SortDisplayFrom: addressKey("shown from", summary.AppendDisplay, summary.From),
		imap.SortDisplayTo:   addressKey("shown to", summary.AppendDisplay, summary.To),
	},
}

// maxSortText is how many octets of a text are compared. Messages that agree in them are in the order of
// the mailbox.
const maxSortText = 512

// envelopeKey is a text, prepared for comparison, that is made of the envelope. The number is its first
// octets.
func envelopeKey(name string, key func(dst, envelope []byte) []byte) sortKey {
	return sortKey{fact: fact{name, func(dst []byte, m *openMessage) (uint64, []byte, error) {
		envelope, err := m.envelope()
		if err != nil {
			return 0, dst, err
		}
		from := len(dst)
		dst = key(dst, envelope)
		dst = dst[:min(len(dst), from+maxSortText)]
		var first [8]byte
		copy(first[:], dst[from:])
		return binary.BigEndian.Uint64(first[:]), dst, nil
	}}}
}

func addressKey(name string, key func(dst, envelope []byte, field summary.AddressField) []byte, field summary.AddressField) sortKey {
	return envelopeKey(name, func(dst, envelope []byte) []byte { return key(dst, envelope, field) })
}

// sentFact is the sent date, as a number that is greater when the date is later.
var sentFact = fact{"sent", func(dst []byte, m *openMessage) (uint64, []byte, error) {
	sent, err := m.sent()
	if err != nil {
		sent = m.row.Date.Time().Unix()
	}
	return ordered(sent), dst, err
}}

// ordered makes a number in which negative ones come first.
func ordered(n int64) uint64 { return uint64(n) ^ 1<<63 }

// sent returns the sent date, in Unix time: that in the Date field, or the internal date when the message
// has none that can be read (RFC 5256 §2.2).
func (m *openMessage) sent() (int64, error) {
	sum, err := m.summary()
	if err != nil {
		return 0, err
	}
	if t, ok := sum.Sent(); ok {
		return t.Unix(), nil
	}
	return m.row.Date.Time().Unix(), nil
}

// envelope returns the value of ENVELOPE, as it is sent.
func (m *openMessage) envelope() ([]byte, error) {
	sum, err := m.summary()
	if err != nil {
		return nil, err
	}
	if envelope := sum.Envelope(); len(envelope) > 0 {
		return envelope, nil
	}
	st, err := m.scan()
	if err != nil {
		return nil, err
	}
	return summary.AppendEnvelope(nil, st), nil
}
