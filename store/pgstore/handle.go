package pgstore

import (
	"context"
	"encoding/binary"
	"errors"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// handle is one session's hold on a mailbox. What was removed stays in the database for days, so
// that a session, here or elsewhere, can read what it shows; the holder says what that is.
type handle struct {
	box    *box
	bell   chan struct{}
	closed atomic.Bool
	// lastRead is the UID of the message whose body was read last, here or ahead.
	lastRead atomic.Uint32
	mailbox.Holder
}

// openMailbox opens a handle.
func (c *cell) openMailbox(ctx context.Context, ref store.Ref) (store.Mailbox, error) {
	b := c.box(ref)
	h := &handle{box: b, bell: make(chan struct{}, 1)}
	if err := b.open(ctx); err != nil {
		c.release(b)
		return nil, err
	}
	b.addHandle(h)
	h.Hold(h.Version())
	return h, nil
}

// open makes the newest version known.
func (b *box) open(ctx context.Context) error {
	if b.cur.Load() == nil {
		select {
		case b.load <- struct{}{}:
			defer func() { <-b.load }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := b.refresh(ctx); err != nil {
		return err
	}
	if b.cur.Load().version.Deleted {
		return mailboxNotFound(b.id)
	}
	return nil
}

func (b *box) addHandle(h *handle) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.handles[h] = struct{}{}
}

func (b *box) removeHandle(h *handle) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.mu.handles, h)
}

// Newest implements mailbox.Source.
func (b *box) Newest() *mailbox.Version { return b.cur.Load().version }

func (h *handle) Ref() store.Ref            { return h.box.ref() }
func (h *handle) Bell() <-chan struct{}     { return h.bell }
func (h *handle) Version() *mailbox.Version { return h.Holder.Version(h.box) }

func (h *handle) Refresh(ctx context.Context) (*mailbox.Version, error) {
	if err := h.box.refresh(ctx); err != nil {
		return nil, err
	}
	return h.Version(), nil
}

func (h *handle) Changes(ctx context.Context, since imap.ModSeq) (*mailbox.Changes, error) {
	v, err := h.Refresh(ctx)
	if err != nil {
		return nil, err
	}
	c, err := v.Changes(since)
	if !errors.Is(err, mailbox.ErrTooOld) {
		return c, err
	}
	// This machine began to follow the mailbox later than that.
	return h.box.changes(ctx, since)
}

func (h *handle) Close() error {
	if !h.closed.Swap(true) {
		h.box.removeHandle(h)
		h.box.cell.release(h.box)
	}
	return nil
}

// readable reports whether a message is in the mailbox, or a session holds it.
func (b *box) readable(row *mailbox.Row) bool {
	return b.cur.Load().version.HasMessage(row) || b.holds(row)
}

func (b *box) holds(row *mailbox.Row) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for h := range b.mu.handles {
		if h.Holds(row) {
			return true
		}
	}
	return false
}

// emailKey is the key of an email in memory.
type emailKey [17]byte

const (
	keyDetails = iota
	keyBody
)

func newEmailKey(account store.AccountID, ref uint64, what byte) (k emailKey) {
	binary.BigEndian.PutUint64(k[:], uint64(account))
	binary.BigEndian.PutUint64(k[8:], ref)
	k[16] = what
	return k
}

// Details in memory: both ids, whether there is a summary, and the summary.
const detailsHeader = 17

func appendDetails(dst []byte, d *store.Details) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(d.EmailID))
	dst = binary.BigEndian.AppendUint64(dst, uint64(d.ThreadID))
	if d.Summary == nil {
		return append(dst, 0)
	}
	return append(append(dst, 1), d.Summary...)
}

// Details implements store.Mailbox.
func (h *handle) Details(ctx context.Context, rows []mailbox.Row, buf []byte, limit int, out []store.Details) ([]byte, int, error) {
	c := h.box.cell
	if err := c.open(ctx); err != nil {
		return buf, 0, err
	}
	rows = rows[:min(len(rows), len(out))]
	newest := h.box.cur.Load().version
	start, n := len(buf), 0
	there := 0 // rows before this one are in the newest version
	const run = 64
	for n < len(rows) {
		row := &rows[n]
		if n >= there && newest.HasRows(rows[n:min(n+run, len(rows))]) {
			there = n + run
		}
		if n >= there && !newest.HasMessage(row) && !h.box.holds(row) {
			out[n] = store.Details{}
			n++
			continue
		}
		key := newEmailKey(h.box.account, row.Ref, keyDetails)
		before := len(buf)
		buf = c.emails.Get(buf, key[:])
		if len(buf)-before < detailsHeader {
			buf = buf[:before]
			if err := c.fetchDetails(ctx, h.box.account, rows[n:]); err != nil {
				return buf, 0, err
			}
			buf = c.emails.Get(buf, key[:])
			if len(buf)-before < detailsHeader {
				// It does not stay in memory, or is not there.
				buf = buf[:before]
				d, err := c.readDetails(ctx, h.box.account, row.Ref)
				if err != nil {
					return buf, 0, err
				}
				buf = appendDetails(buf, &d)
			}
		}
		octets := buf[before:]
		length := len(octets) - detailsHeader
		if n > 0 && before-start+length > limit {
			buf = buf[:before]
			break
		}
		out[n] = store.Details{EmailID: store.EmailID(binary.BigEndian.Uint64(octets)), ThreadID: store.ThreadID(binary.BigEndian.Uint64(octets[8:]))}
		if octets[16] == 1 {
			out[n].Summary = octets[detailsHeader:] // only the length is right: buf may still move
		}
		buf = append(buf[:before], octets[detailsHeader:]...)
		n++
	}
	for i := range out[:n] {
		if out[i].Summary == nil {
			continue
		}
		length := len(out[i].Summary)
		out[i].Summary = buf[start : start+length : start+length]
		start += length
	}
	return buf, n, nil
}

// fetchRows and fetchOctets are how many messages' details are read from the database at once.
const fetchRows = 512

// fetchDetails reads details of messages that are not in memory, the first of them at least.
func (c *cell) fetchDetails(ctx context.Context, account store.AccountID, rows []mailbox.Row) error {
	refs := make([]int64, 0, min(len(rows), fetchRows))
	for i := range rows {
		if key := newEmailKey(account, rows[i].Ref, keyDetails); !c.emails.Has(key[:]) {
			refs = append(refs, int64(rows[i].Ref))
		}
		if len(refs) == fetchRows {
			break
		}
	}
	var value []byte
	return c.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		found, err := conn.Query(ctx, `SELECT ref, email_id, thread_id, summary FROM email WHERE account_id = $1 AND ref = ANY($2)`, int64(account), refs)
		if err != nil {
			return err
		}
		var ref, emailID, threadID int64
		var summary pgtype.DriverBytes // valid until the next row
		_, err = pgx.ForEachRow(found, []any{&ref, &emailID, &threadID, &summary}, func() error {
			value = appendDetails(value[:0], &store.Details{Summary: summary, EmailID: store.EmailID(emailID), ThreadID: store.ThreadID(threadID)})
			if key := newEmailKey(account, uint64(ref), keyDetails); len(value) < maxCached {
				c.emails.Set(key[:], value)
			}
			return nil
		})
		return err
	})
}

// maxCached is what an entry of the memory may have, key and value, less than 64 KiB.
const maxCached = 64<<10 - 256

// readDetails reads the details of one message.
func (c *cell) readDetails(ctx context.Context, account store.AccountID, ref uint64) (d store.Details, err error) {
	err = c.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		var emailID, threadID int64
		err := conn.QueryRow(ctx, `SELECT email_id, thread_id, summary FROM email WHERE account_id = $1 AND ref = $2`, int64(account), int64(ref)).Scan(&emailID, &threadID, &d.Summary)
		d.EmailID, d.ThreadID = store.EmailID(emailID), store.ThreadID(threadID)
		if notFound(err) {
			d = store.Details{}
			return nil
		}
		return err
	})
	return d, err
}
