package pgstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// arrival is an account that comes from another store or cell. Its state has a mark, as a fence has:
// who begins to take the same account in sets another, and then this one can do nothing any more.
type arrival struct {
	store *Store
	cell  *cell
	id    store.AccountID
	mark  string

	keepRefs bool // new messages keep the Refs that they have in another cell
}

// Cell returns the part of the store that takes accounts into one cell. A name that is not configured
// is an error.
func (s *Store) Cell(name string) (store.Movable, error) {
	c := s.cell(name)
	if c == nil {
		var known []string
		for _, c := range s.cells {
			known = append(known, c.name)
		}
		return nil, fmt.Errorf("pgstore: there is no cell %q; the configuration has %q", name, known)
	}
	return &cellMover{s, c}, nil
}

// cellMover is a Store as one cell of it.
type cellMover struct {
	*Store
	cell *cell
}

// Residence implements store.Mover: of an account that is in another cell, what this one has of it.
func (m *cellMover) Residence(ctx context.Context, id store.AccountID) (r store.Residence, err error) {
	name, err := m.directoryCell(ctx, id)
	if err != nil || name == m.cell.name {
		return m.Store.Residence(ctx, id)
	}
	row, err := m.cell.accountRow(ctx, id)
	switch {
	case err != nil:
	case row.state == stateDeleted:
		err = accountNotFound(id)
	case row.state == stateMoved:
		r.State = store.Moved
	default:
		r.State = store.Arriving
	}
	return r, err
}

// Arrive takes an account in that is in another cell of the same directory.
func (m *cellMover) Arrive(ctx context.Context, id store.AccountID) (store.Arrival, error) {
	name, err := m.directoryCell(ctx, id)
	switch {
	case notFound(err): // it comes from another store
		return m.arrive(ctx, m.cell, id, false)
	case err == nil && name == m.cell.name:
		err = m.finish(ctx, id)
		if err == nil {
			err = fmt.Errorf("pgstore: account %d is in cell %s: %w", id, name, store.ErrExists)
		}
	case err == nil:
		// Sealed: it is whole here, and only the end of the move is missing.
		from := m.Store.cell(name)
		if from == nil {
			break
		}
		var sealed bool
		err = from.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
			return conn.QueryRow(ctx, `SELECT count(*) > 0 FROM account WHERE account_id = $1 AND state = $2 AND since = 'infinity'`, int64(id), int16(stateFenced)).Scan(&sealed)
		})
		if err == nil && sealed {
			if err = m.handOver(ctx, id, from, m.cell); err == nil {
				err = fmt.Errorf("pgstore: account %d is in cell %s: %w", id, m.cell.name, store.ErrExists)
			}
		}
	}
	if err != nil {
		return nil, err
	}
	return m.arrive(ctx, m.cell, id, true)
}

// finish makes copies of what other cells still take for theirs.
func (m *cellMover) finish(ctx context.Context, id store.AccountID) error {
	for _, c := range m.cells {
		if c == m.cell {
			continue
		}
		row, err := c.accountRow(ctx, id)
		if errors.Is(err, store.ErrNotFound) || err == nil && row.state != stateFenced {
			continue
		}
		if err == nil {
			err = m.leaveBehind(ctx, id, c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Arrive implements store.Mover: in the cell where it was begun, or the one of new users.
func (s *Store) Arrive(ctx context.Context, id store.AccountID) (store.Arrival, error) {
	if _, err := s.directoryCell(ctx, id); err == nil {
		return nil, fmt.Errorf("pgstore: account %d: %w", id, store.ErrExists)
	} else if !notFound(err) {
		return nil, err
	}
	for _, c := range s.cells {
		row, err := c.accountRow(ctx, id)
		if err == nil && row.state != stateDeleted {
			return s.arrive(ctx, c, id, false)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
	}
	return s.arrive(ctx, s.newUsersCell(), id, false)
}

// newUsersCell is the cell in which new users get their accounts.
func (s *Store) newUsersCell() *cell {
	for _, candidate := range s.options.Cells {
		if !candidate.Full {
			return s.cell(candidate.Name)
		}
	}
	return s.cells[0]
}

// arrive begins or goes on. What is left of an account that has moved away goes first: its emails by
// way of the trash, as always.
func (s *Store) arrive(ctx context.Context, c *cell, id store.AccountID, keepRefs bool) (store.Arrival, error) {
	row, err := c.accountRow(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if err == nil && (row.state == stateMoved || row.state == stateDeleted) {
		err = c.db.write(ctx, func(ctx context.Context, conn *pgx.Conn) error {
			var b pgx.Batch
			b.Queue("BEGIN")
			b.Queue(`SELECT 1 FROM account WHERE account_id = $1 FOR UPDATE`, int64(id))
			b.Queue(`INSERT INTO trash (account_id, ref) SELECT e.account_id, e.ref FROM email e WHERE e.account_id = $1 ON CONFLICT (account_id, ref) DO NOTHING`, int64(id))
			for _, table := range []string{"message", "mailbox", "subscription", "metadata", "expunged", "changed"} {
				b.Queue(`DELETE FROM `+table+` WHERE account_id = $1`, int64(id))
			}
			b.Queue(`UPDATE account SET state = $2 WHERE account_id = $1`, int64(id), int16(stateArriving))
			b.Queue("COMMIT")
			err := conn.SendBatch(ctx, &b).Close()
			if err != nil && !conn.IsClosed() {
				_, _ = conn.Exec(ctx, "ROLLBACK")
			}
			return err
		})
		c.forgetAccount(id)
	} else {
		err = c.db.write(ctx, func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, `INSERT INTO account (account_id, state) VALUES ($1, $2) ON CONFLICT DO NOTHING`, int64(id), int16(stateArriving))
			return err
		})
	}
	if err != nil {
		return nil, err
	}
	mark, done, err := c.setState(ctx, id, []int16{stateArriving, stateInUse}, anyMark, stateArriving)
	if err == nil && !done {
		err = fmt.Errorf("pgstore: account %d: %w", id, store.ErrExists)
	}
	return &arrival{s, c, id, mark, keepRefs}, err
}

// forgetAccount forgets the mailboxes of an account that nobody has open.
func (c *cell) forgetAccount(id store.AccountID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.idle = slices.DeleteFunc(c.mu.idle, func(b *box) bool {
		if b.account != id {
			return false
		}
		c.mu.idleSize -= b.octets()
		delete(c.mu.boxes, b.ref())
		return true
	})
}

// change runs statements in a transaction, while the account is this arrival's. They do no harm when
// they are made twice.
func (r *arrival) change(ctx context.Context, queue func(b *pgx.Batch, epoch int64)) error {
	if err := r.cell.begin(ctx); err != nil {
		return err
	}
	defer r.cell.running.Done()
	return r.cell.db.write(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		var b pgx.Batch
		b.Queue("BEGIN")
		b.Queue(`SELECT 1 FROM account WHERE account_id = $1 AND state = $2 AND since::text = $3 FOR UPDATE`, int64(r.id), int16(stateArriving), r.mark).
			QueryRow(func(row pgx.Row) error {
				var one int
				if err := row.Scan(&one); notFound(err) {
					return store.ErrTakenOver
				} else {
					return err
				}
			})
		queue(&b, epochOf(conn))
		b.Queue("COMMIT")
		err := conn.SendBatch(ctx, &b).Close()
		if err != nil && !conn.IsClosed() {
			_, _ = conn.Exec(ctx, "ROLLBACK")
		}
		return err
	})
}

// Names implements store.Arrival.
func (r *arrival) Names(ctx context.Context) (*mailbox.Namespace, uint32, error) {
	n, row, err := r.cell.readNames(ctx, r.id)
	return n, uint32(row.lastValidity), err
}

// SetNames implements store.Arrival.
func (r *arrival) SetNames(ctx context.Context, names *mailbox.Namespace, lastValidity uint32) error {
	before, _, err := r.Names(ctx)
	if err != nil {
		return err
	}
	account := int64(r.id)
	return r.change(ctx, func(b *pgx.Batch, epoch int64) {
		for e := range before.All() {
			if now, ok := names.ByID(e.ID); ok && now.UIDValidity == e.UIDValidity {
				continue
			}
			b.Queue(`WITH gone AS (DELETE FROM message WHERE account_id = $1 AND mailbox_id = $2 RETURNING ref)
				INSERT INTO trash (account_id, ref) SELECT DISTINCT $1::bigint, ref FROM gone ON CONFLICT (account_id, ref) DO UPDATE SET at = now()`, account, int64(e.ID))
			for _, table := range []string{"expunged", "changed", "mailbox"} {
				b.Queue(`DELETE FROM `+table+` WHERE account_id = $1 AND mailbox_id = $2`, account, int64(e.ID))
			}
		}
		for e := range names.All() {
			uses := []string{}
			for _, use := range e.Use {
				uses = append(uses, string(use))
			}
			b.Queue(`INSERT INTO mailbox (account_id, mailbox_id, name, uses, uidvalidity, uidnext, modseq, epoch) VALUES ($1, $2, $3, $4, $5, 1, 1, $6)
				ON CONFLICT (account_id, mailbox_id) DO UPDATE SET name = $3, uses = $4`, account, int64(e.ID), e.Name, uses, int64(e.UIDValidity), epoch)
		}
		b.Queue(`DELETE FROM subscription WHERE account_id = $1`, account)
		b.Queue(`INSERT INTO subscription (account_id, name) SELECT $1, unnest($2::text[])`, account, orEmpty(slices.Collect(names.Subscribed())))
		b.Queue(`DELETE FROM metadata WHERE account_id = $1`, account)
		metadata := metadataRows{}
		for id, m := range names.AllMetadata() {
			metadata = append(metadata, mailbox.MetadataChange{ID: id, Metadata: m})
		}
		metadata.write(b, r.id)
		b.Queue(`UPDATE account SET last_validity = $2, epoch = $3, quota = $4, names_seq = names_seq + 1 WHERE account_id = $1`, account, int64(lastValidity), epoch,
			orNull(names.Quota()))
	})
}

// arrivedMailbox is a handle on a mailbox as it was read at one moment; nobody else knows its box.
type arrivedMailbox struct{ *handle }

func (m arrivedMailbox) Close() error { return nil }

// Open implements store.Arrival.
func (r *arrival) Open(ctx context.Context, id mailbox.ID) (store.Mailbox, error) {
	b := &box{cell: r.cell, account: r.id, id: id}
	b.mu.handles = map[*handle]struct{}{}
	err := r.cell.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, snapshot); err != nil {
			return err
		}
		defer conn.Exec(ctx, "ROLLBACK")
		h, err := scanHead(conn.QueryRow(ctx, selectHead, int64(r.id), int64(id)))
		if notFound(err) {
			return mailboxNotFound(id)
		} else if err != nil {
			return err
		}
		v, err := readVersion(ctx, conn, r.id, h, r.cell.options.History)
		if err == nil {
			b.cur.Store(&known{v, epochOf(conn)})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return arrivedMailbox{&handle{box: b, bell: make(chan struct{}, 1)}}, nil
}

// History implements store.Arrival.
func (r *arrival) History(ctx context.Context, id mailbox.ID) ([]mailbox.Expunged, imap.ModSeq, error) {
	return r.cell.history(ctx, store.Ref{Account: r.id, Mailbox: id})
}

// Stage implements store.Arrival.
func (r *arrival) Stage(ctx context.Context, body io.Reader) (store.Staged, error) {
	return r.cell.stage(ctx, r.id, body)
}

// Import implements store.Arrival.
func (r *arrival) Import(ctx context.Context, id mailbox.ID, p *mailbox.Import, bodies []*store.NewMessage, recent imap.UID, complete bool) (refs []uint64, err error) {
	m := &commit{}
	emails := map[uint64]*newEmail{}
	defer func() {
		// As with a commit: what may have been made keeps its objects.
		made := err == nil || errors.Is(err, store.ErrUnavailable)
		for _, b := range m.bodies {
			b.end(made)
		}
		if !made {
			r.cell.forget(m.objects...)
		}
	}()
	rows := slices.Clone(p.Rows)
	for i := range rows {
		if bodies[i] == nil {
			continue
		}
		email, err := r.cell.newEmail(ctx, m, r.id, bodies[i])
		if err != nil {
			return nil, err
		}
		// From another cell it keeps its Ref: when it comes back to where it was, machines that know
		// the mailbox from then are right.
		if !r.keepRefs {
			rows[i].Ref = newRef()
		}
		emails[rows[i].Ref] = email
	}
	for i := range rows {
		refs = append(refs, rows[i].Ref)
	}
	err = r.change(ctx, func(b *pgx.Batch, epoch int64) {
		r.writeEmails(b, emails)
		r.writeRows(b, id, rows, p.Far)
		r.writeMailbox(b, id, p, recent, epoch)
		if complete {
			b.Queue(`UPDATE mailbox SET messages = c.messages, unseen = c.unseen, deleted = c.deleted, octets = c.octets
				FROM (SELECT count(*) AS messages, count(*) FILTER (WHERE flags & $3 = 0) AS unseen, count(*) FILTER (WHERE flags & $4 <> 0) AS deleted, coalesce(sum(size), 0)::bigint AS octets
					FROM message WHERE account_id = $1 AND mailbox_id = $2) AS c
				WHERE mailbox.account_id = $1 AND mailbox.mailbox_id = $2`, int64(r.id), int64(id), int64(mailbox.BitSeen), int64(mailbox.BitDeleted))
		}
	})
	return refs, err
}

// writeEmails writes emails, but for those that are there: when the transaction is made twice, and of
// an account that comes back, which leaves the new object to the sweep of orphans.
func (r *arrival) writeEmails(b *pgx.Batch, emails map[uint64]*newEmail) {
	for _, ref := range slices.Sorted(maps.Keys(emails)) {
		e := emails[ref]
		b.Queue(`INSERT INTO email (account_id, ref, email_id, thread_id, size, sum, blob, body, summary) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT (account_id, ref) DO NOTHING`, int64(r.id), int64(ref), int64(e.EmailID), int64(e.ThreadID), e.size, e.sum, e.blob, e.body, e.Summary)
	}
}

// writeRows puts rows into the table message, over those with the same UIDs.
func (r *arrival) writeRows(b *pgx.Batch, id mailbox.ID, rows []mailbox.Row, farBits map[imap.UID]mailbox.FarBits) {
	if len(rows) == 0 {
		return
	}
	n := len(rows)
	uids, modseqs, flags, sizes := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	dates, saved, refs, far := make([]int64, n), make([]int64, n), make([]int64, n), make([][]byte, n)
	for i := range rows {
		x := &rows[i]
		uids[i], modseqs[i], flags[i], sizes[i] = int64(x.UID), int64(x.ModSeq), int64(x.Flags), int64(x.Size)
		dates[i], saved[i], refs[i], far[i] = int64(x.Date), int64(x.Saved), int64(x.Ref), encodeFar(farBits[x.UID])
	}
	b.Queue(`INSERT INTO message (account_id, mailbox_id, uid, modseq, flags, size, date, saved, ref, far)
		SELECT $1, $2, * FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bytea[])
		ON CONFLICT (account_id, mailbox_id, uid) DO UPDATE SET modseq = excluded.modseq, flags = excluded.flags, far = excluded.far`,
		int64(r.id), int64(id), uids, modseqs, flags, sizes, dates, saved, refs, far)
}

// writeMailbox removes what is gone, and writes the mailbox's history and its row. Made twice it
// does no harm, once the emails of what it removes are in the trash.
func (r *arrival) writeMailbox(b *pgx.Batch, id mailbox.ID, p *mailbox.Import, recent imap.UID, epoch int64) {
	account, box := int64(r.id), int64(id)
	for _, x := range p.Gone.Ranges() {
		b.Queue(`WITH gone AS (DELETE FROM message WHERE account_id = $1 AND mailbox_id = $2 AND uid BETWEEN $3 AND $4 RETURNING ref)
			INSERT INTO trash (account_id, ref) SELECT DISTINCT $1::bigint, ref FROM gone ON CONFLICT (account_id, ref) DO UPDATE SET at = now()`,
			account, box, int64(x.First), int64(x.Last))
	}
	b.Queue(`DELETE FROM expunged WHERE account_id = $1 AND mailbox_id = $2 AND modseq <= $3`, account, box, int64(p.HistorySince))
	if n := len(p.Expunged); n > 0 {
		modseqs, firsts, lasts := make([]int64, n), make([]int64, n), make([]int64, n)
		for i, x := range p.Expunged {
			modseqs[i], firsts[i], lasts[i] = int64(x.ModSeq), int64(x.First), int64(x.Last)
		}
		b.Queue(`INSERT INTO expunged (account_id, mailbox_id, modseq, first_uid, last_uid)
			SELECT $1, $2, * FROM unnest($3::bigint[], $4::bigint[], $5::bigint[]) ON CONFLICT DO NOTHING`, account, box, modseqs, firsts, lasts)
	}
	keywords := []string{}
	for _, k := range p.Keywords {
		keywords = append(keywords, string(k))
	}
	b.Queue(`UPDATE mailbox SET uidnext = $3, modseq = $4, changed_since = $4, epoch = $5, keywords = $6, history_since = $7, claimed = greatest(claimed, $8),
		history_runs = (SELECT count(*) FROM expunged WHERE account_id = $1 AND mailbox_id = $2) WHERE account_id = $1 AND mailbox_id = $2`,
		account, box, int64(p.UIDNext), int64(p.HighestModSeq), epoch, keywords, int64(p.HistorySince), int64(recent))
}

// Accept implements store.Arrival: the directory's row is what decides.
func (r *arrival) Accept(ctx context.Context, name string, secret []byte) error {
	if _, done, err := r.cell.setState(ctx, r.id, []int16{stateArriving}, r.mark, stateInUse); err != nil {
		return err
	} else if row, err := r.cell.accountRow(ctx, r.id); !done && (err != nil || row.state != stateInUse) {
		return store.ErrTakenOver
	}
	if err := r.store.step("accepted"); err != nil {
		return err
	}
	return r.store.directory.write(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		var id int64
		err := conn.QueryRow(ctx, `INSERT INTO users (name, account_id, secret, cell) VALUES ($1, $2, $3, $4)
			ON CONFLICT (name) DO UPDATE SET account_id = $2, secret = $3, cell = $4
			WHERE users.account_id = $2 OR starts_with(users.cell, $5) RETURNING account_id`,
			name, int64(r.id), append([]byte{}, secret...), r.cell.name, movedPrefix).Scan(&id)
		if notFound(err) {
			err = fmt.Errorf("pgstore: user %q: %w", name, store.ErrExists)
		}
		return err
	})
}

// Discard implements store.Arrival. A sweep removes what has come.
func (r *arrival) Discard(ctx context.Context) error {
	_, done, err := r.cell.setState(ctx, r.id, []int16{stateArriving}, r.mark, stateDeleted)
	if err == nil && !done {
		err = store.ErrTakenOver
	}
	return err
}
