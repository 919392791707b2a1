package message

import (
	"io"

	"restante/imap"
)

// Limits of what is taken apart. A message beyond them is still whole: its sections can be
// addressed and read, only in less detail.
const (
	// MaxHeader is how many octets of a header block are parsed.
	MaxHeader = 256 << 10
	// MaxParts is the number of parts that are told apart; what follows stays in the body of the
	// multipart around it.
	MaxParts = 10_000
	// MaxDepth is how deep parts are nested; below, they are not taken apart.
	MaxDepth = 100
	// maxBoundary is the longest boundary that is looked for; RFC 2046 §5.1.1 allows 70 octets.
	maxBoundary = 512
	// maxAllHeaders is how many octets of header blocks are parsed in full before the rest gets
	// restHeader each.
	maxAllHeaders = 1 << 20
	restHeader    = 512
	// maxAddresses is how many addresses all envelopes of a message have together. Two octets of a
	// header make an address, and an address in ENVELOPE has many more.
	maxAddresses = 20_000
)

// Structure is what there is to know of a message without its bodies.
type Structure struct {
	Envelope *imap.Envelope // raw fields only, RFC 9051 §7.5.2
	Root     *Node          // the message itself
	Size     int64          // of the message, in octets
	// Header is the message's header block with the blank line at its end, cut off at MaxHeader. It
	// is "" in a Structure that was not made by scanning the message.
	Header string
}

// Node is a part of a message and where it is. The root node is the message. The child of a
// message/rfc822 part is the message inside.
type Node struct {
	Part *imap.Part
	// The header, with the blank line at its end if there is one, is at [HeaderStart, BodyStart) and
	// the body at [BodyStart, End) of the message. The line break before a boundary belongs to the
	// boundary (RFC 2046 §5.1.1).
	HeaderStart, BodyStart, End int64
	Children                    []*Node
}

// Message reports whether the node is a part with a message inside: message/rfc822 or
// message/global (RFC 6532 §3.7).
func (n *Node) Message() bool { return isMessage(n.Part) }

func isMessage(p *imap.Part) bool {
	return p.Is("message", "rfc822") || p.Is("message", "global")
}

// Range is a range of octets of a message.
type Range struct{ Off, Len int64 }

func (n *Node) header() Range { return Range{n.HeaderStart, n.BodyStart - n.HeaderStart} }
func (n *Node) body() Range   { return Range{n.BodyStart, n.End - n.BodyStart} }

// Parse scans the message that r holds. The error is r's.
func Parse(r io.Reader) (*Structure, error) {
	s := NewScanner()
	if _, err := io.Copy(s, r); err != nil {
		return nil, err
	}
	return s.Result(), nil
}

// ParseBytes scans a message in memory.
func ParseBytes(b []byte) *Structure {
	s := NewScanner()
	s.Write(b)
	return s.Result()
}
