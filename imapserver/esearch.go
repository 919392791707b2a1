package imapserver

import (
	"cmp"
	"slices"

	"restante/imap"
	"restante/imapwire"
)

// esearchExtension is SEARCH RETURN (MIN MAX ALL COUNT).
var esearchExtension = extension{
	name: "ESEARCH", rfc: "RFC 4731",
	capabilities: afterLogin(string(imap.CapESearch)),
	searchReturns: []searchReturn{
		{
			name:  "MIN",
			given: returnAsks(func(o *imapwire.SearchReturn) bool { return o.Min }),
			add: func(_ *imapwire.Search, d *imapwire.ESearchData, hits []searchHit) {
				if len(hits) > 0 {
					d.Min, d.Items = hits[0].number(d.UID), d.Items|imapwire.ESearchMin
				}
			},
		},
		{
			name:  "MAX",
			given: returnAsks(func(o *imapwire.SearchReturn) bool { return o.Max }),
			add: func(_ *imapwire.Search, d *imapwire.ESearchData, hits []searchHit) {
				if len(hits) > 0 {
					d.Max, d.Items = hits[len(hits)-1].number(d.UID), d.Items|imapwire.ESearchMax
				}
			},
		},
		{
			name: "ALL",
			// Without an option ALL is meant (RFC 9051 §6.4.4).
			given: func(cmd *imapwire.Search) bool {
				return cmd.Return == nil || cmd.Return.All ||
					*cmd.Return == imapwire.SearchReturn{} && !slices.ContainsFunc(cmd.ReturnOptions, isNoHint)
			},
			add: func(_ *imapwire.Search, d *imapwire.ESearchData, hits []searchHit) {
				if len(hits) > 0 {
					addAll(d, hits)
				}
			},
		},
		{
			name:  "COUNT",
			given: returnAsks(func(o *imapwire.SearchReturn) bool { return o.Count }),
			add: func(_ *imapwire.Search, d *imapwire.ESearchData, hits []searchHit) {
				d.Count, d.Items = uint32(len(hits)), d.Items|imapwire.ESearchCount
			},
		},
	},
}

// isNoHint reports whether an option asks for anything.
func isNoHint(o imapwire.Option) bool { return o.Name() != "CONTEXT" }

// addAll adds the numbers of messages, in their order.
func addAll(d *imapwire.ESearchData, hits []searchHit) {
	d.Items |= imapwire.ESearchAll
	if slices.IsSortedFunc(hits, func(a, b searchHit) int { return cmp.Compare(a.seq, b.seq) }) {
		d.All = hitNumbers(hits, d.UID)
		return
	}
	d.Sorted = sortedNumbers(hits, d.UID)
}
