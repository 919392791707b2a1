package imapserver

import (
	"restante/imap"
	"restante/mailbox"
)

// claimRecent returns from which UID on messages are \Recent in this session, of those that the
// store holds now. A session that has selected the mailbox claims them, one that examines it leaves
// them for the next (RFC 3501 §2.3.2, §6.3.2).
func (c *conn) claimRecent() imap.UID {
	sel := c.sel
	if !sel.readOnly {
		return sel.box.ClaimRecent(sel.view.UIDNext)
	}
	from, err := c.account.RecentFrom(c.ctx, sel.box.ID())
	if err != nil {
		return sel.view.UIDNext // none: nothing depends on it
	}
	return from
}

// findRecent finds the messages that are \Recent in a session that has just selected a mailbox.
func (c *conn) findRecent() {
	view := c.sel.view
	if from := c.claimRecent(); from < view.UIDNext {
		c.sel.recent = view.Existing(imap.UIDRange(from, view.UIDNext-1))
	}
}

// addRecent makes those of the new messages \Recent that no other session has been told of.
func (c *conn) addRecent(added []mailbox.Numbered) {
	from := c.claimRecent()
	for _, x := range added {
		if x.Row.UID >= from {
			c.sel.recent.Add(x.Row.UID)
		}
	}
}

// countRecent counts the messages that no session has been told of, for STATUS RECENT.
func (c *conn) countRecent(id mailbox.ID, next imap.UID) (uint32, error) {
	from, err := c.account.RecentFrom(c.ctx, id)
	if err != nil || from >= next {
		return 0, err
	}
	box, err := c.account.Open(c.ctx, id)
	if err != nil {
		return 0, err
	}
	defer box.Close()
	n := uint32(0)
	for _, r := range box.Version().RowsByUID(imap.UIDRange(from, next)) {
		if r.UID >= from {
			n++
		}
	}
	return n, nil
}
