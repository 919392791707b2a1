package imapwire

import (
	"strings"

	"restante/imap"
)

func init() {
	codes.add(string(imap.CodeBadURL), imap.ErrNotFound)
	intern("CATENATE", "TEXT", "URL")
}

// Catenate is what the server puts a message together of (RFC 4469 §5), up to the octets that are
// announced next.
type Catenate struct {
	URLs      []string // the parts in front of what is announced, RFC 5092
	Announced CatPart
}

// CatPart is what the literal is that a message of CATENATE announces.
type CatPart uint8

const (
	CatNone CatPart = iota // nothing is announced: the message is whole
	CatText                // octets of the message
	CatURL                 // a URL whose octets are the next part
)

// isWhole reports whether no octets of the message are still to come.
func (c *Append) isWhole() bool { return c.Catenate != nil && c.Catenate.Announced == CatNone }

// appendCatenate appends the parts, and the announcement behind them.
func (c *Append) appendCatenate(e *Encoder) {
	e.raw("CATENATE (")
	for i, url := range c.Catenate.URLs {
		if i > 0 {
			e.SP()
		}
		if !quotable(url, false) {
			e.fail("URL", url)
		}
		e.raw("URL ")
		e.AString(url)
	}
	if len(c.Catenate.URLs) > 0 && c.Catenate.Announced != CatNone {
		e.SP()
	}
	switch c.Catenate.Announced {
	case CatText:
		if !c.UTF8 {
			e.raw("TEXT ")
		}
	case CatURL:
		e.raw("URL ")
	default:
		if len(c.Catenate.URLs) == 0 {
			e.fail("message of nothing for", c.Mailbox)
		}
		e.raw(")")
		return
	}
	c.announceLiteral(e)
}

// catParts parses
//
//	cat-part     = text-literal / url / utf8-literal
//	text-literal = "TEXT" SP literal
//	url          = "URL" SP astring
//	utf8-literal = "UTF8" SP "(" literal8 ")"
//
// one after the other, up to the announcement of a literal or past the parenthesis behind the last
// (RFC 4469 §5, RFC 6855 §4). TEXT may be a literal8, too.
func (l *lexer) catParts(c *Append) {
	for l.err == nil {
		switch {
		case l.keyword("URL"):
			l.sp("cat-part")
			if l.peek() == '{' {
				c.Catenate.Announced = CatURL
				l.announced(c, "url")
				return
			}
			start := l.pos
			url := string(l.astring("url"))
			if l.err == nil && !quotable(url, false) {
				l.failAt(start, "url", "a URL is ASCII")
			}
			c.Catenate.URLs = append(c.Catenate.URLs, url)
		case l.keyword("TEXT"):
			l.sp("cat-part")
			c.Catenate.Announced = CatText
			l.announced(c, "text-literal")
			return
		case l.utf8Data(c, "cat-part"):
			c.Catenate.Announced = CatText
			return
		default:
			l.fail("cat-part", "expected TEXT or URL")
		}
		if l.take(')') {
			return
		}
		l.sp("cat-part")
	}
}

// BadURLArgs returns the argument of BADURL (RFC 4469 §4.1), with what cannot stand there written as
// URLs write it.
func BadURLArgs(url string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(url) {
		if c := url[i]; c > ' ' && c < 0x7f && c != ']' && c != '[' && c != '"' {
			b.WriteByte(c)
		} else {
			b.WriteString("%" + string(hex[c>>4]) + string(hex[c&15]))
		}
	}
	return b.String()
}
