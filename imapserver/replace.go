package imapserver

import (
	"errors"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
	"restante/store"
)

var replaceExtension = extension{
	name: "REPLACE", rfc: "RFC 8508",
	capabilities: afterLogin(string(imap.CapReplace)),
	commands: map[string]command{
		"REPLACE":     {in: selected, flags: ownsInput | syncAfter, run: handler(runReplace)},
		"UID REPLACE": {in: selected, flags: ownsInput | syncAfter, run: handler(runReplace)},
	},
}

// runReplace is REPLACE and UID REPLACE, RFC 8508 §3.4: the new message is there and the old one is
// not, or nothing has happened. The old one goes first, so that what the user may keep is counted when
// both is done. APPENDUID is sent untagged, before the EXPUNGE (RFC 8508 §4.3).
func runReplace(c *conn, cmd *imapwire.Replace) error {
	if c.sel.readOnly {
		return errReadOnly
	}
	in := &appendInput{c: c, command: cmd.Name(), literal: c.literal}
	defer in.close()
	old, err := c.replaced(cmd.Set)
	if err != nil {
		return err
	}
	if err := in.check(&cmd.Append); err != nil {
		return err
	}
	dst, err := c.findDestination(cmd.Append.Mailbox)
	if err != nil {
		return err
	}
	next, err := in.message(&cmd.Append)
	if err != nil {
		return err
	}
	if next != nil {
		return bad("%s has one message", cmd.Name())
	}
	remove := &store.Expunge{Mailbox: c.sel.box.Ref(), UIDs: old, Undeleted: true, MustExist: true}
	add := &store.Append{Mailbox: c.ref(dst.ID), Messages: in.messages}
	out, err := c.commit(remove, add)
	var blamed *store.OpError
	switch {
	case errors.Is(err, store.ErrGone) && c.sel.view.Existing(old).Empty():
		return errNoMessage
	case errors.Is(err, store.ErrGone):
		return no(imap.CodeExpungeIssued, "The message has been expunged; nothing was done")
	case noSuchMailbox(err) && errors.As(err, &blamed) && blamed.Index == 1:
		return c.tryCreate(cmd.Append.Mailbox) // deleted meanwhile
	case err != nil:
		return err
	}
	r := appendUID(out[1])
	c.out = imapwire.AppendStatusResponse(c.out, "*", "OK", r.code, r.args, "The new message is there")
	return nil
}

// replaced returns the message that a command replaces. Of UIDs the store knows best, the client may
// have one from elsewhere.
func (c *conn) replaced(set imap.NumSet) (imap.UIDSet, error) {
	if uids, ok := set.(imap.UIDSet); ok {
		if uids = uids.Resolve(c.sel.view.MaxUID()); !uids.Empty() {
			return uids, nil
		}
	}
	uids, err := c.resolve(set)
	if err == nil && uids.Empty() {
		err = errNoMessage
	}
	return uids, err
}

var errNoMessage = no(imap.CodeNonExistent, "There is no such message")

// noSuchMailbox reports whether an error says that the user knows of no such mailbox, or may not use it.
func noSuchMailbox(err error) bool {
	return errors.Is(err, mailbox.ErrNotFound) || errors.Is(err, store.ErrForbidden)
}
