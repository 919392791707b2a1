package imapserver

import (
	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
	"restante/store"
)

// storeModifier serves a modifier of STORE (RFC 4466 §2.5): it changes what is asked of the store.
type storeModifier func(c *conn, option imapwire.Option, op *store.StoreFlags) error

// runStore is STORE and UID STORE, RFC 9051 §6.4.6. The store decides which of the messages are still
// there. The new flags reach the client as every change does, by the difference of versions: from
// what the client knew when it gave the command.
func runStore(c *conn, cmd *imapwire.Store) error {
	if err := checkKeywords(cmd.Flags); err != nil {
		return err
	}
	known, err := c.resolve(cmd.Set)
	if err != nil {
		return err
	}
	if c.sel.readOnly {
		return errReadOnly
	}
	set := known
	if uids, ok := cmd.Set.(imap.UIDSet); ok {
		// New ones too: the client may have their UIDs from elsewhere.
		set = uids.Resolve(c.sel.box.Version().MaxUID())
	}
	op := &store.StoreFlags{Mailbox: c.sel.box.Ref(), UIDs: set, Op: cmd.Op, Flags: cmd.Flags}
	for _, o := range cmd.Modifiers {
		modify, ok := c.s.features.storeModifiers[o.Name()]
		if !ok {
			return noOption(cmd, o)
		}
		if err := modify(c, o, op); err != nil {
			return err
		}
	}
	if set.Empty() {
		return nil
	}
	out, err := c.change(op)
	if err != nil {
		return err
	}
	if !known.Minus(out.Done).Minus(out.Modified).Empty() {
		c.completion = reply{code: imap.CodeExpungeIssued, text: "Some of the messages have been expunged"}
	}
	if err := c.tellStored(cmd, op, out); err != nil {
		return err
	}
	_, all := c.live(known)
	if !out.Modified.Empty() {
		c.completion = c.modified(cmd.UID, out.Modified)
	}
	if !all && !cmd.UID && !cmd.Silent {
		// It promised the flags of every message (RFC 2180 §4.2.3).
		f := &failure{"NO", reply{code: imap.CodeExpungeIssued, text: "Some of the messages have been expunged; the others were changed"}}
		if c.completion.code == imap.CodeModified {
			f.code, f.args = c.completion.code, c.completion.args
		}
		return f
	}
	return nil
}

// tellStored tells what has become of the messages of a STORE, and what else has changed.
func (c *conn) tellStored(cmd *imapwire.Store, op *store.StoreFlags, out store.Outcome) error {
	comparable := c.keywordsStay()
	asked := c.sel.box.Version().Known(cmd.Flags...)
	// Without .SILENT every message is answered, changed or not (RFC 9051 §6.4.6). With a condition those
	// are that the client has to know the mod-sequence of, or the flags that it did not know
	// (RFC 7162 §3.1.3).
	answered, unknown := out.Done, out.Modified.Clone()
	if cmd.Silent && op.UnchangedSince == nil {
		answered = imap.UIDSet{}
	}
	err := c.syncTelling(!cmd.UID, func(x mailbox.Changed, last, next *mailbox.Version) telling {
		uid := x.Row.UID
		switch {
		case unknown.Contains(uid), answered.Contains(uid) && !cmd.Silent:
			return tellNothing
		case !out.Done.Contains(uid), !comparable, !mailbox.IsStore(last, x.Old, next, x.Row, cmd.Op, asked):
			// What the client asked for it need not be told. What others changed, it must.
			if answered.Contains(uid) {
				unknown.Add(uid)
				return tellNothing
			}
			return tellFlags
		case answered.Contains(uid):
			return tellNothing
		}
		return tellModSeq
	})
	if err != nil {
		return err
	}
	live, _ := c.live(answered.Union(unknown))
	for seq, r := range c.sel.view.RowsByUID(live) {
		c.appendFetchFlags(seq, r, cmd.UID, cmd.Silent && !unknown.Contains(r.UID))
		if err := c.room(); err != nil {
			return err
		}
	}
	return nil
}

// modified tells which messages the condition has left out (RFC 7162 §3.1.3).
func (c *conn) modified(uid bool, set imap.UIDSet) reply {
	r := reply{code: imap.CodeModified, args: set.String(), text: "Some of the messages have been changed meanwhile"}
	if !uid {
		var seqs imap.SeqSet
		for seq := range c.sel.view.RowsByUID(set) {
			seqs.Add(seq)
		}
		r.args = seqs.String()
	}
	return r
}
