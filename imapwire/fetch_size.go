package imapwire

import "restante/imap"

func init() { fetchItems.add("RFC822.SIZE", fetchItem{ask: plainItem, value: (*scanner).size}) }

// size parses RFC822.SIZE (RFC 9051 §7.5.2).
func (p *scanner) size(d *FetchData, _ string) bool {
	n, ok := p.number()
	if ok && n >= 0 {
		d.Size, d.Items = n, d.Items|imap.ItemSize
	}
	return ok
}
