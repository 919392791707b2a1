package imapclient

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"restante/imap"
)

// Mailbox is a mailbox that a Client has selected. After another Select its methods fail with
// imap.ErrNotSelected, so no command hits the wrong mailbox. After a lost connection it is selected
// again; when its UIDVALIDITY has changed meanwhile, so that UIDs mean something else, its methods
// fail with an error that is imap.ErrUIDValidity and imap.ErrNotSelected.
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
		return mb.otherUIDs()
	}
	mb.mu.conn, mb.mu.sel = k, sel
	return nil
}

// otherUIDs says that the mailbox is not the one that was selected.
func (mb *Mailbox) otherUIDs() error {
	return fmt.Errorf("imapclient: %s: %w: %w", mb.name, imap.ErrUIDValidity, imap.ErrNotSelected)
}

func (mb *Mailbox) selected() (k *Conn, sel *selection, gone bool) {
	mb.mu.Lock()
	defer mb.mu.Unlock()
	return mb.mu.conn, mb.mu.sel, mb.mu.gone
}

// with calls f with a connection that has the mailbox selected. f calls commands and does not
// wait: the turn keeps anybody from selecting something else in front of them.
func (mb *Mailbox) with(ctx context.Context, f func(*Conn)) error {
	return mb.withConn(ctx, mb.c.connect, f)
}

// withConn is with for a connection that connect makes again if need be.
func (mb *Mailbox) withConn(ctx context.Context, connect func(context.Context) (*Conn, error), f func(*Conn)) error {
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
			return mb.otherUIDs()
		}
		k, err := connect(ctx)
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

// offers reports whether the server has a command.
func (mb *Mailbox) offers(name string) bool {
	k, _, _ := mb.selected()
	return k.offers(name)
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
