package imapserver

import (
	"strings"

	"restante/imapwire"
)

// capabilities returns the capabilities of this moment, as they are written (RFC 9051 §7.2.2): what
// the extensions tell.
func (c *conn) capabilities() string {
	var caps []string
	for _, x := range c.s.features.extensions {
		if x.capabilities != nil {
			caps = append(caps, x.capabilities(c)...)
		}
	}
	return strings.Join(caps, " ")
}

// runCapability is CAPABILITY, RFC 9051 §6.1.1.
func runCapability(c *conn, _ *imapwire.Capability) error {
	c.out = append(append(append(c.out, "* CAPABILITY "...), c.capabilities()...), "\r\n"...)
	return nil
}
