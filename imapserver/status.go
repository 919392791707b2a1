package imapserver

import (
	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
)

// runStatus is STATUS, RFC 9051 §6.3.11.
func runStatus(c *conn, cmd *imapwire.Status) error {
	if err := checkStatus(cmd.Items); err != nil {
		return err
	}
	entry, ok := c.account.Namespace().Lookup(cmd.Mailbox)
	if !ok {
		return mailbox.ErrNotFound
	}
	status, err := c.status(entry, cmd.Items)
	if err != nil {
		return err
	}
	c.out = imapwire.AppendStatus(c.out, status, c.rev2)
	return nil
}

// checkStatus refuses items of extensions that are not offered.
func checkStatus(items imap.StatusItems) error {
	if items.Has(imap.StatusHighestModSeq) {
		return bad("HIGHESTMODSEQ is not offered")
	}
	return nil
}

// status returns the given items of a mailbox.
func (c *conn) status(entry mailbox.Entry, items imap.StatusItems) (*imap.Status, error) {
	counts, err := c.account.Status(c.ctx, entry.ID)
	if err != nil {
		return nil, err
	}
	s := &imap.Status{
		Mailbox: entry.Name, Items: items,
		Messages: counts.Messages, Unseen: counts.Unseen, Deleted: counts.Deleted, Size: counts.Size,
		UIDNext: counts.UIDNext, UIDValidity: counts.UIDValidity,
		AppendLimit: c.s.limits.AppendLimit,
	}
	if items.Has(imap.StatusRecent) {
		if s.Recent, err = c.countRecent(entry.ID, counts.UIDNext); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// countRecent counts the messages that no session has been told of.
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
