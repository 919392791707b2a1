package imapserver

import (
	"strconv"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
)

// runSelect is SELECT and EXAMINE, RFC 9051 §6.3.2 and §6.3.3. Whatever its outcome, the mailbox
// that was selected before is not any more.
func runSelect(c *conn, cmd *imapwire.Select) error {
	if len(cmd.Params) > 0 {
		return bad("SELECT has no parameters here: none of its extensions is offered") // RFC 4466 §2.1
	}
	if c.sel != nil {
		c.unselect()
		c.out = imapwire.AppendStatusResponse(c.out, "*", "OK", imap.CodeClosed, "", "The previous mailbox is no longer selected")
	}
	entry, ok := c.account.Namespace().Lookup(cmd.Mailbox)
	if !ok {
		return mailbox.ErrNotFound
	}
	box, err := c.account.Open(c.ctx, entry.ID)
	if err != nil {
		return err
	}
	view := box.Version()
	if view.Deleted {
		box.Close()
		return mailbox.ErrNotFound
	}
	c.sel = &selection{box: box, readOnly: cmd.Examine, view: view}
	c.state = selected
	box.Hold(view)
	c.findRecent()

	c.appendMailboxFlags()
	c.out = imapwire.AppendExists(c.out, uint32(view.Len()))
	status := func(code imap.Code, n uint64, text string) {
		c.out = imapwire.AppendStatusResponse(c.out, "*", "OK", code, strconv.FormatUint(n, 10), text)
	}
	if !c.rev2 {
		c.out = imapwire.AppendRecent(c.out, uint32(c.sel.recent.Len()))
		if view.Counts().Unseen > 0 {
			status(imap.CodeUnseen, uint64(firstUnseen(view)), "First unseen")
		}
	}
	status(imap.CodeUIDValidity, uint64(view.UIDValidity), "UIDs valid")
	status(imap.CodeUIDNext, uint64(view.UIDNext), "Predicted next UID")
	if c.rev2 {
		c.out = imapwire.AppendList(c.out, c.mailboxInfo(c.account.Namespace(), entry.Name), c.rev2)
	}
	c.done = reply{code: imap.CodeReadWrite, text: "Selected"}
	if cmd.Examine {
		c.done = reply{code: imap.CodeReadOnly, text: "Examined, read-only"}
	}
	return nil
}

// findRecent finds the messages that are \Recent in a session that has just selected a mailbox.
// SELECT claims them, EXAMINE leaves them for the next (RFC 3501 §6.3.2).
func (c *conn) findRecent() {
	view := c.sel.view
	from := view.UIDNext
	if !c.sel.readOnly {
		from = c.sel.box.ClaimRecent(view.UIDNext)
	} else if f, err := c.account.RecentFrom(c.ctx, c.sel.box.ID()); err == nil {
		from = f
	}
	if from < view.UIDNext {
		c.sel.recent = view.Existing(imap.UIDRange(from, view.UIDNext-1))
	}
}

// firstUnseen returns the number of the first message without \Seen, which must exist.
func firstUnseen(v *mailbox.Version) imap.SeqNum {
	for seq, r := range v.Rows() {
		if r.Flags&mailbox.BitSeen == 0 {
			return seq
		}
	}
	return 0
}

// runClose is CLOSE, RFC 9051 §6.4.1: \Deleted messages are removed and nobody is told, unless
// the mailbox is read-only.
func runClose(c *conn, _ *imapwire.Close) error {
	if !c.sel.readOnly {
		if _, err := c.sel.box.Expunge(c.ctx, c.all()); err != nil {
			return err
		}
	}
	c.unselect()
	return nil
}

// runUnselect is UNSELECT, RFC 9051 §6.4.2.
func runUnselect(c *conn, _ *imapwire.Unselect) error {
	c.unselect()
	return nil
}

// all returns a set that holds every message that the client knows and none that it does not.
func (c *conn) all() imap.UIDSet {
	if max := c.sel.view.MaxUID(); max > 0 {
		return imap.UIDRange(1, max)
	}
	return imap.UIDSet{}
}
