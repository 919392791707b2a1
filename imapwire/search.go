package imapwire

import (
	"bytes"
	"math"
	"strings"

	"restante/imap"
)

func init() {
	commands.add("SEARCH", command{parse: parseSearch, uid: true})
	responses.add("SEARCH", (*scanner).search)
	responses.add("SORT", (*scanner).search)
	internToggles(new(SearchReturn).toggles())
	codes.add(string(imap.CodeBadCharset), imap.ErrUnsupported)
}

// Search looks for messages (RFC 9051 §6.4.4, §6.4.9).
type Search struct {
	UID     bool
	Charset string        // as written; "" when the command names none
	Return  *SearchReturn // nil: the old form, answered with SEARCH in IMAP4rev1
	Key     imap.SearchKey

	// ReturnOptions are other result options (RFC 4466 §2.6.1), with Return: PARTIAL, UPDATE.
	ReturnOptions []Option
}

// SearchReturn are the result options of SEARCH RETURN (RFC 9051 §6.4.4). None is All.
type SearchReturn struct{ Min, Max, All, Count, Save bool }

// Name returns "SEARCH" or "UID SEARCH".
func (c *Search) Name() string { return uidName(c.UID, "SEARCH") }

func (r *SearchReturn) toggles() []toggle {
	return []toggle{{"MIN", &r.Min}, {"MAX", &r.Max}, {"ALL", &r.All}, {"COUNT", &r.Count}, {"SAVE", &r.Save}}
}

// AppendArgs appends result options, charset and keys.
func (c *Search) AppendArgs(e *Encoder) {
	c.appendReturn(e)
	if c.Charset != "" {
		e.raw(" CHARSET ")
		e.AString(c.Charset)
	}
	e.SP()
	e.searchProgram(&c.Key)
}

// appendReturn appends the result options.
func (c *Search) appendReturn(e *Encoder) {
	if c.Return == nil && len(c.ReturnOptions) > 0 {
		e.fail("SEARCH: options without RETURN", c.ReturnOptions[0].Name())
	}
	if c.Return != nil {
		e.raw(" RETURN (")
		e.options(c.Return.toggles(), c.ReturnOptions)
		e.raw(")")
	}
}

// parseSearch parses
//
//	search         = "SEARCH" [search-return-opts] SP search-program
//	search-program = ["CHARSET" SP charset SP] search-key *(SP search-key)
func parseSearch(l *lexer, uid bool) Command {
	c := &Search{UID: uid}
	l.sp("search")
	c.parseProgram(l, "search")
	return c
}

// parseProgram parses what follows the name of SEARCH.
func (c *Search) parseProgram(l *lexer, production string) {
	c.parseReturn(l, production)
	if l.keyword("CHARSET") {
		l.sp("search-program")
		start := l.pos
		if c.Charset = string(l.astring("charset")); c.Charset == "" {
			l.failAt(start, "charset", "expected a name")
		}
		l.sp("search-program")
	}
	c.Key = l.searchKeys()
}

// parseReturn parses the result options, if there are any, and the space behind them:
//
//	search-return-opts = SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"
//	search-return-opt  = "MIN" / "MAX" / "ALL" / "COUNT" / "SAVE" / search-ret-opt-ext
func (c *Search) parseReturn(l *lexer, production string) {
	if l.keyword("RETURN") {
		c.Return = new(SearchReturn)
		l.sp("search-return-opts")
		c.ReturnOptions = l.options("search-return-opts", "search-return-opt", true, c.Return.toggles(), &searchReturns)
		l.sp(production)
	}
}

// searchKeys parses search-key *(SP search-key).
func (l *lexer) searchKeys() imap.SearchKey {
	p := searchParser{lexer: l}
	key := p.key()
	if l.peek() != ' ' {
		return key
	}
	keys := append(make([]imap.SearchKey, 0, 2), key)
	for l.take(' ') {
		keys = append(keys, p.key())
	}
	return imap.And(keys...)
}

// SearchData is SEARCH (RFC 3501 §7.2.5) or SORT (RFC 5256 §4), which Name
// tells. Whether the numbers are UIDs is up to the command. They are in the order in which they
// came; zeros and numbers that do not fit are left out.
type SearchData struct {
	Name   string
	Nums   []uint32
	ModSeq imap.ModSeq // 0 when the server did not say (RFC 7162 §3.1.6)
}

func (*SearchData) response() {}

// parseNumbers is the fast path for the longest of all responses: SEARCH with nothing but numbers
// and single spaces. It returns nil for everything else.
func parseNumbers(frame []byte) Response {
	const prefix = "* SEARCH"
	if len(frame) < len(prefix) || string(frame[:len(prefix)]) != prefix {
		return nil
	}
	rest := bytes.TrimRight(frame[len(prefix):], "\r\n ")
	d := &SearchData{Name: "SEARCH"}
	if len(rest) == 0 {
		return d
	}
	if rest[0] != ' ' {
		return nil
	}
	nums := make([]uint32, 0, bytes.Count(rest, []byte(" ")))
	for i := 0; i < len(rest); {
		if i++; i == len(rest) { // the space
			return nil
		}
		n := uint64(rest[i] - '0')
		if n > 9 || n == 0 {
			return nil
		}
		start := i
		for i++; i < len(rest); i++ {
			c := rest[i] - '0'
			if c > 9 {
				break
			}
			n = n*10 + uint64(c)
		}
		if n > math.MaxUint32 || i-start > 10 || i < len(rest) && rest[i] != ' ' {
			return nil
		}
		nums = append(nums, uint32(n))
	}
	d.Nums = nums
	return d
}

// search parses
//
//	"SEARCH" *(SP nz-number) [SP "(" "MODSEQ" SP mod-sequence-value ")"]
func (p *scanner) search(name string) Response {
	d := &SearchData{Name: name}
	for {
		p.space()
		switch {
		case p.atEnd():
			return d
		case p.take('('):
			if !strings.EqualFold(p.word(), "MODSEQ") {
				return nil
			}
			n, ok := p.number()
			if !ok || !p.take(')') {
				return nil
			}
			d.ModSeq = imap.ModSeq(max(n, 0))
			continue
		case p.null():
			p.defect("NIL for an empty list", "NIL")
			continue
		}
		start := p.i
		n, ok := p.number32()
		switch {
		case p.i == start:
			return nil
		case ok && n > 0:
			d.Nums = append(d.Nums, n)
		default:
			p.defect("not a message number", p.near(start))
		}
	}
}

// AppendSearch appends SEARCH (RFC 3501 §7.2.5).
func AppendSearch[N imap.Num | ~uint32](dst []byte, nums []N) []byte {
	dst = append(dst, "* SEARCH"...)
	for _, n := range nums {
		dst = AppendNumber(append(dst, ' '), uint32(n))
	}
	return appendCRLF(dst)
}

// BadCharset returns the character sets that BADCHARSET recommends (RFC 9051 §7.1).
func (r *StatusResponse) BadCharset() ([]string, bool) {
	if r.Code != imap.CodeBadCharset {
		return nil, false
	}
	var out []string
	p := scanner{s: r.Args}
	p.take('(')
	for !p.take(')') {
		v, ok := p.astring()
		if !ok {
			break
		}
		out = append(out, v)
	}
	return out, true
}
