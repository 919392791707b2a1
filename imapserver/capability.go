package imapserver

import (
	"fmt"
	"strings"

	"restante/imap"
	"restante/imapwire"
)

// capabilities returns the capabilities of this moment, as they are written (RFC 9051 §7.2.2).
func (c *conn) capabilities() string {
	caps := []string{"IMAP4rev1", "IMAP4rev2", "SASL-IR", "LITERAL+", "ENABLE", "ID", "IDLE"}
	if c.state == notAuthenticated {
		if c.tls == nil && c.s.TLS != nil {
			caps = append(caps, "STARTTLS")
		}
		if c.passwordAllowed() {
			for _, m := range c.mechanisms() {
				caps = append(caps, "AUTH="+m)
			}
		} else {
			caps = append(caps, "LOGINDISABLED")
		}
		return strings.Join(caps, " ")
	}
	return strings.Join(append(caps, "NAMESPACE", "UIDPLUS", "UNSELECT", "CHILDREN", "LIST-EXTENDED", "LIST-STATUS",
		"SPECIAL-USE", "CREATE-SPECIAL-USE", "ESEARCH", "SEARCHRES", "MOVE", "BINARY", "STATUS=SIZE",
		fmt.Sprintf("APPENDLIMIT=%d", c.s.limits.AppendLimit)), " ")
}

// runCapability is CAPABILITY, RFC 9051 §6.1.1.
func runCapability(c *conn, _ *imapwire.Capability) error {
	c.out = append(append(append(c.out, "* CAPABILITY "...), c.capabilities()...), "\r\n"...)
	return nil
}

// runEnable is ENABLE, RFC 9051 §6.3.1. What is not known or has nothing to enable is left out of
// the answer.
func runEnable(c *conn, cmd *imapwire.Enable) error {
	var enabled []imap.Cap
	for _, want := range cmd.Caps {
		if strings.EqualFold(string(want), string(imap.CapIMAP4rev2)) && !c.rev2 {
			c.rev2 = true
			enabled = append(enabled, imap.CapIMAP4rev2)
		}
	}
	c.out = imapwire.AppendEnabled(c.out, enabled)
	return nil
}
