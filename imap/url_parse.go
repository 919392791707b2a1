package imap

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ParseURL reads an IMAP URL, either absolute or beginning with "/", which is relative to a server.
// References that begin with "//" or with a name are refused (RFC 5092 §7.2).
func ParseURL(s string) (*URL, error) {
	p := &urlParser{s: s}
	u := new(URL)
	switch {
	case p.take("imap://"):
		p.server(u)
		if p.err == nil && !p.atEnd() {
			p.expect("/")
			p.command(u)
		}
	case strings.HasPrefix(s, "//"):
		p.fail("a URL with a scheme")
	default:
		p.expect("/")
		p.command(u)
	}
	if p.err == nil && !p.atEnd() {
		p.fail("the end")
	}
	if p.err != nil {
		return nil, p.err
	}
	return u, nil
}

// urlParser reads a URL from left to right. The first error sticks.
type urlParser struct {
	s   string
	pos int
	err error
}

func (p *urlParser) fail(expected string) {
	if p.err == nil {
		p.err = fmt.Errorf("imap: URL: expected %s at octet %d", expected, p.pos)
	}
}

func (p *urlParser) atEnd() bool { return p.pos == len(p.s) }

// take consumes word, compared without case, if it comes next.
func (p *urlParser) take(word string) bool {
	end := p.pos + len(word)
	if p.err != nil || end > len(p.s) || !strings.EqualFold(p.s[p.pos:end], word) {
		return false
	}
	p.pos = end
	return true
}

func (p *urlParser) expect(word string) {
	if !p.take(word) {
		p.fail(strconv.Quote(word))
	}
}

// raw consumes the octets of chars and, unless it is refused, of "%".
func (p *urlParser) raw(chars string) string {
	start := p.pos
	if p.err != nil {
		return ""
	}
	for p.pos < len(p.s) && strings.IndexByte(chars, p.s[p.pos]) >= 0 {
		p.pos++
	}
	return p.s[start:p.pos]
}

// text consumes at least one octet of chars or in the form %xx, and decodes them.
func (p *urlParser) text(chars, expected string) string {
	start := p.pos
	raw := p.raw(chars + "%")
	text := p.decode(raw, start)
	if raw == "" {
		p.fail(expected)
	}
	return text
}

// decode replaces %xx. The result is UTF-8 without NUL (RFC 5092 §8).
func (p *urlParser) decode(raw string, start int) string {
	if p.err != nil || strings.IndexByte(raw, '%') < 0 {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '%' {
			out = append(out, raw[i])
			continue
		}
		var n uint64
		err := strconv.ErrSyntax
		if i+3 <= len(raw) && raw[i+1] != '+' && raw[i+1] != '-' {
			n, err = strconv.ParseUint(raw[i+1:i+3], 16, 8)
		}
		if err != nil || n == 0 {
			p.pos = start + i
			p.fail("two hexadecimal digits")
			return ""
		}
		out = append(out, byte(n))
		i += 2
	}
	if !utf8.Valid(out) {
		p.pos = start
		p.fail("UTF-8")
	}
	return string(out)
}

const digits = "0123456789"

// number consumes a number of low to high.
func (p *urlParser) number(low, high uint64) uint64 {
	start := p.pos
	n, err := strconv.ParseUint(p.raw(digits), 10, 64)
	if err != nil || n < low || n > high {
		p.pos = start
		p.fail("a number")
		return 0
	}
	return n
}

// server parses
//
//	iserver   = [iuserinfo "@"] host [ ":" port ]
//	iuserinfo = enc-user [iauth] / [enc-user] iauth
//	iauth     = ";AUTH=" ( "*" / enc-auth-type )
func (p *urlParser) server(u *URL) {
	end := len(p.s)
	if i := strings.IndexByte(p.s[p.pos:], '/'); i >= 0 {
		end = p.pos + i
	}
	if strings.IndexByte(p.s[p.pos:end], '@') >= 0 {
		if !strings.HasPrefix(p.s[p.pos:], ";") {
			u.User = p.text(urlChars, "a user")
		}
		if p.take(";AUTH=") {
			u.Auth = p.text(urlChars, "a mechanism")
		}
		p.expect("@")
	}
	start := p.pos
	if p.take("[") {
		p.raw("0123456789abcdefABCDEF:.")
		p.expect("]")
	} else {
		p.raw("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
	}
	if u.Host = p.s[start:p.pos]; u.Host == "" || u.Host == "[]" {
		p.fail("a host")
	}
	if p.take(":") && p.pos < end {
		u.Port = uint16(p.number(1, math.MaxUint16))
	}
}

// command parses
//
//	icommand     = imessagelist / imessagepart [iurlauth]
//	imessagelist = imailbox-ref [ "?" enc-search ]
//	imessagepart = imailbox-ref iuid [isection] [ipartial]
//	imailbox-ref = enc-mailbox [uidvalidity]
//
// or nothing.
func (p *urlParser) command(u *URL) {
	if p.err != nil || p.atEnd() {
		return
	}
	start := p.pos
	raw := p.raw(urlPathChars + "%")
	var message bool
	if p.take(";UIDVALIDITY=") {
		u.UIDValidity = uint32(p.number(1, math.MaxUint32))
		message = p.take("/;UID=")
	} else if message = p.take(";UID="); message {
		var ok bool
		if raw, ok = strings.CutSuffix(raw, "/"); !ok {
			p.fail("a mailbox")
		}
	}
	p.mailbox(u, raw, start)
	switch {
	case message:
		p.message(u)
	case p.take("?"):
		u.Search = p.text(urlPathChars, "a search")
	}
}

// mailbox decodes the name of a mailbox. Steps such as ".." are not taken.
func (p *urlParser) mailbox(u *URL, raw string, start int) {
	if raw == "" || raw[0] == '/' {
		p.fail("a mailbox")
		return
	}
	for level := range strings.SplitSeq(raw, "/") {
		if level == "." || level == ".." {
			p.fail("a name without dots for a level")
			return
		}
	}
	u.Mailbox = p.decode(raw, start)
}

// message parses, from behind ";UID=",
//
//	iuid     = "/;UID=" nz-number
//	isection = "/;SECTION=" enc-section
//	ipartial = "/;PARTIAL=" number ["." nz-number]
func (p *urlParser) message(u *URL) {
	u.UID = UID(p.number(1, math.MaxUint32))
	if p.take("/;SECTION=") {
		start := p.pos
		raw := p.raw(urlPathChars + "%")
		if strings.HasSuffix(raw, "/") && !p.atEnd() { // of PARTIAL
			raw = raw[:len(raw)-1]
			p.pos--
		}
		if u.Section = p.decode(raw, start); raw == "" {
			p.fail("a section")
		}
	}
	if p.take("/;PARTIAL=") {
		u.Partial = &Partial{Offset: int64(p.number(0, math.MaxInt64))}
		if p.take(".") {
			u.Partial.Count = int64(p.number(1, math.MaxInt64))
		}
	}
	p.urlAuth(u)
}

// urlAuth parses
//
//	iurlauth      = iurlauth-rump iua-verifier
//	iurlauth-rump = [";EXPIRE=" date-time] ";URLAUTH=" access
//	iua-verifier  = ":" uauth-mechanism ":" enc-urlauth
//	access        = application ["+" enc-user]
//
// if it comes next, the verifier only where there is one (RFC 5092 §11, RFC 5593 §4).
func (p *urlParser) urlAuth(u *URL) {
	var a URLAuth
	start := p.pos
	if p.take(";EXPIRE=") {
		var err error
		if a.Expire, err = time.Parse(time.RFC3339Nano, strings.ToUpper(p.raw(digits+"-+:.TtZz"))); err != nil || a.Expire.IsZero() {
			p.fail("a time as in RFC 3339")
		}
	}
	if !p.take(";URLAUTH=") {
		if p.pos > start {
			p.fail(`";URLAUTH="`)
		}
		return
	}
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	if a.Access = strings.ToLower(p.raw(letters + digits)); a.Access == "" {
		p.fail("an access identifier")
	}
	if p.take("+") {
		a.User = p.text(urlChars, "a user")
	}
	if p.take(":") {
		if a.Mechanism = strings.ToUpper(p.raw(letters + digits + "-.")); a.Mechanism == "" {
			p.fail("a mechanism")
		}
		p.expect(":")
		if a.Token = p.raw("0123456789abcdefABCDEF"); len(a.Token) < 32 {
			p.fail("a token of 32 digits")
		}
	}
	u.URLAuth = &a
}
