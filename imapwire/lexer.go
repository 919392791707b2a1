package imapwire

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"restante/imap"
)

// SyntaxError says where a frame departs from the grammar (RFC 9051 §9).
type SyntaxError struct {
	Production string // the rule that did not match, "mailbox"
	Offset     int    // octets from the start of the frame
	Msg        string // what was wrong or expected
}

// Error says what was expected, and where.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("imapwire: %s at octet %d: %s", e.Production, e.Offset, e.Msg)
}

// lexer reads the tokens of one frame from left to right. The first error sticks: from then on
// every method returns a zero value and consumes nothing, so a parser checks once, at its end or
// before it loops.
//
// What it returns are pieces of the frame, copied only to take backslashes out of a quoted string.
// It is strict, for the commands that a server reads. Responses have a tolerant one, scanner.
type lexer struct {
	buf []byte
	pos int
	err *SyntaxError

	utf8 bool // mailbox names are UTF-8
}

// fail records the error at the current position.
func (l *lexer) fail(production, msg string) { l.failAt(l.pos, production, msg) }

func (l *lexer) failAt(pos int, production, msg string) {
	if l.err == nil {
		l.err = &SyntaxError{production, pos, msg}
	}
}

func (l *lexer) atEnd() bool { return l.pos >= len(l.buf) }

// peek returns the next octet, or 0 at the end and after an error.
func (l *lexer) peek() byte {
	if l.err == nil && l.pos < len(l.buf) {
		return l.buf[l.pos]
	}
	return 0
}

// take consumes the next octet if it is c.
func (l *lexer) take(c byte) bool {
	if l.err == nil && l.pos < len(l.buf) && l.buf[l.pos] == c {
		l.pos++
		return true
	}
	return false
}

// expect consumes c, on behalf of a production.
func (l *lexer) expect(c byte, production string) {
	if !l.take(c) {
		l.fail(production, "expected "+describe(c))
	}
}

func describe(c byte) string {
	if c == ' ' {
		return "a space"
	}
	return string([]byte{'"', c, '"'})
}

// sp consumes the one space between two arguments.
func (l *lexer) sp(production string) { l.expect(' ', production) }

// end makes sure that nothing is left.
func (l *lexer) end(production string) {
	if l.err == nil && l.pos < len(l.buf) {
		l.fail(production, "expected the end of the line")
	}
}

// span consumes the octets of a class, perhaps none.
func (l *lexer) span(k class) []byte {
	if l.err != nil {
		return nil
	}
	start := l.pos
	for l.pos < len(l.buf) && chars[l.buf[l.pos]]&k != 0 {
		l.pos++
	}
	return l.buf[start:l.pos:l.pos]
}

// span1 consumes at least one octet of a class.
func (l *lexer) span1(k class, production, expected string) []byte {
	b := l.span(k)
	if len(b) == 0 {
		l.fail(production, "expected "+expected)
	}
	return b
}

// atom parses
//
//	atom = 1*ATOM-CHAR
func (l *lexer) atom(production string) []byte { return l.span1(atomChar, production, "an atom") }

// word parses an atom and returns it in upper case.
func (l *lexer) word(production string) string {
	return upper(l.atom(production))
}

// keyword consumes word, compared without case, if it comes next and no atom goes on behind it.
func (l *lexer) keyword(word string) bool {
	if l.err != nil || len(l.buf)-l.pos < len(word) {
		return false
	}
	end := l.pos + len(word)
	if !equalFold(l.buf[l.pos:end], word) || end < len(l.buf) && is(l.buf[end], atomChar) {
		return false
	}
	l.pos = end
	return true
}

// equalFold compares ASCII without case; word is in upper case.
func equalFold(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			c -= 0x20
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

// nzNumber parses
//
//	nz-number = digit-nz *DIGIT
func (l *lexer) nzNumber(production string) uint32 { return uint32(l.nz(production, 1<<32-1)) }

// number64 parses
//
//	number64 = 1*DIGIT  ; below 2^63
func (l *lexer) number64(production string) int64 { return int64(l.digits(production, 1<<63-1)) }

// nzNumber64 parses
//
//	nz-number64 = digit-nz *DIGIT
func (l *lexer) nzNumber64(production string) int64 { return int64(l.nz(production, 1<<63-1)) }

func (l *lexer) nz(production string, limit uint64) uint64 {
	if l.peek() == '0' {
		l.fail(production, "expected a number from 1 on")
		return 0
	}
	return l.digits(production, limit)
}

func (l *lexer) digits(production string, limit uint64) uint64 {
	start := l.pos
	var n uint64
	for _, c := range l.span(digitChar) {
		d := uint64(c - '0')
		if n > (limit-d)/10 {
			l.pos = start
			l.fail(production, "number too big")
			return 0
		}
		n = n*10 + d
	}
	if l.pos == start {
		l.fail(production, "expected a number")
	}
	return n
}

// quoted parses
//
//	quoted      = DQUOTE *QUOTED-CHAR DQUOTE
//	QUOTED-CHAR = <any TEXT-CHAR except quoted-specials> / "\" quoted-specials /
//	              UTF8-2 / UTF8-3 / UTF8-4
func (l *lexer) quoted(production string) []byte {
	l.expect('"', production)
	if l.err != nil {
		return nil
	}
	start := l.pos
	var out []byte // what stood in front of the last backslash
	from := start  // what is not in out yet
	eight := false
	for ; l.pos < len(l.buf); l.pos++ {
		c := l.buf[l.pos]
		if chars[c]&quotedByte != 0 {
			eight = eight || c >= 0x80
			continue
		}
		switch {
		case c == '"':
			b := l.buf[from:l.pos:l.pos]
			if out != nil {
				b = append(out, b...)
			}
			if eight && !utf8.Valid(b) {
				l.failAt(start, production, "not UTF-8")
				return nil
			}
			l.pos++
			return b
		case c == '\\':
			if l.pos+1 == len(l.buf) || l.buf[l.pos+1] != '"' && l.buf[l.pos+1] != '\\' {
				l.failAt(l.pos, production, `only \ and " can follow a backslash`)
				return nil
			}
			out = append(out, l.buf[from:l.pos]...)
			l.pos++
			from = l.pos
			continue
		}
		break
	}
	if l.pos < len(l.buf) {
		l.fail(production, "octet not allowed in a quoted string")
	} else {
		l.fail(production, "quoted string not closed")
	}
	return nil
}

// literal8 parses
//
//	literal8 = "~{" number64 ["+"] "}" CRLF *OCTET
func (l *lexer) literal8(production string) []byte {
	l.expect('~', production)
	return l.octets(production, true)
}

// literal parses a literal in place:
//
//	literal = "{" number64 ["+"] "}" CRLF *CHAR8
func (l *lexer) literal(production string) []byte { return l.octets(production, false) }

func (l *lexer) octets(production string, nul bool) []byte {
	start := l.pos
	l.expect('{', production)
	n := l.number64(production)
	l.take('+')
	l.expect('}', production)
	l.take('\r')
	l.expect('\n', production)
	if l.err != nil {
		return nil
	}
	if n > int64(len(l.buf)-l.pos) {
		l.failAt(start, production, "literal longer than what follows")
		return nil
	}
	b := l.buf[l.pos : l.pos+int(n) : l.pos+int(n)]
	if !nul && bytes.IndexByte(b, 0) >= 0 {
		l.failAt(start, production, "NUL in a literal")
		return nil
	}
	l.pos += int(n)
	return b
}

// str parses
//
//	string = quoted / literal
func (l *lexer) str(production string) []byte {
	switch l.peek() {
	case '"':
		return l.quoted(production)
	case '{':
		return l.literal(production)
	}
	l.fail(production, "expected a string")
	return nil
}

// nstring parses
//
//	nstring = string / nil
//
// ok is false for NIL.
func (l *lexer) nstring(production string) (b []byte, ok bool) {
	if l.keyword("NIL") {
		return nil, false
	}
	b = l.str(production)
	return b, l.err == nil
}

// astring parses
//
//	astring = 1*ASTRING-CHAR / string
func (l *lexer) astring(production string) []byte {
	if c := l.peek(); c == '"' || c == '{' {
		return l.str(production)
	}
	return l.span1(astringChar, production, "a string")
}

// mailbox parses
//
//	mailbox = "INBOX" / astring
//
// and returns the name in UTF-8.
func (l *lexer) mailbox(production string) string {
	return imap.CanonicalName(l.name(l.astring(production)))
}

// name decodes a mailbox name. One that cannot be decoded is no error: it is the name of no mailbox
// (RFC 3501 §5.1.3), see undecoded.
func (l *lexer) name(raw []byte) string {
	if l.err != nil {
		return ""
	}
	name, ok := decodeName(string(raw), l.utf8)
	if !ok {
		return undecoded + name
	}
	return name
}

// numSet parses
//
//	sequence-set = (seq-number / seq-range) ["," sequence-set] / "$"
func (l *lexer) numSet(uid bool, production string) imap.NumSet {
	start := l.pos
	b := l.span1(setChar, production, "a sequence set")
	if l.err != nil {
		return nil
	}
	if len(b) == 1 && b[0] == '$' {
		return imap.SearchResult{UID: uid}
	}
	var s imap.NumSet
	var err error
	if uid {
		s, err = imap.ParseUIDSet(string(b))
	} else {
		s, err = imap.ParseSeqSet(string(b))
	}
	if err != nil {
		l.failAt(start, production, "not a sequence set")
		return nil
	}
	return s
}

// date parses
//
//	date      = date-text / DQUOTE date-text DQUOTE
//	date-text = 1*2DIGIT "-" date-month "-" 4DIGIT
func (l *lexer) date(production string) time.Time {
	start := l.pos
	quote := l.take('"')
	day := l.fixed(1, 2, production)
	m, y := l.monthYear(production)
	if quote {
		l.expect('"', production)
	}
	return l.validTime(start, production, time.UTC, y, m, day, 0, 0, 0)
}

// dateTime parses
//
//	date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE
//
// A day of one digit need not have the space in front of it, which node-imap leaves out.
func (l *lexer) dateTime(production string) time.Time {
	l.expect('"', production)
	start := l.pos
	var day int
	if l.take(' ') {
		day = l.fixed(1, 1, production)
	} else {
		day = l.fixed(1, 2, production)
	}
	m, y := l.monthYear(production)
	l.sp(production)
	h := l.fixed(2, 2, production)
	l.expect(':', production)
	mi := l.fixed(2, 2, production)
	l.expect(':', production)
	s := l.fixed(2, 2, production)
	l.sp(production)
	sign := 1
	if l.take('-') {
		sign = -1
	} else {
		l.expect('+', production)
	}
	zone := l.fixed(4, 4, production)
	l.expect('"', production)
	if l.err == nil && (zone/100 > 23 || zone%100 > 59) {
		l.failAt(start, production, "no such time zone")
	}
	loc := time.UTC
	if zone != 0 {
		loc = time.FixedZone("", sign*(zone/100*3600+zone%100*60))
	}
	if s == 60 { // a leap second; time.Time has none
		s = 59
	}
	return l.validTime(start, production, loc, y, m, day, h, mi, s)
}

// fixed parses a number of lo to hi digits.
func (l *lexer) fixed(lo, hi int, production string) int {
	n, i := 0, 0
	for ; i < hi && is(l.peek(), digitChar); i++ {
		n = n*10 + int(l.buf[l.pos]-'0')
		l.pos++
	}
	if i < lo {
		l.fail(production, "expected a digit")
	}
	return n
}

func (l *lexer) monthYear(production string) (time.Month, int) {
	l.expect('-', production)
	if l.err == nil && len(l.buf)-l.pos >= 3 {
		for m := range 12 {
			if strings.EqualFold(string(l.buf[l.pos:l.pos+3]), months[3*m:3*m+3]) {
				l.pos += 3
				l.expect('-', production)
				return time.Month(m + 1), l.fixed(4, 4, production)
			}
		}
	}
	l.fail(production, "expected a month")
	return 0, 0
}

// validTime refuses what time.Date would normalise, such as 31-Feb.
func (l *lexer) validTime(start int, production string, loc *time.Location, y int, m time.Month, d, h, mi, s int) time.Time {
	if l.err != nil {
		return time.Time{}
	}
	t := time.Date(y, m, d, h, mi, s, 0, loc)
	if t.Day() != d || t.Month() != m || h > 23 || mi > 59 || s > 59 {
		l.failAt(start, production, "no such date")
		return time.Time{}
	}
	return t
}

// maxList bounds the items of one list, the keys of one SEARCH and the like.
const maxList = 10000

// list parses "(" [item *(SP item)] ")"; empty says whether "()" is allowed.
func (l *lexer) list(production string, empty bool, item func()) {
	l.expect('(', production)
	if empty && l.take(')') {
		return
	}
	for n := 0; l.err == nil; n++ {
		if n == maxList {
			l.fail(production, "list too long")
			return
		}
		item()
		if l.take(')') {
			return
		}
		if !l.take(' ') {
			l.fail(production, `expected a space or ")"`)
		}
	}
}
