package imapwire

import "restante/imap"

func init() {
	fetchItems.add("EMAILID", fetchItem{value: (*scanner).emailID})
	fetchItems.add("THREADID", fetchItem{value: (*scanner).threadID})
}

func (p *scanner) emailID(d *FetchData, _ string) bool {
	return p.objectID(&d.EmailID, d, imap.ItemEmailID)
}

func (p *scanner) threadID(d *FetchData, _ string) bool {
	return p.objectID(&d.ThreadID, d, imap.ItemThreadID)
}

// objectID parses an id with or without parentheses, or NIL (RFC 8474 §7).
func (p *scanner) objectID(id *string, d *FetchData, item imap.MessageItems) bool {
	if p.null() {
		return true
	}
	paren := p.take('(')
	v, ok := p.astring()
	if !ok || paren && !p.take(')') {
		return false
	}
	*id, d.Items = v, d.Items|item
	return true
}
