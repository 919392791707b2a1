package imapserver

import (
	"strings"

	"restante/imap"
	"restante/imapwire"
	"restante/store"
)

// runRename is RENAME, RFC 9051 §6.3.6.
func runRename(c *conn, cmd *imapwire.Rename) error {
	to := cmd.To
	if len(to) > 1 {
		to = strings.TrimSuffix(to, "/")
	}
	account := c.account.ID()
	if cmd.From != imap.Inbox {
		_, err := c.change(&store.Rename{Account: account, From: cmd.From, To: to})
		return err
	}
	// All messages move to a new mailbox; INBOX stays, empty.
	inbox, err := c.find(imap.Inbox)
	if err != nil {
		return err
	}
	id := store.NewMailboxID()
	_, err = c.commit(
		&store.Create{Account: account, ID: id, Name: to},
		// Its entries are copied (RFC 5464 §4.1).
		&store.SetMetadata{Mailbox: c.ref(id), Set: c.account.Namespace().MetadataOf(inbox.ID)},
		&store.Copy{From: c.ref(inbox.ID), To: c.ref(id), UIDs: imap.UIDRange(1, 0), Move: true})
	return err
}
