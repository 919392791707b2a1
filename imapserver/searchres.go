package imapserver

import (
	"restante/imap"
	"restante/imapwire"
)

// searchResExtension is SEARCH RETURN (SAVE) and "$", which conn.searchRes holds. A search that has
// failed leaves nothing in it (RFC 5182 §2.1).
var searchResExtension = extension{
	name: "SEARCHRES", rfc: "RFC 5182",
	capabilities: afterLogin(string(imap.CapSearchRes)),
	searchReturns: []searchReturn{{
		name:  "SAVE",
		given: returnAsks(func(o *imapwire.SearchReturn) bool { return o.Save }),
		done: func(c *conn, cmd *imapwire.Search, _ []imap.SortCriterion, hits []searchHit, err error) {
			c.searchRes = imap.UIDSet{}
			if err == nil {
				c.searchRes = savedResult(cmd, hits)
			}
		},
	}},
}

// savedResult returns what "$" is after a search: with MIN, MAX or PARTIAL, and neither ALL nor COUNT,
// only what they found (RFC 5182 §2.4, RFC 9394 §3.2).
func savedResult(cmd *imapwire.Search, hits []searchHit) (s imap.UIDSet) {
	options, partial := cmd.Return, partialOption(cmd.ReturnOptions)
	if options.All || options.Count || !options.Min && !options.Max && partial == nil {
		return hitUIDs(hits)
	}
	if partial != nil {
		s = hitUIDs(partialHits(partial, hits))
	}
	if len(hits) > 0 && options.Min {
		s.Add(hits[0].uid)
	}
	if len(hits) > 0 && options.Max {
		s.Add(hits[len(hits)-1].uid)
	}
	return s
}
