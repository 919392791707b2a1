package imapwire

import "restante/imap"

func init() {
	fetchItems.add("EMAILID", fetchItem{ask: plainItem, value: (*scanner).emailID})
	fetchItems.add("THREADID", fetchItem{ask: plainItem, value: (*scanner).threadID})
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
	v, ok := p.objectIDValue()
	if !ok {
		return false
	}
	*id, d.Items = v, d.Items|item
	return true
}
