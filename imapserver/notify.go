package imapserver

import (
	"strings"
	"time"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
)

// notifyExtension tells a client at any time, also when no command is in progress, what it wants to hear of.
var notifyExtension = extension{
	name: "NOTIFY", rfc: "RFC 5465",
	capabilities: afterLogin(string(imap.CapNotify)),
	commands: map[string]command{
		"NOTIFY": {in: loggedIn, run: handler(runNotify)},
	},
	tells: func(c *conn) bool { return c.notify != nil && c.notify.all != 0 },
	tell:  tellNotify,
}

// notifyEvents are kinds of events (RFC 5465 §5).
type notifyEvents uint8

const (
	// eventMessages: MessageNew and MessageExpunge, which always go together.
	eventMessages notifyEvents = 1 << iota
	eventFlags
	eventName
	eventSubscription
	eventMetadata
	eventServerMetadata

	messageEvents = eventMessages | eventFlags
)

// notifyEventNames are the names of all events that there are here, as BADEVENT tells them.
var notifyEventNames = []string{"MessageNew", "MessageExpunge", "FlagChange", "MailboxName", "SubscriptionChange",
	"MailboxMetadataChange", "ServerMetadataChange"}

// Limits of a NOTIFY set, so that a session holds little more than 1 MiB for it.
const (
	// maxNotifyOctets is how much the names and FETCH items of a command may take.
	maxNotifyOctets = 64 << 10
	// notifyOverhead is what a name or an item takes besides its octets.
	notifyOverhead = 64
	// maxWatched is in how many mailboxes a session hears of messages, about 80 octets each.
	maxWatched = 10_000
)

// notification is what a client wants to hear of, since it has given its first NOTIFY, and what it knows. The
// zero value is that of NOTIFY NONE.
type notification struct {
	all    notifyEvents // of all groups
	others notifyEvents // of all groups but that of the selected mailbox

	selected notifyEvents     // RFC 5465 §6.1.1
	delayed  bool             // SELECTED-DELAYED: EXPUNGE waits for a command
	items    []imap.FetchItem // that are told of new messages in the selected mailbox

	// Of other mailboxes, and of anything but messages in the selected one.
	personal, subscribed notifyEvents
	subtrees, mailboxes  map[string]notifyEvents

	status bool                        // the client wants STATUS of the mailboxes that it begins to hear of
	names  *mailbox.Namespace          // those that it knows
	since  uint64                      // moment of store.Account.Changed
	told   map[mailbox.ID]toldMessages // of the mailboxes with messageEvents that are not selected
	left   []mailbox.ID                // that are not selected any more
	own    ownChanges
}

// runNotify is NOTIFY, RFC 5465 §3.1. As NOOP it tells what has changed in the selected mailbox.
func runNotify(c *conn, cmd *imapwire.Notify) error {
	n, err := c.newNotification(cmd)
	if err != nil {
		return err
	}
	if n.names, err = c.account.Refresh(c.ctx); err != nil {
		return err
	}
	if err := c.refresh(); err != nil {
		return err
	}
	_, n.since, _ = c.account.Changed(0) // first: what comes meanwhile is looked at again
	if err := c.watchAll(n); err != nil {
		return err
	}
	c.askedItems(n.items)
	c.notify = n
	return c.tellWithheld()
}

func itemsOf(events []imapwire.NotifyEvent) (items []imap.FetchItem) {
	for i := range events {
		items = append(items, events[i].Items...)
	}
	return items
}

// newNotification looks at what a client asks for.
func (c *conn) newNotification(cmd *imapwire.Notify) (*notification, error) {
	n := &notification{status: cmd.Status, subtrees: map[string]notifyEvents{}, mailboxes: map[string]notifyEvents{}, told: map[mailbox.ID]toldMessages{}}
	for i := range cmd.Groups {
		if err := knownEvents(&cmd.Groups[i]); err != nil {
			return nil, err
		}
	}
	octets, isSelected := 0, false
	for i := range cmd.Groups {
		g := &cmd.Groups[i]
		events, err := eventsOfGroup(g)
		if err != nil {
			return nil, err
		}
		items := itemsOf(g.Events)
		octets += notifyOctets(g.Mailboxes, items)
		if err := c.knownItems(items); err != nil {
			return nil, err
		}
		n.all |= events
		if g.Filter != imapwire.NotifySelected && g.Filter != imapwire.NotifySelectedDelayed {
			n.others |= events
		}
		switch g.Filter {
		case imapwire.NotifySelected, imapwire.NotifySelectedDelayed:
			if isSelected {
				return nil, bad("SELECTED and SELECTED-DELAYED may be there once")
			}
			isSelected = true
			n.selected, n.items, n.delayed = events, items, g.Filter == imapwire.NotifySelectedDelayed
		case imapwire.NotifyInboxes, imapwire.NotifyPersonal:
			// Every mailbox can get mail (RFC 5465 §6.2, §6.3).
			n.personal |= events
		case imapwire.NotifySubscribed:
			n.subscribed |= events
		case imapwire.NotifySubtree:
			addEvents(n.subtrees, g.Mailboxes, events)
		case imapwire.NotifyMailboxes:
			addEvents(n.mailboxes, g.Mailboxes, events)
		}
	}
	if octets > maxNotifyOctets {
		return nil, errNotifyOverflow
	}
	return n, nil
}

// knownItems refuses what FETCH would refuse.
func (c *conn) knownItems(items []imap.FetchItem) error {
	for i := range items {
		if _, ok := c.s.features.fetchItems[fetchItemKey(&items[i])]; !ok {
			return bad("Unknown data item %s", printable(items[i].Name))
		}
	}
	return nil
}

// askedItems tells the extensions of items that the client has asked for them.
func (c *conn) askedItems(items []imap.FetchItem) {
	for i := range items {
		if row := c.s.features.fetchItems[fetchItemKey(&items[i])]; row.asked != nil {
			row.asked(c)
		}
	}
}

// errNotifyOverflow refuses a set that is too big.
var errNotifyOverflow = no(imap.CodeNotificationOverflow, "This is more than the server is willing to watch for one client")

func addEvents(to map[string]notifyEvents, names []string, events notifyEvents) {
	for _, name := range names {
		to[name] |= events
	}
}

// notifyOctets is about what names and items take in memory.
func notifyOctets(names []string, items []imap.FetchItem) (octets int) {
	for _, name := range names {
		octets += notifyOverhead + len(name)
	}
	for i := range items {
		octets += notifyOverhead + len(items[i].Name)
		if s := items[i].Section; s != nil {
			octets += 4 * len(s.Part)
			for _, field := range s.Fields {
				octets += notifyOverhead + len(field)
			}
		}
	}
	return octets
}

// knownEvents refuses a group with events that are not there (RFC 5465 §3.1).
func knownEvents(g *imapwire.NotifyGroup) error {
next:
	for i := range g.Events {
		for _, known := range notifyEventNames {
			if strings.EqualFold(known, g.Events[i].Name) {
				continue next
			}
		}
		return &failure{"NO", reply{code: imap.CodeBadEvent, args: "(" + strings.Join(notifyEventNames, " ") + ")",
			text: printable(g.Events[i].Name) + " is not offered"}}
	}
	return nil
}

// eventsOfGroup returns the events of a group, which must go together (RFC 5465 §5, §6.1, §8).
func eventsOfGroup(g *imapwire.NotifyGroup) (events notifyEvents, err error) {
	isNew, isExpunge := false, false
	for i := range g.Events {
		switch g.Events[i].Name {
		case "MESSAGENEW":
			isNew = true
		case "MESSAGEEXPUNGE":
			isExpunge = true
		case "FLAGCHANGE":
			events |= eventFlags
		case "MAILBOXNAME":
			events |= eventName
		case "SUBSCRIPTIONCHANGE":
			events |= eventSubscription
		case "MAILBOXMETADATACHANGE":
			events |= eventMetadata
		case "SERVERMETADATACHANGE":
			events |= eventServerMetadata
		}
	}
	isSelected := g.Filter == imapwire.NotifySelected || g.Filter == imapwire.NotifySelectedDelayed
	switch {
	case isNew != isExpunge:
		return 0, bad("MessageNew and MessageExpunge go together")
	case events&eventFlags != 0 && !isNew:
		return 0, bad("FlagChange needs MessageNew and MessageExpunge")
	case isSelected && events&^messageEvents != 0:
		return 0, bad("%s is for events of messages", g.Filter)
	case !isSelected && len(itemsOf(g.Events)) > 0:
		return 0, bad("Data items are for SELECTED and SELECTED-DELAYED")
	}
	if isNew {
		events |= eventMessages
	}
	return events, nil
}

// eventsOf returns of which events a client wants to hear that have to do with a name (RFC 5465 §6.4, §6.5,
// §6.6).
func (n *notification) eventsOf(ns *mailbox.Namespace, name string) notifyEvents {
	events := n.personal | n.mailboxes[name]
	if len(n.subtrees) > 0 {
		events |= n.subtrees[name]
		for i := range len(name) {
			if name[i] == mailbox.Delim {
				events |= n.subtrees[name[:i]]
			}
		}
	}
	if n.subscribed != 0 && ns.IsSubscribed(name) {
		events |= n.subscribed
	}
	return events
}

// waitNotifying waits for the next command. Meanwhile it tells the client what it wants to hear of: all of it,
// but EXPUNGE with SELECTED-DELAYED (RFC 5465 §6.1.2).
func (c *conn) waitNotifying() error {
	if c.notify == nil || c.notify.all == 0 {
		return nil
	}
	return c.wait(func() error {
		c.work.begin(time.Time{})
		if err := c.checkAccount(); err != nil {
			return err
		}
		if c.sel != nil {
			before := c.sel.view
			if err := c.sync(c.notify.delayed); err != nil {
				return err
			}
			if c.sel.view != before {
				c.tellHighestModSeq(false)
			}
		}
		return c.tell()
	}, c.bells()...)
}

// isSnapshot reports whether the client wants to hear of nothing that happens in the selected mailbox
// (RFC 5465 §5): it stays as the client knows it. What the client changes itself it is told as always, and
// with it what others have changed, since both change the numbers of messages.
func (c *conn) isSnapshot() bool { return c.notify != nil && c.notify.selected == 0 }

// hearsFlags reports whether the client wants to hear of flags that others change in the selected mailbox.
func (c *conn) hearsFlags() bool { return c.notify == nil || c.notify.selected&eventFlags != 0 }

// tellWithheld tells the flags that have changed while the client did not want to hear of them.
func (c *conn) tellWithheld() error {
	sel := c.sel
	if sel == nil || sel.withheld.Empty() || !c.hearsFlags() {
		return nil
	}
	withheld := sel.withheld
	sel.withheld = imap.UIDSet{}
	for seq, row := range sel.view.RowsByUID(withheld) {
		if err := c.next(1); err != nil {
			return err
		}
		c.appendFetchFlags(seq, row, true, false)
		if err := c.room(); err != nil {
			return err
		}
	}
	if sel.view.Ghosts().Empty() {
		sel.told = sel.view.HighestModSeq
	}
	return nil
}
