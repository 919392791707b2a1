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
func appendUID(r store.AppendResult) reply {
	return reply{code: imap.CodeAppendUID, args: fmt.Sprintf("%d %s", r.UIDValidity, imap.UIDs(r.UIDs...))}
}

// copyUID tells where the messages went (RFC 4315 §3).
func copyUID(r store.CopyResult) reply {
	return reply{
		code: imap.CodeCopyUID,
		args: fmt.Sprintf("%d %s %s", r.UIDValidity, imap.UIDs(r.Source...), imap.UIDs(r.Dest...)),
		text: fmt.Sprintf("%d messages", len(r.Source)),
	}
}
