package imapwire

import "restante/imap"

func init() {
	fetchItems.add("PREVIEW", fetchItem{ask: askPreview, value: (*scanner).preview})
	intern("PREVIEW (LAZY)")
}

// askPreview parses what follows the name in
//
//	fetch-att   =/ "PREVIEW" [SP "(" preview-mod *(SP preview-mod) ")"]
//	preview-mod = "LAZY"
//
// of RFC 8970 §6. A parenthesis that begins with anything else are the modifiers of FETCH.
func askPreview(l *lexer, name string) imap.FetchItem {
	item := plainItem(l, name)
	start := l.pos
	if !l.take(' ') || !l.take('(') || !l.keyword("LAZY") {
		l.pos = start
		return item
	}
	for l.take(' ') {
		if !l.keyword("LAZY") {
			l.fail("preview-mod", "expected LAZY")
			return item
		}
	}
	l.expect(')', "fetch-att")
	item.Name = upper([]byte("PREVIEW (LAZY)"))
	return item
}

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
