package imap

import (
	"strconv"
	"strings"
	"time"
)

// URL is an IMAP URL (RFC 5092): a server, a mailbox on it, a search in that, a message or a part of
// one. What is empty is not in it. Names are as they are, not as a URL writes them.
type URL struct {
	User string // who logs in
	Auth string // the SASL mechanism, "*" for any
	Host string // a name or address, IPv6 in brackets; "": a reference that begins with "/" (RFC 5092 §7.1)
	Port uint16

	Mailbox     string // UTF-8
	UIDValidity uint32
	Search      string // a search program, of a list of messages (RFC 5092 §5)

	UID     UID // of the message (RFC 5092 §6)
	Section string
	Partial *Partial // Count 0: to the end

	URLAuth *URLAuth
}

// URLAuth says who may fetch what the URL names without having rights on it (RFC 5092 §6.1).
type URLAuth struct {
	Expire time.Time // zero: never
	// Access is "submit", "user", "authuser", "anonymous" or the name of an application
	// (RFC 5593 §3), in lower case.
	Access string
	User   string // behind Access: on whose behalf
	// Mechanism, in upper case, and Token prove that somebody who has the right has made the URL; of
	// one that a server is still to prove they are empty.
	Mechanism string
	Token     string // hexadecimal
}

// urlChars are octets that stand for themselves everywhere in a URL but in its server: achar of
// RFC 5092 §11, without "%".
const urlChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$'()*+,&="

// urlPathChars are those in mailboxes, searches and sections, bchar of RFC 5092 §11.
const urlPathChars = urlChars + ":@/"

// String returns the URL as it is written.
func (u *URL) String() string {
	var b []byte
	if u.Host != "" {
		b = append(b, "imap://"...)
		if u.User != "" || u.Auth != "" {
			b = appendEncoded(b, u.User, urlChars)
			switch u.Auth {
			case "":
			case "*":
				b = append(b, ";AUTH=*"...)
			default:
				b = appendEncoded(append(b, ";AUTH="...), u.Auth, urlChars)
			}
			b = append(b, '@')
		}
		b = append(b, u.Host...)
		if u.Port != 0 {
			b = strconv.AppendUint(append(b, ':'), uint64(u.Port), 10)
		}
	}
	if u.Host == "" || u.Mailbox != "" {
		b = append(b, '/')
	}
	b = appendURLMailbox(b, u.Mailbox)
	if u.UIDValidity != 0 {
		b = strconv.AppendUint(append(b, ";UIDVALIDITY="...), uint64(u.UIDValidity), 10)
	}
	if u.Search != "" {
		b = appendEncoded(append(b, '?'), u.Search, urlPathChars)
	}
	if u.UID != 0 {
		b = strconv.AppendUint(append(b, "/;UID="...), uint64(u.UID), 10)
		if u.Section != "" {
			b = appendEncoded(append(b, "/;SECTION="...), u.Section, urlPathChars)
		}
		if p := u.Partial; p != nil {
			b = strconv.AppendInt(append(b, "/;PARTIAL="...), p.Offset, 10)
			if p.Count > 0 {
				b = strconv.AppendInt(append(b, '.'), p.Count, 10)
			}
		}
		b = u.URLAuth.append(b)
	}
	return string(b)
}

func (a *URLAuth) append(b []byte) []byte {
	if a == nil {
		return b
	}
	if !a.Expire.IsZero() {
		b = a.Expire.AppendFormat(append(b, ";EXPIRE="...), time.RFC3339Nano)
	}
	b = append(append(b, ";URLAUTH="...), a.Access...)
	if a.User != "" {
		b = appendEncoded(append(b, '+'), a.User, urlChars)
	}
	if a.Token != "" {
		b = append(append(append(append(b, ':'), a.Mechanism...), ':'), a.Token...)
	}
	return b
}

// appendURLMailbox appends the name of a mailbox. What a reader would take for a step up or down, or
// for the start of a server, is encoded (RFC 5092 §7).
func appendURLMailbox(b []byte, name string) []byte {
	if strings.HasPrefix(name, "/") {
		b, name = append(b, "%2F"...), name[1:]
	}
	for i, level := range strings.Split(name, "/") {
		if i > 0 {
			b = append(b, '/')
		}
		switch level {
		case ".":
			b = append(b, "%2E"...)
		case "..":
			b = append(b, "%2E%2E"...)
		default:
			b = appendEncoded(b, level, urlPathChars)
		}
	}
	return b
}

// appendEncoded appends s with what is not in chars written as %xx.
func appendEncoded(b []byte, s, chars string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		if c := s[i]; strings.IndexByte(chars, c) >= 0 {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}
