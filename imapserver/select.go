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
	opened, err := c.selectParams(cmd)
	if err != nil {
		return err
	}
	if c.sel != nil {
		c.unselect()
		c.out = imapwire.AppendStatusResponse(c.out, "*", "OK", imap.CodeClosed, "", "The previous mailbox is no longer selected")
	}
	entry, err := c.findNewest(cmd.Mailbox)
	if err != nil {
		return err
	}
	box, err := c.s.Mail.Open(c.ctx, c.actor, c.ref(entry.ID))
	if err != nil {
		return err
	}
	view, err := box.Refresh(c.ctx)
	if err == nil && view.Deleted {
		err = mailbox.ErrNotFound
	}
	if err != nil {
		box.Close()
		return err
	}
	c.sel = &selection{box: box, readOnly: cmd.Examine || c.actor.IsReadOnly(), view: view, told: view.HighestModSeq}
	c.state = selected
	box.Hold(view)
	c.findRecent()

	c.appendMailboxFlags()
	c.out = imapwire.AppendExists(c.out, uint32(view.Len()))
	status := func(code imap.Code, n uint64, text string) {
		c.out = imapwire.AppendStatusResponse(c.out, "*", "OK", code, strconv.FormatUint(n, 10), text)
	}
	if !c.rev2() {
		c.out = imapwire.AppendRecent(c.out, uint32(c.sel.recent.Len()))
		if view.Counts().Unseen > 0 && !c.uidOnly() {
			status(imap.CodeUnseen, uint64(firstUnseen(view)), "First unseen")
		}
	}
	status(imap.CodeUIDValidity, uint64(view.UIDValidity), "UIDs valid")
	status(imap.CodeUIDNext, uint64(view.UIDNext), "Predicted next UID")
	// Of every mailbox, so that NOMODSEQ is never told (RFC 7162 §3.1.2).
	status(imap.CodeHighestModSeq, uint64(view.HighestModSeq), "Highest mod-sequence")
	id := mailboxIDCode(entry.ID)
	c.out = imapwire.AppendStatusResponse(c.out, "*", "OK", id.code, id.args, "Mailbox ID")
	if c.rev2() {
		if err := c.appendListOf(entry.Name); err != nil {
			return err
		}
	}
	for _, do := range opened {
		if err := do(); err != nil {
			c.unselect()
			return err
		}
	}
	if err := c.warnOverQuota(); err != nil {
		c.unselect()
		return err
	}
	c.completion = reply{code: imap.CodeReadWrite, text: "Selected"}
	if c.sel.readOnly {
		c.completion = reply{code: imap.CodeReadOnly, text: "Examined, read-only"}
	}
	return nil
}

// selectParam serves a parameter of SELECT and EXAMINE (RFC 4466 §2.1). It looks at the value before
// anything has happened, and returns what is done once the mailbox is selected, in front of the
// tagged OK.
type selectParam func(c *conn, param imapwire.Option) (opened func() error, err error)

// selectParams looks up the parameters of a command.
func (c *conn) selectParams(cmd *imapwire.Select) (opened []func() error, err error) {
	for _, param := range cmd.Params {
		serve, ok := c.s.features.selectParams[param.Name()]
		if !ok {
			return nil, noOption(cmd, param)
		}
		do, err := serve(c, param)
		if err != nil {
			return nil, err
		}
		opened = append(opened, do)
	}
	return opened, nil
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
