package imapserver

import (
	"strings"

	"restante/imap"
)

// uidOnlyExtension is for clients that do without the numbers of messages.
var uidOnlyExtension = extension{
	name: "UIDONLY", rfc: "RFC 9586",
	capabilities: afterLogin(string(imap.CapUIDOnly)),
	enables:      imap.CapUIDOnly,
}

// uidOnly reports whether neither side uses the numbers of messages.
func (c *conn) uidOnly() bool { return c.enabled.has(imap.CapUIDOnly) }

// errUIDRequired answers what uses numbers all the same (RFC 9586 §3).
var errUIDRequired = &failure{"BAD", reply{code: imap.CodeUIDRequired, text: "Message numbers are not allowed once UIDONLY is enabled"}}

// allowedNumbers refuses the commands that name messages by numbers, or answer with those, to a client
// that has enabled UIDONLY: all have a UID form (RFC 9586 §3.2, §3.8).
func (c *conn) allowedNumbers(name string, row command) error {
	if c.uidOnly() && row.flags&(usesSeq|noExpunge) != 0 && !strings.HasPrefix(name, "UID ") {
		return errUIDRequired
	}
	return nil
}
