package imapwire

import (
	"strings"

	"restante/imap"
	"restante/internal/maildate"
)

func init() { fetchItems.add("ENVELOPE", fetchItem{ask: plainItem, value: (*scanner).fetchEnvelope}) }

func (p *scanner) fetchEnvelope(d *FetchData, name string) bool {
	return p.twice(name, func() bool {
		p.strayEmpty()
		e := p.envelope()
		if e == nil {
			return false
		}
		d.Envelope, d.Items = e, d.Items|imap.ItemEnvelope
		return true
	})
}

// AppendEnvelope appends e as it stands in a FETCH response (RFC 9051 §7.5.2). The raw fields are
// sent; Date, Subject and the decoded names are not looked at. Sender and ReplyTo are sent as they
// are: whoever makes an envelope from a header fills them from From (RFC 9051 §7.5.2).
func AppendEnvelope(dst []byte, e *imap.Envelope) []byte {
	if e == nil {
		e = &imap.Envelope{}
	}
	dst = append(dst, '(')
	dst = append(appendNString(dst, e.RawDate), ' ')
	if e.HasSubject && e.RawSubject == "" {
		dst = append(dst, `"" `...)
	} else {
		dst = append(appendNString(dst, e.RawSubject), ' ')
	}
	for _, list := range [...][]imap.Address{e.From, e.Sender, e.ReplyTo, e.To, e.Cc, e.Bcc} {
		dst = append(appendAddresses(dst, list), ' ')
	}
	dst = append(appendNString(dst, e.InReplyTo), ' ')
	dst = appendNString(dst, e.MessageID)
	return append(dst, ')')
}

func appendAddresses(dst []byte, list []imap.Address) []byte {
	if len(list) == 0 {
		return append(dst, "NIL"...)
	}
	dst = append(dst, '(')
	for i := range list {
		a := &list[i]
		switch a.Group {
		case imap.GroupStart:
			dst = append(dst, "(NIL NIL "...)
			dst = append(appendText(dst, a.Mailbox), " NIL)"...)
		case imap.GroupEnd:
			dst = append(dst, "(NIL NIL NIL NIL)"...)
		default:
			// NIL in the last two places would make this a group boundary.
			dst = append(appendNString(append(dst, '('), a.RawName), ' ')
			dst = append(appendNString(dst, a.Route), ' ')
			dst = append(appendText(dst, a.Mailbox), ' ')
			dst = append(appendText(dst, a.Host), ')')
		}
	}
	return append(dst, ')')
}

// appendNString appends s as nstring, with "" as NIL.
func appendNString(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "NIL"...)
	}
	return appendText(dst, s)
}

// maxQuoted is the length above which a string is sent as a literal: readers that take a line at a
// time have limits.
const maxQuoted = 4096

// appendText appends s as a string that every client of RFC 3501 and RFC 9051 can read: quoted
// when it is short and has neither control nor 8-bit characters, else a literal.
func appendText(dst []byte, s string) []byte {
	if len(s) > maxQuoted {
		return AppendLiteral(dst, s)
	}
	start := len(dst)
	dst = append(dst, '"')
	done := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c < 0x7f {
			if c != '"' && c != '\\' {
				continue
			}
			dst = append(append(dst, s[done:i]...), '\\')
			done = i
			continue
		}
		return AppendLiteral(dst[:start], s)
	}
	return append(append(dst, s[done:]...), '"')
}

// envelope parses
//
//	envelope = "(" env-date SP env-subject SP env-from SP env-sender SP env-reply-to SP env-to SP
//	           env-cc SP env-bcc SP env-in-reply-to SP env-message-id ")"
//
// Fields that are missing at the end are NIL. It returns nil when the structure is another one.
// Lists that are written alike share their memory.
func (p *scanner) envelope() *imap.Envelope {
	if !p.take('(') {
		return nil
	}
	var e imap.Envelope
	var ok, null bool
	if e.RawDate, _, ok = p.nstring(); !ok {
		return nil
	}
	e.Date, _ = maildate.Parse(colons(e.RawDate))
	p.space()
	quoted := p.peek() == '"' || p.peek() == '{'
	if e.RawSubject, null, ok = p.nstring(); !ok {
		return nil
	}
	if p.atoms && !quoted && !null {
		e.RawSubject += p.moreWords()
	}
	e.HasSubject = !null
	e.Subject = p.decode(e.RawSubject)

	p.addrs = p.addrs[:0]
	var lists [6]span
	for i := range lists {
		if p.space(); p.peek() == ')' {
			break
		}
		if p.peek() == '"' && p.values() > len(lists)-i+2 {
			p.strayEmpty()
		}
		if i > 0 && p.sameList(lists[i-1]) {
			lists[i] = lists[i-1]
			continue
		}
		if lists[i], ok = p.addressList(); !ok {
			return nil
		}
	}
	for _, field := range [...]*string{&e.InReplyTo, &e.MessageID} {
		if p.space(); p.peek() == ')' {
			p.defect("envelope too short", "")
			break
		}
		if *field, _, ok = p.nstring(); !ok {
			return nil
		}
	}
	for !p.take(')') {
		p.defect("envelope too long", p.near(p.i))
		if !p.skip() {
			return nil
		}
	}

	out, addrs := newEnvelope(len(p.addrs))
	*out = e
	copy(addrs, p.addrs)
	clear(p.addrs)
	p.addrs = p.addrs[:0]
	for i, list := range [...]*[]imap.Address{&out.From, &out.Sender, &out.ReplyTo, &out.To, &out.Cc, &out.Bcc} {
		if l := lists[i]; l.first < l.last {
			*list = addrs[l.first:l.last:l.last]
		}
	}
	return out
}

// newEnvelope returns an envelope and room for so many addresses; when they are few, that is one
// allocation.
func newEnvelope(addrs int) (*imap.Envelope, []imap.Address) {
	switch {
	case addrs == 0:
		return new(imap.Envelope), nil
	case addrs <= 2:
		b := new(struct {
			e imap.Envelope
			a [2]imap.Address
		})
		return &b.e, b.a[:addrs]
	case addrs <= 4:
		b := new(struct {
			e imap.Envelope
			a [4]imap.Address
		})
		return &b.e, b.a[:addrs]
	}
	return new(imap.Envelope), make([]imap.Address, addrs)
}

// span is where an address list lies: in the scratch space, and in the text.
type span struct{ first, last, start, end int }

// sameList consumes a list that is written as the one before it, which is what Sender and
// Reply-To mostly are.
func (p *scanner) sameList(prev span) bool {
	text := p.s[prev.start:prev.end]
	// Literals that are kept apart are not in the text.
	if prev.first == prev.last || len(p.cuts) > 0 || !strings.HasPrefix(p.s[p.i:], text) {
		return false
	}
	p.i += len(text)
	return true
}

// addressList parses
//
//	"(" 1*address ")" / nil
func (p *scanner) addressList() (l span, ok bool) {
	l = span{len(p.addrs), len(p.addrs), p.i, p.i}
	if p.null() {
		return l, true
	}
	if p.atoms && p.bareAddress() {
		l.last, l.end = len(p.addrs), p.i
		return l, true
	}
	if !p.take('(') {
		return l, false
	}
	open := -1 // a group that has not ended
	for {
		p.space()
		switch p.peek() {
		case ')':
			p.i++
			if open >= 0 {
				// No group: the address has no host, and the server writes NIL for that.
				for i := open; i < len(p.addrs); i++ {
					p.addrs[i].Group = imap.NoGroup
				}
			}
			l.last, l.end = len(p.addrs), p.i
			return l, true
		case '(':
			if p.emptyList() {
				continue
			}
			a, ok := p.address()
			if !ok {
				return l, false
			}
			switch {
			case a.Group == imap.GroupStart && open < 0:
				open = len(p.addrs)
			case a.Group == imap.GroupStart:
				p.addrs[open].Group = imap.NoGroup
				open = len(p.addrs)
			case a.Group == imap.GroupEnd && open < 0:
				p.defect("end of a group that has no start", "")
				continue
			case a.Group == imap.GroupEnd:
				open = -1
			}
			p.addrs = append(p.addrs, a)
		default:
			if !p.null() {
				return l, false
			}
			p.defect("NIL among addresses", "NIL")
		}
	}
}

// bareAddress consumes what some servers have for a list: a string, of which "" is no address, or an
// address that is in no list.
func (p *scanner) bareAddress() bool {
	start := p.mark()
	if p.take('(') {
		single := p.peek() != '(' && p.peek() != ')'
		if p.rewind(start); !single {
			return false
		}
		a, ok := p.address()
		if !ok {
			p.rewind(start)
			return false
		}
		p.defect("address without a list", p.near(start.i))
		p.addrs = append(p.addrs, a)
		return true
	}
	v, _, ok := p.nstring()
	if !ok {
		return false
	}
	p.defect("string for addresses", v)
	if v = strings.Trim(v, "<> "); v != "" {
		a := imap.Address{Mailbox: v}
		if at := strings.LastIndexByte(v, '@'); at >= 0 {
			a.Mailbox, a.Host = v[:at], v[at+1:]
		}
		p.addrs = append(p.addrs, a)
	}
	return true
}

// moreWords consumes the words of a text without quotes, up to what can be no text.
func (p *scanner) moreWords() string {
	start := p.i
	for {
		end := p.i
		if p.null() || p.word() == "" {
			p.i = end
			return strings.TrimRight(p.s[start:end], " ")
		}
	}
}

// values returns how many values there are up to the end of the list; it consumes nothing.
func (p *scanner) values() (n int) {
	start := p.mark()
	for p.space(); !p.atEnd() && p.peek() != ')' && p.skip(); p.space() {
		n++
	}
	p.rewind(start)
	return n
}

// address parses
//
//	address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")"
func (p *scanner) address() (a imap.Address, ok bool) {
	start := p.i
	p.i++
	var null [4]bool
	for i, field := range [...]*string{&a.RawName, &a.Route, &a.Mailbox, &a.Host} {
		if p.space(); p.peek() == ')' {
			p.defect("address too short", p.s[start:p.i])
			break
		}
		if *field, null[i], ok = p.nstring(); !ok {
			return a, false
		}
	}
	if !p.take(')') {
		return a, false
	}
	noName, noMailbox, noHost := null[0], null[2], null[3]
	switch {
	case noHost && noMailbox && noName:
		a.Group = imap.GroupEnd
	case noHost && !noMailbox && strings.Contains(a.RawName, "@"):
		p.defect("name and mailbox swapped", p.s[start:p.i])
		a.RawName, a.Mailbox = a.Mailbox, strings.Trim(a.RawName, "<> ")
		at := strings.LastIndexByte(a.Mailbox, '@')
		a.Mailbox, a.Host = a.Mailbox[:at], a.Mailbox[at+1:]
	case noHost && !noMailbox && noName:
		a.Group = imap.GroupStart
	default:
		p.cleanAddress(&a, start)
	}
	a.Name = p.decode(a.RawName)
	return a, true
}

// cleanAddress removes what servers write where a header had no mailbox or domain, and brackets
// that they left standing.
func (p *scanner) cleanAddress(a *imap.Address, start int) {
	host, mailbox := a.Host, a.Mailbox
	switch host {
	case "MISSING_DOMAIN", ".MISSING-HOST-NAME.", ".SYNTAX-ERROR.", "missing_domain":
		host = ""
	}
	switch mailbox {
	case "MISSING_MAILBOX", "missing_mailbox", "UNEXPECTED_DATA_AFTER_ADDRESS", "INVALID_ADDRESS":
		mailbox = ""
	}
	if mailbox != "" && mailbox[0] == '<' {
		mailbox = mailbox[1:]
	}
	if host != "" && host[len(host)-1] == '>' {
		host = host[:len(host)-1]
	}
	if len(host) != len(a.Host) || len(mailbox) != len(a.Mailbox) {
		p.defect("address not taken apart", p.s[start:p.i])
		a.Host, a.Mailbox = host, mailbox
	}
}
