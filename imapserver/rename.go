package imapserver

import (
	"strings"

	"restante/imap"
	"restante/imapwire"
)

// runRename is RENAME, RFC 9051 §6.3.6.
func runRename(c *conn, cmd *imapwire.Rename) error {
	to := cmd.To
	if len(to) > 1 {
		to = strings.TrimSuffix(to, "/")
	}
	if cmd.From == imap.Inbox {
		return c.renameInbox(to)
	}
	return c.account.Rename(c.ctx, cmd.From, to)
}

// renameInbox moves all messages of INBOX to a new mailbox; INBOX stays, empty.
func (c *conn) renameInbox(to string) error {
	inbox, ok := c.account.Namespace().Lookup(imap.Inbox)
	if !ok {
		return no(imap.CodeNonExistent, "There is no INBOX")
	}
	entry, err := c.account.Create(c.ctx, to, nil)
	if err != nil {
		return err
	}
	box, err := c.account.Open(c.ctx, inbox.ID)
	if err != nil {
		return err
	}
	defer box.Close()
	_, err = box.Move(c.ctx, imap.UIDRange(1, box.Version().UIDNext), entry.ID)
	return err
}
