package imapwire

import (
	"slices"
	"strings"
	"unicode/utf8"

	"restante/imap"
)

// ListData is LIST (RFC 9051 §7.3.1), LSUB (RFC 3501 §7.2.3) or XLIST, which Name tells.
type ListData struct {
	Name string
	Info imap.MailboxInfo
}

// StatusData is STATUS (RFC 9051 §7.3.3). Extra has the items without a field in imap.Status.
type StatusData struct {
	imap.Status
	Extra []imap.RawItem
}

// NamespaceData is NAMESPACE (RFC 9051 §7.3.2).
type NamespaceData struct{ imap.Namespace }

// FlagsData is FLAGS (RFC 9051 §7.3.5).
type FlagsData struct{ Flags []imap.Flag }

// mailbox decodes a mailbox name.
func (p *scanner) mailbox(raw string) string {
	if p.o.UTF8 && utf8.ValidString(raw) {
		return imap.CanonicalName(raw)
	}
	return imap.CanonicalName(DecodeUTF7Tolerant(raw))
}

// list parses
//
//	mailbox-list = "(" [mbx-list-flags] ")" SP (DQUOTE QUOTED-CHAR DQUOTE / nil) SP mailbox
//	               [SP mbox-list-extended]
func (p *scanner) list(name string) Response {
	d := &ListData{Name: name}
	m := &d.Info
	if !p.take('(') {
		if !p.null() {
			return nil
		}
		p.defect("NIL for a list", "NIL")
	} else {
		m.Attrs = p.attrs(name == "XLIST")
	}
	m.Subscribed = name == "LSUB" || m.HasAttr(imap.AttrSubscribed)
	if m.HasAttr(imap.AttrNonExistent) && !m.HasAttr(imap.AttrNoselect) {
		m.Attrs = append(m.Attrs, imap.AttrNoselect) // RFC 9051 §7.3.1: it is implied
	}
	var ok bool
	if m.Delim, ok = p.delimiter(); !ok {
		return nil
	}
	if m.Raw, ok = p.listName(); !ok {
		return nil
	}
	m.Name = p.mailbox(m.Raw)
	if p.take('(') {
		if !p.listExtended(m) {
			return nil
		}
	}
	return d
}

// knownAttrs gives attributes their usual spelling, and XLIST's their names of today.
var knownAttrs = func() map[string]imap.MailboxAttr {
	m := map[string]imap.MailboxAttr{}
	for _, a := range []imap.MailboxAttr{imap.AttrNonExistent, imap.AttrNoselect, imap.AttrNoinferiors,
		imap.AttrMarked, imap.AttrUnmarked, imap.AttrHasChildren, imap.AttrHasNoChildren,
		imap.AttrSubscribed, imap.AttrRemote, imap.AttrAll, imap.AttrArchive, imap.AttrDrafts,
		imap.AttrFlagged, imap.AttrJunk, imap.AttrSent, imap.AttrTrash} {
		m[string(a)], m[strings.ToLower(string(a))] = a, a
	}
	return m
}()

var xlistAttrs = map[string]imap.MailboxAttr{
	`\allmail`: imap.AttrAll, `\spam`: imap.AttrJunk, `\starred`: imap.AttrFlagged,
}

// attrs reads mailbox attributes up to the parenthesis that closes the list.
func (p *scanner) attrs(xlist bool) []imap.MailboxAttr {
	var out []imap.MailboxAttr
	for {
		w := p.flagWord()
		if w == "" {
			return out
		}
		a, known := knownAttrs[w]
		if !known {
			if a, known = knownAttrs[strings.ToLower(w)]; !known {
				a = imap.MailboxAttr(w)
			}
		}
		if x, ok := xlistAttrs[strings.ToLower(w)]; ok && xlist {
			a = x
		}
		if slices.ContainsFunc(out, func(b imap.MailboxAttr) bool { return strings.EqualFold(string(a), string(b)) }) {
			p.defect("attribute twice", w)
			continue
		}
		out = append(out, a)
	}
}

// delimiter reads a hierarchy delimiter, 0 for NIL.
func (p *scanner) delimiter() (rune, bool) {
	p.space()
	start := p.i
	if strings.HasPrefix(p.s[p.i:], `"\"`) && !strings.HasPrefix(p.s[p.i:], `"\""`) {
		p.defect("backslash not escaped", `"\"`)
		p.i += 3
		return '\\', true
	}
	v, null, ok := p.nstring()
	if !ok {
		if v = p.word(); v == "" {
			return 0, false
		}
	}
	if null || v == "" {
		if !null {
			p.defect("empty hierarchy delimiter", `""`)
		}
		return 0, true
	}
	r, n := utf8.DecodeRuneInString(v)
	if n < len(v) || p.s[start] != '"' {
		p.defect("odd hierarchy delimiter", p.near(start))
	}
	return r, true
}

// listName reads the name at the end of LIST. Without quotes it may have spaces in it.
func (p *scanner) listName() (string, bool) {
	p.space()
	start := p.i
	if c := p.peek(); c == '"' || c == '{' {
		return p.astring()
	}
	name := p.s[p.i:]
	if i := strings.Index(name, " ("); i >= 0 && strings.HasSuffix(strings.TrimRight(name, " "), ")") {
		name = name[:i]
	}
	p.i += len(name)
	name = strings.TrimRight(name, " ")
	if !all(name, astringChar) {
		p.defect("name without quotes", p.near(start))
	}
	return name, name != ""
}

// listExtended parses what follows the parenthesis of
//
//	mbox-list-extended      = "(" [mbox-list-extended-item *(SP mbox-list-extended-item)] ")"
//	mbox-list-extended-item = mbox-list-extended-item-tag SP tagged-ext-val
func (p *scanner) listExtended(m *imap.MailboxInfo) bool {
	for !p.take(')') {
		tag, ok := p.astring()
		if !ok {
			return false
		}
		switch strings.ToUpper(tag) {
		case "CHILDINFO":
			if !p.take('(') {
				return false
			}
			for !p.take(')') {
				v, ok := p.astring()
				if !ok {
					return false
				}
				m.ChildInfo = append(m.ChildInfo, v)
			}
		case "OLDNAME":
			if !p.take('(') {
				return false
			}
			v, ok := p.astring()
			if !ok || !p.take(')') {
				return false
			}
			m.OldName = p.mailbox(v)
		default:
			if !p.skip() {
				return false
			}
		}
	}
	return true
}

// mailboxStatus parses
//
//	"STATUS" SP mailbox SP "(" [status-att-list] ")"
func (p *scanner) mailboxStatus(string) Response {
	d := &StatusData{}
	p.space()
	start := p.i
	raw, ok := p.astring()
	if !ok {
		return nil
	}
	if !p.take('(') {
		// Exchange: a name with spaces and no quotes.
		end := strings.Index(p.s[start:], " (")
		if end < 0 || p.s[start] == '"' || p.s[start] == '{' {
			return nil
		}
		raw = strings.TrimRight(p.s[start:start+end], " ")
		p.i = start + end + len(" (")
		p.defect("name without quotes", raw)
	}
	d.Mailbox = p.mailbox(raw)
	for !p.take(')') {
		if p.atEnd() {
			p.defect("list not closed", "")
			break
		}
		name := strings.ToUpper(p.word())
		if name == "" {
			return nil
		}
		if !p.statusItem(d, name) {
			return nil
		}
	}
	return d
}

// statusItem parses the value of one item. A negative number and NIL mean that the server does
// not know.
func (p *scanner) statusItem(d *StatusData, name string) bool {
	var item imap.StatusItems
	for _, x := range statusNames {
		if x.name == name {
			item = x.item
		}
	}
	if item == 0 {
		p.space()
		start := p.i
		if !p.skip() {
			return false
		}
		d.Extra = append(d.Extra, imap.RawItem{Name: name, Value: p.s[start:p.i]})
		return true
	}
	n, ok := p.number()
	switch {
	case !ok:
		return false
	case n < 0:
		return true
	case item == imap.StatusSize:
		d.Size = n
	case item == imap.StatusAppendLimit:
		d.AppendLimit = n
	case item == imap.StatusHighestModSeq:
		d.HighestModSeq = imap.ModSeq(n)
	case n > 1<<32-1:
		p.defect("number too big", name)
		return true
	}
	d.Items |= item
	switch v := uint32(n); item {
	case imap.StatusMessages:
		d.Messages = v
	case imap.StatusRecent:
		d.Recent = v
	case imap.StatusUnseen:
		d.Unseen = v
	case imap.StatusDeleted:
		d.Deleted = v
	case imap.StatusUIDNext:
		d.UIDNext = imap.UID(v)
	case imap.StatusUIDValidity:
		d.UIDValidity = v
	}
	return true
}

// namespace parses
//
//	namespace-response = "NAMESPACE" SP namespace SP namespace SP namespace
//	namespace          = nil / "(" 1*namespace-descr ")"
//	namespace-descr    = "(" string SP (DQUOTE QUOTED-CHAR DQUOTE / nil)
//	                     [namespace-response-extensions] ")"
func (p *scanner) namespace(string) Response {
	d := &NamespaceData{}
	for _, list := range []*[]imap.NamespaceDesc{&d.Personal, &d.Other, &d.Shared} {
		if p.space(); p.atEnd() {
			p.defect("name space missing", "")
			break
		}
		if p.null() || p.emptyList() {
			continue
		}
		if !p.take('(') {
			return nil
		}
		for !p.take(')') {
			desc, ok := p.namespaceDesc()
			if !ok {
				return nil
			}
			*list = append(*list, desc)
		}
	}
	return d
}

func (p *scanner) namespaceDesc() (desc imap.NamespaceDesc, ok bool) {
	if !p.take('(') {
		return desc, false
	}
	prefix, _, ok := p.nstring()
	if !ok {
		return desc, false
	}
	// INBOX in a prefix is part of a name: CanonicalName leaves "INBOX." alone.
	desc.Prefix = p.mailbox(prefix)
	if desc.Delim, ok = p.delimiter(); !ok {
		return desc, false
	}
	for !p.take(')') {
		if !p.skip() {
			return desc, false
		}
	}
	return desc, true
}

// flagsResponse parses
//
//	"FLAGS" SP flag-list
func (p *scanner) flagsResponse(string) Response {
	if !p.take('(') {
		return nil
	}
	return &FlagsData{p.flagList()}
}

// flagList reads flags up to the parenthesis that closes the list, or the end. The result is
// never nil.
func (p *scanner) flagList() []imap.Flag {
	list := p.flags[:0]
	for {
		w := p.flagWord()
		if w == "" {
			break
		}
		list = append(list, canonicalFlag(w))
	}
	out := make([]imap.Flag, len(list))
	copy(out, list)
	clear(list)
	p.flags = list[:0]
	return out
}

// flagWord reads one flag or attribute, "" at the end of the list, which is consumed. A backslash
// starts a new one, whatever is in front of it.
func (p *scanner) flagWord() string {
	for {
		if p.take(')') || p.atEnd() {
			return ""
		}
		start := p.i
		if p.s[p.i] == '"' {
			if v, ok := p.quoted(); ok {
				p.defect("flag in quotes", v)
				if v != "" {
					return v
				}
				continue
			}
		}
		for p.i < len(p.s) && p.s[p.i] > ' ' && p.s[p.i] != ')' && (p.s[p.i] != '\\' || p.i == start) {
			p.i++
		}
		if p.i == start {
			p.i++ // a control character
			continue
		}
		if p.peek() == '\\' {
			p.defect("no space between flags", p.near(start))
		}
		return p.s[start:p.i]
	}
}

// canonicalFlag gives the system flags their usual spelling, without allocating.
func canonicalFlag(w string) imap.Flag {
	if w[0] != '\\' {
		return imap.Flag(w)
	}
	for _, f := range [...]imap.Flag{imap.Seen, imap.Answered, imap.Flagged, imap.Deleted, imap.Draft, imap.Recent} {
		if len(f) == len(w) && strings.EqualFold(string(f), w) {
			return f
		}
	}
	return imap.Flag(w)
}
