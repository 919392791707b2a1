package imapwire

import "restante/imap"

func init() {
	commands.add("SORT", command{parse: parseSort, uid: true})
	for _, key := range []imap.SortKey{imap.SortArrival, imap.SortCc, imap.SortDate, imap.SortFrom, imap.SortSize,
		imap.SortSubject, imap.SortTo, imap.SortDisplayFrom, imap.SortDisplayTo} {
		sortKeys.add(string(key), struct{}{})
	}
}

// sortKeys are the keys of SORT. The file of an extension adds to them.
var sortKeys table[struct{}]

// Sort looks for messages and orders them (RFC 5256 §3, RFC 5267 §3.1). Its Charset is not "".
type Sort struct {
	Search
	Criteria []imap.SortCriterion // one at least
}

// Name returns "SORT" or "UID SORT".
func (c *Sort) Name() string { return uidName(c.UID, "SORT") }

// AppendArgs appends result options, criteria, charset and keys.
func (c *Sort) AppendArgs(e *Encoder) {
	c.appendReturn(e)
	if len(c.Criteria) == 0 {
		e.fail("SORT: no criteria", "")
	}
	e.SP()
	e.list(len(c.Criteria), func(i int) {
		if c.Criteria[i].Reverse {
			e.raw("REVERSE ")
		}
		e.Atom(string(c.Criteria[i].Key))
	})
	e.searchCriteria(c.Charset, &c.Key)
}

// searchCriteria appends what SORT and THREAD have in the place of search-program.
func (e *Encoder) searchCriteria(charset string, key *imap.SearchKey) {
	if charset == "" {
		e.fail("charset", charset)
	}
	e.SP()
	e.AString(charset)
	e.SP()
	e.searchProgram(key)
}

// parseSort parses
//
//	sort           = "SORT" [search-return-opts] SP sort-criteria SP search-criteria
//	sort-criteria  = "(" sort-criterion *(SP sort-criterion) ")"
//	sort-criterion = ["REVERSE" SP] sort-key
//	sort-key       = "ARRIVAL" / "CC" / "DATE" / "FROM" / "SIZE" / "SUBJECT" / "TO" /
//	                 "DISPLAYFROM" / "DISPLAYTO"
func parseSort(l *lexer, uid bool) Command {
	c := &Sort{Search: Search{UID: uid}}
	l.sp("sort")
	c.parseReturn(l, "sort")
	l.list("sort-criteria", false, func() {
		var s imap.SortCriterion
		if s.Reverse = l.keyword("REVERSE"); s.Reverse {
			l.sp("sort-criterion")
		}
		start := l.pos
		if s.Key = imap.SortKey(l.word("sort-key")); sortKeys.find(string(s.Key)) == nil {
			l.failAt(start, "sort-key", "no such key")
		}
		c.Criteria = append(c.Criteria, s)
	})
	c.Charset, c.Key = l.searchCriteria()
	return c
}

// searchCriteria parses
//
//	search-criteria = charset 1*(SP search-key)
//	charset         = atom / quoted
func (l *lexer) searchCriteria() (charset string, key imap.SearchKey) {
	l.sp("search-criteria")
	start := l.pos
	if charset = string(l.astring("charset")); charset == "" {
		l.failAt(start, "charset", "expected a name")
	}
	l.sp("search-criteria")
	return charset, l.searchKeys()
}
