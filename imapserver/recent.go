package imapserver

import (
	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// claimRecent returns from which UID on messages are \Recent in this session, of those that the
// store holds now. A session that has selected the mailbox claims them, one that examines it leaves
// them for the next (RFC 3501 §2.3.2, §6.3.2). With a store that does not keep \Recent none are.
func (c *conn) claimRecent() imap.UID {
	sel := c.sel
	recent, ok := store.Find[store.Recent](c.s.Mail)
	if !ok {
		return sel.view.UIDNext
	}
	var from imap.UID
	var err error
	if sel.readOnly {
		from, err = recent.RecentFrom(c.ctx, c.actor, sel.box.Ref())
	} else {
		from, err = recent.ClaimRecent(c.ctx, c.actor, sel.box.Ref(), sel.view.UIDNext)
	}
	if err != nil {
		c.log.Warn("new messages are not \\Recent", "mailbox", sel.box.Ref().Mailbox, "err", err)
		return sel.view.UIDNext // nothing depends on it
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
	recent, ok := store.Find[store.Recent](c.s.Mail)
	if !ok {
		return 0, nil
	}
	from, err := recent.RecentFrom(c.ctx, c.actor, c.ref(id))
	if err != nil || from >= next {
		return 0, err
	}
	box, err := c.s.Mail.Open(c.ctx, c.actor, c.ref(id))
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
