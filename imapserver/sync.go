package imapserver

import (
	"errors"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
	"restante/store"
)

// selection is the selected mailbox as the session sees it.
type selection struct {
	box      store.Mailbox
	readOnly bool
	// view is the version that the client knows. Sequence numbers are positions in it.
	view *mailbox.Version
	// recent holds the messages that are \Recent in this session (RFC 3501 §2.3.2).
	recent imap.UIDSet

	// flagText caches how sets of flags are written, for the keywords of view.
	flagText map[mailbox.FlagBits]string
}

// errDeleted ends a session whose mailbox was deleted by another (RFC 2180 §3.3).
var errDeleted = errors.New("imapserver: the selected mailbox was deleted")

// sync tells the client what has changed in the selected mailbox since it was last told, all of
// it or, with retain, everything but EXPUNGE.
func (c *conn) sync(retain bool) error { return c.syncQuiet(retain, nil) }

// syncQuiet is sync without FETCH responses for the messages that quiet accepts: the client knows
// their flags already, or is just being told.
func (c *conn) syncQuiet(retain bool, quiet func(mailbox.Changed) bool) error {
	sel := c.sel
	next := sel.box.Version()
	if next == sel.view {
		return nil
	}
	if next.Deleted {
		return errDeleted
	}
	if retain {
		next = mailbox.Retain(sel.view, next)
	}
	d := mailbox.Diff(sel.view, next)
	sel.view = next
	sel.box.Hold(next)

	for i, x := range d.Expunged { // each moves those behind it up by one
		c.out = imapwire.AppendExpunge(c.out, x.Seq-imap.SeqNum(i))
		if err := c.room(); err != nil {
			return err
		}
	}
	if d.KeywordsChanged {
		sel.flagText = nil
		c.appendMailboxFlags()
	}
	if len(d.Expunged) > 0 && !sel.recent.Empty() {
		sel.recent = next.Existing(sel.recent)
	}
	if len(d.Added) > 0 {
		c.out = imapwire.AppendExists(c.out, uint32(next.Len()))
		c.takeRecent(d.Added)
		if !c.rev2 {
			c.out = imapwire.AppendRecent(c.out, uint32(sel.recent.Len()))
		}
	}
	for x := range d.Changed() {
		if quiet != nil && quiet(x) {
			continue
		}
		c.appendFetchFlags(x.Numbered)
		if err := c.room(); err != nil {
			return err
		}
	}
	return nil
}

// appendFetchFlags tells the flags of a message.
func (c *conn) appendFetchFlags(x mailbox.Numbered) {
	c.out = imapwire.AppendNumber(append(c.out, "* "...), x.Seq)
	c.out = imapwire.AppendNumber(append(c.out, " FETCH (UID "...), x.Row.UID)
	c.out = c.appendFlags(append(c.out, " FLAGS "...), &x.Row)
	c.out = append(c.out, ")\r\n"...)
}

// takeRecent makes those of the new messages \Recent that no other session has been told of.
func (c *conn) takeRecent(added []mailbox.Numbered) {
	sel := c.sel
	from := imap.UID(0)
	if !sel.readOnly {
		from = sel.box.ClaimRecent(sel.view.UIDNext)
	} else if f, err := c.account.RecentFrom(c.ctx, sel.box.ID()); err == nil {
		from = f
	}
	if from == 0 {
		return
	}
	for _, x := range added {
		if x.Row.UID >= from {
			sel.recent.Add(x.Row.UID)
		}
	}
}

// appendFlags appends the flags of a message, in parentheses.
func (c *conn) appendFlags(dst []byte, r *mailbox.Row) []byte {
	sel := c.sel
	text, ok := sel.flagText[r.Flags]
	if !ok {
		text = string(imapwire.AppendFlags(nil, sel.view.Flags(r.Flags)))
		if sel.flagText == nil || len(sel.flagText) > 1024 {
			sel.flagText = map[mailbox.FlagBits]string{}
		}
		sel.flagText[r.Flags] = text
	}
	if !c.rev2 && !sel.recent.Empty() && sel.recent.Contains(r.UID) {
		dst = append(dst, `(\Recent`...)
		if text != "()" {
			dst = append(dst, ' ')
		}
		return append(dst, text[1:]...)
	}
	return append(dst, text...)
}

// appendMailboxFlags writes the FLAGS and PERMANENTFLAGS of the selected mailbox (RFC 9051
// §7.3.5, §7.1).
func (c *conn) appendMailboxFlags() {
	flags := append(append([]imap.Flag{}, mailbox.SystemFlags...), c.sel.view.Keywords()...)
	c.out = imapwire.AppendFlagsResponse(c.out, flags)
	var permanent []imap.Flag
	text := "No flags can be changed"
	if !c.sel.readOnly {
		permanent, text = flags, "Limited"
		if len(c.sel.view.Keywords()) < mailbox.MaxKeywords {
			permanent = append(permanent, imap.AnyKeyword)
		}
	}
	c.out = imapwire.AppendStatusResponse(c.out, "*", "OK", imap.CodePermanentFlags, string(imapwire.AppendFlags(nil, permanent)), text)
}

// resolve returns the messages that a command means, by UID. Sequence numbers that do not exist
// are an error (RFC 9051 §9, seq-number), UIDs that do not exist are not.
func (c *conn) resolve(set imap.NumSet) (imap.UIDSet, error) {
	view := c.sel.view
	switch set := set.(type) {
	case imap.UIDSet:
		return view.Existing(set), nil
	case imap.SeqSet:
		if err := c.checkSeqs(set); err != nil {
			return imap.UIDSet{}, err
		}
		return view.UIDs(set), nil
	}
	return view.Existing(c.searchRes), nil
}

func (c *conn) checkSeqs(set imap.SeqSet) error {
	if n := c.sel.view.Len(); n == 0 || set.Min() > imap.SeqNum(n) || set.Max() > imap.SeqNum(n) {
		return bad("There is no such message; the mailbox has %d", n)
	}
	return nil
}

// live returns the messages of the set that are still in the mailbox, and whether all are.
func (c *conn) live(set imap.UIDSet) (imap.UIDSet, bool) {
	ghosts := c.sel.view.Ghosts()
	if ghosts.Empty() || ghosts.Intersect(set).Empty() {
		return set, true
	}
	return set.Minus(ghosts), false
}

// unselect leaves the selected mailbox, if there is one.
func (c *conn) unselect() {
	if c.sel == nil {
		return
	}
	if err := c.sel.box.Close(); err != nil {
		c.log.Error("closing a mailbox", "err", err)
	}
	c.sel = nil
	c.searchRes = imap.UIDSet{}
	if c.state == selected {
		c.state = authenticated
	}
}
