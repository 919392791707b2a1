package imapwire

import (
	"strings"
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
	with := colons(v)
	if t, valid = maildate.Parse(with); with != v {
		p.defect("dots in a time", v)
	}
	return t, valid, null, ok
}

// colons returns a date whose time is written with dots, "10.30.00", as others write it.
func colons(date string) string {
	if strings.IndexByte(date, '.') < 0 || strings.IndexByte(date, ':') >= 0 {
		return date
	}
	b := []byte(date)
	for i := 2; i+2 < len(b); i++ { // between a space, one or two digits, and two digits
		hour := is(b[i-1], digitChar) && (b[i-2] == ' ' || is(b[i-2], digitChar) && i > 2 && (b[i-3] == ' ' || b[i-3] == ':'))
		if b[i] == '.' && hour && is(b[i+1], digitChar) && is(b[i+2], digitChar) {
			b[i] = ':'
		}
	}
	return string(b)
}
