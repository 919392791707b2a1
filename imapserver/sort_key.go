package imapserver

import (
	"restante/imap"
	"restante/summary"
)

// sortKey is a key of SORT, a row of the table: a number or a text.
type sortKey struct {
	needsSummary bool
	number       func(*openMessage) (int64, error)
	// text appends a text that is prepared for comparison.
	text func([]byte, *openMessage) ([]byte, error)
}

// baseSortKeys are the keys of RFC 5256 §3.
var baseSortKeys = map[imap.SortKey]sortKey{
	imap.SortArrival: {number: func(m *openMessage) (int64, error) { return m.row.Date.Time().Unix(), nil }},
	imap.SortSize:    {number: func(m *openMessage) (int64, error) { return int64(m.row.Size), nil }},
	imap.SortDate:    {needsSummary: true, number: (*openMessage).sent},
	imap.SortSubject: envelopeKey(func(dst, envelope []byte) []byte {
		dst, _ = summary.AppendSubject(dst, envelope)
		return dst
	}),
	imap.SortFrom: addressKey(summary.AppendMailbox, summary.From),
	imap.SortTo:   addressKey(summary.AppendMailbox, summary.To),
	imap.SortCc:   addressKey(summary.AppendMailbox, summary.Cc),
}

// sortDisplayExtension are the keys that order addresses by what is shown of them.
var sortDisplayExtension = extension{
	name: "SORT=DISPLAY", rfc: "RFC 5957",
	capabilities: afterLogin("SORT=DISPLAY"),
	sortKeys: map[imap.SortKey]sortKey{
		imap.SortDisplayFrom: addressKey(summary.AppendDisplay, summary.From),
		imap.SortDisplayTo:   addressKey(summary.AppendDisplay, summary.To),
	},
}

// envelopeKey is a text that is made of the envelope.
func envelopeKey(key func(dst, envelope []byte) []byte) sortKey {
	return sortKey{needsSummary: true, text: func(dst []byte, m *openMessage) ([]byte, error) {
		envelope, err := m.envelope()
		if err != nil {
			return dst, err
		}
		return key(dst, envelope), nil
	}}
}

func addressKey(key func(dst, envelope []byte, field summary.AddressField) []byte, field summary.AddressField) sortKey {
	return envelopeKey(func(dst, envelope []byte) []byte { return key(dst, envelope, field) })
}

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
