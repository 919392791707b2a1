package imapserver

import (
	"context"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
	"restante/store"
)

// runCopy is COPY and UID COPY, RFC 9051 §6.4.7: all of the messages or none.
func runCopy(c *conn, cmd *imapwire.Copy) error {
	result, err := c.transfer(cmd.Set, cmd.Mailbox, c.sel.box.Copy)
	if err == nil && len(result.Source) > 0 {
		c.completion = copyUID(result)
	}
	return err
}

// transfer is what COPY and MOVE have in common.
func (c *conn) transfer(nums imap.NumSet, to string,
	do func(context.Context, imap.UIDSet, mailbox.ID) (store.CopyResult, error)) (store.CopyResult, error) {
	set, err := c.resolve(nums)
	if err != nil {
		return store.CopyResult{}, err
	}
	dst, ok := c.account.Namespace().Lookup(to)
	if !ok {
		return store.CopyResult{}, c.tryCreate(to)
	}
	if _, all := c.live(set); !all {
		return store.CopyResult{}, no(imap.CodeExpungeIssued, "Some of the messages have been expunged; nothing was done")
	}
	if set.Empty() {
		return store.CopyResult{}, nil
	}
	return do(c.ctx, set, dst.ID)
}

// tryCreate answers a command whose destination does not exist. TRYCREATE promises that CREATE
// can help (RFC 9051 §7.1).
func (c *conn) tryCreate(name string) error {
	if mailbox.CheckName(name) != nil {
		return no(imap.CodeCannot, "This name is not allowed for a mailbox")
	}
	return no(imap.CodeTryCreate, "No such mailbox")
}
