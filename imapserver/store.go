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
	if !known.Minus(out.Done).Empty() {
		c.completion = reply{code: imap.CodeExpungeIssued, text: "Some of the messages have been expunged"}
	}
	retain := !cmd.UID
	if cmd.Silent {
		// What the client asked for it need not be told. What others changed, it must.
		comparable := c.keywordsStay()
		asked := c.sel.box.Version().Known(cmd.Flags...)
		return c.syncQuiet(retain, func(x mailbox.Changed, last, next *mailbox.Version) bool {
			return comparable && mailbox.IsStore(last, x.Old, next, x.Row, cmd.Op, asked) && out.Done.Contains(x.Row.UID)
		})
	}
	// Without .SILENT every message is answered, changed or not (RFC 9051 §6.4.6).
	isAnswered := func(x mailbox.Changed, _, _ *mailbox.Version) bool { return out.Done.Contains(x.Row.UID) }
	if err := c.syncQuiet(retain, isAnswered); err != nil {
		return err
	}
	live, _ := c.live(out.Done)
	for seq, r := range c.sel.view.RowsByUID(live) {
		c.appendFetchFlags(seq, r, cmd.UID)
		if err := c.room(); err != nil {
			return err
		}
	}
	if _, all := c.live(known); !all && !cmd.UID {
		// It promised the flags of every message (RFC 2180 §4.2.3).
		return no(imap.CodeExpungeIssued, "Some of the messages have been expunged; the others were changed")
	}
	return nil
}
