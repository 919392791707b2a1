package imapserver

import (
	"restante/imap"
	"restante/mailbox"
)

// imap4rev2Extension is what a client gets that has enabled the newer revision (RFC 9051 Appendix A).
// What that folds in has rows of its own, under the names that it has for older clients.
var imap4rev2Extension = extension{
	name: "IMAP4rev2", rfc: "RFC 9051",
	capabilities: always(string(imap.CapIMAP4rev2)),
	enables:      imap.CapIMAP4rev2,
	statusItems: map[imap.StatusItems]statusItem{
		imap.StatusDeleted: countItem(func(s *imap.Status, n *mailbox.Counts) { s.Deleted = n.Deleted }),
	},
}

// rev2 reports whether the client has enabled IMAP4rev2, which changes what some responses look like.
func (c *conn) rev2() bool { return c.enabled.has(imap.CapIMAP4rev2) }

// utf8Names reports whether the names of mailboxes are UTF-8 on this connection, not modified UTF-7
// (RFC 9051 §5.1).
func (c *conn) utf8Names() bool { return c.rev2() }
