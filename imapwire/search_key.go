package imapwire

import "restante/imap"

// searchKeys are the search keys that have a name, in both directions. The file of an extension
// adds to it, with one of the kinds of arguments below or one of its own:
//
//	func init() { searchKeys.add("YOUNGER", sizeArg) }
var searchKeys table[searchArg]

// searchArg is what follows the name of a search key. A key uses those fields of imap.SearchKey
// that fit.
type searchArg struct {
	parse  func(p *searchParser, k imap.SearchKey) imap.SearchKey
	append func(e *searchEncoder, k *imap.SearchKey)
}

func init() {
	intern("SEQ")
	// search-key = "ALL" / "ANSWERED" / "BCC" SP astring / "BEFORE" SP date / ...
	for _, kind := range []struct {
		arg searchArg
		ops []imap.SearchOp
	}{
		{noArg, []imap.SearchOp{imap.SearchAll, imap.SearchAnswered, imap.SearchDeleted, imap.SearchDraft,
			imap.SearchFlagged, imap.SearchNew, imap.SearchOld, imap.SearchRecent, imap.SearchSeen,
			imap.SearchUnanswered, imap.SearchUndeleted, imap.SearchUndraft, imap.SearchUnflagged, imap.SearchUnseen}},
		{textArg, []imap.SearchOp{imap.SearchBcc, imap.SearchBody, imap.SearchCc, imap.SearchFrom,
			imap.SearchSubject, imap.SearchText, imap.SearchTo}},
		{dateArg, []imap.SearchOp{imap.SearchBefore, imap.SearchOn, imap.SearchSince, imap.SearchSentBefore,
			imap.SearchSentOn, imap.SearchSentSince}},
		{sizeArg, []imap.SearchOp{imap.SearchLarger, imap.SearchSmaller}},
		{flagArg, []imap.SearchOp{imap.SearchKeyword, imap.SearchUnkeyword}},
		{headerArg, []imap.SearchOp{imap.SearchHeader}},
		{uidArg, []imap.SearchOp{imap.SearchUID}},
	} {
		for _, op := range kind.ops {
			searchKeys.add(string(op), kind.arg)
		}
	}
	searchKeys.add(string(imap.SearchNot), keysArg(1))
	searchKeys.add(string(imap.SearchOr), keysArg(2))
}

// The kinds of arguments.
var (
	noArg = searchArg{
		parse:  func(_ *searchParser, k imap.SearchKey) imap.SearchKey { return k },
		append: func(*searchEncoder, *imap.SearchKey) {},
	}
	// textArg is SP astring, in Text.
	textArg = searchArg{
		parse: func(p *searchParser, k imap.SearchKey) imap.SearchKey {
			p.sp("search-key")
			k.Text = string(p.astring("search-key"))
			return k
		},
		append: func(e *searchEncoder, k *imap.SearchKey) {
			e.SP()
			e.String(k.Text)
		},
	}
	// headerArg is SP header-fld-name SP astring, in Name and Text.
	headerArg = searchArg{
		parse: func(p *searchParser, k imap.SearchKey) imap.SearchKey {
			p.sp("search-key")
			k.Name = string(p.astring("header-fld-name"))
			p.sp("search-key")
			k.Text = string(p.astring("search-key"))
			return k
		},
		append: func(e *searchEncoder, k *imap.SearchKey) {
			e.SP()
			e.AString(k.Name)
			e.SP()
			e.String(k.Text)
		},
	}
	// dateArg is SP date, in Date.
	dateArg = searchArg{
		parse: func(p *searchParser, k imap.SearchKey) imap.SearchKey {
			p.sp("search-key")
			k.Date = p.date("date")
			return k
		},
		append: func(e *searchEncoder, k *imap.SearchKey) {
			e.SP()
			e.date(k.Date)
		},
	}
	// sizeArg is SP number64, in Size.
	sizeArg = searchArg{
		parse: func(p *searchParser, k imap.SearchKey) imap.SearchKey {
			p.sp("search-key")
			k.Size = p.number64("number64")
			return k
		},
		append: func(e *searchEncoder, k *imap.SearchKey) {
			e.SP()
			e.Number(k.Size)
		},
	}
	// flagArg is SP flag-keyword, in Flag.
	flagArg = searchArg{
		parse: func(p *searchParser, k imap.SearchKey) imap.SearchKey {
			p.sp("search-key")
			k.Flag = imap.Flag(p.atom("flag-keyword"))
			return k
		},
		append: func(e *searchEncoder, k *imap.SearchKey) {
			e.SP()
			e.Atom(string(k.Flag))
		},
	}
	// uidArg is SP sequence-set of UIDs, in Set.
	uidArg = searchArg{
		parse: func(p *searchParser, k imap.SearchKey) imap.SearchKey {
			p.sp("search-key")
			k.Set = p.numSet(true, "sequence-set")
			return k
		},
		append: func(e *searchEncoder, k *imap.SearchKey) {
			e.SP()
			e.NumSet(k.Set)
		},
	}
)

// keysArg is n times SP search-key, in Keys.
func keysArg(n int) searchArg {
	return searchArg{
		parse: func(p *searchParser, k imap.SearchKey) imap.SearchKey {
			k.Keys = make([]imap.SearchKey, n)
			for i := range k.Keys {
				p.sp("search-key")
				k.Keys[i] = p.key()
			}
			return k
		},
		append: func(e *searchEncoder, k *imap.SearchKey) {
			if len(k.Keys) != n {
				e.fail("search key: wrong number of operands", string(k.Op))
				return
			}
			for i := range k.Keys {
				e.SP()
				e.key(&k.Keys[i])
			}
		},
	}
}

// maxSearchDepth bounds how deep NOT, OR and parentheses go. Clients write long lists of
// alternatives as nested ORs, so it is not small.
const maxSearchDepth = 1000

// searchParser parses the keys of one SEARCH, and counts them.
type searchParser struct {
	*lexer
	keys  int
	depth int // how many keys the next one is in
}

// key parses
//
//	search-key = <name> [arguments] / "NOT" SP search-key / "OR" SP search-key SP search-key /
//	             sequence-set / "(" search-key *(SP search-key) ")"
func (p *searchParser) key() (k imap.SearchKey) {
	p.keys++
	p.depth++
	defer func() { p.depth-- }()
	switch {
	case p.err != nil:
		return k
	case p.depth > maxSearchDepth:
		p.fail("search-key", "nested too deep")
		return k
	case p.keys > maxList:
		p.fail("search-key", "too many keys")
		return k
	}
	start := p.pos
	switch c := p.peek(); {
	case c == '(':
		p.list("search-key", false, func() { k.Keys = append(k.Keys, p.key()) })
		if len(k.Keys) == 1 {
			return k.Keys[0]
		}
		k.Op = imap.SearchAnd
		return k
	case is(c, setChar):
		return imap.SearchKey{Op: imap.SearchSeq, Set: p.numSet(false, "sequence-set")}
	}
	k.Op = imap.SearchOp(p.word("search-key"))
	arg := searchKeys.find(string(k.Op))
	if arg == nil {
		p.failAt(start, "search-key", "no such key")
		return k
	}
	return arg.parse(p, k)
}

// searchEncoder appends the keys of one SEARCH.
type searchEncoder struct {
	*Encoder
	depth int // how many keys the next one is in
}

// key appends one key.
func (e *searchEncoder) key(k *imap.SearchKey) {
	if e.depth > maxSearchDepth {
		e.fail("search key: too deep", string(k.Op))
		return
	}
	e.depth++
	defer func() { e.depth-- }()
	switch k.Op {
	case imap.SearchAnd:
		switch len(k.Keys) {
		case 0:
			e.raw("ALL")
		case 1:
			e.key(&k.Keys[0])
		default:
			e.list(len(k.Keys), func(i int) { e.key(&k.Keys[i]) })
		}
		return
	case imap.SearchSeq:
		e.NumSet(k.Set)
		return
	case imap.SearchRaw:
		e.Raw(k.Text)
		return
	}
	arg := searchKeys.find(string(k.Op))
	if arg == nil {
		e.fail("search key", string(k.Op))
		return
	}
	e.raw(string(k.Op))
	arg.append(e, k)
}

// searchProgram appends a key; that all keys of a command must match needs no parentheses.
func (e *Encoder) searchProgram(k *imap.SearchKey) {
	s := searchEncoder{Encoder: e}
	if k.Op != imap.SearchAnd || len(k.Keys) < 2 {
		s.key(k)
		return
	}
	s.depth = 1
	for i := range k.Keys {
		if i > 0 {
			e.SP()
		}
		s.key(&k.Keys[i])
	}
}
