package imapserver

import (
	"errors"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
	"restante/store"
)

// toldMessages is what a client knows of a mailbox that it has not selected.
type toldMessages struct {
	modSeq, own      imap.ModSeq // own: the one that the client has made itself, or modSeq
	uidValidity      uint32
	uidNext          imap.UID
	messages, unseen uint32
	denied           bool // the client may not read the mailbox
}

func toldOf(n *mailbox.Counts) toldMessages {
	return toldMessages{modSeq: n.HighestModSeq, own: n.HighestModSeq, uidValidity: n.UIDValidity, uidNext: n.UIDNext, messages: n.Messages, unseen: n.Unseen}
}

// tellNotify tells what has happened outside of the selected mailbox, and more of its new messages. When the
// store does not answer, the client is not left in the belief that it hears of everything.
func tellNotify(c *conn) error {
	err := c.tellNew()
	if err == nil {
		err = c.tellOthers()
	}
	if c.notify != nil {
		c.notify.own = ownChanges{}
	}
	var f *failure
	switch {
	case err == nil:
		return nil
	case c.writeErr != nil || errors.Is(err, errAccountDeleted) || errors.Is(err, store.ErrMoved):
		return err
	case !errors.As(err, &f) || f.code != imap.CodeNotificationOverflow:
		c.log.Warn("notifications end", "err", err)
	}
	c.notify = &notification{} // RFC 5465 §5.8
	c.out = imapwire.AppendStatusResponse(c.out, "*", "OK", imap.CodeNotificationOverflow, "", "The server cannot watch any more what was asked for")
	return nil
}

// addFresh notes new messages of which the client wants to be told more, but not those that it has made itself.
func (c *conn) addFresh(added []mailbox.Numbered) {
	if c.notify == nil || len(c.notify.items) == 0 {
		return
	}
	for i := range added {
		if uid := added[i].Row.UID; !c.notify.own.messages.Contains(uid) {
			c.sel.fresh.Add(uid)
		}
	}
}

// tellNew tells of new messages in the selected mailbox what the client wants to know (RFC 5465 §5.2).
func (c *conn) tellNew() error {
	if c.sel == nil || c.sel.fresh.Empty() {
		return nil
	}
	fresh := c.sel.fresh
	c.sel.fresh = imap.UIDSet{}
	return c.tellItems(fresh, c.notify.items)
}

// tellItems tells of new messages what the client has asked for before they came. That does not make them
// \Seen.
func (c *conn) tellItems(uids imap.UIDSet, items []imap.FetchItem) error {
	f, err := newFetcher(c, &imapwire.Fetch{UID: true, Set: uids, Items: items})
	if err != nil {
		return err
	}
	if c.condStore() && !f.has(imap.FetchModSeq.Name) {
		if err := f.add(imap.FetchModSeq); err != nil {
			return err
		}
	}
	f.needs &^= setsSeen
	c.acquire(true)
	if err := c.eachMessage(c.sel.box, f.rows, f.needs&needsSummary != 0, f.message); err != nil {
		return err
	}
	if f.unreadable != nil {
		c.log.Warn("a new message cannot be read", "err", f.unreadable)
	}
	return nil
}

// tellOthers tells what has changed in names and in other mailboxes. It costs what has changed.
func (c *conn) tellOthers() error {
	n := c.notify
	ids, now, all := c.account.Changed(n.since)
	before := n.names
	n.names, n.since = c.account.Namespace(), now
	if before != n.names {
		if err := c.tellNames(before); err != nil {
			return err
		}
	}
	if n.others&messageEvents == 0 {
		return nil
	}
	if !all {
		for box := range n.names.All() {
			ids = append(ids, box.ID)
		}
	}
	ids = append(ids, n.left...)
	n.left = nil
	for _, id := range ids {
		if err := c.next(1); err != nil {
			return err
		}
		if box, ok := n.names.ByID(id); ok {
			if err := c.tellMessages(n, box); err != nil {
				return err
			}
		}
	}
	return nil
}

// watched reports whether a client wants to hear of messages in a mailbox, and it is not the selected one.
func (c *conn) watched(n *notification, box *mailbox.Entry) (notifyEvents, bool) {
	events := n.eventsOf(n.names, box.Name) & messageEvents
	if events == 0 {
		delete(n.told, box.ID)
	}
	return events, events != 0 && (c.sel == nil || c.sel.box.Ref() != c.ref(box.ID))
}

// watchAll finds out what there is in the mailboxes that a client begins to hear of, and tells it if that is
// wanted.
func (c *conn) watchAll(n *notification) error {
	if n.others&messageEvents == 0 {
		return nil
	}
	for box := range n.names.All() {
		if err := c.next(listSteps); err != nil {
			return err
		}
		if err := c.watch(n, box); err != nil {
			return err
		}
	}
	return nil
}

// watch is watchAll for one mailbox.
func (c *conn) watch(n *notification, box mailbox.Entry) error {
	x, err := c.look(n, box)
	if err != nil || !x.ok || !n.status {
		return err
	}
	c.appendTold(box.Name, &x.next, x.events, true)
	return c.room()
}

// look is what there is in a mailbox, and what the client knew.
type look struct {
	ok         bool // the client hears of it
	events     notifyEvents
	known      bool
	last, next toldMessages
}

// look finds out what there is in a mailbox, which the client then knows. There is nothing to tell of when it does
// not want to hear of it, when it has just been deleted, or when the client may not read it and has been told so
// (RFC 5465 §3.1, §5.9).
func (c *conn) look(n *notification, box mailbox.Entry) (x look, err error) {
	events, ok := c.watched(n, &box)
	if !ok {
		return x, nil
	}
	x.events = events
	x.last, x.known = n.told[box.ID]
	counts, err := c.s.Mail.Status(c.ctx, c.actor, c.ref(box.ID))
	switch {
	case errors.Is(err, store.ErrNotFound):
		delete(n.told, box.ID)
		return x, nil
	case errors.Is(err, store.ErrForbidden):
		x.next, err = toldMessages{denied: true}, nil
		if !x.last.denied {
			err = c.appendNotifyList(n.names, box.Name, "", imap.AttrNoAccess)
		}
	case err != nil:
		return x, err
	default:
		x.next, x.ok = toldOf(&counts), true
		if x.last.denied {
			err = c.appendNotifyList(n.names, box.Name, "")
		}
	}
	if n.told[box.ID] = x.next; err == nil && len(n.told) > maxWatched {
		err = errNotifyOverflow
	}
	return x, err
}

// tellMessages tells what has become of a mailbox (RFC 5465 §5.1, §5.2, §5.3), unless the client knows it, or
// does not want to.
func (c *conn) tellMessages(n *notification, box mailbox.Entry) error {
	x, err := c.look(n, box)
	if err != nil || !x.ok || x.known && (x.last.own == x.next.modSeq || !c.differs(&x.last, &x.next, x.events)) {
		return err
	}
	c.appendTold(box.Name, &x.next, x.events, false)
	return c.room()
}

// differs reports whether something has happened that a client wants to hear of.
func (c *conn) differs(last, next *toldMessages, events notifyEvents) bool {
	switch {
	case last.messages != next.messages, last.uidNext != next.uidNext:
		return true
	case events&eventFlags == 0:
		return false
	}
	return last.unseen != next.unseen || last.uidValidity != next.uidValidity || c.condStore() && last.modSeq != next.modSeq
}

// appendTold writes STATUS. At first it has HIGHESTMODSEQ also for clients that have not enabled CONDSTORE
// (RFC 5465 §3.1).
func (c *conn) appendTold(name string, t *toldMessages, events notifyEvents, first bool) {
	s := &imap.Status{Mailbox: name, Messages: t.messages, UIDNext: t.uidNext, UIDValidity: t.uidValidity, Unseen: t.unseen, HighestModSeq: t.modSeq}
	s.Items = imap.StatusMessages | imap.StatusUIDNext | imap.StatusUIDValidity
	if events&eventFlags != 0 {
		s.Items |= imap.StatusUnseen
	}
	if c.condStore() || first && events&eventFlags != 0 {
		s.Items |= imap.StatusHighestModSeq
	}
	c.out = imapwire.AppendStatus(c.out, s, c.utf8Names())
}

// leaves notes what the client knows of a mailbox that it has had selected.
func (n *notification) leaves(sel *selection) {
	if n.others&messageEvents == 0 {
		return
	}
	counts := sel.view.Counts()
	t := toldOf(&counts)
	t.modSeq, t.own = sel.told, sel.told
	id := sel.box.Ref().Mailbox
	n.told[id] = t
	n.left = append(n.left, id)
}
