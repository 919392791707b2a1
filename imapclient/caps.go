package imapclient

import (
	"iter"
	"slices"
	"strings"

	"restante/imap"
)

// CapSet is what a server can do (RFC 9051 §7.2.2). Names are compared without case.
type CapSet struct{ caps []imap.Cap }

// Has reports whether the server offers the capability, under its own name or as part of
// IMAP4rev2 (RFC 9051 appendix E).
func (s CapSet) Has(c imap.Cap) bool {
	if s.listed(c) {
		return true
	}
	return slices.ContainsFunc(rev2Includes, func(x imap.Cap) bool { return equalCap(x, c) }) && s.listed(imap.CapIMAP4rev2)
}

// rev2Includes are the extensions that a server with IMAP4rev2 has even if it does not list them.
var rev2Includes = []imap.Cap{
	imap.CapChildren, imap.CapEnable, imap.CapESearch, imap.CapIdle, imap.CapListExtended, imap.CapListStatus,
	imap.CapLiteralMinus, imap.CapMove, imap.CapNamespace, imap.CapSASLIR, imap.CapSearchRes, imap.CapSpecialUse,
	imap.CapStatusSize, imap.CapUIDPlus, imap.CapUnselect,
}

func (s CapSet) listed(c imap.Cap) bool {
	return slices.ContainsFunc(s.caps, func(x imap.Cap) bool { return equalCap(x, c) })
}

func equalCap(a, b imap.Cap) bool { return strings.EqualFold(string(a), string(b)) }

// Value returns what stands behind "NAME=", "" when there is no such capability: "35651584" for
// APPENDLIMIT=35651584.
func (s CapSet) Value(name string) string {
	for _, c := range s.caps {
		if k, v, ok := strings.Cut(string(c), "="); ok && strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

// All yields the capabilities as the server wrote them.
func (s CapSet) All() iter.Seq[imap.Cap] { return slices.Values(s.caps) }

// mechanisms returns the SASL mechanisms on offer.
func (s CapSet) mechanisms() []string {
	var out []string
	for _, c := range s.caps {
		if k, v, ok := strings.Cut(string(c), "="); ok && strings.EqualFold(k, "AUTH") {
			out = append(out, v)
		}
	}
	return out
}

// Caps returns what the server offers at present, as far as it has said. It changes with STARTTLS
// and with the login.
func (c *Conn) Caps() CapSet {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.caps
}

func (c *Conn) setCaps(caps []imap.Cap) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.caps, c.mu.capsKnown = CapSet{caps}, true
}

// forgetCaps makes the next needCaps ask.
func (c *Conn) forgetCaps() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.capsKnown = false
}

func (c *Conn) knowsCaps() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.capsKnown
}
