package pgstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"restante/blob"
	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// ErrCorrupt says that a body is not what was stored.
var ErrCorrupt = errors.New("pgstore: a message is damaged")

// putTimeout is how long an object of that size is waited for.
func putTimeout(size int64) time.Duration {
	return 20*time.Second + time.Duration(size/(256<<10))*time.Second
}

// readEmail reads an email whole. ErrGone.
func (c *cell) readEmail(ctx context.Context, from emailRef) (e *newEmail, err error) {
	err = c.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		e = &newEmail{}
		var emailID, threadID int64
		err := conn.QueryRow(ctx, `SELECT email_id, thread_id, size, sum, blob, body, summary FROM email WHERE account_id = $1 AND ref = $2`,
			int64(from.account), int64(from.ref)).Scan(&emailID, &threadID, &e.size, &e.sum, &e.blob, &e.body, &e.Summary)
		if notFound(err) {
			return messageGone(from.ref)
		}
		e.EmailID, e.ThreadID = store.EmailID(emailID), store.ThreadID(threadID)
		return err
	})
	if err == nil {
		err = e.check(from.ref)
	}
	return e, err
}

// check compares a small body with what was stored.
func (e *newEmail) check(ref uint64) error {
	if len(e.sum) != sha256.Size || e.size < 0 || e.blob == nil && (int64(len(e.body)) != e.size || sha256.Sum256(e.body) != [sha256.Size]byte(e.sum)) {
		return fmt.Errorf("%w: %x", ErrCorrupt, ref)
	}
	return nil
}

// smallBody is the octets of a message that was read whole.
type smallBody struct{ *bytes.Reader }

func (b smallBody) Close() error { return nil }

func (b smallBody) WriteRange(w io.Writer, offset, count int64) (int64, error) {
	return io.Copy(w, io.NewSectionReader(b.Reader, offset, count))
}

// Body implements store.Mailbox.
func (h *handle) Body(ctx context.Context, row *mailbox.Row) (store.Body, error) {
	c := h.box.cell
	if err := c.open(ctx); err != nil {
		return nil, err
	}
	if !h.box.readable(row) {
		return nil, messageGone(row.Ref)
	}
	key := newEmailKey(h.box.account, row.Ref, keyBody)
	if octets := c.emails.Get(nil, key[:]); octets != nil {
		return smallBody{bytes.NewReader(octets)}, nil
	}
	// Whoever reads one message mostly reads the next: small ones come with it.
	bodies, err := c.readBodies(ctx, h.box.account, h.ahead(row))
	if err != nil {
		return nil, err
	}
	e, ok := bodies[row.Ref]
	if !ok {
		return nil, messageGone(row.Ref)
	}
	if e.blob == nil {
		return smallBody{bytes.NewReader(e.body)}, nil
	}
	body, err := c.bodies.Open(ctx, blob.Key(*e.blob), e.size, [sha256.Size]byte(e.sum))
	if err != nil {
		return nil, fmt.Errorf("pgstore: message %x: %w", row.Ref, err)
	}
	return body, nil
}

// Reading ahead: so many messages, of so many octets together, when the one before was read last.
const (
	aheadMessages = 32
	aheadOctets   = 256 << 10
)

// ahead returns the Refs of a message and of those behind it that are worth reading with it.
func (h *handle) ahead(row *mailbox.Row) []int64 {
	refs := []int64{int64(row.Ref)}
	last := h.lastRead.Swap(uint32(row.UID))
	v := h.box.Newest()
	seq, _, ok := v.Find(row.UID)
	if !ok || seq == 1 || uint32(v.At(seq-1).UID) != last {
		return refs
	}
	octets := int64(row.Size)
	for n := seq + 1; int(n) <= v.Len() && len(refs) < aheadMessages; n++ {
		r := v.At(n)
		if int64(r.Size) > int64(h.box.cell.options.InlineLimit) {
			continue
		}
		if octets += int64(r.Size); octets > aheadOctets {
			break
		}
		refs = append(refs, int64(r.Ref))
		h.lastRead.Store(uint32(r.UID))
	}
	return refs
}

// readBodies reads where bodies are, and the small ones themselves, which it keeps in memory.
func (c *cell) readBodies(ctx context.Context, account store.AccountID, refs []int64) (out map[uint64]*newEmail, err error) {
	err = c.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		out = map[uint64]*newEmail{}
		rows, err := conn.Query(ctx, `SELECT ref, size, sum, blob, body FROM email WHERE account_id = $1 AND ref = ANY($2)`, int64(account), refs)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var ref int64
			e := &newEmail{}
			if err := rows.Scan(&ref, &e.size, &e.sum, &e.blob, &e.body); err != nil {
				return err
			}
			out[uint64(ref)] = e
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	for ref, e := range out {
		if err := e.check(ref); err != nil {
			if int64(ref) == refs[0] {
				return nil, err
			}
			delete(out, ref) // whoever asks for it is told
			continue
		}
		if key := newEmailKey(account, ref, keyBody); e.blob == nil && len(e.body) > 0 && len(e.body) < maxCached {
			c.emails.Set(key[:], e.body)
		}
	}
	return out, nil
}

// claimRecent implements store.Recent. What is claimed need not survive, so it waits for no standby.
func (c *cell) claimRecent(ctx context.Context, ref store.Ref, below imap.UID) (from imap.UID, err error) {
	from, err = c.recentFrom(ctx, ref)
	if err != nil || from >= below {
		return from, err
	}
	err = c.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		var b pgx.Batch
		b.Queue("BEGIN")
		b.Queue("SET LOCAL synchronous_commit = off")
		b.Queue(`SELECT claimed FROM mailbox WHERE account_id = $1 AND mailbox_id = $2 FOR NO KEY UPDATE`, int64(ref.Account), int64(ref.Mailbox)).
			QueryRow(func(row pgx.Row) (err error) {
				from, err = scanUID(row)
				return err
			})
		b.Queue(`UPDATE mailbox SET claimed = $3 WHERE account_id = $1 AND mailbox_id = $2 AND claimed < $3`, int64(ref.Account), int64(ref.Mailbox), int64(below))
		b.Queue("COMMIT")
		err := conn.SendBatch(ctx, &b).Close()
		if notFound(err) {
			err = mailboxNotFound(ref.Mailbox)
		}
		if err != nil && !conn.IsClosed() {
			_, _ = conn.Exec(ctx, "ROLLBACK")
		}
		return err
	})
	return from, err
}

// recentFrom implements store.Recent.
func (c *cell) recentFrom(ctx context.Context, ref store.Ref) (from imap.UID, err error) {
	err = c.read(ctx, func(ctx context.Context, conn *pgx.Conn) (err error) {
		from, err = scanUID(conn.QueryRow(ctx, `SELECT claimed FROM mailbox WHERE account_id = $1 AND mailbox_id = $2`, int64(ref.Account), int64(ref.Mailbox)))
		if notFound(err) {
			return mailboxNotFound(ref.Mailbox)
		}
		return err
	})
	return from, err
}

func scanUID(row pgx.Row) (imap.UID, error) {
	var uid int64
	err := row.Scan(&uid)
	return imap.UID(uid), err
}

// status returns the counts of a mailbox.
func (c *cell) status(ctx context.Context, ref store.Ref) (counts mailbox.Counts, err error) {
	err = c.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		h, err := scanHead(conn.QueryRow(ctx, selectHead, int64(ref.Account), int64(ref.Mailbox)))
		if notFound(err) {
			return mailboxNotFound(ref.Mailbox)
		}
		if err == nil {
			counts = h.counts
		}
		return err
	})
	return counts, err
}
