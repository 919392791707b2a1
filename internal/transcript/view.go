package transcript

import (
	"slices"
	"strconv"
	"strings"
)

// view is the mailbox as a client knows it: enough of it to notice what no server may send.
type view struct {
	selected bool
	exists   uint64
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
		}
		return ""
	}
	selecting := verb == "SELECT" || verb == "EXAMINE"
	if s.rev2 && mentionsRecent(r) {
		return `\Recent and RECENT are not for IMAP4rev2 clients (RFC 9051 Appendix A)`
	}
	if len(r.nodes) < 2 || r.nodes[0].kind != word {
		return ""
	}
	n, err := strconv.ParseUint(r.nodes[0].text, 10, 32)
	if err != nil {
		return ""
	}
	switch what := &r.nodes[1]; {
	case what.is("EXISTS"):
		if n < v.exists && !selecting {
			return "EXISTS shrinks without EXPUNGE (RFC 9051 §7.4.1)"
		}
		v.exists = n
	case what.is("EXPUNGE"):
		switch {
		case n == 0 || n > v.exists:
			return "EXPUNGE of a message that does not exist (RFC 9051 §7.5.1)"
		case verb == "" || !uid && slices.Contains([]string{"FETCH", "STORE", "SEARCH"}, verb):
			return "EXPUNGE while no command, or FETCH, STORE or SEARCH, is in progress (RFC 9051 §7.5.1)"
		}
		v.exists--
	case what.is("FETCH"):
		if n == 0 || n > v.exists {
			return "FETCH of a message that does not exist (RFC 9051 §7.5.2)"
		}
	case what.is("RECENT"):
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

func mentionsRecent(r *response) bool {
	if len(r.nodes) == 2 && r.nodes[1].is("RECENT") {
		return true
	}
	var in func(nodes []node) bool
	in = func(nodes []node) bool {
		return slices.ContainsFunc(nodes, func(n node) bool { return n.is(`\Recent`) || in(n.kids) })
	}
	return in(r.nodes)
}
