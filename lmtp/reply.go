package lmtp

import (
	"fmt"
)

// reply is one line of answer: a code of RFC 5321 §4.2 and an enhanced code of RFC 3463.
type reply struct {
	code     int
	enhanced string // "" for none
	text     string
}

func (r reply) String() string {
	if r.enhanced == "" {
		return fmt.Sprintf("%d %s", r.code, r.text)
	}
	return fmt.Sprintf("%d %s %s", r.code, r.enhanced, r.text)
}

// with returns r with another text.
func (r reply) with(format string, args ...any) reply {
	r.text = fmt.Sprintf(format, args...)
	return r
}

var (
	replyOK       = reply{250, "2.0.0", "OK"}
	replySequence = reply{503, "5.5.1", "Bad sequence of commands"}
	replySyntax   = reply{501, "5.5.4", "Syntax error in parameters"}
	replyUnknown  = reply{500, "5.5.1", "Command not recognized"}
	replyLong     = reply{500, "5.5.2", "Line too long"}
	replyParam    = reply{555, "5.5.4", "Parameter not recognized"}
	replyTooBig   = reply{552, "5.3.4", "Message is larger than this server takes"}
	replyNoUser   = reply{550, "5.1.1", "No such user here"}
	replyNotOurs  = reply{550, "5.1.2", "Mail for this domain is not taken here"}
	// The system is wrongly configured, which can be mended (RFC 3463 §3.4).
	replyNoPostmaster = reply{451, "4.3.5", "Nobody is postmaster here yet, try again later"}
	replyTemporary    = reply{451, "4.3.0", "Mail store is not available, try again later"}
	replyNoSpace      = reply{452, "4.3.1", "Not enough space for the message, try again later"}
	replyOverQuota    = reply{452, "4.2.2", "Mailbox is full"}
	replyNotUTF8      = reply{553, "5.6.7", "Address is not ASCII; SMTPUTF8 was not asked for"}
	replyManyRcpts    = reply{452, "4.5.3", "Too many recipients"}
	replyShutdown     = reply{421, "4.3.2", "Server is going down"}
	replyIdle         = reply{421, "4.4.2", "Nothing heard for too long"}
	replyManyErrors   = reply{421, "4.7.0", "Too many errors"}
	replyManyConns    = reply{421, "4.3.2", "Too many connections, try again later"}
)
