package imapwire

import "restante/imap"

func init() { fetchItems.add("UID", fetchItem{ask: plainItem, value: (*scanner).uid}) }

// uid parses UID (RFC 9051 §7.5.2).
func (p *scanner) uid(d *FetchData, _ string) bool {
	start := p.mark()
	paren := p.take('(')
	n, ok := p.number32()
	if paren {
		p.take(')')
	}
	if ok && n > 0 {
		d.UID, d.Items = imap.UID(n), d.Items|imap.ItemUID
		return true
	}
	if p.i == start.i {
		return false
	}
	p.defect("not a UID", p.s[start.i:p.i])
	return true
}
