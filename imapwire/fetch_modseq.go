package imapwire

import "restante/imap"

func init() { fetchItems.add("MODSEQ", fetchItem{ask: plainItem, value: (*scanner).modSeq}) }

// modSeq parses
//
//	"MODSEQ" SP "(" permsg-modsequence ")"
//
// Servers that do not know send 0 or -1.
func (p *scanner) modSeq(d *FetchData, _ string) bool {
	if p.emptyList() {
		return true
	}
	paren := p.take('(')
	n, ok := p.number()
	if !ok || paren && !p.take(')') {
		return false
	}
	if n > 0 {
		d.ModSeq, d.Items = imap.ModSeq(n), d.Items|imap.ItemModSeq
	}
	return true
}
