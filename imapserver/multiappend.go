package imapserver

import (
	"restante/imap"
	"restante/store"
)

// multiAppendExtension lets APPEND have several messages, which runAppend serves.
var multiAppendExtension = extension{
	name: "MULTIAPPEND", rfc: "RFC 3502",
	capabilities: afterLogin(string(imap.CapMultiAppend)),
}

// What the messages of one APPEND may have together.
const (
	// maxAppends is how many they may be: a store may hold each open, or as many as 16 KiB of it in memory.
	maxAppends = 200
	// maxAppendHeld is how many octets the session may hold for them until they are committed: of what
	// is kept beside each, 64 KiB at most and as a rule two or three.
	maxAppendHeld = 4 << 20
	// maxAppendSizes is how many messages of the greatest size that is allowed they may be as long as.
	maxAppendSizes = 4
)

// appendHeld returns how many octets a session holds for a message.
func appendHeld(flags []imap.Flag, summary []byte) int {
	const message = 512 // of what every message takes
	n := message + len(summary)
	for _, f := range flags {
		n += len(f) + 16
	}
	return n
}

// checkTotal refuses one message more, of a size, when all together become too much.
func (in *appendInput) checkTotal(size int64) error {
	limit := min(in.c.s.limits.AppendLimit, store.MaxMessageSize)
	switch {
	case len(in.messages) == maxAppends:
		return no(imap.CodeLimit, "One %s can have %d messages; nothing was appended", in.command, maxAppends)
	case in.held > maxAppendHeld:
		return no(imap.CodeLimit, "These are too many messages for one %s; nothing was appended", in.command)
	case in.size > maxAppendSizes*limit-size:
		return no(imap.CodeLimit, "The messages of one %s can have %d octets together; nothing was appended", in.command, maxAppendSizes*limit)
	}
	return nil
}
