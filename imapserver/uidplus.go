package imapserver

import (
	"fmt"

	"restante/imap"
	"restante/store"
)

// uidPlusExtension tells where messages went, and expunges some of those with \Deleted.
var uidPlusExtension = extension{
	name: "UIDPLUS", rfc: "RFC 4315",
	capabilities: afterLogin(string(imap.CapUIDPlus)),
	commands: map[string]command{
		"UID EXPUNGE": {in: selected, run: handler(runExpunge)},
	},
}

// appendUID tells where an appended message is (RFC 4315 §3).
func appendUID(out store.Outcome) reply {
	return reply{code: imap.CodeAppendUID, args: fmt.Sprintf("%d %s", out.UIDValidity, imap.UIDs(out.UIDs...))}
}

// copyUID tells where the messages went (RFC 4315 §3).
func copyUID(out store.Outcome) reply {
	return reply{
		code: imap.CodeCopyUID,
		args: fmt.Sprintf("%d %s %s", out.UIDValidity, imap.UIDs(out.Source...), imap.UIDs(out.UIDs...)),
		text: fmt.Sprintf("%d messages", len(out.UIDs)),
	}
}
