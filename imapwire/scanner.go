package imapwire

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"restante/imap"
	"restante/internal/charset"
)

// scanner reads the text of one response. What it returns are pieces of one string; the literals
// that would make that string large, above all those of body sections, are kept apart.
//
// Its methods consume nothing when they report false, except where they say so. Two sets of rules
// exist. The normal ones take what the grammar allows, any number of spaces and any spelling of
// NIL. The repair rules are for a second attempt at a value whose structure did not come out: they
// guess which quotes belong to the text, and take atoms for strings. A third attempt takes atoms for
// strings and believes the quotes.
type scanner struct {
	s      string
	i      int
	cuts   []cut
	repair bool
	atoms  bool // the third attempt; repair is false then
	// unclosed says that a part of the body structure has no end.
	unclosed bool
	open     bool // s ends in the announcement of a literal whose octets are not in the frame

	o       *ResponseOptions
	where   string // what is being parsed, for defects
	defects []imap.Defect
	strict  *SyntaxError // the first defect, when nothing is tolerated

	// Scratch that is used again for the next response.
	text   []byte // the text around the literals
	addrs  []imap.Address
	nodes  []partNode
	params []imap.Param
	flags  []imap.Flag

	flagRoom []imap.Flag // where the flags of the message that is parsed may go; not used again
}

// mark is a place to come back to when an attempt at a value fails.
type mark struct {
	i, defects int
	strict     *SyntaxError
}

func (p *scanner) mark() mark { return mark{p.i, len(p.defects), p.strict} }

func (p *scanner) rewind(m mark) {
	p.i, p.defects, p.strict = m.i, p.defects[:m.defects], m.strict
}

// cut is a literal that is not part of the text: its octets belong at offset at.
type cut struct {
	at   int
	data []byte
}

// inlineLiteral is the size up to which a literal stays in the text.
const inlineLiteral = 256

// load makes the text of a frame.
func (p *scanner) load(frame []byte) {
	p.i, p.cuts, p.repair, p.atoms, p.open = 0, p.cuts[:0], false, false, false
	line := trimLineEnd(frame)
	if bytes.IndexByte(line, '\n') < 0 && !bytes.HasSuffix(line, []byte("}")) {
		p.s = string(line)
		return
	}
	p.text = p.text[:0]
	for len(frame) > 0 {
		n := bytes.IndexByte(frame, '\n') + 1
		size, ok := announced(frame[:n])
		if n == 0 || !ok {
			break
		}
		p.text = append(p.text, frame[:n]...)
		inline := size <= inlineLiteral && !sectionBefore(frame[:n])
		frame = frame[n:]
		if size > int64(len(frame)) {
			if len(frame) == 0 {
				p.open = true
				p.s = string(p.text)
				return
			}
			p.defect("literal cut short", "")
			size = int64(len(frame))
		}
		if inline {
			p.text = append(p.text, frame[:size]...)
		} else {
			p.cuts = append(p.cuts, cut{len(p.text), frame[:size:size]})
		}
		frame = frame[size:]
	}
	p.text = append(p.text, trimLineEnd(frame)...)
	p.s = string(p.text)
}

// trimLineEnd returns the line without CR and LF at its end.
func trimLineEnd(line []byte) []byte {
	n := len(line)
	for n > 0 && (line[n-1] == '\n' || line[n-1] == '\r') {
		n--
	}
	return line[:n]
}

// announced returns the size that the end of a line, with or without its line end, announces.
func announced(line []byte) (size int64, ok bool) {
	lit, _, ok := announcement(trimLineEnd(line))
	return lit.Size, ok
}

func literalSize[S string | []byte](digits S) (size int64, ok bool) {
	if n := len(digits); n > 1 && digits[n-1] == '+' {
		digits = digits[:n-1]
	}
	if len(digits) == 0 || len(digits) > 18 {
		return 0, false
	}
	for i := 0; i < len(digits); i++ {
		c := digits[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		size = size*10 + int64(c-'0')
	}
	return size, true
}

// defect records something that had to be tolerated; at most so many of one response, and so much
// of its text, as help somebody find the fault.
func (p *scanner) defect(quirk, raw string) {
	const maxDefects, maxRaw = 16, 200
	if p.strict == nil {
		p.strict = &SyntaxError{p.where, p.i, quirk}
	}
	if len(p.defects) < maxDefects {
		p.defects = append(p.defects, imap.Defect{Quirk: quirk, Where: p.where, Raw: raw[:min(len(raw), maxRaw)]})
	}
}

// near returns some text from the offset on, for a defect.
func (p *scanner) near(at int) string { return p.s[at:min(len(p.s), at+80)] }

func (p *scanner) atEnd() bool { return p.i >= len(p.s) }

// peek returns the next octet, 0 at the end.
func (p *scanner) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

// space skips spaces, and line ends that a wrong literal size left in the middle of a response.
func (p *scanner) space() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\r', '\n', 0:
			p.i++
		default:
			return
		}
	}
}

// take skips spaces and consumes c if it comes next.
func (p *scanner) take(c byte) bool {
	p.space()
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

// stop ends an unquoted word.
func stop(c byte) bool {
	return c <= ' ' || c == '(' || c == ')' || c == '"' || c == 0x7f
}

// word skips spaces and reads an unquoted word: everything up to a space, parenthesis or quote.
func (p *scanner) word() string {
	p.space()
	start := p.i
	for p.i < len(p.s) && !stop(p.s[p.i]) {
		p.i++
	}
	return p.s[start:p.i]
}

// null consumes NIL, in any case.
func (p *scanner) null() bool {
	p.space()
	rest := p.s[p.i:]
	if len(rest) < 3 || rest[0]|0x20 != 'n' || rest[1]|0x20 != 'i' || rest[2]|0x20 != 'l' ||
		len(rest) > 3 && !stop(rest[3]) {
		return false
	}
	p.i += 3
	return true
}

// nstring parses
//
//	nstring = string / nil
func (p *scanner) nstring() (v string, null, ok bool) {
	p.space()
	switch p.peek() {
	case '"':
		v, ok = p.quoted()
		return v, false, ok
	case '{', '~':
		v, ok = p.literal()
		return v, false, ok
	case '(':
		if p.emptyList() {
			return "", true, true
		}
		return "", false, false
	}
	if p.null() {
		return "", true, true
	}
	if p.repair || p.atoms {
		start := p.i
		if v = p.word(); v != "" {
			p.defect("string without quotes", p.near(start))
			return v, false, true
		}
	}
	return "", false, false
}

// emptyList consumes "()", which some servers send for NIL.
func (p *scanner) emptyList() bool {
	start := p.i
	if p.take('(') && p.take(')') {
		p.defect("empty list for NIL", "()")
		return true
	}
	p.i = start
	return false
}

// astring reads a string or a word; NIL is a word here.
func (p *scanner) astring() (v string, ok bool) {
	p.space()
	switch p.peek() {
	case '"':
		return p.quoted()
	case '{', '~':
		return p.literal()
	}
	v = p.word()
	return v, v != ""
}

// quoted parses a quoted string. By the normal rules it ends at the first quote that has no
// backslash before it, and what follows has to be something that can follow a string.
func (p *scanner) quoted() (string, bool) {
	if p.repair {
		return p.quotedRepaired()
	}
	rest := p.s[p.i+1:]
	n := strings.IndexByte(rest, '"')
	if n < 0 {
		return "", false
	}
	v := rest[:n]
	if strings.IndexByte(v, '\\') >= 0 {
		if v, n = unescape(rest); n < 0 {
			return "", false
		}
	}
	if n++; n < len(rest) {
		switch rest[n] {
		case ' ', ')', '\r':
		case '(':
			p.defect("no space behind a string", p.near(p.i))
		default:
			return "", false
		}
	}
	p.i += n + 1
	return v, true
}

// unescape returns the text of a quoted string that has backslashes in it, and where its closing
// quote is, -1 when there is none. A backslash before something that needs none is kept: it was
// not escaped.
func unescape(s string) (v string, end int) {
	var room [128]byte
	b := room[:0]
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '"':
			return string(b), i
		case c == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			c = s[i]
		}
		b = append(b, c)
	}
	return "", -1
}

// quotedRepaired parses a quoted string whose quotes need not be escaped: one ends the string only
// where what follows looks like the next value. A backslash before such a quote at the end of a
// list is taken for text that the server did not escape.
func (p *scanner) quotedRepaired() (string, bool) {
	var b []byte
	wrong := false
	for i := p.i + 1; i < len(p.s); i++ {
		c := p.s[i]
		switch {
		case c == '"' && endsString(p.s[i+1:]):
			if wrong {
				p.defect("quote not escaped", p.s[p.i:i+1])
			}
			p.i = i + 1
			return string(b), true
		case c == '"':
			wrong = true
		case c == '\\' && i+1 < len(p.s) && p.s[i+1] == '"':
			if closesList(p.s[i+2:]) {
				wrong = true
				continue
			}
			i++
			c = '"'
		case c == '\\' && i+1 < len(p.s) && p.s[i+1] == '\\':
			i++
		}
		b = append(b, c)
	}
	return "", false
}

// endsString reports whether a string can end before rest.
func endsString(rest string) bool {
	if rest == "" || rest[0] == ')' {
		return true
	}
	if rest[0] != ' ' && rest[0] != '\r' {
		return false
	}
	rest = strings.TrimLeft(rest, " \r\n")
	if rest == "" {
		return true
	}
	switch c := rest[0]; {
	case c == '"', c == '(', c == ')', c == '{', c == '~', c >= '0' && c <= '9':
		return true
	}
	return len(rest) >= 3 && strings.EqualFold(rest[:3], "NIL") && (len(rest) == 3 || stop(rest[3])) || startsItem(rest)
}

// closesList reports whether rest closes a list and goes on as a response does.
func closesList(rest string) bool {
	if rest == "" || rest[0] != ')' {
		return false
	}
	rest = strings.TrimLeft(rest, ")")
	return rest == "" || rest[0] == '(' || rest[0] == ' ' && endsString(rest)
}

// literal parses a literal or literal8 in place.
func (p *scanner) literal() (string, bool) {
	start := p.i
	data, at, ok := p.literalData()
	if !ok {
		p.i = start
		return "", false
	}
	v := p.s[at:p.i]
	if data != nil {
		v = string(data)
	}
	if more := p.uncounted(v, false); more != "" {
		return v + more, true
	}
	return v, true
}

// uncounted consumes and returns what a literal lacks because the server has counted characters for
// octets; "" when what follows can follow a literal. With open it may lack more than the text has.
func (p *scanner) uncounted(v string, open bool) string {
	if p.atEnd() || stop(p.s[p.i]) && !p.repair {
		return ""
	}
	whole := v + p.s[p.i:min(len(p.s), p.i+3*len(v))]
	end := 0
	for range len(v) {
		_, size := utf8.DecodeRuneInString(whole[end:])
		end += size
	}
	more := end - len(v)
	next := p.i + more
	if more <= 0 || next < len(p.s) && !stop(p.s[next]) || next == len(p.s) && !open {
		return ""
	}
	p.defect("literal counted in characters", p.near(p.i))
	p.i = next
	return whole[len(v):end]
}

// strayEmpty consumes an empty string in front of a list, where only the list has a place.
func (p *scanner) strayEmpty() bool {
	p.space()
	rest, ok := strings.CutPrefix(p.s[p.i:], `""`)
	if rest = strings.TrimLeft(rest, " "); !ok || rest == "" || rest[0] != '(' {
		return false
	}
	p.defect("empty string in front of a list", p.near(p.i))
	p.i = len(p.s) - len(rest)
	return true
}

// literalData consumes a literal. Its octets are data, or those of the text from at on.
func (p *scanner) literalData() (data []byte, at int, ok bool) {
	if p.peek() == '~' {
		p.i++
	}
	end := strings.IndexByte(p.s[p.i:], '}')
	if p.peek() != '{' || end < 0 {
		return nil, 0, false
	}
	size, ok := literalSize(p.s[p.i+1 : p.i+end])
	if !ok {
		return nil, 0, false
	}
	at = p.i + end + 1
	if at < len(p.s) && p.s[at] == '\r' {
		at++
	}
	if at >= len(p.s) || p.s[at] != '\n' {
		return nil, 0, false
	}
	at++
	if n, found := slices.BinarySearchFunc(p.cuts, at, func(c cut, at int) int { return c.at - at }); found {
		p.i = at
		return p.cuts[n].data, at, true
	}
	if size > int64(len(p.s)-at) {
		return nil, 0, false
	}
	p.i = at + int(size)
	return nil, at, true
}

// number parses a number, or what servers send for one: a sign, an exponent, quotes, NIL. A
// negative number and NIL are -1, one that is too big is the biggest there is.
func (p *scanner) number() (int64, bool) {
	p.space()
	start := p.i
	var n int64
	for p.i < len(p.s) && p.i-start < 18 && p.s[p.i]-'0' < 10 {
		n = n*10 + int64(p.s[p.i]-'0')
		p.i++
	}
	if p.i > start && (p.i == len(p.s) || p.s[p.i] == ' ' || p.s[p.i] == ')') {
		return n, true
	}
	p.i = start
	return p.oddNumber()
}

func (p *scanner) oddNumber() (int64, bool) {
	start := p.i
	var v string
	switch {
	case p.null():
		p.defect("NIL for a number", "NIL")
		return -1, true
	case p.peek() == '"':
		var ok bool
		if v, ok = p.quoted(); !ok {
			return 0, false
		}
	default:
		// Letters other than an exponent's belong to the next item.
		for p.i < len(p.s) && strings.IndexByte("0123456789+-.eE", p.s[p.i]) >= 0 {
			p.i++
		}
		v = p.s[start:p.i]
	}
	if digits := strings.TrimLeft(v, "0123456789"); digits == "" && v != "" && p.s[start] != '"' {
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			if p.i < len(p.s) && !stop(p.s[p.i]) {
				p.defect("no space behind a number", p.near(start))
			}
			return n, true
		}
	}
	f, err := strconv.ParseFloat(v, 64)
	if err != nil && !math.IsInf(f, 0) || math.IsNaN(f) {
		p.i = start
		return 0, false
	}
	p.defect("odd number", v)
	switch f = math.Round(f); {
	case f < 0:
		return -1, true
	case f >= math.MaxInt64:
		return math.MaxInt64, true
	}
	return int64(f), true
}

// number32 is number for what has 32 bits; ok is false for what does not fit.
func (p *scanner) number32() (uint32, bool) {
	start := p.i
	n, ok := p.number()
	if ok && (n < 0 || n > math.MaxUint32) {
		if n > math.MaxUint32 {
			p.defect("number too big", p.near(start))
		}
		return 0, false
	}
	return uint32(n), ok
}

// skip consumes one value of whatever kind: a string, a word, or a list with what is in it. It
// reports false, and consumes nothing, when the text ends before the value does.
func (p *scanner) skip() bool {
	p.space()
	start, depth := p.i, 0
	for {
		p.space()
		switch c := p.peek(); {
		case p.atEnd():
			p.i = start
			return false
		case c == '(':
			depth++
			p.i++
		case c == ')':
			if depth == 0 {
				p.i = start
				return false
			}
			depth--
			p.i++
		case c == '"':
			if _, ok := p.quoted(); !ok {
				p.i = start
				return false
			}
		case c == '{' || c == '~':
			if _, _, ok := p.literalData(); !ok {
				p.i = max(p.i, start)
				p.word()
			}
		default:
			if p.word() == "" {
				p.i++
			}
		}
		if depth == 0 {
			return true
		}
	}
}

// parseSet reads a sequence-set. What is wrong in it is left out: "*", zeros, numbers that do not
// fit, empty places.
func parseSet[T imap.Num](p *scanner) (out imap.Set[T]) {
	p.space()
	start, wrong := p.i, false
	next := func() (T, bool) {
		n, from := uint64(0), p.i
		for p.i < len(p.s) && p.s[p.i]-'0' < 10 {
			n = min(n*10+uint64(p.s[p.i]-'0'), 1<<40)
			p.i++
		}
		return T(n), p.i > from && n > 0 && n <= math.MaxUint32
	}
	for p.i < len(p.s) && !stop(p.s[p.i]) {
		a, ok := next()
		b := a
		if p.peek() == ':' {
			p.i++
			var ok2 bool
			b, ok2 = next()
			ok = ok && ok2
		}
		switch c := p.peek(); {
		case !ok || c != ',' && !(c == 0 || stop(c)):
			wrong = true
			for p.i < len(p.s) && p.s[p.i] != ',' && !stop(p.s[p.i]) {
				p.i++
			}
		default:
			out.AddRange(a, b)
		}
		if p.peek() == ',' {
			p.i++
		}
	}
	if wrong {
		p.defect("bad sequence set", p.near(start))
	}
	return out
}

// mailbox decodes a mailbox name.
func (p *scanner) mailbox(raw string) string {
	if p.o.UTF8 && utf8.ValidString(raw) {
		return imap.CanonicalName(raw)
	}
	return imap.CanonicalName(DecodeUTF7Tolerant(raw))
}

// decode returns a subject or name as people read it.
func (p *scanner) decode(raw string) string {
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c >= ' ' && c < 0x7f && (c != '=' || i+1 == len(raw) || raw[i+1] != '?') {
			continue
		}
		if p.o.Decode != nil {
			return p.o.Decode(raw)
		}
		return charset.DecodeHeader(raw)
	}
	return raw
}
