package imapserver

import (
	"iter"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
)

// statusItem serves an item of STATUS: it puts the item of a mailbox into s.
type statusItem func(c *conn, box mailbox.Entry, counts *mailbox.Counts, s *imap.Status) error

// countItem is an item that the counts of a mailbox have.
func countItem(set func(*imap.Status, *mailbox.Counts)) statusItem {
	return func(_ *conn, _ mailbox.Entry, counts *mailbox.Counts, s *imap.Status) error {
		set(s, counts)
		return nil
	}
}

// baseStatusItems are the items of RFC 3501 §6.3.10.
var baseStatusItems = map[imap.StatusItems]statusItem{
	imap.StatusMessages:    countItem(func(s *imap.Status, n *mailbox.Counts) { s.Messages = n.Messages }),
	imap.StatusUnseen:      countItem(func(s *imap.Status, n *mailbox.Counts) { s.Unseen = n.Unseen }),
	imap.StatusUIDNext:     countItem(func(s *imap.Status, n *mailbox.Counts) { s.UIDNext = n.UIDNext }),
	imap.StatusUIDValidity: countItem(func(s *imap.Status, n *mailbox.Counts) { s.UIDValidity = n.UIDValidity }),
	imap.StatusRecent: func(c *conn, box mailbox.Entry, counts *mailbox.Counts, s *imap.Status) (err error) {
		s.Recent, err = c.countRecent(box.ID, counts.UIDNext)
		return err
	},
}

// runStatus is STATUS, RFC 9051 §6.3.11.
func runStatus(c *conn, cmd *imapwire.Status) error {
	if err := c.checkStatus(cmd.Items); err != nil {
		return err
	}
	entry, err := c.find(cmd.Mailbox)
	if err != nil {
		return err
	}
	return c.appendStatus(entry, cmd.Items)
}

// checkStatus refuses items that no extension serves.
func (c *conn) checkStatus(items imap.StatusItems) error {
	for item := range statusItemsIn(items) {
		if c.s.features.statusItems[item] == nil {
			return bad("STATUS %s is not offered", imapwire.AppendStatusItems(nil, item))
		}
	}
	return nil
}

// statusItemsIn yields the items of a set one by one.
func statusItemsIn(items imap.StatusItems) iter.Seq[imap.StatusItems] {
	return func(yield func(imap.StatusItems) bool) {
		for items != 0 {
			item := items & -items
			if !yield(item) {
				return
			}
			items &^= item
		}
	}
}

// appendStatus writes the STATUS response of a mailbox.
func (c *conn) appendStatus(box mailbox.Entry, items imap.StatusItems) error {
	counts, err := c.s.Mail.Status(c.ctx, c.actor, c.ref(box.ID))
	if err != nil {
		return err
	}
	s := &imap.Status{Mailbox: box.Name, Items: items}
	for item := range statusItemsIn(items) {
		if err := c.s.features.statusItems[item](c, box, &counts, s); err != nil {
			return err
		}
	}
	c.out = imapwire.AppendStatus(c.out, s, c.utf8Names())
	return nil
}
