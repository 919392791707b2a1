package imapwire

import (
	"slices"

	"restante/imap"
)

func init() {
	commands.add("NOTIFY", command{parse: parseNotify})
	codes.add(string(imap.CodeBadEvent), imap.ErrUnsupported)
	codes.add(string(imap.CodeNotificationOverflow), imap.ErrUnsupported)
	intern("SET", "NONE", eventMessageNew)
	for _, filter := range notifyFilters {
		intern(string(filter))
	}
}

// Notify says of what the client wants to hear at any time (RFC 5465 §3.1). Without groups it is NOTIFY
// NONE.
type Notify struct {
	Status bool // STATUS of the mailboxes is to be told at once
	Groups []NotifyGroup
}

// NotifyGroup are events in some mailboxes.
type NotifyGroup struct {
	Filter    NotifyFilter
	Mailboxes []string      // of SUBTREE and MAILBOXES
	Events    []NotifyEvent // none: NONE
}

// NotifyFilter says which mailboxes are meant (RFC 5465 §6).
type NotifyFilter string

// The filters of RFC 5465 §6.
const (
	NotifySelected        NotifyFilter = "SELECTED"
	NotifySelectedDelayed NotifyFilter = "SELECTED-DELAYED"
	NotifyInboxes         NotifyFilter = "INBOXES"
	NotifyPersonal        NotifyFilter = "PERSONAL"
	NotifySubscribed      NotifyFilter = "SUBSCRIBED"
	NotifySubtree         NotifyFilter = "SUBTREE"
	NotifyMailboxes       NotifyFilter = "MAILBOXES"
)

var notifyFilters = []NotifyFilter{NotifySelected, NotifySelectedDelayed, NotifyInboxes, NotifyPersonal,
	NotifySubscribed, NotifySubtree, NotifyMailboxes}

// named reports whether the filter is followed by names.
func (f NotifyFilter) named() bool { return f == NotifySubtree || f == NotifyMailboxes }

// NotifyEvent is a kind of event (RFC 5465 §5).
type NotifyEvent struct {
	Name  string           // in upper case; perhaps one that no RFC has
	Items []imap.FetchItem // of MESSAGENEW: what is to be told of new messages
}

// eventMessageNew is the event that has items.
const eventMessageNew = "MESSAGENEW"

// Name returns "NOTIFY".
func (*Notify) Name() string { return "NOTIFY" }

// AppendArgs appends NONE, or SET and the groups.
func (c *Notify) AppendArgs(e *Encoder) {
	if len(c.Groups) == 0 {
		e.raw(" NONE")
		return
	}
	e.raw(" SET")
	if c.Status {
		e.raw(" STATUS")
	}
	for i := range c.Groups {
		e.notifyGroup(&c.Groups[i])
	}
}

func (e *Encoder) notifyGroup(g *NotifyGroup) {
	e.raw(" (")
	e.Atom(string(g.Filter))
	if g.Filter.named() {
		if len(g.Mailboxes) == 0 {
			e.fail("NOTIFY of no mailboxes", "")
		}
		e.SP()
		e.list(len(g.Mailboxes), func(i int) { e.Mailbox(g.Mailboxes[i]) })
	}
	e.SP()
	if len(g.Events) == 0 {
		e.raw("NONE)")
		return
	}
	e.list(len(g.Events), func(i int) {
		event := &g.Events[i]
		e.Atom(event.Name)
		e.newMessageItems(event.Items)
	})
	e.raw(")")
}

// parseNotify parses
//
//	notify           = "NOTIFY" SP (notify-set / notify-none)
//	notify-set       = "SET" [status-indicator] SP event-groups
//	notify-none      = "NONE"
//	status-indicator = SP "STATUS"
//	event-groups     = event-group *(SP event-group)
func parseNotify(l *lexer, _ bool) Command {
	c := new(Notify)
	l.sp("notify")
	if l.keyword("NONE") {
		return c
	}
	if !l.keyword("SET") {
		l.fail("notify", "expected SET or NONE")
	}
	l.sp("notify-set")
	if l.keyword("STATUS") {
		c.Status = true
		l.sp("notify-set")
	}
	for l.err == nil && (len(c.Groups) == 0 || l.take(' ')) {
		c.Groups = append(c.Groups, l.notifyGroup())
	}
	return c
}

// notifyGroup parses
//
//	event-group               = "(" filter-mailboxes SP events ")"
//	filter-mailboxes          = filter-mailboxes-selected / filter-mailboxes-other
//	filter-mailboxes-selected = "selected" / "selected-delayed"
//	filter-mailboxes-other    = "inboxes" / "personal" / "subscribed" /
//	                            ("subtree" SP one-or-more-mailbox) / ("mailboxes" SP one-or-more-mailbox)
//	one-or-more-mailbox       = mailbox / many-mailboxes
//	many-mailboxes            = "(" mailbox *(SP mailbox) ")"
//	events                    = ("(" event *(SP event) ")") / "NONE"
func (l *lexer) notifyGroup() (g NotifyGroup) {
	l.expect('(', "event-group")
	start := l.pos
	g.Filter = NotifyFilter(l.word("filter-mailboxes"))
	if !slices.Contains(notifyFilters, g.Filter) {
		l.failAt(start, "filter-mailboxes", "no such filter")
	}
	l.sp("event-group")
	if g.Filter.named() {
		if l.peek() == '(' {
			l.list("many-mailboxes", false, func() { g.Mailboxes = append(g.Mailboxes, l.mailbox("mailbox")) })
		} else {
			g.Mailboxes = []string{l.mailbox("mailbox")}
		}
		l.sp("event-group")
	}
	if !l.keyword("NONE") {
		l.list("events", false, func() { g.Events = append(g.Events, l.notifyEvent()) })
	}
	l.expect(')', "event-group")
	return g
}

// notifyEvent parses
//
//	event         = message-event / mailbox-event / user-event / event-ext
//	message-event = ("MessageNew" [SP "(" fetch-att *(SP fetch-att) ")"]) / "MessageExpunge" /
//	                "FlagChange" / "AnnotationChange"
//	mailbox-event = "MailboxName" / "SubscriptionChange" / "MailboxMetadataChange"
//	user-event    = "ServerMetadataChange"
//	event-ext     = atom
func (l *lexer) notifyEvent() (event NotifyEvent) {
	event.Name = l.word("event")
	if event.Name == eventMessageNew {
		event.Items = l.newMessageItems("message-event")
	}
	return event
}
