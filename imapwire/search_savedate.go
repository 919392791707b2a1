package imapwire

import "restante/imap"

// The search keys of RFC 8514 §5.
func init() {
	for _, op := range []imap.SearchOp{imap.SearchSavedBefore, imap.SearchSavedOn, imap.SearchSavedSince} {
		searchKeys.add(string(op), dateArg)
	}
	searchKeys.add(string(imap.SearchSaveDateSupported), noArg)
}
