package imapwire

import "restante/imap"

func init() { fetchItems.add("PREVIEW", fetchItem{value: (*scanner).preview}) }

// preview parses
//
//	"PREVIEW" SP nstring
//
// of RFC 8970 §3. NIL is a preview that the server does not have.
func (p *scanner) preview(d *FetchData, _ string) bool {
	v, null, ok := p.nstring()
	if ok && !null {
		d.Preview, d.Items = v, d.Items|imap.ItemPreview
	}
	return ok
}
