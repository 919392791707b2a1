package imap

import "strings"

// Part is a node of BODYSTRUCTURE (RFC 9051 §7.5.2). A part that a server described in a way
// that cannot be parsed has Opaque set and keeps its text in Raw; the rest of the message is
// still usable.
type Part struct {
	ID          string // "1.2"; "" for the root of a multipart message
	Type        string // as written; compared without case
	Subtype     string
	Params      Params
	ContentID   string // "" is sent as NIL, here and below
	Description string
	Encoding    string // Content-Transfer-Encoding
	Size        int64  // octets, in the transfer encoding; -1 when the server did not say
	Lines       int64  // lines of text/* and message/rfc822; -1 when the server did not say

	// Extension data, sent in BODYSTRUCTURE only.
	MD5         string
	Disposition string
	DispParams  Params
	Language    []string
	Location    string

	Envelope *Envelope // of the message inside message/rfc822 and message/global
	Parts    []*Part   // children of multipart/*; the one body of message/rfc822 and message/global

	Opaque bool
	Raw    string
}

// Params are the parameters of a Content-Type or Content-Disposition, in the order of the message.
type Params []Param

// Param is one parameter.
type Param struct{ Name, Value string }

// Get returns the value of the first parameter of that name, compared without case, or "".
func (p Params) Get(name string) string {
	for _, x := range p {
		if strings.EqualFold(x.Name, name) {
			return x.Value
		}
	}
	return ""
}

// Is reports whether the part has the given type and, unless subtype is "", subtype.
func (p *Part) Is(typ, subtype string) bool {
	return strings.EqualFold(p.Type, typ) && (subtype == "" || strings.EqualFold(p.Subtype, subtype))
}

// Multipart reports whether the part is multipart/*.
func (p *Part) Multipart() bool { return p.Is("multipart", "") }
