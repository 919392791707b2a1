package imapserver

import (
	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
)

// listExtendedExtension has the options of LIST for subscriptions; LIST itself looks at
// RECURSIVEMATCH, which modifies all selection options, and REMOTE selects nothing more here.
var listExtendedExtension = extension{
	name: "LIST-EXTENDED", rfc: "RFC 5258",
	capabilities: afterLogin(string(imap.CapListExtended)),
	listSelections: []listSelection{{
		name:  "SUBSCRIBED",
		given: func(cmd *imapwire.List) bool { return cmd.Select.Subscribed },
		meets: (*mailbox.Namespace).IsSubscribed,
		names: (*mailbox.Namespace).Subscribed,
	}},
	listReturns: []listReturn{{
		name:  "SUBSCRIBED",
		given: func(cmd *imapwire.List) bool { return cmd.Select.Subscribed || cmd.Return.Subscribed },
		add: func(ns *mailbox.Namespace, info *imap.MailboxInfo) {
			if ns.IsSubscribed(info.Name) {
				info.Attrs = append(info.Attrs, imap.AttrSubscribed)
			}
		},
	}},
}

// listChildrenExtension tells with every LIST response whether there are inferiors, asked or not.
var listChildrenExtension = extension{
	name: "CHILDREN", rfc: "RFC 3348",
	capabilities: afterLogin(string(imap.CapChildren)),
	listReturns: []listReturn{{
		name:  "CHILDREN",
		given: func(*imapwire.List) bool { return true },
		add: func(ns *mailbox.Namespace, info *imap.MailboxInfo) {
			attr := imap.AttrHasNoChildren
			if ns.HasChildren(info.Name) {
				attr = imap.AttrHasChildren
			}
			info.Attrs = append(info.Attrs, attr)
		},
	}},
}
