package imapserver

import (
	"strings"

	"restante/imap"
	"restante/imapwire"
)

// runCreate is CREATE, RFC 9051 §6.3.4, with the special uses of RFC 6154 §3. A trailing
// hierarchy delimiter only says that inferiors are to come; every mailbox can have them.
func runCreate(c *conn, cmd *imapwire.Create) error {
	name := cmd.Mailbox
	if len(name) > 1 {
		name = strings.TrimSuffix(name, "/")
	}
	for _, use := range cmd.Use {
		switch use {
		case imap.AttrArchive, imap.AttrDrafts, imap.AttrJunk, imap.AttrSent, imap.AttrTrash:
		default:
			return no(imap.CodeUseAttr, "A mailbox cannot be created with this use")
		}
	}
	_, err := c.account.Create(c.ctx, name, cmd.Use)
	return err
}
