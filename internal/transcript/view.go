package transcript

import (
	"slices"
	"strings"

	"restante/imap"
)

// view is the mailbox as a client knows it: enough of it to notice what no server may send.
type view struct {
	selected bool
	exists   uint64
	// notified says that messages may go at any time (RFC 5465 §5.3).
	notified bool
}

// check follows a response and returns the rule that it breaks, or "".
func (v *view) check(s *session, r *response) string {
	running := "" // the command in progress
	if len(s.sent) > 0 {
		running = s.sent[0].text
	}
	verb, arg, _ := strings.Cut(strings.ToUpper(running), " ")
	uid := verb == "UID"
	if uid {
		verb, _, _ = strings.Cut(arg, " ")
	}
	if r.tag != "*" {
		if len(s.sent) > 0 && r.tag == s.sent[0].tag {
			v.tagged(verb, r.nodes[0].is("OK"))
			if verb == "NOTIFY" && r.nodes[0].is("OK") {
				v.notified = strings.Contains(strings.ToUpper(arg), "(SELECTED (MESSAGE")
			}
		}
		return ""
	}
	selecting := verb == "SELECT" || verb == "EXAMINE"
	if s.rev2 && mentionsRecent(r) {
		return `\Recent is not for IMAP4rev2 clients (RFC 9051 §2.3.2)`
	}
	if len(r.nodes) == 2 && r.nodes[0].is("VANISHED") {
		gone, err := imap.ParseUIDSet(r.nodes[1].text)
		switch {
		case err != nil || gone.Dynamic() || uint64(gone.Len()) > v.exists:
			return "VANISHED of what the client does not know (RFC 7162 §3.2.10.2)"
		case verb == "" && !v.notified || !uid && slices.Contains([]string{"FETCH", "STORE", "SEARCH"}, verb):
			return "VANISHED while no command, or FETCH, STORE or SEARCH, is in progress (RFC 7162 §3.2.10.2)"
		}
		v.exists -= uint64(gone.Len())
		return ""
	}
	n, what := r.numbered()
	switch what {
	case "EXISTS":
		if n < v.exists && !selecting {
			return "EXISTS shrinks without EXPUNGE (RFC 9051 §7.4.1)"
		}
		v.exists = n
	case "EXPUNGE":
		switch {
		case n == 0 || n > v.exists:
			return "EXPUNGE of a message that does not exist (RFC 9051 §7.5.1)"
		case verb == "" && !v.notified || !uid && slices.Contains([]string{"FETCH", "STORE", "SEARCH", "SORT", "THREAD"}, verb):
			return "EXPUNGE while no command, or FETCH, STORE, SEARCH, SORT or THREAD, is in progress (RFC 9051 §7.5.1)"
		}
		v.exists--
	case "FETCH":
		asked := !uid && (verb == "FETCH" || verb == "STORE")
		switch {
		case n == 0 || n > v.exists:
			return "FETCH of a message that does not exist (RFC 9051 §7.5.2)"
		case s.rev2 && !asked && !hasItem(r, "UID"):
			return "FETCH without UID that no command asked for, or that a UID command did (RFC 9051 §7.5.2)"
		}
	case "RECENT":
		if n > v.exists && !selecting {
			return "more RECENT than EXISTS (RFC 3501 §7.3.2)"
		}
	}
	return ""
}

// tagged follows the end of a command.
func (v *view) tagged(verb string, ok bool) {
	switch verb {
	case "SELECT", "EXAMINE":
		v.selected = ok
	case "CLOSE", "UNSELECT":
		v.selected = v.selected && !ok
	}
	if !v.selected {
		v.exists = 0
	}
}

// mentionsRecent reports whether a flag list holds \Recent.
func mentionsRecent(r *response) bool {
	var in func(nodes []node) bool
	in = func(nodes []node) bool {
		return slices.ContainsFunc(nodes, func(n node) bool { return n.is(`\Recent`) || in(n.kids) })
	}
	return in(r.nodes)
}

// hasItem reports whether a FETCH response has the item.
func hasItem(r *response, name string) bool {
	for i, n := range r.nodes[len(r.nodes)-1].kids {
		if i%2 == 0 && n.is(name) {
			return true
		}
	}
	return false
}
