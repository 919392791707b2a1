package imapserver

import (
	"restante/imap"
	"restante/mailbox"
)

// statusSizeExtension is STATUS SIZE, the octets of all messages of a mailbox.
var statusSizeExtension = extension{
	name: "STATUS=SIZE", rfc: "RFC 8438",
	capabilities: afterLogin(string(imap.CapStatusSize)),
	statusItems: map[imap.StatusItems]statusItem{
		imap.StatusSize: countItem(func(s *imap.Status, n *mailbox.Counts) { s.Size = n.Size }),
	},
}
