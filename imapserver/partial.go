package imapserver

import (
	"iter"
	"slices"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
)

// partialExtension is SEARCH RETURN (PARTIAL ...), and PARTIAL as a modifier of FETCH.
var partialExtension = extension{
	name: "PARTIAL", rfc: "RFC 9394",
	capabilities: afterLogin(string(imap.CapPartial)),
	searchReturns: []searchReturn{{
		name:  "PARTIAL",
		check: checkPartial,
		add: func(cmd *imapwire.Search, d *imapwire.ESearchData, hits []searchHit) {
			o := partialOption(cmd.ReturnOptions)
			value := append(o.AppendRange([]byte("(")), ' ')
			if found := partialHits(o, hits); len(found) > 0 {
				value = imapwire.AppendSorted(value, sortedNumbers(found, d.UID))
			} else {
				value = append(value, "NIL"...)
			}
			d.Extra = append(d.Extra, imap.RawItem{Name: "PARTIAL", Value: string(append(value, ')'))})
		},
	}},
	fetchModifiers: map[string]fetchModifier{"PARTIAL": fetchPartial},
}

// checkPartial refuses a second PARTIAL, or ALL beside it (RFC 9394 §3.1).
func checkPartial(_ *conn, cmd *imapwire.Search) error {
	n := 0
	for _, o := range cmd.ReturnOptions {
		if _, ok := o.(*imapwire.Partial); ok {
			n++
		}
	}
	if n > 1 || cmd.Return.All {
		return bad("A search returns ALL or one PARTIAL")
	}
	return nil
}

// partialOption returns the PARTIAL among the options, nil when there is none.
func partialOption(options []imapwire.Option) *imapwire.Partial {
	o, _ := optionNamed(options, "PARTIAL").(*imapwire.Partial)
	return o
}

func partialHits(o *imapwire.Partial, hits []searchHit) []searchHit {
	from, to := o.Of(len(hits))
	return hits[from:to]
}

// fetchPartial leaves out the messages of the set that are not in the range (RFC 9394 §3.3).
func fetchPartial(f *fetcher, option imapwire.Option) error {
	rows, n := f.rows, 0
	for range rows {
		if err := f.c.next(1); err != nil {
			return err
		}
		n++
	}
	from, to := option.(*imapwire.Partial).Of(n)
	f.rows = slice(rows, from, to)
	return nil
}

// slice yields the rows from index from up to, and without, index to.
func slice(rows iter.Seq2[imap.SeqNum, *mailbox.Row], from, to int) iter.Seq2[imap.SeqNum, *mailbox.Row] {
	return func(yield func(imap.SeqNum, *mailbox.Row) bool) {
		i := 0
		for seq, row := range rows {
			if i >= to || i >= from && !yield(seq, row) {
				return
			}
			i++
		}
	}
}

// partialFirst returns the modifiers of a FETCH with PARTIAL in front: it counts all messages of the
// set, whatever the others leave out (RFC 9394 §3.4).
func partialFirst(modifiers []imapwire.Option) ([]imapwire.Option, error) {
	i := slices.IndexFunc(modifiers, func(o imapwire.Option) bool { return o.Name() == "PARTIAL" })
	if i < 0 {
		return modifiers, nil
	}
	rest := slices.Delete(slices.Clone(modifiers), i, i+1)
	if optionNamed(rest, "PARTIAL") != nil {
		return nil, bad("FETCH has one PARTIAL")
	}
	return slices.Insert(rest, 0, modifiers[i]), nil
}
