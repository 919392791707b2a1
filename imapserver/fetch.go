package imapserver

import (
	"errors"
	"iter"
	"slices"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
	"restante/summary"
)

// fetchBatch is how many messages are looked up, and marked \Seen, in one go.
const fetchBatch = 256

// runFetch is FETCH and UID FETCH, RFC 9051 §6.4.5.
func runFetch(c *conn, cmd *imapwire.Fetch) error {
	rows, err := c.rows(cmd.Set)
	if err != nil {
		return err
	}
	f := newFetcher(c, cmd)
	defer f.close()
	batch := make([]mailbox.Numbered, 0, fetchBatch)
	for seq, r := range rows {
		batch = append(batch, mailbox.Numbered{Seq: seq, Row: *r})
		if len(batch) == fetchBatch {
			// Numbers stay until the command has been answered: markSeen keeps ghosts.
			if err := f.batch(batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	if err := f.batch(batch); err != nil {
		return err
	}
	return f.failed
}

// rows yields the messages that a set means, in the view of this moment.
func (c *conn) rows(set imap.NumSet) (iter.Seq2[imap.SeqNum, *mailbox.Row], error) {
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

// fetcher answers one FETCH.
type fetcher struct {
	c         *conn
	items     []imap.FetchItem
	uid       bool // UID FETCH
	flags     bool // FLAGS is among the items
	summaries bool // an item is answered from the summary
	seen      bool // an item sets \Seen

	// failed is why a message could not be read. The command goes on with the others and answers
	// NO in the end (RFC 2180 §4.1.3).
	failed error
	omit   bool // the response that is being written should not be sent

	msg  fetched // the message being answered
	refs []uint64
	buf  []byte
	sums [][]byte
}

func newFetcher(c *conn, cmd *imapwire.Fetch) *fetcher {
	f := &fetcher{c: c, items: cmd.Items, uid: cmd.UID}
	f.msg.c = c
	if cmd.UID && !slices.ContainsFunc(f.items, func(i imap.FetchItem) bool { return i.Name == "UID" }) {
		// A UID FETCH tells the UID, asked or not (RFC 9051 §6.4.9).
		f.items = append([]imap.FetchItem{imap.FetchUID}, f.items...)
	}
	for _, item := range f.items {
		switch item.Name {
		case "FLAGS":
			f.flags = true
		case "ENVELOPE", "BODYSTRUCTURE", "RFC822.HEADER":
			f.summaries = true
		case "RFC822", "RFC822.TEXT":
			f.seen = true
			f.summaries = f.summaries || item.Name != "RFC822"
		case "BODY", "BINARY":
			f.seen = f.seen || item.Section != nil && !item.Peek
			whole := item.Section != nil && len(item.Section.Part) == 0 && item.Section.Text == ""
			f.summaries = f.summaries || !whole
		case "BINARY.SIZE":
			f.summaries = true
		}
	}
	f.seen = f.seen && !c.sel.readOnly
	c.acquire(true)
	return f
}

func (f *fetcher) close() { f.msg.close() }

// batch answers some messages.
func (f *fetcher) batch(batch []mailbox.Numbered) error {
	if len(batch) == 0 {
		return nil
	}
	if f.summaries {
		f.refs, f.sums = f.refs[:0], f.sums[:0]
		for i := range batch {
			f.refs = append(f.refs, batch[i].Row.Ref)
			f.sums = append(f.sums, nil)
		}
		var err error
		if f.buf, err = f.c.sel.box.Summaries(f.c.ctx, f.refs, f.buf[:0], f.sums); err != nil {
			return err
		}
	}
	// Last, so that nothing can keep the responses that tell of it from being sent.
	var marked imap.UIDSet
	if f.seen {
		var err error
		if marked, err = f.markSeen(batch); err != nil {
			return err
		}
	}
	for i := range batch {
		f.msg.reset(&batch[i])
		if f.summaries {
			f.msg.sum = summary.Summary(f.sums[i])
		}
		if err := f.message(f.flags || !marked.Empty() && marked.Contains(batch[i].Row.UID)); err != nil {
			return err
		}
		if err := f.c.room(); err != nil {
			return err
		}
	}
	return nil
}

// markSeen sets \Seen on the messages that do not have it and returns which those are; their FETCH
// responses tell of it. The batch gets the flags of this moment: those of before may be older than
// what the client has been told around an earlier batch.
func (f *fetcher) markSeen(batch []mailbox.Numbered) (imap.UIDSet, error) {
	f.refresh(batch)
	var unseen imap.UIDSet
	for i := range batch {
		if batch[i].Row.Flags&mailbox.BitSeen == 0 {
			unseen.Add(batch[i].Row.UID)
		}
	}
	unseen, _ = f.c.live(unseen)
	if unseen.Empty() {
		return unseen, nil
	}
	if _, err := f.c.sel.box.StoreFlags(f.c.ctx, unseen, imap.StoreAdd, []imap.Flag{imap.Seen}); err != nil {
		return unseen, err
	}
	// Numbers must not change in the middle of an answer, so nothing is expunged here.
	err := f.c.syncQuiet(true, func(x mailbox.Changed) bool { return unseen.Contains(x.Row.UID) })
	f.refresh(batch)
	return unseen, err
}

// refresh gives the batch the rows of the session's view.
func (f *fetcher) refresh(batch []mailbox.Numbered) {
	for i := range batch {
		if _, row, ok := f.c.sel.view.Find(batch[i].Row.UID); ok {
			batch[i].Row = row
		}
	}
}

// message writes the FETCH response of one message.
func (f *fetcher) message(tellFlags bool) error {
	c, row := f.c, &f.msg.row
	start, written := len(c.out), c.written
	c.out = imapwire.AppendNumber(append(c.out, "* "...), f.msg.seq)
	c.out = append(c.out, " FETCH ("...)
	flags := tellFlags
	for i := range f.items {
		item := &f.items[i]
		if i > 0 {
			c.out = append(c.out, ' ')
		}
		switch item.Name {
		case "UID":
			c.out = imapwire.AppendNumber(append(c.out, "UID "...), row.UID)
		case "FLAGS":
			c.out = c.appendFlags(append(c.out, "FLAGS "...), row)
			flags = false
		case "INTERNALDATE":
			c.out = imapwire.AppendDateTime(append(c.out, "INTERNALDATE "...), row.Date.Time())
		case "RFC822.SIZE":
			c.out = imapwire.AppendNumber(append(c.out, "RFC822.SIZE "...), row.Size)
		default:
			if err := f.content(item); err != nil {
				return err
			}
			if err := c.room(); err != nil {
				return err
			}
		}
	}
	if flags {
		c.out = c.appendFlags(append(c.out, " FLAGS "...), row)
	}
	c.out = append(c.out, ")\r\n"...)
	if f.omit {
		f.omit = false
		if c.written == written {
			c.out = c.out[:start]
			if tellFlags {
				c.appendFetchFlags(mailbox.Numbered{Seq: f.msg.seq, Row: *row})
			}
		}
	}
	return nil
}

// content writes an item that comes from the message itself.
func (f *fetcher) content(item *imap.FetchItem) error {
	c := f.c
	switch {
	case item.Name == "ENVELOPE":
		return f.summarised("ENVELOPE ", summary.Summary.Envelope)
	case item.Name == "BODYSTRUCTURE":
		return f.summarised("BODYSTRUCTURE ", summary.Summary.BodyStructure)
	case item.Name == "BODY" && item.Section == nil:
		return f.summarised("BODY ", summary.Summary.Body)
	case item.Name == "RFC822":
		c.out = append(c.out, "RFC822 "...)
		return f.section(&imap.Section{}, nil)
	case item.Name == "RFC822.HEADER":
		c.out = append(c.out, "RFC822.HEADER "...)
		return f.section(&imap.Section{Text: "HEADER"}, nil)
	case item.Name == "RFC822.TEXT":
		c.out = append(c.out, "RFC822.TEXT "...)
		return f.section(&imap.Section{Text: "TEXT"}, nil)
	case item.Name == "BODY":
		c.out = imapwire.AppendSection(append(c.out, "BODY"...), item.Section)
		f.origin(item)
		return f.section(item.Section, item.Partial)
	case item.Name == "BINARY":
		c.out = imapwire.AppendSection(append(c.out, "BINARY"...), item.Section)
		f.origin(item)
		return f.binary(item.Section, item.Partial)
	case item.Name == "BINARY.SIZE":
		c.out = imapwire.AppendSection(append(c.out, "BINARY.SIZE"...), item.Section)
		c.out = append(c.out, ' ')
		return f.binarySize(item.Section)
	}
	return bad("Unknown data item %s", printable(item.Name))
}

// origin writes where a partial section starts, and the space behind the item's name.
func (f *fetcher) origin(item *imap.FetchItem) {
	c := f.c
	if item.Partial != nil {
		c.out = imapwire.AppendNumber(append(c.out, '<'), item.Partial.Offset)
		c.out = append(c.out, '>')
	}
	c.out = append(c.out, ' ')
}

// summarised writes an item that the summary holds as it is sent.
func (f *fetcher) summarised(name string, get func(summary.Summary) []byte) error {
	f.c.out = append(f.c.out, name...)
	sum, err := f.msg.summary()
	if err != nil {
		// None of these can be NIL.
		f.c.out = append(f.c.out, emptyItem(name)...)
		return f.skip(err)
	}
	f.c.out = append(f.c.out, get(sum)...)
	return nil
}

// emptyItem is what stands for an item of a message that cannot be read.
func emptyItem(name string) string {
	if name == "ENVELOPE " {
		return "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"
	}
	return `("APPLICATION" "OCTET-STREAM" NIL NIL NIL "7BIT" 0)`
}

// skip remembers that something could not be read, which is answered by leaving the message out.
// Errors of the connection end the command.
func (f *fetcher) skip(err error) error {
	if f.c.writeErr != nil {
		return f.c.writeErr
	}
	f.omit = true
	if f.failed == nil {
		f.failed = err
	}
	return nil
}

// missing writes NIL for a section that cannot be read, in case that the response cannot be taken
// back.
func (f *fetcher) missing(err error) error {
	f.c.out = append(f.c.out, "NIL"...)
	return f.skip(err)
}

var errBroken = errors.New("imapserver: a message could not be read to its end")
