package imapserver

import (
	"slices"
	"strings"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
)

// tellNames tells what has become of names and subscriptions (RFC 5465 §5.4, §5.5), each name once, and watches
// the mailboxes that have come.
func (c *conn) tellNames(before *mailbox.Namespace) error {
	n := c.notify
	d := mailbox.DiffNamespaces(before, n.names)
	n.own.splitRenames(&d)
	t := nameTeller{c: c, before: before, told: map[string]bool{}}
	t.renamed(d.Renamed)
	for _, e := range d.Deleted {
		if !n.own.deletes(e.Name) {
			t.affected(e.Name)
		}
	}
	for _, e := range d.Created {
		if !n.own.creates(e.ID) {
			t.affected(e.Name)
		}
	}
	t.subscribed(d.Subscribed, true)
	t.subscribed(d.Unsubscribed, false)
	if t.err != nil {
		return t.err
	}
	return c.watchNew(&d)
}

// nameTeller writes LIST responses.
type nameTeller struct {
	c      *conn
	before *mailbox.Namespace
	told   map[string]bool
	err    error
}

// hears reports whether the client wants to hear of events of a name, before or after them.
func (t *nameTeller) hears(name string, events notifyEvents) bool {
	n := t.c.notify
	return (n.eventsOf(t.before, name)|n.eventsOf(n.names, name))&events != 0
}

// affected tells of a name that was created or deleted, and of the one above it.
func (t *nameTeller) affected(name string) {
	t.tell(name, "", eventName)
	if i := strings.LastIndexByte(name, mailbox.Delim); i >= 0 {
		t.tell(name[:i], "", eventName)
	}
}

func (t *nameTeller) tell(name, oldName string, events notifyEvents) {
	if t.err != nil || t.told[name] || !t.hears(name, events) && (oldName == "" || !t.hears(oldName, events)) {
		return
	}
	t.told[name] = true
	if t.err = t.c.next(listSteps); t.err == nil {
		t.err = t.c.appendNotifyList(t.c.notify.names, name, oldName)
	}
}

// subscribed tells of names that have been subscribed or unsubscribed.
func (t *nameTeller) subscribed(names []string, on bool) {
	for _, name := range names {
		if !t.c.notify.own.subscribes(name, on) {
			t.tell(name, "", eventSubscription)
		}
	}
}

// maxRenames is how many mailboxes, without those below them, are told to have been renamed at a time.
const maxRenames = 16

// splitRenames makes of mailboxes that were renamed others that were deleted and created, where something
// else has happened to a name at or below the old or the new one. A client that is told of a rename takes all
// that is below the mailbox to be renamed with it (RFC 5465 §5.4), so in no order of the responses would it know
// in the end what there is.
func (o *ownChanges) splitRenames(d *mailbox.NamespaceDelta) {
	var roots []mailbox.RenamedEntry // without those that follow another
	names := map[string]string{}
	for _, r := range d.Renamed { // those above come first
		if !o.renames(&r) && !follows(names, r.Old.Name, r.New.Name) {
			roots = append(roots, r)
		}
		names[r.Old.Name] = r.New.Name
	}
	isPart := func(r, root *mailbox.RenamedEntry) bool {
		below, ok := strings.CutPrefix(r.Old.Name, root.Old.Name)
		return ok && (below == "" || below[0] == mailbox.Delim) && r.New.Name == root.New.Name+below
	}
	isAlone := func(root *mailbox.RenamedEntry) bool {
		touches := func(e *mailbox.Entry) bool {
			return isAtOrBelow(e.Name, root.Old.Name) || isAtOrBelow(e.Name, root.New.Name)
		}
		for _, entries := range [...][]mailbox.Entry{d.Deleted, d.Created} {
			if slices.ContainsFunc(entries, func(e mailbox.Entry) bool { return touches(&e) }) {
				return false
			}
		}
		return !slices.ContainsFunc(d.Renamed, func(r mailbox.RenamedEntry) bool {
			return !isPart(&r, root) && (touches(&r.Old) || touches(&r.New))
		})
	}
	all := len(roots) > maxRenames
	var split []mailbox.RenamedEntry
	for i := range roots {
		if !all && !isAlone(&roots[i]) {
			split = append(split, roots[i])
		}
	}
	d.Renamed = slices.DeleteFunc(d.Renamed, func(r mailbox.RenamedEntry) bool {
		isSplit := !o.renames(&r) && (all || slices.ContainsFunc(split, func(root mailbox.RenamedEntry) bool { return isPart(&r, &root) }))
		if isSplit {
			d.Deleted, d.Created = append(d.Deleted, r.Old), append(d.Created, r.New)
		}
		return isSplit
	})
}

func isAtOrBelow(name, above string) bool {
	rest, ok := strings.CutPrefix(name, above)
	return ok && (rest == "" || rest[0] == mailbox.Delim)
}

// renamed tells of mailboxes that have other names, and not of those below them, which follow from that.
func (t *nameTeller) renamed(all []mailbox.RenamedEntry) {
	told := map[string]string{} // new names by old ones
	for _, r := range all {     // those above come first
		if t.c.notify.own.renames(&r) || follows(told, r.Old.Name, r.New.Name) {
			continue
		}
		if t.tell(r.New.Name, r.Old.Name, eventName); t.told[r.New.Name] {
			told[r.Old.Name] = r.New.Name
		}
	}
}

// follows reports whether a name has changed as one above it did.
func follows(told map[string]string, from, to string) bool {
	for i := len(from) - 1; i > 0; i-- {
		if from[i] != mailbox.Delim {
			continue
		}
		if above, ok := told[from[:i]]; ok && to == above+from[i:] {
			return true
		}
	}
	return false
}

// appendNotifyList writes the LIST response of a name with all that is to be known of it.
func (c *conn) appendNotifyList(ns *mailbox.Namespace, name, oldName string, attrs ...imap.MailboxAttr) error {
	options, err := c.listOptions(&imapwire.List{Return: imapwire.ListReturn{Subscribed: true, Children: true, SpecialUse: true}})
	if err != nil {
		return err
	}
	info := mailboxInfo(ns, name, options.returns)
	info.OldName = oldName
	info.Attrs = append(info.Attrs, attrs...)
	c.out = imapwire.AppendList(c.out, info, c.utf8Names())
	return c.room()
}

// watchNew watches the mailboxes that a difference has brought into the set, and forgets others.
func (c *conn) watchNew(d *mailbox.NamespaceDelta) error {
	n := c.notify
	for _, e := range d.Deleted {
		delete(n.told, e.ID)
	}
	for _, e := range d.Created {
		// Whatever is in it already, the client has not heard of.
		if _, ok := c.watched(n, &e); !ok {
			continue
		}
		if isOwn := n.own.creates(e.ID); isOwn || !n.status {
			n.told[e.ID] = toldMessages{modSeq: 1, own: 1, uidValidity: e.UIDValidity, uidNext: 1}
		}
		if err := c.tellMessages(n, e); err != nil {
			return err
		}
	}
	for _, r := range d.Renamed {
		if _, known := n.told[r.New.ID]; known && (!n.status || n.own.renames(&r)) {
			continue // what happens is told by the new name
		}
		if err := c.watch(n, r.New); err != nil {
			return err
		}
	}
	for _, name := range d.Subscribed {
		box, ok := n.names.Lookup(name)
		if _, known := n.told[box.ID]; !ok || known {
			continue
		}
		if err := c.watch(n, box); err != nil {
			return err
		}
	}
	return nil
}
