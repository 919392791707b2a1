package imapserver

import (
	"slices"
	"strings"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// ownChanges are what a client has changed itself with the command that runs. It need not hear of that
// (RFC 5465 §5).
type ownChanges struct {
	names   []store.Op   // Delete, Rename, Subscribe
	created []mailbox.ID // by the command
	// messages has what was appended and copied into the selected mailbox.
	messages imap.UIDSet
}

// noteOwn is called with what the client has changed.
func (c *conn) noteOwn(ops []store.Op, outcomes []store.Outcome) {
	n := c.notify
	if n == nil {
		return
	}
	for i, op := range ops {
		out := &outcomes[i]
		switch op := op.(type) {
		case *store.Append:
			c.noteOwnMessages(op.Mailbox, out)
		case *store.Copy:
			c.noteOwnMessages(op.To, out)
			if op.Move {
				c.noteOwnIn(op.From)
			}
		case *store.StoreFlags:
			c.noteOwnIn(op.Mailbox)
		case *store.Expunge:
			c.noteOwnIn(op.Mailbox)
		case *store.Create:
			if n.others != 0 {
				n.own.created = append(n.own.created, out.Created.ID)
			}
		case *store.Delete, *store.Rename, *store.Subscribe:
			if n.others != 0 {
				n.own.names = append(n.own.names, op)
			}
		}
	}
}

// noteOwnIn notes that the client has changed something in a mailbox, when it is the selected one.
func (c *conn) noteOwnIn(ref store.Ref) bool {
	isSelected := c.sel != nil && c.sel.box.Ref() == ref
	if isSelected {
		c.sel.changed = true
	}
	return isSelected
}

// noteOwnMessages notes new messages. In another mailbox, the client knows the state that they make when there
// is nothing between it and the one that it knew.
func (c *conn) noteOwnMessages(ref store.Ref, out *store.Outcome) {
	n := c.notify
	if c.noteOwnIn(ref) {
		if len(n.items) == 0 {
			return
		}
		for _, uid := range out.UIDs {
			n.own.messages.Add(uid)
		}
		return
	}
	if t, ok := n.told[ref.Mailbox]; ok && out.ModSeq == t.own+1 {
		t.own = out.ModSeq
		n.told[ref.Mailbox] = t
	}
}

// creates reports whether the client has created a mailbox.
func (o *ownChanges) creates(id mailbox.ID) bool { return slices.Contains(o.created, id) }

// deletes reports whether the client has deleted the mailbox of that name.
func (o *ownChanges) deletes(name string) bool {
	return slices.ContainsFunc(o.names, func(op store.Op) bool {
		x, ok := op.(*store.Delete)
		return ok && imap.CanonicalName(x.Name) == name
	})
}

// renames reports whether the client has given a mailbox its new name.
func (o *ownChanges) renames(r *mailbox.RenamedEntry) bool {
	return slices.ContainsFunc(o.names, func(op store.Op) bool {
		x, ok := op.(*store.Rename)
		if !ok {
			return false
		}
		below, ok := strings.CutPrefix(r.Old.Name, imap.CanonicalName(x.From))
		return ok && r.New.Name == imap.CanonicalName(x.To)+below
	})
}

// subscribes reports whether the client has subscribed, or unsubscribed, a name.
func (o *ownChanges) subscribes(name string, on bool) bool {
	return slices.ContainsFunc(o.names, func(op store.Op) bool {
		x, ok := op.(*store.Subscribe)
		return ok && x.On == on && imap.CanonicalName(x.Name) == name
	})
}
