package imapclient

import (
	"context"
	"errors"
	"strings"

	"restante/imap"
	"restante/imapwire"
)

func init() {
	commands["EXPUNGE"] = spec{hazard: selected | mayExpunge | changes}
	commands["UID EXPUNGE"] = spec{hazard: selected | mayExpunge, needs: imap.CapUIDPlus}
}

// Expunge removes all messages with \Deleted (RFC 9051 §6.4.3).
func (c *Conn) Expunge(ctx context.Context) *Pending[struct{}] {
	return c.simple(ctx, &imapwire.Expunge{})
}

// UIDExpunge removes those of the messages that have \Deleted (RFC 9051 §6.4.9). The server has
// to offer UIDPLUS.
func (c *Conn) UIDExpunge(ctx context.Context, set imap.UIDSet) *Pending[struct{}] {
	return c.simple(ctx, &imapwire.Expunge{UID: true, Set: set})
}

// Expunge removes the messages with \Deleted and returns their UIDs.
func (mb *Mailbox) Expunge(ctx context.Context) (imap.UIDSet, error) {
	if err := mb.writable(); err != nil {
		return imap.UIDSet{}, err
	}
	marked, err := mb.Search(ctx, imap.HasFlag(imap.Deleted))
	if err != nil || marked.Empty() {
		return marked, err
	}
	if mb.offers("UID EXPUNGE") {
		return marked, mb.uidExpunge(ctx, marked)
	}
	_, err = on(ctx, mb, false, func(k *Conn) *Pending[struct{}] { return k.Expunge(ctx) })
	return marked, err
}

// Delete removes exactly these messages for good, without reading them: they get \Deleted and are
// expunged. Without UIDPLUS the server can only expunge all messages with \Deleted; others that
// have it lose it before, and get it back afterwards.
func (mb *Mailbox) Delete(ctx context.Context, set imap.NumSet) error {
	if err := mb.writable(); err != nil {
		return err
	}
	uids, err := mb.resolve(ctx, set)
	if err != nil || uids.Empty() {
		return err
	}
	if mb.offers("UID EXPUNGE") {
		if err := mb.Store(ctx, uids, imap.StoreAdd, imap.Deleted); err != nil {
			return err
		}
		return mb.uidExpunge(ctx, uids)
	}
	marked, err := mb.Search(ctx, imap.HasFlag(imap.Deleted))
	if err != nil {
		return err
	}
	others := marked.Minus(uids)
	if err := mb.Store(ctx, others, imap.StoreRemove, imap.Deleted); err != nil {
		return err
	}
	err = mb.Store(ctx, uids, imap.StoreAdd, imap.Deleted)
	if err == nil {
		_, err = on(ctx, mb, false, func(k *Conn) *Pending[struct{}] { return k.Expunge(ctx) })
	}
	if back := mb.Store(context.WithoutCancel(ctx), others, imap.StoreAdd, imap.Deleted); back != nil {
		err = errors.Join(err, back)
	}
	return err
}

func (mb *Mailbox) uidExpunge(ctx context.Context, uids imap.UIDSet) error {
	for p := range uids.Chunks(maxSet) {
		if _, err := on(ctx, mb, false, func(k *Conn) *Pending[struct{}] { return k.UIDExpunge(ctx, p) }); err != nil {
			return err
		}
	}
	return nil
}

// Trash moves messages into the mailbox for deleted ones (RFC 6154, \Trash), or deletes them when
// this is that mailbox. Without one the error is imap.ErrNotFound and nothing is done.
func (mb *Mailbox) Trash(ctx context.Context, set imap.NumSet) error {
	trash, err := mb.c.Role(ctx, imap.AttrTrash)
	if err != nil {
		return err
	}
	if sameMailbox(trash.Name, mb.name) || strings.TrimSuffix(mb.name, string(trash.Delim)) == trash.Name {
		return mb.Delete(ctx, set)
	}
	_, err = mb.Move(ctx, set, trash.Name)
	return err
}
