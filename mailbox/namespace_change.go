package mailbox

import (
	"slices"
	"strings"

	"restante/imap"
)

// copyMailboxes returns a namespace whose mailboxes can be changed without n noticing.
func (n *Namespace) copyMailboxes() *Namespace {
	next := *n
	next.entries, next.ids = n.entries.Copy(), n.ids.Copy()
	return &next
}

// add adds a mailbox to a namespace that nobody else knows yet.
func (n *Namespace) add(e Entry) {
	n.entries.Set(namedEntry{e.Name, &e})
	n.ids.Set(e.ID, &e)
	n.entryOctets += len(e.Name)
	for _, use := range e.Use {
		count, _ := n.uses.Get(use)
		n.uses.Set(use, count+1)
	}
}

// remove removes a mailbox from a namespace that nobody else knows yet.
func (n *Namespace) remove(e *Entry) {
	n.entries.Delete(namedEntry{name: e.Name})
	n.ids.Delete(e.ID)
	n.entryOctets -= len(e.Name)
	for _, use := range e.Use {
		if count, _ := n.uses.Get(use); count > 1 {
			n.uses.Set(use, count-1)
		} else {
			n.uses.Delete(use)
		}
	}
}

// Create returns the namespace with a new mailbox. It fails with ErrBadName, ErrExists, ErrUseTaken
// or ErrTooMany.
func (n *Namespace) Create(e Entry) (*Namespace, error) {
	e.Name = imap.CanonicalName(e.Name)
	if err := CheckName(e.Name); err != nil {
		return n, err
	}
	if _, ok := n.find(e.Name); ok {
		return n, ErrExists
	}
	for _, use := range e.Use {
		if _, taken := n.uses.Get(use); taken {
			return n, ErrUseTaken
		}
	}
	if n.Len() >= MaxMailboxes || n.entryOctets+len(e.Name) > MaxMailboxOctets {
		return n, ErrTooMany
	}
	next := n.copyMailboxes()
	if len(e.Use) > 0 {
		next.uses = n.uses.Copy()
	}
	next.add(e)
	return next, nil
}

// Delete returns the namespace without the mailbox. Its inferiors stay (RFC 9051 §6.3.5), and so
// does its subscription; its metadata goes (RFC 5464 §4.1). It fails with ErrInbox, ErrHasChildren or ErrNotFound.
func (n *Namespace) Delete(name string) (*Namespace, error) {
	name = imap.CanonicalName(name)
	e, ok := n.find(name)
	switch {
	case name == imap.Inbox:
		return n, ErrInbox
	case !ok && n.HasChildren(name):
		return n, ErrHasChildren
	case !ok:
		return n, ErrNotFound
	}
	next := n.copyMailboxes()
	if len(e.Use) > 0 {
		next.uses = n.uses.Copy()
	}
	next.remove(e)
	next.dropMetadata(e.ID)
	return next, nil
}

// Rename returns the namespace in which the mailbox and its inferiors are called differently
// (RFC 9051 §6.3.6). Renaming INBOX moves its messages instead, which is not for a namespace to
// do: ErrInbox. Subscriptions are by name and stay as they are. It fails with ErrInbox, ErrBadName,
// ErrNotFound, ErrExists, or ErrTooMany when all the names together become too long.
func (n *Namespace) Rename(from, to string) (*Namespace, error) {
	from, to = imap.CanonicalName(from), imap.CanonicalName(to)
	if from == imap.Inbox {
		return n, ErrInbox
	}
	if err := CheckName(to); err != nil {
		return n, err
	}
	renamed := slices.Collect(n.Inferiors(from))
	if e, ok := n.find(from); ok {
		renamed = append(renamed, *e)
	}
	if len(renamed) == 0 {
		return n, ErrNotFound
	}
	if _, ok := n.find(to); ok || n.HasChildren(to) {
		return n, ErrExists
	}
	if strings.HasPrefix(to, from+string(Delim)) {
		return n, ErrBadName // a mailbox cannot become its own inferior
	}
	for _, e := range renamed {
		if err := CheckName(to + e.Name[len(from):]); err != nil {
			return n, err
		}
	}
	growth := len(renamed) * (len(to) - len(from))
	if growth > 0 && n.entryOctets+growth > MaxMailboxOctets {
		return n, ErrTooMany
	}
	next := n.copyMailboxes()
	for _, e := range renamed {
		next.entries.Delete(namedEntry{name: e.Name})
		e.Name = to + e.Name[len(from):]
		next.entries.Set(namedEntry{e.Name, &e})
		next.ids.Set(e.ID, &e)
	}
	next.entryOctets += growth
	return next, nil
}

// Subscribe returns the namespace with the name subscribed or not; n itself when it is so already.
// It fails with ErrBadName or ErrTooMany.
func (n *Namespace) Subscribe(name string, on bool) (*Namespace, error) {
	name = imap.CanonicalName(name)
	if n.IsSubscribed(name) == on {
		return n, nil
	}
	next := *n
	if !on {
		next.subscribed = n.subscribed.Copy()
		next.subscribed.Delete(name)
		next.subscribedOctets -= len(name)
		return &next, nil
	}
	if err := CheckName(name); err != nil {
		return n, err
	}
	if n.subscribed.Len() >= MaxSubscriptions || n.subscribedOctets+len(name) > MaxSubscribedOctets {
		return n, ErrTooMany
	}
	next.subscribed = n.subscribed.Copy()
	next.subscribed.Set(name)
	next.subscribedOctets += len(name)
	return &next, nil
}
