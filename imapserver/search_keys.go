package imapserver

import (
	"cmp"
	"time"

	"restante/imap"
	"restante/mailbox"
	"restante/message"
)

// baseSearchKeys are the keys of RFC 9051 §6.4.4; NEW, OLD and RECENT are of RFC 3501 §6.4.4.
var baseSearchKeys = map[imap.SearchOp]searchKey{
	imap.SearchAnd: compileAnd,
	imap.SearchOr:  compileOr,
	imap.SearchNot: compileNot,
	imap.SearchSeq: compileSet,
	imap.SearchUID: compileSet,

	imap.SearchAll: rowKey(func(*imap.SearchKey) rowPredicate { return func(*mailbox.Row) bool { return true } }),

	imap.SearchAnswered:   flagKey(mailbox.BitAnswered, true),
	imap.SearchUnanswered: flagKey(mailbox.BitAnswered, false),
	imap.SearchDeleted:    flagKey(mailbox.BitDeleted, true),
	imap.SearchUndeleted:  flagKey(mailbox.BitDeleted, false),
	imap.SearchDraft:      flagKey(mailbox.BitDraft, true),
	imap.SearchUndraft:    flagKey(mailbox.BitDraft, false),
	imap.SearchFlagged:    flagKey(mailbox.BitFlagged, true),
	imap.SearchUnflagged:  flagKey(mailbox.BitFlagged, false),
	imap.SearchSeen:       flagKey(mailbox.BitSeen, true),
	imap.SearchUnseen:     flagKey(mailbox.BitSeen, false),
	imap.SearchKeyword:    keywordKey(true),
	imap.SearchUnkeyword:  keywordKey(false),

	imap.SearchRecent: recentKey(func(recent bool, _ *mailbox.Row) bool { return recent }),
	imap.SearchNew:    recentKey(func(recent bool, r *mailbox.Row) bool { return recent && r.Flags&mailbox.BitSeen == 0 }),
	imap.SearchOld:    recentKey(func(recent bool, _ *mailbox.Row) bool { return !recent }),

	imap.SearchLarger: rowKey(func(k *imap.SearchKey) rowPredicate {
		return func(r *mailbox.Row) bool { return int64(r.Size) > k.Size }
	}),
	imap.SearchSmaller: rowKey(func(k *imap.SearchKey) rowPredicate {
		return func(r *mailbox.Row) bool { return int64(r.Size) < k.Size }
	}),

	imap.SearchBefore:     dateKey(dayBefore),
	imap.SearchOn:         dateKey(dayOn),
	imap.SearchSince:      dateKey(daySince),
	imap.SearchSentBefore: sentKey(dayBefore),
	imap.SearchSentOn:     sentKey(dayOn),
	imap.SearchSentSince:  sentKey(daySince),

	imap.SearchFrom:    fieldKey("FROM", true),
	imap.SearchTo:      fieldKey("TO", true),
	imap.SearchCc:      fieldKey("CC", true),
	imap.SearchBcc:     fieldKey("BCC", true),
	imap.SearchSubject: fieldKey("SUBJECT", false),
	imap.SearchHeader:  fieldKey("", false),
	imap.SearchBody:    textKey(false),
	imap.SearchText:    textKey(true),
}

// rowKey is a key that needs only the message's row.
func rowKey(compile func(*imap.SearchKey) rowPredicate) searchKey {
	return func(_ *searchCompiler, k *imap.SearchKey) (criterion, error) {
		return rowCriterion(compile(k)), nil
	}
}

// flagKey asks for messages that have a flag, or do not.
func flagKey(bit mailbox.FlagBits, want bool) searchKey {
	return rowKey(func(*imap.SearchKey) rowPredicate { return hasBit(bit, want) })
}

func hasBit(bit mailbox.FlagBits, want bool) rowPredicate {
	return func(r *mailbox.Row) bool { return r.Flags&bit != 0 == want }
}

// keywordKey asks for messages that have a keyword, or do not. One that the mailbox does not know
// has no bit: no message carries it.
func keywordKey(want bool) searchKey {
	return func(p *searchCompiler, k *imap.SearchKey) (criterion, error) {
		view := p.sel.view
		asked := view.Known(k.Flag)
		if asked.Far == (mailbox.FarBits{}) {
			return rowCriterion(hasBit(asked.Bits, want)), nil
		}
		return rowCriterion(func(r *mailbox.Row) bool { return view.Set(r).Intersects(asked) == want }), nil
	}
}

// recentKey asks whether a message is \Recent in this session.
func recentKey(f func(recent bool, r *mailbox.Row) bool) searchKey {
	return func(p *searchCompiler, _ *imap.SearchKey) (criterion, error) {
		recent := p.sel.recent
		return rowCriterion(func(r *mailbox.Row) bool { return f(recent.Contains(r.UID), r) }), nil
	}
}

// compileSet is a key that names messages by number. Numbers that do not exist match nothing:
// clients give "1:*" without looking whether the mailbox is empty.
func compileSet(p *searchCompiler, k *imap.SearchKey) (criterion, error) {
	view := p.sel.view
	switch set := k.Set.(type) {
	case imap.SeqSet:
		if p.c.uidOnly() {
			return criterion{}, errUIDRequired // RFC 9586 §3.5
		}
		set = set.Resolve(imap.SeqNum(view.Len()))
		return criterion{match: func(m *openMessage) (bool, error) { return set.Contains(m.seq), nil }}, nil
	case imap.UIDSet:
		set = set.Resolve(view.MaxUID())
		return rowCriterion(func(r *mailbox.Row) bool { return set.Contains(r.UID) }), nil
	}
	result := p.c.searchRes
	if p.sel != p.c.sel {
		result = imap.UIDSet{} // it is of the selected mailbox
	}
	return rowCriterion(func(r *mailbox.Row) bool { return result.Contains(r.UID) }), nil
}

// Days are compared without regard to times and zones (RFC 9051 §6.4.4).
func dayBefore(day, want int64) bool { return day < want }
func dayOn(day, want int64) bool     { return day == want }
func daySince(day, want int64) bool  { return day >= want }

// dayNumber numbers the days by their date as it is written, whatever the zone.
func dayNumber(t time.Time) int64 { return mailbox.MakeDate(t).Day() }

// dateKey compares the day of the internal date.
func dateKey(ok func(day, want int64) bool) searchKey {
	return rowKey(func(k *imap.SearchKey) rowPredicate {
		want := dayNumber(k.Date)
		return func(r *mailbox.Row) bool { return ok(r.Date.Day(), want) }
	})
}

// sentKey compares the day of the Date header.
func sentKey(ok func(day, want int64) bool) searchKey {
	return func(_ *searchCompiler, k *imap.SearchKey) (criterion, error) {
		want := dayNumber(k.Date)
		return criterion{cost: fromSummary, match: func(m *openMessage) (bool, error) {
			sum, err := m.summary()
			if err != nil {
				return false, unreadable(err)
			}
			sent, has := sum.SentDay()
			return has && ok(dayNumber(sent), want), nil
		}}, nil
	}
}

// fieldKey looks into header fields of one name, "" for the name that the key has.
func fieldKey(name string, addresses bool) searchKey {
	return func(p *searchCompiler, k *imap.SearchKey) (criterion, error) {
		text, err := p.decode(k.Text)
		if err != nil {
			return criterion{}, err
		}
		return p.fields.criterion(cmp.Or(name, k.Name), text, addresses), nil
	}
}

// searchFields looks for texts in the fields of one name in a header block. With addresses those are
// looked at too, as the envelope has them.
func searchFields(texts *message.Needles, block, name string, addresses bool) {
	for value := range message.HeaderValues(block, name) {
		texts.SearchString(value)
	}
	if addresses {
		for address := range message.AddressValues(block, name) {
			texts.SearchString(address)
		}
	}
}

// textKey is BODY, or TEXT when the header counts too.
func textKey(withHeader bool) searchKey {
	return func(p *searchCompiler, k *imap.SearchKey) (criterion, error) {
		if p.texts.keys++; p.texts.keys > maxTexts {
			return criterion{}, no(imap.CodeLimit, "A search can have %d BODY and TEXT keys", maxTexts)
		}
		text, err := p.decode(k.Text)
		if err != nil {
			return criterion{}, err
		}
		return p.texts.criterion(text, withHeader), nil
	}
}
