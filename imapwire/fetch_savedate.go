package imapwire

import "restante/imap"

func init() { fetchItems.add("SAVEDATE", fetchItem{ask: plainItem, value: (*scanner).saveDate}) }

// saveDate parses SAVEDATE (RFC 8514 §4.2); NIL is unknown, and leaves the time zero.
func (p *scanner) saveDate(d *FetchData, _ string) bool {
	start := p.i
	t, valid, null, ok := p.date()
	if !ok {
		return false
	}
	if !valid && !null {
		p.defect("not a date", p.s[start:p.i])
	}
	d.SaveDate, d.Items = t, d.Items|imap.ItemSaveDate
	return true
}
