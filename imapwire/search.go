package imapwire

import (
	"restante/imap"
)

// Search looks for messages (RFC 9051 §6.4.4, §6.4.9).
type Search struct {
	UID     bool
	Charset string        // as written; "" when the command names none
	Return  *SearchReturn // nil: the old form, answered with SEARCH in IMAP4rev1
	Key     imap.SearchKey
}

// SearchReturn are the result options of SEARCH RETURN (RFC 9051 §6.4.4). None is All.
type SearchReturn struct{ Min, Max, All, Count, Save bool }

// Name returns "SEARCH" or "UID SEARCH".
func (c *Search) Name() string { return uidName(c.UID, "SEARCH") }

func (r *SearchReturn) options() []option {
	return []option{{"MIN", &r.Min}, {"MAX", &r.Max}, {"ALL", &r.All}, {"COUNT", &r.Count}, {"SAVE", &r.Save}}
}

// AppendArgs appends result options, charset and keys.
func (c *Search) AppendArgs(e *Encoder) {
	if c.Return != nil {
		e.raw(" RETURN (")
		e.options(c.Return.options())
		e.raw(")")
	}
	if c.Charset != "" {
		e.raw(" CHARSET ")
		e.AString(c.Charset)
	}
	e.SP()
	e.searchProgram(c.Key)
}

// searchProgram appends a key; that all keys of a command must match needs no parentheses.
func (e *Encoder) searchProgram(k imap.SearchKey) {
	if k.Op != imap.SearchAnd || len(k.Keys) < 2 {
		e.searchKey(k, 0)
		return
	}
	for i, sub := range k.Keys {
		if i > 0 {
			e.SP()
		}
		e.searchKey(sub, 1)
	}
}

// maxSearchDepth bounds how deep NOT, OR and parentheses go. Clients write long lists of
// alternatives as nested ORs, so it is not small.
const maxSearchDepth = 1000

// searchKey appends one key.
func (e *Encoder) searchKey(k imap.SearchKey, depth int) {
	if depth > maxSearchDepth {
		e.fail("search key: too deep", string(k.Op))
		return
	}
	switch k.Op {
	case imap.SearchAnd:
		switch len(k.Keys) {
		case 0:
			e.raw("ALL")
		case 1:
			e.searchKey(k.Keys[0], depth+1)
		default:
			e.list(len(k.Keys), func(i int) { e.searchKey(k.Keys[i], depth+1) })
		}
		return
	case imap.SearchOr, imap.SearchNot:
		want := 2
		if k.Op == imap.SearchNot {
			want = 1
		}
		if len(k.Keys) != want {
			e.fail("search key: wrong number of operands", string(k.Op))
			return
		}
		e.raw(string(k.Op))
		for _, sub := range k.Keys {
			e.SP()
			e.searchKey(sub, depth+1)
		}
		return
	case imap.SearchSeq:
		e.NumSet(k.Set)
		return
	case imap.SearchRaw:
		e.Raw(k.Text)
		return
	}
	arg, ok := searchArgs[k.Op]
	if !ok {
		e.fail("search key", string(k.Op))
		return
	}
	e.raw(string(k.Op))
	switch arg {
	case argNone:
		return
	case argHeader:
		e.SP()
		e.AString(k.Name)
	}
	e.SP()
	switch arg {
	case argText, argHeader:
		e.String(k.Text)
	case argDate:
		e.date(k.Date)
	case argSize:
		e.Number(k.Size)
	case argFlag:
		e.Atom(string(k.Flag))
	case argUID:
		e.NumSet(k.Set)
	}
}

// searchArg is what follows the name of a search key.
type searchArg uint8

const (
	argNone   searchArg = iota
	argText             // SP astring
	argHeader           // SP header-fld-name SP astring
	argDate             // SP date
	argSize             // SP number64
	argFlag             // SP flag-keyword
	argUID              // SP sequence-set
)

// searchArgs are the search keys that have a name of their own:
//
//	search-key = "ALL" / "ANSWERED" / "BCC" SP astring / "BEFORE" SP date / ...
var searchArgs = map[imap.SearchOp]searchArg{
	imap.SearchAll:        argNone,
	imap.SearchAnswered:   argNone,
	imap.SearchBcc:        argText,
	imap.SearchBefore:     argDate,
	imap.SearchBody:       argText,
	imap.SearchCc:         argText,
	imap.SearchDeleted:    argNone,
	imap.SearchDraft:      argNone,
	imap.SearchFlagged:    argNone,
	imap.SearchFrom:       argText,
	imap.SearchHeader:     argHeader,
	imap.SearchKeyword:    argFlag,
	imap.SearchLarger:     argSize,
	imap.SearchNew:        argNone,
	imap.SearchOld:        argNone,
	imap.SearchOn:         argDate,
	imap.SearchRecent:     argNone,
	imap.SearchSeen:       argNone,
	imap.SearchSentBefore: argDate,
	imap.SearchSentOn:     argDate,
	imap.SearchSentSince:  argDate,
	imap.SearchSince:      argDate,
	imap.SearchSmaller:    argSize,
	imap.SearchSubject:    argText,
	imap.SearchText:       argText,
	imap.SearchTo:         argText,
	imap.SearchUID:        argUID,
	imap.SearchUnanswered: argNone,
	imap.SearchUndeleted:  argNone,
	imap.SearchUndraft:    argNone,
	imap.SearchUnflagged:  argNone,
	imap.SearchUnkeyword:  argFlag,
	imap.SearchUnseen:     argNone,
}

// parseSearch parses
//
//	search             = "SEARCH" [search-return-opts] SP search-program
//	search-return-opts = SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"
//	search-return-opt  = "MIN" / "MAX" / "ALL" / "COUNT" / "SAVE"
//	search-program     = ["CHARSET" SP charset SP] search-key *(SP search-key)
func parseSearch(l *lexer, uid bool) Command {
	c := &Search{UID: uid}
	l.sp("search")
	if l.keyword("RETURN") {
		c.Return = new(SearchReturn)
		l.sp("search-return-opts")
		l.list("search-return-opts", true, func() { l.option("search-return-opt", c.Return.options()) })
		l.sp("search")
	}
	if l.keyword("CHARSET") {
		l.sp("search-program")
		start := l.pos
		if c.Charset = string(l.astring("charset")); c.Charset == "" {
			l.failAt(start, "charset", "expected a name")
		}
		l.sp("search-program")
	}
	p := searchParser{lexer: l}
	keys := []imap.SearchKey{p.key(1)}
	for l.take(' ') {
		keys = append(keys, p.key(1))
	}
	if c.Key = keys[0]; len(keys) > 1 {
		c.Key = imap.And(keys...)
	}
	return c
}

// searchParser counts the keys of one SEARCH.
type searchParser struct {
	*lexer
	keys int
}

// key parses
//
//	search-key = <name> [arguments] / "NOT" SP search-key / "OR" SP search-key SP search-key /
//	             sequence-set / "(" search-key *(SP search-key) ")"
func (p *searchParser) key(depth int) (k imap.SearchKey) {
	p.keys++
	switch {
	case p.err != nil:
		return k
	case depth > maxSearchDepth:
		p.fail("search-key", "nested too deep")
		return k
	case p.keys > maxList:
		p.fail("search-key", "too many keys")
		return k
	}
	start := p.pos
	switch c := p.peek(); {
	case c == '(':
		p.list("search-key", false, func() { k.Keys = append(k.Keys, p.key(depth+1)) })
		if len(k.Keys) == 1 {
			return k.Keys[0]
		}
		k.Op = imap.SearchAnd
		return k
	case is(c, setChar):
		return imap.SearchKey{Op: imap.SearchSeq, Set: p.numSet(false, "sequence-set")}
	}
	k.Op = imap.SearchOp(p.word("search-key"))
	switch k.Op {
	case imap.SearchNot:
		p.sp("search-key")
		k.Keys = []imap.SearchKey{p.key(depth + 1)}
		return k
	case imap.SearchOr:
		p.sp("search-key")
		a := p.key(depth + 1)
		p.sp("search-key")
		k.Keys = []imap.SearchKey{a, p.key(depth + 1)}
		return k
	}
	arg, ok := searchArgs[k.Op]
	if !ok {
		p.failAt(start, "search-key", "no such key")
		return k
	}
	if arg == argNone {
		return k
	}
	p.sp("search-key")
	switch arg {
	case argHeader:
		k.Name = string(p.astring("header-fld-name"))
		p.sp("search-key")
		k.Text = string(p.astring("search-key"))
	case argText:
		k.Text = string(p.astring("search-key"))
	case argDate:
		k.Date = p.date("date")
	case argSize:
		k.Size = p.number64("number64")
	case argFlag:
		k.Flag = imap.Flag(p.atom("flag-keyword"))
	case argUID:
		k.Set = p.numSet(true, "sequence-set")
	}
	return k
}
