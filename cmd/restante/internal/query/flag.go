package query

import (
	"errors"
	"fmt"
	"strings"

	"restante/imap"
)

// flagNames are the names by which flags are known to people.
var flagNames = map[string]imap.Flag{
	"seen": imap.Seen, "read": imap.Seen, "flagged": imap.Flagged, "starred": imap.Flagged,
	"answered": imap.Answered, "replied": imap.Answered, "deleted": imap.Deleted, "draft": imap.Draft,
	"forwarded": imap.Forwarded, "junk": imap.Junk, "notjunk": imap.NotJunk,
}

// ParseFlag reads the name of a flag; one that is not known is a keyword.
func ParseFlag(name string) (imap.Flag, error) {
	lower := strings.ToLower(strings.TrimPrefix(name, `\`))
	if f, ok := flagNames[lower]; ok {
		return f, nil
	}
	switch {
	case name == "":
		return "", errors.New("a flag has no name")
	case lower == "unread" || lower == "unseen" || lower == "new":
		return "", fmt.Errorf("%s is no flag but the lack of one: use -seen", name)
	case strings.HasPrefix(name, `\`) || lower == "recent": // which servers alone set
		return "", fmt.Errorf("%s is no flag that can be set", name)
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`(){%*"\]`, c) >= 0 {
			return "", fmt.Errorf("%q cannot be a keyword: they have no spaces, no umlauts and none of (){%%*\"\\]", name)
		}
	}
	return imap.Flag(name), nil
}
