package imapserver

import (
	"errors"
	"slices"

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
	// told is the mod-sequence up to which the client has been told of everything.
	told imap.ModSeq
	// withheld holds the messages whose flags have changed while the client did not want to hear of that.
	withheld imap.UIDSet
	// changed says that the running command has changed the mailbox.
	changed bool
	// fresh holds the new messages of which the client is to be told more than that they are there.
	fresh imap.UIDSet
	// vanished says that the running command has told of removed messages by VANISHED.
	vanished bool
	// contexts are the searches whose changes the client is told.
	contexts []*searchContext

	flagText flagTexts // for the keywords of view
}

// A mailbox that another session deletes has no messages any more for the sessions that have it selected:
// they are told of the EXPUNGE of each, and from then on commands on it answer NO. Ending the sessions
// (RFC 2180 §3.3) would cut off clients that have done nothing, in the middle of what they do. Leaving
// the selected state by CLOSED would not reach those that do not know the code, and no client expects
// the code but in answer to SELECT and EXAMINE (RFC 9051 §7.1); commands that are on their way would be
// answered with BAD, as if the client had made a mistake. So the mailbox stays selected, until the client
// closes it or selects another.
var errMailboxDeleted = no(imap.CodeNonExistent, "The selected mailbox was deleted")

// errAccountDeleted ends a session whose user does not exist any more.
var errAccountDeleted = errors.New("imapserver: the user was deleted")

// checkAccount finds out whether the account is still here: it has an INBOX as long as it is. Otherwise
// the error, errAccountDeleted or store.ErrMoved, ends the session.
func (c *conn) checkAccount() error {
	if _, ok := c.account.Namespace().Lookup(imap.Inbox); ok {
		return nil
	}
	if _, err := c.account.Refresh(c.ctx); errors.Is(err, store.ErrMoved) {
		return err
	}
	return errAccountDeleted
}

// sync tells the client what has changed in the selected mailbox since it was last told, all of
// it or, with retain, everything but EXPUNGE.
func (c *conn) sync(retain bool) error { return c.syncTelling(retain, nil) }

// telling is what the client is to be told of a message that has changed.
type telling uint8

const (
	tellFlags   telling = iota // with the mod-sequence, if the client knows those
	tellModSeq                 // the client knows the flags
	tellNothing                // it is just being told
)

// syncTelling is sync with what says of each message that has changed what is to be told; nil: all. It
// is also given the versions that x.Old and x.Row are of.
func (c *conn) syncTelling(retain bool, what func(x mailbox.Changed, last, next *mailbox.Version) telling) error {
	sel := c.sel
	next := sel.box.Version()
	if err := c.checkAccount(); err != nil {
		return err
	}
	stays := next == sel.view || c.isSnapshot() && !sel.changed
	if sel.changed = false; stays {
		return nil
	}
	switch {
	case retain && next.Deleted:
		return nil // nothing but EXPUNGE is left to tell
	case retain:
		next = mailbox.Retain(sel.view, next)
	}
	last := sel.view
	d := mailbox.Diff(last, next)
	sel.view = next
	sel.box.Hold(next)

	c.tellGone(d.Expunged, last)
	if err := c.appendExpunged(d.Expunged); err != nil {
		return err
	}
	if d.KeywordsChanged {
		sel.flagText = flagTexts{}
		c.appendMailboxFlags()
	}
	if len(d.Expunged) > 0 && !sel.withheld.Empty() {
		sel.withheld = next.Existing(sel.withheld)
	}
	known := sel.recent.Len()
	if len(d.Expunged) > 0 && known > 0 {
		sel.recent = next.Existing(sel.recent)
	}
	if len(d.Added) > 0 {
		c.out = imapwire.AppendExists(c.out, uint32(next.Len()))
		c.addRecent(d.Added)
		c.addFresh(d.Added)
	}
	// Also when there are fewer: the client must not count more than there are messages.
	if !c.rev2() && (len(d.Added) > 0 || sel.recent.Len() != known) {
		c.out = imapwire.AppendRecent(c.out, uint32(sel.recent.Len()))
	}
	for x := range d.Changed() {
		tell := tellFlags
		if what != nil {
			tell = what(x, last, next)
		}
		if tell == tellFlags && !c.hearsFlags() {
			sel.withheld.Add(x.Row.UID)
			continue
		}
		if tell == tellNothing || tell == tellModSeq && !c.condStore() {
			continue
		}
		c.appendFetchFlags(x.Seq, x.Row, true, tell == tellModSeq)
		if err := c.room(); err != nil {
			return err
		}
	}
	if next.Ghosts().Empty() && sel.withheld.Empty() {
		sel.told = next.HighestModSeq
	}
	return c.tellContexts(&d)
}

// appendExpunged tells that messages are gone, by EXPUNGE or by VANISHED (RFC 7162 §3.2.10.2,
// RFC 9586 §3.4, §3.6).
func (c *conn) appendExpunged(gone []mailbox.Numbered) error {
	if len(gone) == 0 {
		return nil
	}
	if c.qResync() || c.uidOnly() {
		var uids imap.UIDSet
		for i := range gone {
			uids.Add(gone[i].Row.UID)
		}
		c.sel.vanished = true
		return c.appendVanished(uids, false)
	}
	for i, x := range gone { // each moves those behind it up by one
		c.out = imapwire.AppendExpunge(c.out, x.Seq-imap.SeqNum(i))
		if err := c.room(); err != nil {
			return err
		}
	}
	return nil
}

// keywordsStay reports whether the bits of flags mean the same in the view and in the newest version.
// A bit that has become another keyword's says nothing when it is compared.
func (c *conn) keywordsStay() bool {
	known, now := c.sel.view.Keywords(), c.sel.box.Version().Keywords()
	return len(known) <= len(now) && slices.Equal(known, now[:len(known)])
}

// appendFlags appends the flags of a message, in parentheses.
func (c *conn) appendFlags(dst []byte, r *mailbox.Row) []byte {
	sel := c.sel
	var text string
	if sel.view.Far(r) {
		text = string(imapwire.AppendFlags(nil, sel.view.Flags(sel.view.Set(r))))
	} else if cached, ok := sel.flagText.of[r.Flags]; ok {
		text = cached
	} else {
		text = string(imapwire.AppendFlags(nil, sel.view.Flags(mailbox.FlagSet{Bits: r.Flags})))
		sel.flagText.keep(r.Flags, text)
	}
	if !c.rev2() && !sel.recent.Empty() && sel.recent.Contains(r.UID) {
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

// unselect leaves the selected mailbox, if there is one.
func (c *conn) unselect() {
	if c.sel == nil {
		return
	}
	if err := c.sel.box.Close(); err != nil {
		c.log.Error("closing a mailbox", "err", err)
	}
	if c.notify != nil {
		c.notify.leaves(c.sel)
	}
	c.sel = nil
	c.searchRes = imap.UIDSet{}
	if c.state == selected {
		c.state = authenticated
	}
}
