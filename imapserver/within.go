package imapserver

import (
	"restante/imap"
	"restante/mailbox"
)

// withinExtension are the search keys OLDER and YOUNGER, which compare the internal date with the time
// of the server, to the second.
var withinExtension = extension{
	name: "WITHIN", rfc: "RFC 5032",
	capabilities: afterLogin(string(imap.CapWithin)),
	searchKeys: map[imap.SearchOp]searchKey{
		imap.SearchOlder:   withinKey(func(date, target int64) bool { return date <= target }),
		imap.SearchYounger: withinKey(func(date, target int64) bool { return date >= target }),
	},
}

// withinKey compares the internal date with the time so many seconds ago; both are in Unix time.
func withinKey(ok func(date, target int64) bool) searchKey {
	return func(p *searchCompiler, k *imap.SearchKey) (criterion, error) {
		target := p.now.Unix() - k.Size
		return rowCriterion(func(r *mailbox.Row) bool { return ok(r.Date.Unix(), target) }), nil
	}
}
