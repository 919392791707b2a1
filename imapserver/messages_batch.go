package imapserver

import (
	"iter"

	"restante/imap"
	"restante/mailbox"
	"restante/summary"
)

// eachMessage calls do for every row, one after the other, with the message's summary when summaries
// says that it will be needed. It is how FETCH and SEARCH go through a mailbox: summaries are read
// ahead, in batches that are bounded by their octets.
func (c *conn) eachMessage(rows iter.Seq2[imap.SeqNum, *mailbox.Row], summaries bool, do func(*openMessage) error) error {
	m := &openMessage{c: c}
	defer m.close()
	if !summaries {
		for seq, row := range rows {
			m.reset(seq, row, nil)
			if err := do(m); err != nil {
				return err
			}
		}
		return nil
	}
	b := summaryBatch{c: c, ask: batchStart, rows: make([]mailbox.Numbered, 0, batchRows)}
	for seq, row := range rows {
		if b.rows = append(b.rows, mailbox.Numbered{Seq: seq, Row: *row}); len(b.rows) == batchRows {
			if err := b.each(m, do); err != nil {
				return err
			}
		}
	}
	return b.each(m, do)
}

const (
	// batchOctets is how many octets of summaries a session means to hold at a time.
	batchOctets = 1 << 20
	// batchRows is how many rows wait for their summaries, 56 octets each.
	batchRows = 256
	// batchStart is how many summaries are asked for before it is known how long they are.
	batchStart = 32
)

// summaryBatch reads the summaries of rows.
type summaryBatch struct {
	c    *conn
	rows []mailbox.Numbered
	ask  int // of how many rows the next read is

	refs []uint64
	buf  []byte
	sums [][]byte
}

// each calls do for the rows that have been gathered, and forgets them.
func (b *summaryBatch) each(m *openMessage, do func(*openMessage) error) error {
	for rows := b.rows; len(rows) > 0; {
		n, err := b.read(rows)
		if err != nil {
			return err
		}
		for i := range n {
			m.reset(rows[i].Seq, &rows[i].Row, summary.Summary(b.sums[i]))
			if err := do(m); err != nil {
				return err
			}
		}
		rows = rows[n:]
	}
	b.rows = b.rows[:0]
	return nil
}

// read reads the summaries of the first rows and returns of how many. How many it asks for follows
// from how long the last ones were: as many as should fit, but never more than twice as many as
// before, so that a few that are very long do not come all at once.
func (b *summaryBatch) read(rows []mailbox.Numbered) (n int, err error) {
	n = min(b.ask, len(rows))
	b.refs, b.sums = b.refs[:0], b.sums[:0]
	for i := range n {
		b.refs = append(b.refs, rows[i].Row.Ref)
		b.sums = append(b.sums, nil)
	}
	if b.buf, err = b.c.sel.box.Summaries(b.c.ctx, b.refs, b.buf[:0], b.sums); err != nil {
		return 0, err
	}
	average := max(len(b.buf)/n, 1)
	b.ask = max(min(batchOctets/average, 2*b.ask, batchRows), 1)
	if cap(b.buf) > 2*batchOctets {
		b.buf = nil // the messages of this batch still have it
	}
	return n, nil
}
