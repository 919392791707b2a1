package pgstore

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/jackc/pgx/v5"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// Reading mailboxes: their rows in the database, and versions made of them.

// head is a row of the table mailbox, without its name: all that is known of a mailbox but which
// messages it has.
type head struct {
	id           mailbox.ID
	counts       mailbox.Counts
	epoch        int64
	state        int16
	changedSince imap.ModSeq
	historySince imap.ModSeq
	historyRuns  int64
	keywords     []imap.Flag
}

const headColumns = `mailbox_id, uidvalidity, uidnext, modseq, epoch, state, messages, unseen, deleted, octets, changed_since, history_since, history_runs, keywords`

func scanHead(row pgx.Row) (*head, error) {
	var h head
	var id, uidValidity, uidNext, modseq, messages, unseen, deleted, changedSince, historySince int64
	var keywords []string
	err := row.Scan(&id, &uidValidity, &uidNext, &modseq, &h.epoch, &h.state, &messages, &unseen, &deleted, &h.counts.Size,
		&changedSince, &historySince, &h.historyRuns, &keywords)
	if err != nil {
		return nil, err
	}
	h.id = mailbox.ID(id)
	h.counts.UIDValidity, h.counts.UIDNext, h.counts.HighestModSeq = uint32(uidValidity), imap.UID(uidNext), imap.ModSeq(modseq)
	h.counts.Messages, h.counts.Unseen, h.counts.Deleted = uint32(messages), uint32(unseen), uint32(deleted)
	h.changedSince, h.historySince = imap.ModSeq(changedSince), imap.ModSeq(historySince)
	for _, k := range keywords {
		h.keywords = append(h.keywords, imap.Flag(k))
	}
	return &h, nil
}

const messageColumns = `uid, modseq, flags, size, date, saved, ref, far`

// messageRows gathers rows of the table message.
type messageRows struct {
	rows []mailbox.Row
	far  map[imap.UID]mailbox.FarBits
}

// add reads what a query has found. It decodes the octets itself: a mailbox may have very many.
func (m *messageRows) add(rows pgx.Rows) error {
	defer rows.Close()
	for rows.Next() {
		v := rows.RawValues()
		if len(v) != 8 {
			return fmt.Errorf("pgstore: a message has %d columns", len(v))
		}
		for _, octets := range v[:7] {
			if len(octets) != 8 {
				return fmt.Errorf("pgstore: a message has a column of %d octets", len(octets))
			}
		}
		m.rows = append(m.rows, mailbox.Row{
			UID:    imap.UID(binary.BigEndian.Uint64(v[0])),
			ModSeq: imap.ModSeq(binary.BigEndian.Uint64(v[1])),
			Flags:  mailbox.FlagBits(binary.BigEndian.Uint64(v[2])),
			Size:   uint32(binary.BigEndian.Uint64(v[3])),
			Date:   mailbox.Date(binary.BigEndian.Uint64(v[4])),
			Saved:  mailbox.Saved(binary.BigEndian.Uint64(v[5])),
			Ref:    binary.BigEndian.Uint64(v[6]),
		})
		if far := v[7]; far != nil {
			bits, err := parseFar(far)
			if err != nil {
				return err
			}
			if m.far == nil {
				m.far = map[imap.UID]mailbox.FarBits{}
			}
			m.far[m.rows[len(m.rows)-1].UID] = bits
		}
	}
	return rows.Err()
}

func parseFar(octets []byte) (bits mailbox.FarBits, err error) {
	if len(octets) != 8*len(bits) {
		return bits, fmt.Errorf("pgstore: the keywords of a message have %d octets", len(octets))
	}
	for i := range bits {
		bits[i] = binary.BigEndian.Uint64(octets[8*i:])
	}
	return bits, nil
}

// encodeFar encodes keywords for the column far; nil when there are none.
func encodeFar(bits mailbox.FarBits) (octets []byte) {
	if bits == (mailbox.FarBits{}) {
		return nil
	}
	for _, b := range bits {
		octets = binary.BigEndian.AppendUint64(octets, b)
	}
	return octets
}

// expungedRows reads what a query has found in the table expunged.
func expungedRows(rows pgx.Rows) (out []mailbox.Expunged, err error) {
	defer rows.Close()
	for rows.Next() {
		var modseq, first, last int64
		if err := rows.Scan(&modseq, &first, &last); err != nil {
			return nil, err
		}
		out = append(out, mailbox.Expunged{ModSeq: imap.ModSeq(modseq), First: imap.UID(first), Last: imap.UID(last)})
	}
	return out, rows.Err()
}

// querier is a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

const selectHead = `SELECT ` + headColumns + ` FROM mailbox WHERE account_id = $1 AND mailbox_id = $2`

const selectMessagesFrom = `SELECT ` + messageColumns + ` FROM message WHERE account_id = $1 AND mailbox_id = $2 AND uid >= $3 ORDER BY uid`

// selectLogged finds messages that have changed after a mod-sequence, and were there before, by what
// changed tells.
const selectLogged = `SELECT DISTINCT ON (m.uid) m.uid, m.modseq, m.flags, m.size, m.date, m.saved, m.ref, m.far
	FROM changed c JOIN message m ON m.account_id = $1 AND m.mailbox_id = $2 AND m.uid BETWEEN c.first_uid AND c.last_uid
	WHERE c.account_id = $1 AND c.mailbox_id = $2 AND c.modseq > $3 AND m.modseq > $3 AND m.uid < $4 ORDER BY m.uid`

// selectSince finds them by looking at all messages.
const selectSince = `SELECT ` + messageColumns + ` FROM message WHERE account_id = $1 AND mailbox_id = $2 AND modseq > $3 AND uid < $4 ORDER BY uid`

const selectExpunged = `SELECT modseq, first_uid, last_uid FROM expunged WHERE account_id = $1 AND mailbox_id = $2 AND modseq > $3 ORDER BY modseq, first_uid`

// readVersion reads all of a mailbox whose row is locked or in the same snapshot. What was removed
// from it before stays in the database; the version remembers so many octets of what comes.
func readVersion(ctx context.Context, q querier, account store.AccountID, h *head, history int) (*mailbox.Version, error) {
	m := messageRows{rows: make([]mailbox.Row, 0, h.counts.Messages)}
	rows, err := q.Query(ctx, selectMessagesFrom, int64(account), int64(h.id), int64(0))
	if err == nil {
		err = m.add(rows)
	}
	if err != nil {
		return nil, err
	}
	v, err := mailbox.Load(h.counts, h.keywords, m.rows, m.far)
	if err != nil {
		return nil, err
	}
	return v.WithHistory(v.HighestModSeq, nil, history), nil
}

// readChanges reads what has happened in a mailbox, whose row is locked or in the same snapshot,
// after a mod-sequence at which UIDNEXT was next, 0 when that is not known. mailbox.ErrTooOld.
func readChanges(ctx context.Context, q querier, account store.AccountID, h *head, since imap.ModSeq, next imap.UID) (*mailbox.Changes, error) {
	if since < h.historySince {
		return nil, fmt.Errorf("pgstore: %w: %d, it begins at %d", mailbox.ErrTooOld, since, h.historySince)
	}
	c := &mailbox.Changes{Since: since, UIDValidity: h.counts.UIDValidity, UIDNext: h.counts.UIDNext,
		HighestModSeq: h.counts.HighestModSeq, Keywords: h.keywords}
	if since >= h.counts.HighestModSeq {
		return c, nil
	}
	var m messageRows
	var b pgx.Batch
	switch {
	case next == 0:
		b.Queue(selectSince, int64(account), int64(h.id), int64(since), int64(h.counts.UIDNext)).Query(m.add)
	case since < h.changedSince:
		b.Queue(selectSince, int64(account), int64(h.id), int64(since), int64(next)).Query(m.add)
	default:
		b.Queue(selectLogged, int64(account), int64(h.id), int64(since), int64(next)).Query(m.add)
	}
	if next != 0 {
		b.Queue(selectMessagesFrom, int64(account), int64(h.id), int64(next)).Query(m.add)
	}
	b.Queue(selectExpunged, int64(account), int64(h.id), int64(since)).Query(func(rows pgx.Rows) (err error) {
		c.Expunged, err = expungedRows(rows)
		return err
	})
	if err := q.SendBatch(ctx, &b).Close(); err != nil {
		return nil, err
	}
	c.Rows, c.Far = m.rows, m.far
	return c, nil
}
