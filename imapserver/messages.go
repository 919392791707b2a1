package imapserver

import (
	"iter"

	"restante/imap"
	"restante/mailbox"
)

// messagesIn yields the messages that a set means, in the view of this moment.
func (c *conn) messagesIn(set imap.NumSet) (iter.Seq2[imap.SeqNum, *mailbox.Row], error) {
	view := c.sel.view
	switch set := set.(type) {
	case imap.UIDSet:
		return view.RowsByUID(set), nil
	case imap.SeqSet:
		if err := c.checkSeqs(set); err != nil {
			return nil, err
		}
		return view.RowsBySeq(set), nil
	}
	return view.RowsByUID(c.searchRes), nil
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

// all returns a set that holds every message that the client knows and none that it does not.
func (c *conn) all() imap.UIDSet {
	if max := c.sel.view.MaxUID(); max > 0 {
		return imap.UIDRange(1, max)
	}
	return imap.UIDSet{}
}
