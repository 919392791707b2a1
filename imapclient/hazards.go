package imapclient

import (
	"slices"
	"strings"

	"restante/imap"
	"restante/imapwire"
)

// hazard is what a command does that others on their way may not put up with (RFC 9051 §5.5).
type hazard uint16

const (
	alone       hazard = 1 << iota // owns the input, or changes what all others mean
	selects                        // changes which mailbox is selected
	selected                       // acts on the selected mailbox
	usesSeq                        // names messages by sequence number
	mayExpunge                     // its reply may come with EXPUNGE, which moves sequence numbers
	readsFlags                     // its result depends on flags
	writesFlags                    // changes flags
	searches                       // answered with SEARCH, which does not say whom it is for
	lists                          // answered with LIST, likewise
	lsubs                          // answered with LSUB, likewise
	changes                        // not to be repeated when its outcome is unknown
)

// hazards is the row of every command. Commands that are not in it are alone.
var hazards = map[string]hazard{
	"APPEND":       mayExpunge | changes,
	"AUTHENTICATE": alone,
	"CAPABILITY":   mayExpunge,
	"CHECK":        selected | mayExpunge,
	"CLOSE":        alone | selects | changes,
	"COPY":         selected | usesSeq | mayExpunge | changes,
	"CREATE":       mayExpunge | changes,
	"DELETE":       mayExpunge | changes,
	"ENABLE":       alone,
	"EXAMINE":      selects | mayExpunge,
	"EXPUNGE":      selected | mayExpunge | changes,
	"FETCH":        selected | usesSeq,
	"ID":           mayExpunge,
	"IDLE":         alone | mayExpunge,
	"LIST":         mayExpunge | lists,
	"LOGIN":        alone,
	"LOGOUT":       alone,
	"LSUB":         mayExpunge | lsubs,
	"MOVE":         selected | usesSeq | mayExpunge | changes,
	"NAMESPACE":    mayExpunge,
	"NOOP":         mayExpunge,
	"RENAME":       mayExpunge | changes,
	"SEARCH":       selected | usesSeq | readsFlags | searches,
	"SELECT":       selects | mayExpunge,
	"STARTTLS":     alone,
	"STATUS":       mayExpunge,
	"STORE":        selected | usesSeq | writesFlags,
	"SUBSCRIBE":    mayExpunge,
	"UID COPY":     selected | mayExpunge | changes,
	"UID EXPUNGE":  selected | mayExpunge,
	"UID FETCH":    selected | mayExpunge,
	"UID MOVE":     selected | mayExpunge, // what has been moved is not there to be moved again
	"UID SEARCH":   selected | readsFlags | searches | mayExpunge,
	"UID STORE":    selected | writesFlags | mayExpunge,
	"UNSELECT":     alone | selects,
	"UNSUBSCRIBE":  mayExpunge,
}

// hazardOf returns the row of a command, made narrower by its arguments.
func hazardOf(cmd imapwire.Command) hazard {
	h, ok := hazards[cmd.Name()]
	if !ok {
		return alone | changes
	}
	switch c := cmd.(type) {
	case *imapwire.Fetch:
		if _, saved := c.Set.(imap.SearchResult); saved {
			break // made to be sent with the SEARCH that saves (RFC 9051 §6.4.4.1)
		}
		for _, it := range c.Items {
			switch {
			case strings.EqualFold(it.Name, "FLAGS"):
				h |= readsFlags
			case it.Section != nil && !it.Peek && it.Name != "BINARY.SIZE":
				h |= writesFlags // sets \Seen
			}
		}
	case *imapwire.Search:
		if c.Return != nil {
			h &^= searches // ESEARCH tells the tag
		}
		if namesSeq(c.Key) {
			h |= usesSeq
		}
	}
	return h
}

// namesSeq reports whether a search key holds sequence numbers.
func namesSeq(k imap.SearchKey) bool {
	if k.Op == imap.SearchSeq || k.Op == imap.SearchRaw {
		_, saved := k.Set.(imap.SearchResult)
		return !saved
	}
	return slices.ContainsFunc(k.Keys, namesSeq)
}

// blocks reports whether a command on its way keeps another from being written.
func (first hazard) blocks(next hazard) bool {
	both := first & next
	switch {
	case (first|next)&alone != 0:
		return true
	case first&selects != 0 && next&(selected|selects) != 0, next&selects != 0 && first&selected != 0:
		return true
	case first&mayExpunge != 0 && next&usesSeq != 0:
		return true
	case first&writesFlags != 0 && next&readsFlags != 0, first&readsFlags != 0 && next&writesFlags != 0:
		return true
	}
	return both&(searches|lists|lsubs) != 0
}
