package message

import (
	"strings"

	"restante/imap"
)

// appendAddresses parses the value of an address field (RFC 5322 §3.4, §4.4), on one line. It takes
// whatever senders write and loses no address: separators may be semicolons, quotes and comments
// may be left open, angle brackets missing. What has no "@" is a Mailbox without a Host. It appends
// about room addresses at most.
func appendAddresses(list []imap.Address, s string, room int) []imap.Address {
	p := addressParser{lexer: lexer{s: s}}
	for room += len(list); p.i < len(p.s) && len(list) < room; {
		list = p.address(list)
	}
	if p.group {
		list = append(list, imap.Address{Group: imap.GroupEnd})
	}
	return list
}

type addressParser struct {
	lexer
	group     bool // between a group's colon and its semicolon
	noLiteral bool // a "[" is not closed: it is text
}

// word is a word of a display name or of an address.
type word struct {
	text   string
	space  bool // white space or a comment before it
	quoted bool
}

// hasAt reports whether the word has an "@" that can separate a mailbox from its host.
func (w word) hasAt() bool { return !w.quoted && strings.IndexByte(w.text, '@') >= 0 }

// address parses one address, the start of a group or the end of one, with the separator behind
// it.
func (p *addressParser) address(list []imap.Address) []imap.Address {
	var (
		buf     [8]word
		words   = buf[:0] // a display name, or an address without brackets
		space   bool
		at      bool // a word has an "@"
		addr    imap.Address
		angle   bool // addr was in angle brackets
		comment string
	)
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == ' ' || c == '\t':
			p.i++
			space = true
			continue
		case c == ',':
			p.i++
			return add(list, addr, words, comment, angle)
		case c == ';':
			p.i++
			list = add(list, addr, words, comment, angle)
			if p.group {
				p.group = false
				list = append(list, imap.Address{Group: imap.GroupEnd})
			}
			return list
		case c == ':' && !p.group && !angle && !at:
			p.i++
			p.group = true
			return append(list, imap.Address{Mailbox: join(words), Group: imap.GroupStart})
		case c == '<':
			if angle { // the separator is missing
				return add(list, addr, words, comment, angle)
			}
			p.i++
			addr, angle, space = p.angle(), true, true
			continue
		case c == '>': // the second of two
			p.i++
			continue
		case c == '(':
			if text, ok := p.comment(); ok {
				if comment == "" {
					comment = text
				}
				space = true
				continue
			}
		}
		w := p.word(",;<( \t", !p.group)
		w.space = space
		at, space = at || w.hasAt(), false
		words = append(words, w)
	}
	return add(list, addr, words, comment, angle)
}

// word reads a quoted string, a domain literal, or text up to one of the stop characters; at least
// one octet. With colon, that stops it too.
func (p *addressParser) word(stop string, colon bool) word {
	if text, ok := p.quoted(); ok {
		return word{text: text, quoted: true}
	}
	start := p.i
	for ; p.i < len(p.s); p.i++ {
		switch c := p.s[p.i]; {
		case c == '[' && !p.noLiteral:
			if n := strings.IndexByte(p.s[p.i:], ']'); n > 0 {
				p.i += n
			} else {
				p.noLiteral = true
			}
			continue
		case p.i == start:
			continue
		case c == '"' && !p.noQuotes, c == ':' && colon, strings.IndexByte(stop, c) >= 0:
			if p.s[p.i-1] != '\\' {
				return word{text: p.s[start:p.i]}
			}
		}
	}
	return word{text: p.s[start:]}
}

// angle parses what is in angle brackets: an optional source route (RFC 5322 §4.4) and an address.
func (p *addressParser) angle() imap.Address {
	var (
		buf   [4]word
		words = buf[:0]
		space bool
		at    bool
		route = p.route()
	)
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == ' ' || c == '\t':
			p.i++
			space = true
			continue
		case c == '(':
			if _, ok := p.comment(); ok {
				continue
			}
		case c == '>':
			p.i++
			return spec(words, route)
		case c == '<' && len(words) == 0:
			p.i++
			continue
		case (c == ',' || c == '<') && at: // the closing bracket is missing
			return spec(words, route)
		}
		w := p.word("><,( \t", false)
		w.space = space
		at, space = at || w.hasAt(), false
		words = append(words, w)
	}
	return spec(words, route)
}

// route reads "@one,@two:" and returns it without the colon.
func (p *addressParser) route() string {
	p.skip()
	if p.i == len(p.s) || p.s[p.i] != '@' {
		return ""
	}
	n := strings.IndexAny(p.s[p.i:min(len(p.s), p.i+1000)], "<>:\"")
	if n < 0 || p.s[p.i+n] != ':' {
		return ""
	}
	p.i += n + 1
	return p.s[p.i-n-1 : p.i-1]
}

// add appends the address that was read, unless there was nothing at all.
func add(list []imap.Address, a imap.Address, words []word, comment string, angle bool) []imap.Address {
	switch {
	case !angle && len(words) == 0: // nothing, or a comment
		return list
	case !angle || (a.Mailbox == "" && a.Host == "" && hasAt(words)): // "ann@example.org <>"
		a = spec(words, "")
	case a.RawName != "": // "<Ann ann@example.org>"
		if len(words) > 0 {
			a.RawName = join(words)
		}
	default:
		a.RawName = join(words)
	}
	if a.RawName == "" {
		a.RawName = comment
	}
	if a.Mailbox == "" && a.Host == "" && a.RawName == "" {
		return list
	}
	if list == nil {
		list = make([]imap.Address, 0, 1)
	}
	return append(list, a)
}

func hasAt(words []word) bool {
	for _, w := range words {
		if w.hasAt() {
			return true
		}
	}
	return false
}

// spec makes an address of words: the last "@" that is not quoted separates mailbox and host.
// Words apart from these are a display name whose brackets are missing. RFC 5322 §4.4 allows white
// space around dots and the "@".
func spec(words []word, route string) imap.Address {
	a := imap.Address{Route: route}
	at := len(words) - 1
	for at >= 0 && !words[at].hasAt() {
		at--
	}
	if at < 0 {
		a.Mailbox = join(words)
		return a
	}
	first, last := at, at
	for first > 0 && adjacent(words[first-1], words[first]) {
		first--
	}
	for last+1 < len(words) && adjacent(words[last], words[last+1]) {
		last++
	}
	local, host := cutLast(words[at].text, '@')
	a.Mailbox = glue(words[first:at], local, nil)
	a.Host = glue(nil, strings.TrimRight(host, ">"), words[at+1:last+1])
	a.RawName = join(words[:first])
	if after := join(words[last+1:]); a.RawName == "" {
		a.RawName = after
	} else if after != "" {
		a.RawName += " " + after
	}
	return a
}

// adjacent reports whether two words belong to one address.
func adjacent(a, b word) bool {
	if !b.space {
		return true
	}
	joint := func(c byte) bool { return c == '.' || c == '@' }
	return !b.quoted && b.text != "" && joint(b.text[0]) || !a.quoted && a.text != "" && joint(a.text[len(a.text)-1])
}

func cutLast(s string, c byte) (before, after string) {
	i := strings.LastIndexByte(s, c)
	return s[:i], s[i+1:]
}

// join returns words as a display name, with single spaces.
func join(words []word) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0].text
	}
	n := len(words)
	for _, w := range words {
		n += len(w.text)
	}
	out := make([]byte, 0, n)
	for i, w := range words {
		if w.space && i > 0 {
			out = append(out, ' ')
		}
		out = append(out, w.text...)
	}
	return string(out)
}

// glue returns words without the white space between them.
func glue(before []word, text string, after []word) string {
	if len(before)+len(after) == 0 {
		return text
	}
	var b strings.Builder
	for _, w := range before {
		b.WriteString(w.text)
	}
	b.WriteString(text)
	for _, w := range after {
		b.WriteString(w.text)
	}
	return b.String()
}
