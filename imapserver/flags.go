package imapserver

import (
	"restante/imap"
	"restante/mailbox"
)

// maxKeyword is how many octets a keyword may have. Every message that carries it repeats it whenever
// its flags are told.
const maxKeyword = 255

// checkKeywords refuses flags that a client wants to set when a keyword is too long.
func checkKeywords(flags []imap.Flag) error {
	for _, f := range flags {
		if len(f) > maxKeyword {
			return no(imap.CodeLimit, "A keyword can have %d octets", maxKeyword)
		}
	}
	return nil
}

// flagTexts caches how sets of flags are written.
type flagTexts struct {
	of     map[mailbox.FlagBits]string
	octets int // of all texts, and of what it takes to hold them
}

// maxFlagTexts is how many octets the cache of one session may have.
const maxFlagTexts = 64 << 10

// keep remembers a text, and forgets all others when they have become too much.
func (t *flagTexts) keep(flags mailbox.FlagBits, text string) {
	const entry = 64 // octets of the map for each
	if t.octets += len(text) + entry; t.of == nil || t.octets > maxFlagTexts {
		t.of, t.octets = map[mailbox.FlagBits]string{}, len(text)+entry
	}
	t.of[flags] = text
}
