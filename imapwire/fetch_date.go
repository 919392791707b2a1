package imapwire

import (
	"time"

	"restante/imap"
	"restante/internal/maildate"
)

func init() {
	fetchItems.add("INTERNALDATE", fetchItem{ask: plainItem, value: (*scanner).internalDate})
}

// internalDate parses INTERNALDATE (RFC 9051 §7.5.2). A date that is none leaves the time zero.
func (p *scanner) internalDate(d *FetchData, _ string) bool {
	start := p.i
	t, valid, _, ok := p.date()
	if !ok {
		return false
	}
	if !valid {
		p.defect("not a date", p.s[start:p.i])
	}
	d.InternalDate, d.Items = t, d.Items|imap.ItemDate
	return true
}

// date parses a date between quotes, or NIL.
func (p *scanner) date() (t time.Time, valid, null, ok bool) {
	v, null, ok := p.nstring()
	t, valid = maildate.Parse(v)
	return t, valid, null, ok
}
