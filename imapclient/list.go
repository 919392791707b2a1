package imapclient

import (
	"context"
	"errors"
	"iter"
	"slices"

	"restante/imap"
	"restante/imapwire"
)

func init() { commands["LIST"] = spec{hazard: mayExpunge | lists} }

// ListOptions say what List is to find and to tell.
type ListOptions struct {
	Subscribed bool             // subscribed mailboxes only, also such as do not exist any more
	Status     imap.StatusItems // asked for each mailbox that can be selected, unless 0
}

// List finds mailboxes by name (RFC 9051 §6.3.9): "*" matches anything, "%" all but the delimiter.
// Attributes have the special uses, and Subscribed is set, as far as the server knows them.
//
// Where the server offers LIST-EXTENDED and LIST-STATUS it takes one round trip. Otherwise LSUB
// goes with LIST, and a STATUS for each mailbox follows, all at once.
func (c *Conn) List(ctx context.Context, pattern string, o *ListOptions) *Stream[*imap.MailboxInfo] {
	if o == nil {
		o = new(ListOptions)
	}
	caps := c.Caps()
	if !caps.Has(imap.CapListExtended) {
		return &Stream[*imap.MailboxInfo]{seq: c.listPlain(ctx, pattern, *o)}
	}
	wire := &imapwire.List{Patterns: []string{pattern}, Extended: true}
	wire.Select.Subscribed = o.Subscribed
	wire.Return.Subscribed, wire.Return.Children = true, true
	wire.Return.SpecialUse = caps.Has(imap.CapSpecialUse)
	if caps.Has(imap.CapListStatus) {
		wire.Return.Status = o.Status
	}
	sent := c.list(ctx, wire)
	return &Stream[*imap.MailboxInfo]{seq: func(yield func(*imap.MailboxInfo, error) bool) {
		all, err := sent.Collect()
		var refused *imap.Error
		if errors.As(err, &refused) && refused.Status == "BAD" && refused.Kind == nil { // offered, but not so
			c.listPlain(ctx, pattern, *o)(yield)
			return
		}
		if err == nil && wire.Return.Status == 0 && o.Status != 0 {
			err = c.addStatus(ctx, all, o.Status)
		}
		yieldAll(all, err, yield)
	}}
}

func yieldAll[T any](all []T, err error, yield func(T, error) bool) {
	for _, v := range all {
		if !yield(v, nil) {
			return
		}
	}
	if err != nil {
		var none T
		yield(none, err)
	}
}

// list sends one LIST. With STATUS in it, mailboxes come when the status of all is there.
func (c *Conn) list(ctx context.Context, wire *imapwire.List) *Stream[*imap.MailboxInfo] {
	cmd := c.newCommand(ctx, wire)
	s := newStream[*imap.MailboxInfo](cmd)
	var all []*imap.MailboxInfo
	names := make(nameIndex)
	cmd.data = func(r imapwire.Response) bool {
		switch r := r.(type) {
		case *imapwire.ListData:
			if r.Name != "LIST" {
				return false
			}
			info := &r.Info
			if info.HasAttr(imap.AttrSubscribed) {
				info.Subscribed = true
			}
			if wire.Return.Status != 0 {
				names.add(info.Name, len(all))
				all = append(all, info)
			} else {
				s.put(info)
			}
			return true
		case *imapwire.StatusData:
			if i, ok := names.find(r.Mailbox); ok && all[i].Status == nil {
				all[i].Status = &r.Status
				return true
			}
		}
		return false
	}
	cmd.end = func(_ *imapwire.StatusResponse, err error) error {
		for _, m := range all {
			s.put(m)
		}
		return err
	}
	c.enqueue(cmd)
	return s
}

// listPlain lists by the commands of IMAP4rev1. The first two are sent at once.
func (c *Conn) listPlain(ctx context.Context, pattern string, o ListOptions) iter.Seq2[*imap.MailboxInfo, error] {
	list := c.list(ctx, &imapwire.List{Patterns: []string{pattern}})
	lsub := c.LSub(ctx, pattern)
	return func(yield func(*imap.MailboxInfo, error) bool) {
		all, err := list.Collect()
		subs, subErr := lsub.Collect()
		if err == nil && o.Subscribed {
			err = subErr
		}
		all = subscribe(all, subs, o.Subscribed)
		if o.Subscribed {
			all = slices.DeleteFunc(all, func(m *imap.MailboxInfo) bool { return !m.Subscribed })
		}
		if err == nil && o.Status != 0 {
			err = c.addStatus(ctx, all, o.Status)
		}
		yieldAll(all, err, yield)
	}
}

// nameIndex is where mailboxes are in a list, by name.
type nameIndex map[string]int

// inboxed returns a name as the index has it: INBOX has no case.
func inboxed(name string) string {
	if sameMailbox(name, imap.Inbox) {
		return imap.Inbox
	}
	return name
}

// add notes a place. Of several with one name the first counts.
func (x nameIndex) add(name string, i int) {
	name = inboxed(name)
	if _, had := x[name]; !had {
		x[name] = i
	}
}

func (x nameIndex) find(name string) (i int, ok bool) {
	i, ok = x[inboxed(name)]
	return i, ok
}

// subscribe marks the mailboxes that LSUB has, and with missing adds those that only it has.
func subscribe(all, subs []*imap.MailboxInfo, missing bool) []*imap.MailboxInfo {
	names := make(nameIndex, len(all))
	for i, m := range all {
		names.add(m.Name, i)
	}
	for _, s := range subs {
		i, ok := names.find(s.Name)
		switch {
		case ok:
			all[i].Subscribed = true
		case missing && !s.HasAttr(imap.AttrNoselect): // with it, it is only the parent of one
			s.Attrs = append(s.Attrs, imap.AttrNonExistent)
			names.add(s.Name, len(all))
			all = append(all, s)
		}
	}
	return all
}

// addStatus asks for the status of every mailbox, in one go. One that refuses has none; what is no refusal,
// such as a lost connection, is an error.
func (c *Conn) addStatus(ctx context.Context, all []*imap.MailboxInfo, items imap.StatusItems) error {
	if !c.Caps().Has(imap.CapStatusSize) {
		items &^= imap.StatusSize | imap.StatusDeleted // BAD where they are not known
	}
	asked := make([]*Pending[*imap.Status], len(all))
	for i, m := range all {
		if !m.HasAttr(imap.AttrNoselect) && !m.HasAttr(imap.AttrNonExistent) && items != 0 {
			asked[i] = c.Status(ctx, m.Name, items)
		}
	}
	for i, p := range asked {
		if p == nil {
			continue
		}
		st, err := p.Wait()
		var refused *imap.Error
		if err == nil {
			all[i].Status = st
		} else if !errors.As(err, &refused) || errors.Is(err, imap.ErrClosed) {
			return err
		}
	}
	return nil
}

// learnName remembers how the server writes a name, where that is not how it would be written here.
func (c *Conn) learnName(d *imapwire.ListData) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name, raw := d.Info.Name, d.Info.Raw
	if raw == "" || !c.mu.utf8 && imapwire.EncodeUTF7(name) == raw || c.mu.utf8 && name == raw {
		delete(c.mu.rawNames, name)
		return
	}
	if c.mu.rawNames == nil {
		c.mu.rawNames = make(map[string]string)
	}
	c.mu.rawNames[name] = raw
}

// List yields the mailboxes whose names match, with their roles and subscriptions, and with their
// status when o asks for it; see Conn.List. o may be nil.
func (c *Client) List(ctx context.Context, pattern string, o *ListOptions) iter.Seq2[*imap.MailboxInfo, error] {
	return func(yield func(*imap.MailboxInfo, error) bool) {
		for tries := 0; ; tries++ {
			k, err := c.Conn(ctx)
			var all []*imap.MailboxInfo
			if err == nil {
				if all, err = k.List(ctx, pattern, o).Collect(); err != nil && c.again(ctx, err, tries) {
					continue
				}
			}
			yieldAll(all, err, yield)
			return
		}
	}
}

// Role returns the mailbox with a special use such as imap.AttrTrash (RFC 6154). Without one the
// error is imap.ErrNotFound.
func (c *Client) Role(ctx context.Context, use imap.MailboxAttr) (*imap.MailboxInfo, error) {
	for m, err := range c.List(ctx, "*", nil) {
		if err != nil {
			return nil, err
		}
		if m.HasAttr(use) {
			return m, nil
		}
	}
	return nil, &imap.Error{Op: "LIST", Status: "OK", Text: "no mailbox is " + string(use), Kind: imap.ErrNotFound}
}
