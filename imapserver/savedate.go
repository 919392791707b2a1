package imapserver

import (
	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
)

// saveDateExtension tells when a message came into its mailbox, and searches by it. Every store notes
// that; a message of which nobody noted it has NIL, and is searched by its internal date.
var saveDateExtension = extension{
	name: "SAVEDATE", rfc: "RFC 8514",
	capabilities: afterLogin(string(imap.CapSaveDate)),
	fetchItems: map[string]fetchItem{
		"SAVEDATE": {value: func(f *fetcher, _ *imap.FetchItem) error {
			saved, known := f.msg.row.Saved.Time()
			if !known {
				f.c.out = append(f.c.out, "NIL"...)
				return nil
			}
			f.c.out = imapwire.AppendDateTime(f.c.out, saved)
			return nil
		}},
	},
	searchKeys: map[imap.SearchOp]searchKey{
		imap.SearchSavedBefore:       savedKey(dayBefore),
		imap.SearchSavedOn:           savedKey(dayOn),
		imap.SearchSavedSince:        savedKey(daySince),
		imap.SearchSaveDateSupported: rowKey(func(*imap.SearchKey) rowPredicate { return func(*mailbox.Row) bool { return true } }),
	},
}

// savedKey compares the day, in UTC, on which a message came into its mailbox.
func savedKey(ok func(day, want int64) bool) searchKey {
	return rowKey(func(k *imap.SearchKey) rowPredicate {
		want := dayNumber(k.Date)
		return func(r *mailbox.Row) bool {
			day, known := r.Saved.Day()
			if !known {
				day = r.Date.Day()
			}
			return ok(day, want)
		}
	})
}
