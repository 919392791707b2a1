package imapwire

import "restante/imap"

// What Gmail sends: ids that stand in for those of OBJECTID where it does not send those, and labels.
func init() {
	fetchItems.add("X-GM-MSGID", fetchItem{value: (*scanner).gmailMessageID})
	fetchItems.add("X-GM-THRID", fetchItem{value: (*scanner).gmailThreadID})
	fetchItems.add("X-GM-LABELS", fetchItem{value: (*scanner).labels})
}

func (p *scanner) gmailMessageID(d *FetchData, name string) bool {
	if d.Items&imap.ItemEmailID != 0 {
		return p.skip()
	}
	return p.emailID(d, name)
}

func (p *scanner) gmailThreadID(d *FetchData, name string) bool {
	if d.Items&imap.ItemThreadID != 0 {
		return p.skip()
	}
	return p.threadID(d, name)
}

// labels parses X-GM-LABELS: a list of flags and astrings, of which NIL is one.
func (p *scanner) labels(d *FetchData, _ string) bool {
	if !p.take('(') {
		return p.null()
	}
	labels := []string{}
	for !p.take(')') {
		v, ok := p.astring()
		if !ok {
			return false
		}
		labels = append(labels, DecodeUTF7Tolerant(v))
	}
	d.Labels, d.Items = labels, d.Items|imap.ItemLabels
	return true
}
