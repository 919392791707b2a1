package imapclient

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"

	"restante/imap"
)

// Mailbox is a mailbox that a Client has selected. After another Select its methods fail with
// imap.ErrNotSelected, so no command hits the wrong mailbox. After a lost connection it is selected
// again; when its UIDVALIDITY has changed meanwhile, so that UIDs mean something else, its methods
// fail with imap.ErrNotSelected as well.
//
// Sets of UIDs are repeated after a reconnect; sets of sequence numbers are not, since those may
// have moved.
type Mailbox struct {
	c       *Client
	name    string
	examine bool

	mu struct {
		sync.Mutex
		conn *Conn
		sel  *selection
		gone bool // UIDVALIDITY has changed
	}
}

// Select selects a mailbox for reading and writing. What was selected before no longer is.
func (c *Client) Select(ctx context.Context, name string) (*Mailbox, error) {
	return c.open(ctx, &Mailbox{c: c, name: name})
}

// Examine selects a mailbox for reading only: no flag changes, not even \Seen.
func (c *Client) Examine(ctx context.Context, name string) (*Mailbox, error) {
	return c.open(ctx, &Mailbox{c: c, name: name, examine: true})
}

func (c *Client) open(ctx context.Context, mb *Mailbox) (*Mailbox, error) {
	if err := c.lock(ctx); err != nil {
		return nil, err
	}
	defer c.unlock()
	c.setCurrent(nil)
	for tries := 0; ; tries++ {
		k, err := c.connect(ctx)
		if err != nil {
			return nil, err
		}
		if err = mb.selectOn(ctx, k); err == nil {
			c.setCurrent(mb)
			return mb, nil
		}
		if !c.again(ctx, err, tries) {
			return nil, err
		}
	}
}

func (c *Client) setCurrent(mb *Mailbox) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.current = mb
}

// selectOn selects the mailbox on a connection. The caller has the turn.
func (mb *Mailbox) selectOn(ctx context.Context, k *Conn) error {
	var err error
	if mb.examine {
		_, err = k.Examine(ctx, mb.name).Wait()
	} else {
		_, err = k.Select(ctx, mb.name).Wait()
	}
	if err != nil {
		return err
	}
	return mb.adopt(k, k.selection())
}

// adopt takes a selection, unless it is of a mailbox that only has the same name.
func (mb *Mailbox) adopt(k *Conn, sel *selection) error {
	mb.mu.Lock()
	defer mb.mu.Unlock()
	if sel == nil {
		return imap.ErrNotSelected
	}
	old := mb.mu.sel
	if old != nil && old.data.UIDValidity != sel.data.UIDValidity {
		mb.mu.gone = true
		return imap.ErrNotSelected
	}
	mb.mu.conn, mb.mu.sel = k, sel
	return nil
}

func (mb *Mailbox) selected() (k *Conn, sel *selection, gone bool) {
	mb.mu.Lock()
	defer mb.mu.Unlock()
	return mb.mu.conn, mb.mu.sel, mb.mu.gone
}

// with calls f with a connection that has the mailbox selected. f calls commands and does not
// wait: the turn keeps anybody from selecting something else in front of them.
func (mb *Mailbox) with(ctx context.Context, f func(*Conn)) error {
	if err := mb.c.lock(ctx); err != nil {
		return err
	}
	defer mb.c.unlock()
	for tries := 0; ; tries++ {
		if _, current, _ := mb.c.state(); current != mb {
			return imap.ErrNotSelected
		}
		on, sel, gone := mb.selected()
		if gone {
			return imap.ErrNotSelected
		}
		k, err := mb.c.connect(ctx)
		if err != nil {
			return err
		}
		if k == on {
			if now := k.selection(); now != sel && k.Err() == nil {
				return imap.ErrNotSelected // somebody used the connection to select
			}
			f(k)
			return nil
		}
		if err = mb.selectOn(ctx, k); err != nil && !mb.c.again(ctx, err, tries) {
			return err
		}
	}
}

// on runs one command of the selected state. once says that it cannot be repeated.
func on[T any](ctx context.Context, mb *Mailbox, once bool, f func(*Conn) *Pending[T]) (v T, err error) {
	for tries := 0; ; tries++ {
		var p *Pending[T]
		if err := mb.with(ctx, func(k *Conn) { p = f(k) }); err != nil {
			return v, err
		}
		if v, err = p.Wait(); err == nil || once || !mb.c.again(ctx, err, tries) {
			return v, err
		}
	}
}

// positional reports whether a set means something else after a reconnect.
func positional(set imap.NumSet) bool {
	_, ok := set.(imap.UIDSet)
	return !ok
}

// maxSet is how long a set may be in one command, octets. RFC 7162 §4 asks clients to keep a
// command line to about 8192.
const maxSet = 7500

// pieces splits a set for several commands.
func pieces(set imap.NumSet) []imap.NumSet {
	var out []imap.NumSet
	switch s := set.(type) {
	case imap.UIDSet:
		for p := range s.Chunks(maxSet) {
			out = append(out, p)
		}
	case imap.SeqSet:
		for p := range s.Chunks(maxSet) {
			out = append(out, p)
		}
	default:
		out = append(out, set)
	}
	return out
}

// Name returns the name that the mailbox was selected by.
func (mb *Mailbox) Name() string { return mb.name }

// Len returns how many messages there are, as far as the server has said.
func (mb *Mailbox) Len() int {
	k, sel, _ := mb.selected()
	return k.count(sel)
}

func (c *Conn) count(sel *selection) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return int(sel.exists)
}

// ReadOnly reports whether nothing can be changed. Methods that would are imap.ErrReadOnly then.
func (mb *Mailbox) ReadOnly() bool {
	_, sel, _ := mb.selected()
	return sel.data.ReadOnly
}

// UIDValidity returns the mailbox's UIDVALIDITY, 0 when the server did not say.
func (mb *Mailbox) UIDValidity() uint32 {
	_, sel, _ := mb.selected()
	return sel.data.UIDValidity
}

// UIDNext returns the lowest UID that the next message could have had when the mailbox was last
// selected, and whether the server said so.
func (mb *Mailbox) UIDNext() (imap.UID, bool) {
	_, sel, _ := mb.selected()
	return sel.data.UIDNext, sel.data.UIDNext != 0
}

// Flags returns the flags in use, and those that can be changed for good, when the mailbox was last
// selected.
func (mb *Mailbox) Flags() (used, permanent []imap.Flag) {
	_, sel, _ := mb.selected()
	return slices.Clone(sel.data.Flags), slices.Clone(sel.data.PermanentFlags)
}

func (mb *Mailbox) writable() error {
	if mb.ReadOnly() {
		return imap.ErrReadOnly
	}
	return nil
}

// Search returns the UIDs of the messages that match.
func (mb *Mailbox) Search(ctx context.Context, key imap.SearchKey) (imap.UIDSet, error) {
	d, err := mb.SearchWith(ctx, key, SearchOptions{})
	if err != nil {
		return imap.UIDSet{}, err
	}
	return d.UIDs, nil
}

// SearchWith looks for messages and tells what o asks for; see Conn.Search.
func (mb *Mailbox) SearchWith(ctx context.Context, key imap.SearchKey, o SearchOptions) (*SearchData, error) {
	return on(ctx, mb, namesSeq(key), func(k *Conn) *Pending[*SearchData] { return k.Search(ctx, key, &o) })
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

// Messages is Search followed by Fetch, in one round trip where the server keeps search results
// (SEARCHRES, RFC 9051 §6.4.4.1).
func (mb *Mailbox) Messages(ctx context.Context, key imap.SearchKey, items ...imap.FetchItem) iter.Seq2[*imap.Message, error] {
	return func(yield func(*imap.Message, error) bool) {
		var got imap.UIDSet
		done, err := mb.searched(ctx, key, items, func(m *imap.Message) bool {
			got.Add(m.UID)
			return yield(m, nil)
		})
		if done {
			return
		}
		if err != nil && !mb.c.again(ctx, err, 0) {
			yield(nil, err)
			return
		}
		uids, err := mb.Search(ctx, key)
		if err != nil {
			yield(nil, err)
			return
		}
		mb.fetch(ctx, uids, items, got, yield)
	}
}

// searched does it in one round trip. It is not done when the server cannot, or after an error.
func (mb *Mailbox) searched(ctx context.Context, key imap.SearchKey, items []imap.FetchItem, yield func(*imap.Message) bool) (done bool, err error) {
	var found *Pending[*SearchData]
	var s *Stream[*imap.Message]
	err = mb.with(ctx, func(k *Conn) {
		if k.Caps().Has(imap.CapSearchRes) && k.Caps().Has(imap.CapESearch) {
			found = k.Search(ctx, key, &SearchOptions{Save: true})
			s = k.Fetch(ctx, imap.SearchResult{UID: true}, items...)
		}
	})
	if err != nil || s == nil {
		return false, err
	}
	if _, err := found.Wait(); err != nil {
		s.Close()
		var refused *imap.Error
		if errors.As(err, &refused) && refused.Code == imap.CodeNotSaved {
			err = nil
		}
		return false, err
	}
	for m, err := range s.All() {
		if err != nil {
			return false, err
		}
		if !yield(m) {
			return true, nil
		}
	}
	return true, nil
}

// Store changes flags. The server is not asked to repeat them.
func (mb *Mailbox) Store(ctx context.Context, set imap.NumSet, op imap.StoreOp, flags ...imap.Flag) error {
	if err := mb.writable(); err != nil {
		return err
	}
	for _, p := range pieces(set) {
		_, err := on(ctx, mb, positional(set), func(k *Conn) *Pending[struct{}] { return k.StoreSilent(ctx, p, op, flags...) })
		if err != nil {
			return err
		}
	}
	return nil
}

// Copy copies messages into another mailbox and tells their new UIDs, if the server does.
func (mb *Mailbox) Copy(ctx context.Context, set imap.NumSet, to string) (imap.CopyResult, error) {
	return mb.copied(ctx, set, func(k *Conn, piece imap.NumSet) *Pending[imap.CopyResult] { return k.Copy(ctx, piece, to) })
}

func (mb *Mailbox) copied(ctx context.Context, set imap.NumSet, f func(*Conn, imap.NumSet) *Pending[imap.CopyResult]) (all imap.CopyResult, err error) {
	for _, p := range pieces(set) {
		res, err := on(ctx, mb, positional(set), func(k *Conn) *Pending[imap.CopyResult] { return f(k, p) })
		if err != nil {
			return all, err
		}
		all = addCopy(all, res)
	}
	return all, nil
}

// Move moves messages into another mailbox and tells their new UIDs, if the server does. Without
// MOVE they are copied, and deleted as Delete does. After a lost connection what is still there is
// moved; the UIDs of the others are then not known.
func (mb *Mailbox) Move(ctx context.Context, set imap.NumSet, to string) (imap.CopyResult, error) {
	if err := mb.writable(); err != nil {
		return imap.CopyResult{}, err
	}
	uids, err := mb.resolve(ctx, set)
	if err != nil {
		return imap.CopyResult{}, err
	}
	if mb.offers(imap.CapMove) {
		return mb.copied(ctx, uids, func(k *Conn, piece imap.NumSet) *Pending[imap.CopyResult] { return k.Move(ctx, piece, to) })
	}
	res, err := mb.Copy(ctx, uids, to)
	if err != nil {
		return res, err
	}
	return res, mb.Delete(ctx, uids)
}

func (mb *Mailbox) offers(c imap.Cap) bool {
	k, _, _ := mb.selected()
	return k.Caps().Has(c)
}

// resolve returns the UIDs of a set, which stay what they are whatever is expunged meanwhile.
func (mb *Mailbox) resolve(ctx context.Context, set imap.NumSet) (imap.UIDSet, error) {
	if uids, ok := set.(imap.UIDSet); ok && !uids.Dynamic() {
		return uids, nil
	}
	if s, ok := set.(imap.SeqSet); ok && s.Empty() {
		return imap.UIDSet{}, nil
	}
	return mb.Search(ctx, imap.InSet(set))
}

// Unselect leaves the mailbox and expunges nothing.
func (mb *Mailbox) Unselect(ctx context.Context) error {
	return mb.leave(ctx, func(k *Conn) *Pending[struct{}] { return k.Unselect(ctx) })
}

// Close leaves the mailbox. When it was not selected for reading only, its messages with \Deleted
// are removed, unless the connection is lost just then, which is imap.ErrUncertain.
func (mb *Mailbox) Close(ctx context.Context) error {
	return mb.leave(ctx, func(k *Conn) *Pending[struct{}] { return k.CloseMailbox(ctx) })
}

func (mb *Mailbox) leave(ctx context.Context, f func(*Conn) *Pending[struct{}]) error {
	_, err := on(ctx, mb, false, func(k *Conn) *Pending[struct{}] {
		p := f(k)
		return p
	})
	if err == nil {
		mb.c.left(mb)
	}
	return err
}

func (c *Client) left(mb *Mailbox) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.current == mb {
		c.mu.current = nil
	}
}
