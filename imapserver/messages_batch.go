package imapserver

import (
	"iter"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// eachMessage calls do for every row of a mailbox, one after the other, with the message's summary when summaries
// says that it will be needed. It is how FETCH and SEARCH go through a mailbox: summaries are read
// ahead, in batches that are bounded by their octets.
func (c *conn) eachMessage(box store.Mailbox, rows iter.Seq2[imap.SeqNum, *mailbox.Row], summaries bool, do func(*openMessage) error) error {
	m := &openMessage{c: c, box: box}
	defer m.close()
	if !summaries {
		for seq, row := range rows {
			if err := c.next(1); err != nil {
				return err
			}
			m.reset(seq, row, store.Details{})
			if err := do(m); err != nil {
				return err
			}
		}
		return nil
	}
	b := detailsBatch{c: c, box: box}
	for seq, row := range rows {
		b.seqs, b.rows = append(b.seqs, seq), append(b.rows, *row)
		if len(b.rows) == batchRows {
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
	// batchRows is how many rows wait for what is kept beside them, about 100 octets each.
	batchRows = 256
)

// detailsBatch reads what is kept beside messages.
type detailsBatch struct {
	c       *conn
	box     store.Mailbox
	seqs    []imap.SeqNum
	rows    []mailbox.Row
	buf     []byte
	details []store.Details
}

// each calls do for the rows that have been gathered, and forgets them.
func (b *detailsBatch) each(m *openMessage, do func(*openMessage) error) error {
	if len(b.details) < len(b.rows) {
		b.details = make([]store.Details, len(b.rows))
	}
	for done := 0; done < len(b.rows); {
		var n int
		var err error
		rows := b.rows[done:]
		if b.buf, n, err = b.box.Details(b.c.ctx, rows, b.buf[:0], batchOctets, b.details); err != nil {
			return err
		}
		for i := range n {
			if err := b.c.next(len(b.details[i].Summary) + 1); err != nil {
				return err
			}
			m.reset(b.seqs[done+i], &rows[i], b.details[i])
			if err := do(m); err != nil {
				return err
			}
		}
		if done += n; cap(b.buf) > 2*batchOctets {
			b.buf = nil // it has held one that was very long
		}
	}
	b.seqs, b.rows = b.seqs[:0], b.rows[:0]
	return nil
}
