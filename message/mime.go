package message

import (
	"strings"

	"restante/imap"
	"restante/internal/charset"
)

// field numbers the header fields that the structure is made of.
type field uint8

const (
	other field = iota
	fDate
	fSubject
	fFrom
	fSender
	fReplyTo
	fTo
	fCc
	fBcc
	fInReplyTo
	fMessageID
	fContentType
	fContentEncoding
	fContentID
	fContentDescription
	fContentDisposition
	fContentLanguage
	fContentLocation
	fContentMD5
)

// fieldOf returns the number of a field name.
func fieldOf(name string) field {
	var buf [32]byte
	if len(name) > len(buf) {
		return other
	}
	for i := 0; i < len(name); i++ {
		buf[i] = lower(name[i])
	}
	switch string(buf[:len(name)]) {
	case "date":
		return fDate
	case "subject":
		return fSubject
	case "from":
		return fFrom
	case "sender":
		return fSender
	case "reply-to":
		return fReplyTo
	case "to":
		return fTo
	case "cc":
		return fCc
	case "bcc":
		return fBcc
	case "in-reply-to":
		return fInReplyTo
	case "message-id":
		return fMessageID
	case "content-type":
		return fContentType
	case "content-transfer-encoding":
		return fContentEncoding
	case "content-id":
		return fContentID
	case "content-description":
		return fContentDescription
	case "content-disposition":
		return fContentDisposition
	case "content-language":
		return fContentLanguage
	case "content-location":
		return fContentLocation
	case "content-md5":
		return fContentMD5
	}
	return other
}

// parseHeader fills a part from its header block and, for the header of a message, its envelope.
// A field that is there twice counts where it comes first, but addresses are collected from all.
// A type that is set in p already is the default for a part without a Content-Type. room is how
// many addresses there may still be.
func parseHeader(block string, p *imap.Part, env *imap.Envelope, room *int) {
	var seen [fContentMD5 + 1]bool
	for f := range Fields(block) {
		id := fieldOf(f.Name)
		if id == other || (id < fContentType && env == nil) {
			continue
		}
		if list := addressList(env, id); list != nil {
			n := len(*list)
			*list = appendAddresses(*list, f.Value(), *room)
			*room -= len(*list) - n
			continue
		}
		if seen[id] {
			continue
		}
		seen[id] = true
		switch id {
		case fDate:
			env.RawDate = f.Value()
		case fSubject:
			env.RawSubject, env.HasSubject = f.Value(), true
		case fInReplyTo:
			env.InReplyTo = f.Value()
		case fMessageID:
			env.MessageID = f.Value()
		case fContentType:
			parseContentType(f.Value(), p)
		case fContentEncoding:
			l := lexer{s: f.Value()}
			p.Encoding = l.token()
		case fContentID:
			p.ContentID = f.Value()
		case fContentDescription:
			p.Description = f.Value()
		case fContentDisposition:
			l := lexer{s: f.Value()}
			p.Disposition = l.token()
			p.DispParams = l.params()
		case fContentLanguage:
			for tag := range strings.SplitSeq(f.Value(), ",") {
				l := lexer{s: tag}
				if tag = l.token(); tag != "" {
					p.Language = append(p.Language, tag)
				}
			}
		case fContentLocation:
			p.Location = f.Value()
		case fContentMD5:
			p.MD5 = f.Value()
		}
	}
	if env != nil { // RFC 9051 §7.5.2
		if len(env.Sender) == 0 {
			env.Sender = env.From
		}
		if len(env.ReplyTo) == 0 {
			env.ReplyTo = env.From
		}
	}
	if p.Type == "" { // RFC 2045 §5.2
		p.Type, p.Subtype = "text", "plain"
	}
	if p.Is("text", "") && p.Params.Get("charset") == "" {
		p.Params = append(p.Params, imap.Param{Name: "charset", Value: "us-ascii"})
	}
	if p.Encoding == "" {
		p.Encoding = "7bit"
	}
}

// addressList returns the list in an envelope that a field belongs to, nil for other fields.
func addressList(env *imap.Envelope, id field) *[]imap.Address {
	switch id {
	case fFrom:
		return &env.From
	case fSender:
		return &env.Sender
	case fReplyTo:
		return &env.ReplyTo
	case fTo:
		return &env.To
	case fCc:
		return &env.Cc
	case fBcc:
		return &env.Bcc
	}
	return nil
}

// parseContentType parses the value of a Content-Type (RFC 2045 §5.1) into p. One that does not
// say what type it is leaves p as it is; RFC 2045 §5.2 recommends the default then.
func parseContentType(v string, p *imap.Part) {
	l := lexer{s: v}
	typ := l.token()
	l.skip()
	if typ == "" || l.i == len(v) || v[l.i] != '/' {
		return
	}
	l.i++
	if subtype := l.token(); subtype != "" {
		p.Type, p.Subtype = typ, subtype
		p.Params = l.params()
	}
}

// params parses the parameters (RFC 2045 §5.1) of a Content-Type or Content-Disposition and joins
// their continuations. Values may be unquoted with white space in them, the semicolon before the
// first name may be missing.
func (l *lexer) params() (params imap.Params) {
	for l.skip(); l.i < len(l.s); l.skip() {
		if l.s[l.i] == ';' {
			l.i++
			continue
		}
		rest := l.s[l.i:]
		end := strings.IndexAny(rest, "=;")
		if end < 0 {
			break
		}
		l.i += end
		if rest[end] == ';' {
			continue // a word without a value
		}
		l.i++
		l.skip()
		value, ok := l.quoted()
		if !ok {
			value = l.unquoted()
		}
		if name := strings.TrimRight(rest[:end], " \t"); name != "" {
			if params == nil {
				params = make(imap.Params, 0, 2) // room for the charset that may be added
			}
			params = append(params, imap.Param{Name: name, Value: value})
		}
	}
	return charset.JoinParams(params)
}

// unquoted reads a value that is not quoted, or whose quotes are not closed, up to the next
// semicolon.
func (l *lexer) unquoted() string {
	value := l.s[l.i:]
	if end := strings.IndexByte(value, ';'); end >= 0 {
		value = value[:end]
	}
	l.i += len(value)
	if i := strings.Index(value, " ("); i >= 0 && strings.HasSuffix(strings.TrimRight(value, " \t"), ")") {
		value = value[:i] // a comment
	}
	return strings.Trim(value, " \t\"")
}
