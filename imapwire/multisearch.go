package imapwire

import "restante/imap"

func init() {
	commands.add("ESEARCH", command{parse: parseMultiSearch})
	esearchItems.add("MAILBOX", func(p *scanner, d *ESearchData) bool {
		raw, ok := p.astring()
		d.Mailbox = p.mailbox(raw)
		return ok
	})
	esearchItems.add("UIDVALIDITY", func(p *scanner, d *ESearchData) (ok bool) {
		d.UIDValidity, ok = p.number32()
		return ok
	})
	for kind, names := range map[imap.SearchSource]bool{
		imap.SourceSelected: false, imap.SourceInboxes: false, imap.SourcePersonal: false, imap.SourceSubscribed: false,
		imap.SourceSubtree: true, imap.SourceSubtreeOne: true, imap.SourceMailboxes: true,
	} {
		searchSources.add(string(kind), names)
	}
}

// searchSources are the kinds of mailboxes that ESEARCH looks into, and whether they have names.
var searchSources table[bool]

// MultiSearch is ESEARCH, which looks for messages in several mailboxes (RFC 7377 §2). Its UID is true: the
// answer has UIDs.
type MultiSearch struct {
	Search
	Sources []SearchSource // none: the selected mailbox
}

// SearchSource are mailboxes that are searched (RFC 7377 §2.2).
type SearchSource struct {
	Kind  imap.SearchSource
	Names []string // of SUBTREE, SUBTREE-ONE, MAILBOXES: one at least
}

// Name returns "ESEARCH".
func (*MultiSearch) Name() string { return "ESEARCH" }

// AppendArgs appends sources, result options, charset and keys.
func (c *MultiSearch) AppendArgs(e *Encoder) {
	if len(c.Sources) > 0 {
		e.raw(" IN ")
		e.list(len(c.Sources), func(i int) {
			s := &c.Sources[i]
			e.Atom(string(s.Kind))
			if len(s.Names) > 0 {
				e.SP()
				e.list(len(s.Names), func(i int) { e.Mailbox(s.Names[i]) })
			}
		})
	}
	c.Search.AppendArgs(e)
}

// parseMultiSearch parses
//
//	esearch               = "ESEARCH" [SP esearch-source-opts] [SP search-return-opts] SP search-program
//	esearch-source-opts   = "IN" SP "(" source-mbox ")"
//	source-mbox           = filter-mailboxes *(SP filter-mailboxes)
//	filter-mailboxes      = "selected" / "inboxes" / "personal" / "subscribed" /
//	                        ("subtree" / "subtree-one" / "mailboxes") SP one-or-more-mailbox
//	one-or-more-mailbox   = mailbox / "(" mailbox *(SP mailbox) ")"
//
// There are no scope-options yet.
func parseMultiSearch(l *lexer, _ bool) Command {
	c := &MultiSearch{Search: Search{UID: true}}
	l.sp("esearch")
	if l.keyword("IN") {
		l.sp("esearch-source-opts")
		l.list("source-mbox", false, func() { c.Sources = append(c.Sources, l.searchSource()) })
		l.sp("esearch")
	}
	c.parseProgram(l, "esearch")
	return c
}

func (l *lexer) searchSource() (s SearchSource) {
	start := l.pos
	s.Kind = imap.SearchSource(l.word("filter-mailboxes"))
	hasNames := searchSources.find(string(s.Kind))
	if hasNames == nil {
		l.failAt(start, "filter-mailboxes", "no such mailboxes")
		return s
	}
	if !*hasNames {
		return s
	}
	l.sp("filter-mailboxes")
	name := func() { s.Names = append(s.Names, l.mailbox("mailbox")) }
	if l.peek() == '(' {
		l.list("one-or-more-mailbox", false, name)
	} else {
		name()
	}
	return s
}
