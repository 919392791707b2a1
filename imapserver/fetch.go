package imapserver

import (
	"cmp"
	"iter"
	"slices"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
)

// runFetch is FETCH and UID FETCH, RFC 9051 §6.4.5.
func runFetch(c *conn, cmd *imapwire.Fetch) error {
	f, err := newFetcher(c, cmd)
	if err != nil {
		return err
	}
	c.acquire(true)
	for _, do := range f.before {
		if err := do(); err != nil {
			return err
		}
	}
	c.work.progress, c.work.beforeSending = f.progress, f.seen.finish
	err = c.eachMessage(c.sel.box, f.rows, f.needs&needsSummary != 0, f.message)
	c.work.progress, c.work.beforeSending = nil, nil
	if notMarked := f.seen.finish(); err == nil {
		err = notMarked
	}
	if err == nil {
		err = f.unreadable
	}
	return err
}

// fetcher answers one FETCH.
type fetcher struct {
	c     *conn
	cmd   *imapwire.Fetch
	rows  iter.Seq2[imap.SeqNum, *mailbox.Row] // the messages to answer
	items []fetchValue
	needs fetchNeeds   // what the items need together
	msg   *openMessage // the message that is being answered
	done  int          // how many messages have been answered

	// before is done in front of the messages, once it is clear that the command is no mistake.
	before []func() error

	// unreadable is why a message could not be read: the first that could not. The command goes on
	// with the others and answers NO in the end (RFC 2180 §4.1.3).
	unreadable error

	seen seenMarker // for items that set \Seen
}

// fetchValue is an item of the command, as every response has it.
type fetchValue struct {
	*fetchItem
	item  *imap.FetchItem
	label string // "BODY[TEXT]<0> ", behind another item with a space in front
	steps int    // of work, besides reading the message
}

// fetchModifier serves a modifier of FETCH (RFC 4466 §2.4), before anything is answered: it adds
// items, or leaves out messages of f.rows.
type fetchModifier func(f *fetcher, option imapwire.Option) error

func newFetcher(c *conn, cmd *imapwire.Fetch) (*fetcher, error) {
	f := &fetcher{c: c, cmd: cmd, seen: seenMarker{c: c}}
	items := cmd.Items
	if cmd.UID && !c.uidOnly() && !slices.ContainsFunc(items, func(i imap.FetchItem) bool { return i.Name == "UID" }) {
		// A UID FETCH tells the UID, asked or not (RFC 9051 §6.4.9).
		items = append([]imap.FetchItem{imap.FetchUID}, items...)
	}
	for _, item := range items {
		if err := f.add(item); err != nil {
			return nil, err
		}
	}
	modifiers, err := partialFirst(cmd.Modifiers)
	if err != nil {
		return nil, err
	}
	if f.rows, err = c.messagesIn(cmd.Set); err != nil {
		return nil, err
	}
	for _, option := range modifiers {
		serve, ok := c.s.features.fetchModifiers[option.Name()]
		if !ok {
			return nil, noOption(cmd, option)
		}
		if err := serve(f, option); err != nil {
			return nil, err
		}
	}
	if c.sel.readOnly {
		f.needs &^= setsSeen
	}
	return f, nil
}

// has reports whether an item is among what is answered.
func (f *fetcher) has(name string) bool {
	return slices.ContainsFunc(f.items, func(v fetchValue) bool { return v.item.Name == name })
}

// fetchItemSteps is the work of an item, or of a name of HEADER.FIELDS, on one message.
const fetchItemSteps = 16

// add adds an item to what is answered.
func (f *fetcher) add(item imap.FetchItem) error {
	row, ok := f.c.s.features.fetchItems[fetchItemKey(&item)]
	if !ok {
		return bad("Unknown data item %s", printable(item.Name))
	}
	if row.asked != nil {
		f.before = append(f.before, func() error { row.asked(f.c); return nil })
	}
	steps := fetchItemSteps
	if item.Section != nil {
		steps *= 1 + len(item.Section.Fields)
	}
	f.items = append(f.items, fetchValue{&row, &item, fetchLabel(&item, len(f.items) > 0), steps})
	f.needs |= row.needsOf(&item)
	return nil
}

// fetchLabel returns the name of an item in responses, with the section and where a partial one
// starts, the space behind it, and the one in front of it when it is behind another item.
func fetchLabel(item *imap.FetchItem, behind bool) string {
	var label []byte
	if behind {
		label = append(label, ' ')
	}
	label = append(label, fetchItemName(item)...)
	if item.Section != nil {
		label = imapwire.AppendSection(label, item.Section)
	}
	if item.Partial != nil {
		label = append(imapwire.AppendNumber(append(label, '<'), item.Partial.Offset), '>')
	}
	return string(append(label, ' '))
}

// message answers one message.
func (f *fetcher) message(m *openMessage) error {
	f.msg = m
	f.done++
	if f.needs&setsSeen == 0 {
		if err := f.response(false); err != nil {
			return err
		}
		return f.c.room()
	}
	becomesSeen := f.seen.begin(m)
	// A client that knows mod-sequences is told the flags with the new one, when there is one.
	if err := f.response(becomesSeen && f.needs&tellsFlags == 0 && !f.c.condStore()); err != nil {
		return err
	}
	return f.seen.room()
}

// response writes the FETCH response of the message. One that cannot be read is left out, or when a
// part of the response has been sent already, something is put in the place of what is missing.
func (f *fetcher) response(tellFlags bool) error {
	c := f.c
	start, flushes := len(c.out), c.flushes
	c.appendFetchStart(f.msg.seq, f.msg.row.UID)
	for i := range f.items {
		x := &f.items[i]
		if err := c.step(x.steps); err != nil {
			return err
		}
		if i > 0 {
			if err := f.room(); err != nil {
				return err
			}
		}
		c.out = append(c.out, x.label...)
		value := len(c.out)
		err := x.value(f, x.item)
		switch {
		case err == nil:
		case c.writeErr != nil || f.seen.err != nil:
			return err
		default:
			f.unreadable = cmp.Or(f.unreadable, err)
			if c.flushes == flushes {
				c.out = c.out[:start]
				f.seen.leaveOut()
				return nil
			}
			c.out = append(c.out[:value], x.unreadable...)
		}
	}
	if tellFlags {
		c.out = c.appendFlags(append(c.out, " FLAGS "...), &f.msg.row)
	}
	c.out = append(c.out, ")\r\n"...)
	return nil
}

// room makes sure that what is written in the middle of a response does not pile up.
func (f *fetcher) room() error {
	if len(f.c.out) < flushAt {
		return nil
	}
	return f.flush()
}

// flush sends what has been written of the response, in the middle of it.
func (f *fetcher) flush() error {
	if err := f.seen.mark(); err != nil {
		return err
	}
	return f.c.flush()
}

// progress returns how many messages have been answered, of how many.
func (f *fetcher) progress() (done, goal int) {
	view := f.c.sel.view
	switch set := f.cmd.Set.(type) {
	case imap.SeqSet:
		goal = set.Resolve(imap.SeqNum(view.Len())).Len()
	case imap.UIDSet:
		goal = view.Existing(set).Len()
	default:
		goal = f.c.searchRes.Len()
	}
	return f.done, goal
}

// appendFetchStart begins the FETCH response of a message, or its UIDFETCH (RFC 9586 §3.3).
func (c *conn) appendFetchStart(seq imap.SeqNum, uid imap.UID) {
	c.out = append(c.out, "* "...)
	if c.uidOnly() {
		c.out = append(imapwire.AppendNumber(c.out, uid), " UIDFETCH ("...)
		return
	}
	c.out = append(imapwire.AppendNumber(c.out, seq), " FETCH ("...)
}

// appendFetchFlags tells the flags of a message, which the client did not ask for or has changed,
// with its UID or without, and to clients that know mod-sequences UID and MODSEQ in any case
// (RFC 7162 §3.2.4). With modSeqOnly the client knows the flags.
func (c *conn) appendFetchFlags(seq imap.SeqNum, row *mailbox.Row, uid, modSeqOnly bool) {
	c.appendFetchStart(seq, row.UID)
	start := len(c.out)
	if (uid || c.condStore()) && !c.uidOnly() {
		c.out = append(imapwire.AppendNumber(append(c.out, "UID "...), row.UID), ' ')
	}
	if !modSeqOnly {
		c.out = append(c.appendFlags(append(c.out, "FLAGS "...), row), ' ')
	}
	if c.condStore() {
		c.out = append(appendModSeq(append(c.out, "MODSEQ "...), row), ' ')
	}
	if len(c.out) > start {
		c.out = c.out[:len(c.out)-1]
	}
	c.out = append(c.out, ")\r\n"...)
}
