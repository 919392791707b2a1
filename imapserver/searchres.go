package imapserver

import (
	"restante/imap"
	"restante/imapwire"
)

// searchResExtension is SEARCH RETURN (SAVE) and "$", which conn.searchRes holds.
var searchResExtension = extension{
	name: "SEARCHRES", rfc: "RFC 5182",
	capabilities: afterLogin(string(imap.CapSearchRes)),
}

// saved returns what "$" is after a search: with MIN or MAX, and neither ALL nor COUNT, only what
// they found (RFC 5182 §2.4).
func saved(ret *imapwire.SearchReturn, hits []hit) (s imap.UIDSet) {
	if ret.All || ret.Count || !ret.Min && !ret.Max {
		return uids(hits)
	}
	if len(hits) > 0 && ret.Min {
		s.Add(hits[0].uid)
	}
	if len(hits) > 0 && ret.Max {
		s.Add(hits[len(hits)-1].uid)
	}
	return s
}
