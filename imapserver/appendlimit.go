package imapserver

import (
	"fmt"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// appendLimitExtension tells how long a message may be, which is the same in every mailbox.
var appendLimitExtension = extension{
	name: "APPENDLIMIT", rfc: "RFC 7889",
	capabilities: func(c *conn) []string {
		return afterLogin(fmt.Sprintf("%s=%d", imap.CapAppendLimit, c.s.limits.AppendLimit))(c)
	},
	statusItems: map[imap.StatusItems]statusItem{
		imap.StatusAppendLimit: func(c *conn, _ mailbox.Entry, _ *mailbox.Counts, s *imap.Status) error {
			s.AppendLimit = c.s.limits.AppendLimit
			return nil
		},
	},
}

// checkAppendLimit refuses a message that is too long, before it is sent (RFC 7889 §4).
func (c *conn) checkAppendLimit(size int64) error {
	if size > c.s.limits.AppendLimit || size > store.MaxMessageSize {
		return no(imap.CodeTooBig, "A message may have %d octets", c.s.limits.AppendLimit)
	}
	return nil
}
