package imapclient

import (
	"context"
	"iter"
	"maps"
	"math/bits"
	"slices"
	"strings"

	"restante/imap"
	"restante/imapwire"
)

func init() {
	commands["FETCH"] = spec{hazard: selected | usesSeq, narrow: narrowFetch}
	commands["UID FETCH"] = spec{hazard: selected | mayExpunge, narrow: narrowFetch}
}

// narrowFetch says what the items do with flags.
func narrowFetch(cmd imapwire.Command, h hazard) hazard {
	c, ok := cmd.(*imapwire.Fetch)
	if !ok {
		return h
	}
	if _, saved := c.Set.(imap.SearchResult); saved {
		return h // made to be sent with the SEARCH that saves (RFC 9051 §6.4.4.1)
	}
	for _, it := range c.Items {
		switch {
		case strings.EqualFold(it.Name, "FLAGS"):
			h |= readsFlags
		case it.Section != nil && !it.Peek && it.Name != "BINARY.SIZE":
			h |= writesFlags // sets \Seen
		}
	}
	return h
}

// Fetch asks for items of messages (RFC 9051 §6.4.5). Messages come in the order in which the
// server sends them, each once it has all that was asked for, however many responses the server
// takes; what it knows no more of comes last. The UID is always there when the set is one of UIDs.
//
// A body section of up to Options.StreamOver octets lies in memory; a bigger one is read from the
// connection when it is the last item that is missing. Either can be read until the loop goes on;
// who keeps a message for later calls imap.Message.Keep, or finds imap.ErrStale in it.
func (c *Conn) Fetch(ctx context.Context, set imap.NumSet, items ...imap.FetchItem) *Stream[*imap.Message] {
	// Body sections last: they are streamed when all else is there.
	items = slices.Clone(items)
	slices.SortStableFunc(items, func(a, b imap.FetchItem) int { return sections(a) - sections(b) })
	f := newFetch(c.newCommand(ctx, &imapwire.Fetch{UID: isUID(set), Set: set, Items: items}), set, items)
	c.enqueue(f.s.cmd)
	return f.s
}

func sections(f imap.FetchItem) int {
	if f.Section == nil || f.Name == "BINARY.SIZE" {
		return 0
	}
	return 1
}

// isUID reports whether a set asks for the UID form of a command.
func isUID(set imap.NumSet) bool {
	switch s := set.(type) {
	case imap.UIDSet:
		return true
	case imap.SearchResult:
		return s.UID
	}
	return false
}

// fetch puts the responses to one FETCH together.
type fetch struct {
	s   *Stream[*imap.Message]
	set imap.NumSet

	mask imap.MessageItems // items with a bit
	rest []imap.FetchItem  // the others

	seen imap.SeqSet   // handed over
	last *imap.Message // the most recent one, when something is missing
	// held are flags that came alone where more was asked for: a change that the server tells of,
	// or the beginning of an answer.
	held map[imap.SeqNum]*imap.Message
}

func newFetch(cmd *command, set imap.NumSet, items []imap.FetchItem) *fetch {
	f := &fetch{s: newStream[*imap.Message](cmd), set: set}
	if isUID(set) {
		f.mask = imap.ItemUID
	}
	for _, it := range items {
		if bit := itemBit(it); bit != 0 {
			f.mask |= bit
		} else {
			f.rest = append(f.rest, it)
		}
	}
	f.s.size = messageCost
	f.s.keep = f.keep
	cmd.data, cmd.wants, cmd.end = f.data, f.wants, f.end
	return f
}

// itemBit returns the one bit that stands for an item, 0 when that takes a closer look.
func itemBit(it imap.FetchItem) (bit imap.MessageItems) {
	for i := range 16 {
		m := imap.Message{Items: 1 << i}
		if m.Has(it) {
			bit |= m.Items
		}
	}
	if bits.OnesCount16(uint16(bit)) != 1 {
		return 0
	}
	return bit
}

func (f *fetch) has(m *imap.Message) bool {
	if m.Items&f.mask != f.mask {
		return false
	}
	for _, it := range f.rest {
		if !m.Has(it) {
			return false
		}
	}
	return true
}

// covers reports whether the message is one of the set, as far as that can be known.
func (f *fetch) covers(m *imap.Message) bool {
	switch s := f.set.(type) {
	case imap.UIDSet:
		return m.Items&imap.ItemUID == 0 || s.Dynamic() || s.Contains(m.UID)
	case imap.SeqSet:
		return s.Dynamic() || s.Contains(m.Seq)
	}
	return true
}

func (f *fetch) wants(m *imap.Message) bool { return f.covers(m) && f.has(m) }

func (f *fetch) data(r imapwire.Response) bool {
	d, ok := r.(*imapwire.FetchData)
	if !ok || !f.covers(&d.Message) {
		return false
	}
	m := &d.Message
	if len(f.held) > 0 {
		if h := f.held[m.Seq]; h != nil {
			delete(f.held, m.Seq)
			h.Merge(m)
			m = h
		}
	}
	if l := f.last; l != nil {
		f.last = nil
		if l.Seq == m.Seq {
			l.Merge(m)
			m = l
		} else {
			f.deliver(l)
		}
	}
	l := f.s.cmd.conn.literal
	streamed := l != nil && l.d == d
	switch {
	case f.has(m) || streamed:
		if streamed {
			l.owner = f.s
		} else {
			f.lend(m)
		}
		f.deliver(m)
	case f.seen.Contains(m.Seq):
		return false // a change since
	case flagsOnly(m):
		if f.held == nil {
			f.held = make(map[imap.SeqNum]*imap.Message)
		}
		f.held[m.Seq] = m
	default:
		_ = m.Keep()
		f.last = m
	}
	return true
}

// keepUnder is how many octets of bodies are copied at once rather than lent from the read buffer:
// so much costs less than to remember it, and messages that are kept can be read later.
const keepUnder = 4 << 10

// lend notes that a message lies in the read buffer, if it does.
func (f *fetch) lend(m *imap.Message) {
	size := int64(0)
	for _, b := range m.Bodies {
		size += b.Len()
	}
	switch {
	case size == 0:
	case size <= keepUnder:
		_ = m.Keep()
	case f.s.leading && !f.s.filled:
		f.s.cmd.conn.lent.to, f.s.cmd.conn.lent.message = f.s, m
	}
}

// flagsOnly reports whether a message has nothing that servers do not send unasked.
func flagsOnly(m *imap.Message) bool {
	return m.Items&^(imap.ItemUID|imap.ItemFlags|imap.ItemModSeq) == 0 && len(m.Bodies) == 0 && len(m.Extra) == 0
}

func (f *fetch) deliver(m *imap.Message) {
	f.seen.Add(m.Seq)
	f.s.put(m)
}

// keep makes a message outlive the read buffer, but for a section that is still to be read.
func (f *fetch) keep(m *imap.Message) {
	if p := f.s.cmd.conn.literal; p == nil || &p.d.Message != m {
		_ = m.Keep()
	}
}

// end hands over what never became complete.
func (f *fetch) end(_ *imapwire.StatusResponse, err error) error {
	if f.last != nil {
		f.deliver(f.last)
	}
	if f.mask&imap.ItemFlags != 0 {
		for _, seq := range slices.Sorted(maps.Keys(f.held)) {
			f.deliver(f.held[seq])
		}
	}
	f.last, f.held = nil, nil
	return err
}

// Fetch yields items of messages; see Conn.Fetch. Long sets are split. With UIDs it goes on behind
// a lost connection, with the messages that are missing. Other commands may be run in the loop.
func (mb *Mailbox) Fetch(ctx context.Context, set imap.NumSet, items ...imap.FetchItem) iter.Seq2[*imap.Message, error] {
	return func(yield func(*imap.Message, error) bool) {
		mb.fetch(ctx, set, items, imap.UIDSet{}, yield)
	}
}

// fetch is Fetch but for what is known already.
func (mb *Mailbox) fetch(ctx context.Context, set imap.NumSet, items []imap.FetchItem, got imap.UIDSet, yield func(*imap.Message, error) bool) {
	for tries := 0; ; tries++ {
		if uids, ok := set.(imap.UIDSet); ok && !uids.Dynamic() && !got.Empty() {
			set = uids.Minus(got)
		}
		before := got.Len()
		stopped, err := mb.fetchOnce(ctx, set, items, func(m *imap.Message) bool {
			if m.UID != 0 && !positional(set) {
				if got.Contains(m.UID) && tries > 0 {
					return true // with "*" in the set, they come again
				}
				got.Add(m.UID)
			}
			return yield(m, nil)
		})
		if stopped || err == nil {
			return
		}
		if got.Len() > before {
			tries = 0
		}
		if positional(set) || !mb.c.again(ctx, err, tries) {
			yield(nil, err)
			return
		}
	}
}

// fetchOnce fetches on one connection, always one command ahead.
func (mb *Mailbox) fetchOnce(ctx context.Context, set imap.NumSet, items []imap.FetchItem, yield func(*imap.Message) bool) (stopped bool, err error) {
	left := pieces(set)
	if len(left) == 0 || mb.Len() == 0 && !positional(set) && set.(imap.UIDSet).Dynamic() {
		return false, nil // "*" in an empty mailbox is an error for some
	}
	var ahead *Stream[*imap.Message]
	send := func() error {
		ahead = nil
		if len(left) == 0 {
			return nil
		}
		piece := left[0]
		left = left[1:]
		return mb.with(ctx, func(k *Conn) { ahead = k.Fetch(ctx, piece, items...) })
	}
	if err := send(); err != nil {
		return false, err
	}
	for ahead != nil {
		s := ahead
		if err := send(); err != nil {
			s.Close()
			return false, err
		}
		for m, err := range s.All() {
			if err == nil && yield(m) {
				continue
			}
			if ahead != nil {
				ahead.Close()
			}
			return err == nil, err
		}
	}
	return false, nil
}
