package imapwire

import (
	"strings"

	"restante/imap"
)

func init() {
	statusItems.add("MAILBOXID", statusItem{
		item: imap.StatusMailboxID,
		parse: func(p *scanner, s *imap.Status) bool {
			if p.null() {
				return true
			}
			id, ok := p.objectIDValue()
			if ok {
				s.MailboxID, s.Items = id, s.Items|imap.StatusMailboxID
			}
			return ok
		},
		append: func(dst []byte, s *imap.Status) []byte { return AppendObjectID(dst, s.MailboxID) },
	})
	for _, op := range []imap.SearchOp{imap.SearchEmailID, imap.SearchThreadID} {
		searchKeys.add(string(op), objectIDArg)
	}
}

// objectIDArg is SP objectid, in Text (RFC 8474 §7):
//
//	objectid = 1*255(ALPHA / DIGIT / "_" / "-")
var objectIDArg = searchArg{
	parse: func(p *searchParser, k imap.SearchKey) imap.SearchKey {
		p.sp("search-key")
		start := p.pos
		if k.Text = string(p.astring("objectid")); p.err == nil && !isObjectID(k.Text) {
			p.failAt(start, "objectid", "not an object ID")
		}
		return k
	},
	append: func(e *searchEncoder, k *imap.SearchKey) {
		if !isObjectID(k.Text) {
			e.fail("object ID", k.Text)
		}
		e.SP()
		e.AString(k.Text)
	},
}

func isObjectID(s string) bool {
	if len(s) == 0 || len(s) > 255 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// AppendObjectID appends the value of EMAILID, THREADID or MAILBOXID (RFC 8474 §7), NIL for "".
func AppendObjectID(dst []byte, id string) []byte {
	if id == "" {
		return append(dst, "NIL"...)
	}
	return append(append(append(dst, '('), id...), ')')
}

// objectIDValue parses an object ID, with or without parentheses.
func (p *scanner) objectIDValue() (string, bool) {
	paren := p.take('(')
	v, ok := p.astring()
	return v, ok && (!paren || p.take(')'))
}

// MailboxID returns the argument of MAILBOXID (RFC 8474 §4.1). It reports false when there is none.
func (r *StatusResponse) MailboxID() (string, bool) {
	if r.Code != imap.CodeMailboxID {
		return "", false
	}
	id := strings.TrimSuffix(strings.TrimPrefix(r.Args, "("), ")")
	return id, isObjectID(id)
}
