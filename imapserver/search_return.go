package imapserver

import (
	"restante/imap"
	"restante/imapwire"
)

// searchReturn serves a return option of SEARCH (RFC 4466 §2.6.1). Of its functions those may be nil
// that it does not need.
type searchReturn struct {
	name string
	// given reports whether a command has the option; nil: when it is among cmd.ReturnOptions.
	given func(*imapwire.Search) bool
	// check refuses a command for what it has besides the option.
	check func(*conn, *imapwire.Search) error
	// add adds to the response what the option asks for. Without an option that adds something there
	// is none.
	add func(cmd *imapwire.Search, d *imapwire.ESearchData, hits []searchHit)
	// done is called behind every search, one that has failed too; order is that of a SORT.
	done func(c *conn, cmd *imapwire.Search, order []imap.SortCriterion, hits []searchHit, err error)
}

// searchHit is a message that was found.
type searchHit struct {
	seq imap.SeqNum
	uid imap.UID
}

// number returns what the client knows the message by.
func (h searchHit) number(uid bool) uint32 {
	if uid {
		return uint32(h.uid)
	}
	return uint32(h.seq)
}

// returnAsks is whether a command has one of the options that imapwire.SearchReturn has.
func returnAsks(option func(*imapwire.SearchReturn) bool) func(*imapwire.Search) bool {
	return func(cmd *imapwire.Search) bool { return cmd.Return != nil && option(cmd.Return) }
}

// searchReturns are the return options that a command has.
func (c *conn) searchReturns(cmd *imapwire.Search) (returns []searchReturn, err error) {
	rows := c.s.features.searchReturns
	if err := checkOptions(cmd, cmd.ReturnOptions, rows, func(r *searchReturn) string { return r.name }); err != nil {
		return nil, err
	}
	for _, r := range rows {
		if isGiven(r.given, cmd, cmd.ReturnOptions, r.name) {
			if r.check != nil {
				if err := r.check(c, cmd); err != nil {
					return nil, err
				}
			}
			returns = append(returns, r)
		}
	}
	return returns, nil
}

// answerESearch completes d, which is the answer of IMAP4rev2 and to RETURN (RFC 9051 §7.3.4).
func (c *conn) answerESearch(sel *selection, cmd *imapwire.Search, d *imapwire.ESearchData, returns []searchReturn, hits []searchHit) {
	asked := false
	for _, r := range returns {
		if r.add != nil {
			r.add(cmd, d, hits)
			asked = true
		}
	}
	if asked {
		addFoundModSeq(sel, cmd, d, hits)
		c.out = imapwire.AppendESearch(c.out, d)
	}
}

func hitNumbers(hits []searchHit, uid bool) imap.NumSet {
	if uid {
		return hitUIDs(hits)
	}
	var s imap.SeqSet
	for i := range hits {
		s.Add(hits[i].seq)
	}
	return s
}

// hitUIDs returns the set of messages that were found, in whatever order they are.
func hitUIDs(hits []searchHit) imap.UIDSet {
	uids := make([]imap.UID, len(hits))
	for i := range hits {
		uids[i] = hits[i].uid
	}
	return imap.UIDs(uids...)
}

// sortedNumbers returns the numbers of the hits, in their order.
func sortedNumbers(hits []searchHit, uid bool) []uint32 {
	nums := make([]uint32, len(hits))
	for i, h := range hits {
		nums[i] = h.number(uid)
	}
	return nums
}
