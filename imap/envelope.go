package imap

import (
	"strings"
	"time"
)

// Envelope is the parsed header of a message (RFC 9051 §7.5.2). The Raw fields are as in the
// message, encoded words included; a server fills and sends those. The decoded ones beside them
// are what a client shows.
type Envelope struct {
	Date       time.Time // zero when the header cannot be parsed
	RawDate    string    // "" is sent as NIL
	Subject    string
	RawSubject string
	HasSubject bool // an empty Subject header is "", a missing one NIL

	From, Sender, ReplyTo, To, Cc, Bcc []Address

	InReplyTo, MessageID string // with their angle brackets
}

// Address is one mailbox, or the start or end of a group (RFC 9051 §7.5.2: a group starts with an
// address that has no host and ends with one that has neither host nor mailbox).
type Address struct {
	Name    string // decoded display name
	RawName string // as in the message; "" is sent as NIL
	Route   string // obsolete source route, addr-adl
	Mailbox string
	Host    string
	Group   GroupMark
}

// GroupMark says whether an Address is a group boundary.
type GroupMark uint8

const (
	NoGroup    GroupMark = iota
	GroupStart           // Mailbox is the group's name
	GroupEnd
)

// Addr returns "mailbox@host", or the mailbox alone when there is no host.
func (a Address) Addr() string {
	if a.Host == "" {
		return a.Mailbox
	}
	return a.Mailbox + "@" + a.Host
}

// String returns the address as people write it: `Name <mailbox@host>`.
func (a Address) String() string {
	if a.Name == "" {
		return a.Addr()
	}
	if strings.ContainsAny(a.Name, `()<>[]:;@\,."`) {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(a.Name) + `" <` + a.Addr() + ">"
	}
	return a.Name + " <" + a.Addr() + ">"
}
