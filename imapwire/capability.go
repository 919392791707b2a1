package imapwire

import (
	"strings"

	"restante/imap"
)

func init() {
	commands.add("CAPABILITY", command{parse: bare[Capability]})
	responses.add("CAPABILITY", (*scanner).capability)
}

// Capability asks for the server's capabilities (RFC 9051 §6.1.1).
//
//	"CAPABILITY"
type Capability struct{}

// Name returns "CAPABILITY".
func (*Capability) Name() string { return "CAPABILITY" }

// AppendArgs appends nothing.
func (*Capability) AppendArgs(*Encoder) {}

// CapabilityData is an untagged CAPABILITY (RFC 9051 §7.2.2). Tokens that are no capabilities are
// kept as they are.
type CapabilityData struct{ Caps []imap.Cap }

func (*CapabilityData) response() {}

// capability parses
//
//	capability-data = "CAPABILITY" *(SP capability) SP "IMAP4rev2" *(SP capability)
func (p *scanner) capability(string) Response { return &CapabilityData{p.caps()} }

// caps reads capabilities up to the end.
func (p *scanner) caps() []imap.Cap {
	caps := parseCaps(p.s[p.i:])
	p.i = len(p.s)
	return caps
}

func parseCaps(s string) []imap.Cap {
	words := strings.Fields(s)
	if len(words) == 0 {
		return nil
	}
	caps := make([]imap.Cap, len(words))
	for i, w := range words {
		caps[i] = imap.Cap(w)
	}
	return caps
}

// Capabilities returns the argument of CAPABILITY (RFC 9051 §7.1).
func (r *StatusResponse) Capabilities() ([]imap.Cap, bool) {
	if r.Code != imap.CodeCapability {
		return nil, false
	}
	return parseCaps(r.Args), true
}

// AppendCapability appends CAPABILITY (RFC 9051 §7.2.2).
func AppendCapability(dst []byte, caps []imap.Cap) []byte {
	return appendCRLF(appendCaps(append(dst, "* CAPABILITY"...), caps))
}

func appendCaps(dst []byte, caps []imap.Cap) []byte {
	for _, c := range caps {
		dst = append(append(dst, ' '), c...)
	}
	return dst
}
