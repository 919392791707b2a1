package imapclient

import (
	"context"

	"restante/imap"
	"restante/imapwire"
)

func init() {
	to := mailboxOf(func(c *imapwire.Move) string { return c.Mailbox })
	commands["MOVE"] = spec{hazard: selected | usesSeq | mayExpunge | changes, mailbox: to, needs: imap.CapMove}
	// What has been moved is not there to be moved again.
	commands["UID MOVE"] = spec{hazard: selected | mayExpunge, mailbox: to, needs: imap.CapMove}
}

// Move moves messages into another mailbox (RFC 9051 §6.4.8). The server has to offer MOVE;
// Mailbox.Move does without.
func (c *Conn) Move(ctx context.Context, set imap.NumSet, to string) *Pending[imap.CopyResult] {
	return c.copied(c.newCommand(ctx, &imapwire.Move{UID: isUID(set), Set: set, Mailbox: to}))
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
	if mb.offers("UID MOVE") {
		return mb.copied(ctx, uids, func(k *Conn, piece imap.NumSet) *Pending[imap.CopyResult] { return k.Move(ctx, piece, to) })
	}
	res, err := mb.Copy(ctx, uids, to)
	if err != nil {
		return res, err
	}
	return res, mb.Delete(ctx, uids)
}
