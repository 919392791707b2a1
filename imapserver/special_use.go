package imapserver

import (
	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
)

// specialUseExtension tells with every LIST response what a mailbox is for, asked or not.
var specialUseExtension = extension{
	name: "SPECIAL-USE", rfc: "RFC 6154",
	capabilities: afterLogin(string(imap.CapSpecialUse)),
	listSelections: []listSelection{{
		name:  "SPECIAL-USE",
		given: func(cmd *imapwire.List) bool { return cmd.Select.SpecialUse },
		meets: func(ns *mailbox.Namespace, name string) bool {
			e, ok := ns.Lookup(name)
			return ok && len(e.Use) > 0
		},
	}},
	listReturns: []listReturn{{
		name:  "SPECIAL-USE",
		given: func(*imapwire.List) bool { return true },
		add: func(ns *mailbox.Namespace, info *imap.MailboxInfo) {
			if e, ok := ns.Lookup(info.Name); ok {
				info.Attrs = append(info.Attrs, e.Use...)
			}
		},
	}},
}

// createSpecialUseExtension lets CREATE say what a mailbox is for.
var createSpecialUseExtension = extension{
	name: "CREATE-SPECIAL-USE", rfc: "RFC 6154",
	capabilities: afterLogin(string(imap.CapCreateSpecial)),
}

// checkUse refuses uses that a mailbox cannot be created with (RFC 6154 §3): those that are views
// of other mailboxes.
func checkUse(uses []imap.MailboxAttr) error {
	for _, use := range uses {
		switch use {
		case imap.AttrArchive, imap.AttrDrafts, imap.AttrJunk, imap.AttrSent, imap.AttrTrash:
		default:
			return no(imap.CodeUseAttr, "A mailbox cannot be created with this use")
		}
	}
	return nil
}
