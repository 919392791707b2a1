package imapserver

import (
	"strings"

	"restante/imap"
	"restante/imapwire"
)

var enableExtension = extension{
	name: "ENABLE", rfc: "RFC 5161",
	capabilities: always(string(imap.CapEnable)),
	commands: map[string]command{
		"ENABLE": {in: authenticated, run: handler(runEnable)},
	},
}

// capSet are the extensions that a client has enabled, under the names that their rows have. They
// are few, and asked for with every message.
type capSet []imap.Cap

func (s capSet) has(x imap.Cap) bool {
	for _, y := range s {
		if y == x {
			return true
		}
	}
	return false
}

// upperCap returns a name of ENABLE as features has it: case does not matter (RFC 9051 §7.2.2).
func upperCap(x imap.Cap) string { return strings.ToUpper(string(x)) }

// runEnable is ENABLE, RFC 9051 §6.3.1. What is not known or has nothing to enable is left out of
// the answer; what another name implies is in it.
func runEnable(c *conn, cmd *imapwire.Enable) error {
	before := len(c.enabled)
	for _, want := range cmd.Caps {
		x, ok := c.s.features.enables[upperCap(want)]
		if !ok {
			continue
		}
		for _, name := range append([]imap.Cap{x.enables}, x.implies...) {
			if !c.enabled.has(name) {
				c.enabled = append(c.enabled, name)
			}
		}
	}
	c.out = imapwire.AppendEnabled(c.out, c.enabled[before:])
	return nil
}
