package imapserver

import (
	"iter"

	"restante/imap"
	"restante/imapwire"
	"restante/mailbox"
)

// sortExtension is SORT and UID SORT.
var sortExtension = extension{
	name: "SORT", rfc: "RFC 5256",
	capabilities: afterLogin("SORT"),
	commands: map[string]command{
		"SORT":     {in: selected, flags: usesSeq | noExpunge, run: handler(runSort)},
		"UID SORT": {in: selected, flags: usesSeq, run: handler(runSort)},
	},
	sortKeys: baseSortKeys,
}

// esortExtension is SORT RETURN. Its options are those of SEARCH RETURN, which find the messages in their
// order; ESEARCH tells of them.
var esortExtension = extension{
	name: "ESORT", rfc: "RFC 5267",
	capabilities: afterLogin("ESORT"),
}

// runSort is SORT and UID SORT (RFC 5256 §3).
func runSort(c *conn, cmd *imapwire.Sort) error {
	returns, err := c.searchReturns(&cmd.Search)
	if err != nil {
		return err
	}
	s, err := newSorter(c, cmd.Criteria)
	if err != nil {
		return err
	}
	hits, err := c.search(&cmd.Search)
	if err == nil {
		hits, err = s.sort(hits)
	}
	for _, r := range returns {
		if r.done != nil {
			r.done(c, &cmd.Search, cmd.Criteria, hits, err)
		}
	}
	switch {
	case err != nil:
		return err
	case cmd.Return == nil:
		return c.answerSort(cmd, hits)
	}
	c.answerESearch(c.sel, &cmd.Search, &imapwire.ESearchData{Tag: c.tag, UID: cmd.UID}, returns, hits)
	return nil
}

// answerSort is the answer to a command without RETURN (RFC 5256 §4).
func (c *conn) answerSort(cmd *imapwire.Sort, hits []searchHit) error {
	c.acquire(true)
	c.out = append(c.out, "* SORT"...)
	for i := range hits {
		c.out = imapwire.AppendNumber(append(c.out, ' '), hits[i].number(cmd.UID))
		if err := c.room(); err != nil {
			return err
		}
	}
	if modseq := foundModSeq(c.sel, &cmd.Search, hits); modseq != 0 { // RFC 7162 §3.1.6
		c.out = append(imapwire.AppendNumber(append(c.out, " (MODSEQ "...), modseq), ')')
	}
	c.out = append(c.out, "\r\n"...)
	return nil
}

// rowsOf yields the rows of messages that were found, which are in the order of the mailbox.
func (c *conn) rowsOf(hits []searchHit) iter.Seq2[imap.SeqNum, *mailbox.Row] {
	return func(yield func(imap.SeqNum, *mailbox.Row) bool) {
		i := 0
		for seq, row := range c.sel.view.Rows() {
			if i == len(hits) {
				return
			}
			if hits[i].seq != seq {
				continue
			}
			if i++; !yield(seq, row) {
				return
			}
		}
	}
}
