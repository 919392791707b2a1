package imapserver

import (
	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
)

// runStore is STORE and UID STORE, RFC 9051 §6.4.6. The new flags reach the client as every change
// does, by the difference of versions: from what the client knew when it gave the command.
func runStore(c *conn, cmd *imapwire.Store) error {
	if len(cmd.Modifiers) > 0 {
		return noOption(cmd, cmd.Modifiers[0]) // none of the grammar's is offered
	}
	newest := c.sel.box.Version()
	set, isUIDs := cmd.Set.(imap.UIDSet)
	if isUIDs {
		set = newest.Existing(set) // new ones too: the client may have their UIDs from elsewhere
	} else {
		var err error
		if set, err = c.resolve(cmd.Set); err != nil {
			return err
		}
	}
	if c.sel.readOnly {
		return errReadOnly
	}
	live := newest.Existing(set)
	if !live.Equal(set) {
		c.completion = reply{code: imap.CodeExpungeIssued, text: "Some of the messages have been expunged"}
	}
	if live.Empty() {
		return nil
	}
	if _, err := c.sel.box.StoreFlags(c.ctx, live, cmd.Op, cmd.Flags); err != nil {
		return err
	}
	retain := !cmd.UID
	if cmd.Silent {
		// What the client asked for it need not be told. What others changed, it must.
		var bits mailbox.FlagBits
		newest = c.sel.box.Version()
		comparable := c.keywordsStay()
		for _, f := range cmd.Flags {
			bits |= newest.Bit(f)
		}
		return c.syncQuiet(retain, func(x mailbox.Changed) bool {
			return comparable && x.Row.Flags == applyFlags(x.Old, cmd.Op, bits) && live.Contains(x.Row.UID)
		})
	}
	// Without .SILENT every message is answered, changed or not (RFC 9051 §6.4.6).
	isAnswered := func(x mailbox.Changed) bool { return live.Contains(x.Row.UID) }
	if err := c.syncQuiet(retain, isAnswered); err != nil {
		return err
	}
	for seq, r := range c.sel.view.RowsByUID(live) {
		c.appendFetchFlags(seq, r, cmd.UID)
		if err := c.room(); err != nil {
			return err
		}
	}
	return nil
}

func applyFlags(flags mailbox.FlagBits, op imap.StoreOp, bits mailbox.FlagBits) mailbox.FlagBits {
	switch op {
	case imap.StoreAdd:
		return flags | bits
	case imap.StoreRemove:
		return flags &^ bits
	}
	return bits
}
