package imap

import (
	"iter"
	"strings"
)

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

// Walk yields p and all parts below it, in the order of the message.
func (p *Part) Walk() iter.Seq[*Part] {
	return func(yield func(*Part) bool) { p.walk(yield) }
}

func (p *Part) walk(yield func(*Part) bool) bool {
	if !yield(p) {
		return false
	}
	for _, c := range p.Parts {
		if !c.walk(yield) {
			return false
		}
	}
	return true
}

// Text returns the text/plain part that is the message's text, nil if there is none: not an
// attachment, not in a message inside, and of several alternatives (RFC 2046 §5.1.4) the one in
// plain text.
func (p *Part) Text() *Part { return p.body("plain") }

// HTML returns the text/html part that is the message's text, nil if there is none.
func (p *Part) HTML() *Part { return p.body("html") }

func (p *Part) body(subtype string) *Part {
	switch {
	case p.Opaque || strings.EqualFold(p.Disposition, "attachment"):
	case p.Is("text", subtype):
		return p
	case p.Is("multipart", "related"):
		if root := p.Root(); root != nil {
			return root.body(subtype)
		}
	case p.Multipart():
		for _, c := range p.Parts {
			if found := c.body(subtype); found != nil {
				return found
			}
		}
	}
	return nil
}

// Root returns the root of multipart/related: the one that the parameter start names, else the
// first (RFC 2387). It is nil for a part without children.
func (p *Part) Root() *Part {
	if start := p.Params.Get("start"); start != "" {
		for _, c := range p.Parts {
			if c.ContentID == start {
				return c
			}
		}
	}
	if len(p.Parts) == 0 {
		return nil
	}
	return p.Parts[0]
}
