package imapwire

import (
	"strconv"
	"strings"

	"restante/imap"
)

// AppendEnvelope appends e as it stands in a FETCH response (RFC 9051 §7.5.2). The raw fields are
// sent; Date, Subject and the decoded names are not looked at. Sender and ReplyTo are sent as they
// are: whoever makes an envelope from a header fills them from From (RFC 9051 §7.5.2).
func AppendEnvelope(dst []byte, e *imap.Envelope) []byte {
	if e == nil {
		e = &imap.Envelope{}
	}
	dst = append(dst, '(')
	dst = append(appendNString(dst, e.RawDate), ' ')
	if e.HasSubject && e.RawSubject == "" {
		dst = append(dst, `"" `...)
	} else {
		dst = append(appendNString(dst, e.RawSubject), ' ')
	}
	for _, list := range [...][]imap.Address{e.From, e.Sender, e.ReplyTo, e.To, e.Cc, e.Bcc} {
		dst = append(appendAddresses(dst, list), ' ')
	}
	dst = append(appendNString(dst, e.InReplyTo), ' ')
	dst = appendNString(dst, e.MessageID)
	return append(dst, ')')
}

func appendAddresses(dst []byte, list []imap.Address) []byte {
	if len(list) == 0 {
		return append(dst, "NIL"...)
	}
	dst = append(dst, '(')
	for i := range list {
		a := &list[i]
		switch a.Group {
		case imap.GroupStart:
			dst = append(dst, "(NIL NIL "...)
			dst = append(appendText(dst, a.Mailbox), " NIL)"...)
		case imap.GroupEnd:
			dst = append(dst, "(NIL NIL NIL NIL)"...)
		default:
			// NIL in the last two places would make this a group boundary.
			dst = append(appendNString(append(dst, '('), a.RawName), ' ')
			dst = append(appendNString(dst, a.Route), ' ')
			dst = append(appendText(dst, a.Mailbox), ' ')
			dst = append(appendText(dst, a.Host), ')')
		}
	}
	return append(dst, ')')
}

// appendNString appends s as nstring, with "" as NIL.
func appendNString(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "NIL"...)
	}
	return appendText(dst, s)
}

// maxQuoted is the length above which a string is sent as a literal: readers that take a line at a
// time have limits.
const maxQuoted = 4096

// appendText appends s as a string that every client of RFC 3501 and RFC 9051 can read: quoted
// when it is short and has neither control nor 8-bit characters, else a literal. NUL can stand in
// neither (RFC 9051 §4.3) and is left out.
func appendText(dst []byte, s string) []byte {
	if len(s) > maxQuoted {
		return appendTextLiteral(dst, s)
	}
	start := len(dst)
	dst = append(dst, '"')
	done := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c < 0x7f {
			if c != '"' && c != '\\' {
				continue
			}
			dst = append(append(dst, s[done:i]...), '\\')
			done = i
			continue
		}
		return appendTextLiteral(dst[:start], s)
	}
	return append(append(dst, s[done:]...), '"')
}

func appendTextLiteral(dst []byte, s string) []byte {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	dst = strconv.AppendUint(append(dst, '{'), uint64(len(s)), 10)
	return append(append(dst, "}\r\n"...), s...)
}
