package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// Accounts that go to another store or cell. A fence is a state of the account and its mailboxes
// that every change meets, on whatever machine. It has a mark, the moment when it was set by the
// database's clock: whoever hands the account over does so only while the mark is that of its fence.
// A fence that nobody has taken away for a minute is taken away by whoever meets it.

// fenceLapses is how old a fence is that anybody may take away.
const fenceLapses = time.Minute

// movedPrefix begins, in the directory, the cell of a user whose mail is in another store.
const movedPrefix = "moved to "

// movedTo returns where to a user has moved, by what the directory calls the cell.
func movedTo(cell string) (to string, ok bool) { return strings.CutPrefix(cell, movedPrefix) }

// Identity implements store.Mover: random octets of the directory.
func (s *Store) Identity(ctx context.Context) (string, error) {
	key, err := s.SharedKey(ctx, "identity", 16)
	return fmt.Sprintf("pgstore %x", key), err
}

// directoryCell returns what the directory says of an account; notFound when it has none.
func (s *Store) directoryCell(ctx context.Context, id store.AccountID) (name string, err error) {
	if err := s.ready(ctx); err != nil {
		return "", err
	}
	err = s.directory.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT cell FROM users WHERE account_id = $1`, int64(id)).Scan(&name)
	})
	return name, err
}

// Residence implements store.Mover. An account without a user is one that arrives.
func (s *Store) Residence(ctx context.Context, id store.AccountID) (r store.Residence, err error) {
	name, err := s.directoryCell(ctx, id)
	switch to, moved := movedTo(name); {
	case err == nil && moved:
		return store.Residence{State: store.Moved, To: to}, nil
	case err == nil:
		c := s.cell(name)
		if c == nil {
			return r, fmt.Errorf("pgstore: account %d is in cell %q, which this machine's configuration does not have", id, name)
		}
		row, err := c.accountRow(ctx, id)
		if err == nil && row.state == stateMoved {
			r.State = store.Moved
		}
		return r, err
	case !notFound(err):
		return r, err
	}
	for _, c := range s.cells {
		row, err := c.accountRow(ctx, id)
		if err == nil && (row.state == stateArriving || row.state == stateInUse) {
			return store.Residence{State: store.Arriving}, nil
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return r, err
		}
	}
	return r, accountNotFound(id)
}

func (c *cell) accountRow(ctx context.Context, id store.AccountID) (r accountRow, err error) {
	err = c.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		r, err = scanAccount(conn.QueryRow(ctx, selectAccount, int64(id)))
		if notFound(err) {
			err = accountNotFound(id)
		}
		return err
	})
	return r, err
}

// Names implements store.Mover.
func (s *Store) Names(ctx context.Context, id store.AccountID) (*mailbox.Namespace, uint32, error) {
	c, err := s.place(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	n, row, err := c.readNames(ctx, id)
	if err == nil {
		if err = stateError(id, row.state); errors.Is(err, errFenced) {
			err = nil
		}
	}
	return n, uint32(row.lastValidity), err
}

// readNames reads an account's names, whatever its state.
func (c *cell) readNames(ctx context.Context, id store.AccountID) (n *mailbox.Namespace, r accountRow, err error) {
	a := &account{cell: c, id: id} // which nobody else knows
	a.mu.modseqs = map[mailbox.ID]imap.ModSeq{}
	err = c.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, snapshot); err != nil {
			return err
		}
		defer conn.Exec(ctx, "ROLLBACK")
		var err error
		if r, err = scanAccount(conn.QueryRow(ctx, selectAccount, int64(id))); notFound(err) {
			return accountNotFound(id)
		} else if err != nil {
			return err
		}
		found, err := a.catchUp(ctx, conn, &r)
		if err == nil {
			n = found.namespace
		}
		return err
	})
	return n, r, err
}

// History implements store.Mover.
func (s *Store) History(ctx context.Context, ref store.Ref) ([]mailbox.Expunged, imap.ModSeq, error) {
	c, err := s.place(ctx, ref.Account)
	if err != nil {
		return nil, 0, err
	}
	return c.history(ctx, ref)
}

func (c *cell) history(ctx context.Context, ref store.Ref) (removed []mailbox.Expunged, since imap.ModSeq, err error) {
	err = c.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, snapshot); err != nil {
			return err
		}
		defer conn.Exec(ctx, "ROLLBACK")
		h, err := scanHead(conn.QueryRow(ctx, selectHead, int64(ref.Account), int64(ref.Mailbox)))
		if notFound(err) {
			return mailboxNotFound(ref.Mailbox)
		} else if err != nil {
			return err
		}
		since = h.historySince
		rows, err := conn.Query(ctx, selectExpunged, int64(ref.Account), int64(ref.Mailbox), int64(since))
		if err == nil {
			removed, err = expungedRows(rows)
		}
		return err
	})
	return removed, since, err
}

// Marks that setState takes for those of many.
const (
	anyMark  = ""
	unsealed = "unsealed" // any but that of a fence that does not lapse
)

// setState sets the state of an account and its mailboxes, when the account has one of the states,
// and the mark. It returns the new mark, and whether it was done: not, when it was done before.
func (c *cell) setState(ctx context.Context, id store.AccountID, from []int16, mark string, to int16) (newMark string, done bool, err error) {
	err = c.db.write(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		newMark, done = "", false
		var b pgx.Batch
		b.Queue("BEGIN")
		b.Queue(`UPDATE account SET state = $2, since = clock_timestamp(), names_seq = names_seq + 1
			WHERE account_id = $1 AND state = ANY($3) AND ($4 = '' OR since::text = $4 OR $4 = 'unsealed' AND since <> 'infinity') RETURNING since::text`, int64(id), to, from, mark).
			Query(func(rows pgx.Rows) error {
				defer rows.Close()
				for rows.Next() {
					done = true
					if err := rows.Scan(&newMark); err != nil {
						return err
					}
				}
				return rows.Err()
			})
		b.Queue(`UPDATE mailbox SET state = (SELECT state FROM account WHERE account_id = $1) WHERE account_id = $1`, int64(id))
		b.Queue("COMMIT")
		err := conn.SendBatch(ctx, &b).Close()
		if err != nil && !conn.IsClosed() {
			_, _ = conn.Exec(ctx, "ROLLBACK")
		}
		return err
	})
	return newMark, done, err
}

// unfenceLapsed takes the fences of a group's accounts away that are too old.
func (c *cell) unfenceLapsed(ctx context.Context, group []*commit) error {
	for _, m := range group {
		for _, id := range m.accounts {
			if err := c.unfence(ctx, id, fenceLapses); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *cell) unfence(ctx context.Context, id store.AccountID, age time.Duration) error {
	var mark string
	err := c.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT since::text FROM account WHERE account_id = $1 AND state = $2 AND since < clock_timestamp() - $3::interval`,
			int64(id), int16(stateFenced), age).Scan(&mark)
	})
	if notFound(err) {
		return nil
	}
	if err == nil {
		_, _, err = c.setState(ctx, id, []int16{stateFenced}, mark, stateInUse)
	}
	return err
}

// fence is an account's in a cell.
type fence struct {
	store *Store
	cell  *cell
	id    store.AccountID
	mark  string
}

var _ store.Relocator = (*fence)(nil)

// Fence implements store.Mover. An earlier fence ends, unless its account was handed over already.
func (s *Store) Fence(ctx context.Context, id store.AccountID) (store.Fence, error) {
	c, err := s.place(ctx, id)
	if err != nil {
		return nil, err
	}
	mark, done, err := c.setState(ctx, id, []int16{stateInUse, stateFenced}, unsealed, stateFenced)
	if err == nil && !done {
		row, rowErr := c.accountRow(ctx, id)
		switch {
		case rowErr != nil:
			err = rowErr
		case row.state == stateFenced:
			err = fmt.Errorf("pgstore: account %d is being handed over to another cell; the same move, begun again, ends that", id)
		default:
			if err = stateError(id, row.state); err == nil {
				err = unavailable(errFenced) // released again since
			}
		}
	}
	return &fence{s, c, id, mark}, err
}

func (c *cell) isMoved(ctx context.Context, id store.AccountID) bool {
	row, err := c.accountRow(ctx, id)
	return err == nil && row.state == stateMoved
}

func (f *fence) Release() {
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	if _, _, err := f.cell.setState(ctx, f.id, []int16{stateFenced}, f.mark, stateInUse); err != nil {
		f.cell.log.Warn("an account was not released; changes wait for a minute", "account", f.id, "err", err)
	}
}

// Leave implements store.Fence: first in the cell, which decides, then in the directory.
func (f *fence) Leave(ctx context.Context, to string) error {
	_, done, err := f.cell.setState(ctx, f.id, []int16{stateFenced}, f.mark, stateMoved)
	if err != nil {
		return err
	}
	if !done && !f.cell.isMoved(ctx, f.id) {
		return store.ErrUnfenced
	}
	err = f.store.directory.write(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `UPDATE users SET cell = $2 WHERE account_id = $1`, int64(f.id), movedPrefix+to)
		return err
	})
	f.cell.tellMoved(f.id)
	return err
}

// Relocate implements store.Relocator. The fence is made one that does not lapse; the directory's row
// decides where the account is; what comes after it is made up for by whoever moves it next.
func (f *fence) Relocate(ctx context.Context, to store.Arrival) error {
	r, ok := to.(*arrival)
	if !ok || r.cell == f.cell || r.store != f.store {
		return errors.New("pgstore: the account does not arrive in another cell")
	}
	sealed := false
	err := f.cell.db.write(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		done, err := conn.Exec(ctx, `UPDATE account SET since = 'infinity' WHERE account_id = $1 AND state = $2 AND (since::text = $3 OR since = 'infinity')`,
			int64(f.id), int16(stateFenced), f.mark)
		sealed = err == nil && done.RowsAffected() > 0
		return err
	})
	if err != nil {
		return err
	}
	if !sealed {
		return store.ErrUnfenced
	}
	return f.store.handOver(ctx, f.id, f.cell, r.cell)
}

// handOver makes a cell the one of an account that is whole there, and sealed where it was.
func (s *Store) handOver(ctx context.Context, id store.AccountID, from, to *cell) error {
	if _, _, err := to.setState(ctx, id, []int16{stateArriving}, anyMark, stateInUse); err != nil {
		return err
	}
	if err := s.step("accepted"); err != nil {
		return err
	}
	err := s.directory.write(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `UPDATE users SET cell = $2 WHERE account_id = $1 AND cell = $3`, int64(id), to.name, from.name)
		return err
	})
	if err != nil {
		return err
	}
	if err := s.step("relocated"); err != nil {
		return err
	}
	return s.leaveBehind(ctx, id, from)
}

// step is where tests end a move. It never fails otherwise.
func (s *Store) step(name string) error {
	if s.options.step != nil {
		return s.options.step(name)
	}
	return nil
}

// leaveBehind makes what a cell has of an account that is in another one a copy.
func (s *Store) leaveBehind(ctx context.Context, id store.AccountID, c *cell) error {
	_, _, err := c.setState(ctx, id, []int16{stateFenced, stateInUse}, anyMark, stateMoved)
	if err == nil {
		c.tellMoved(id)
		s.forgetPlace(id, store.ErrMoved)
	}
	return err
}

// tellMoved tells the sessions of an account, on all machines.
func (c *cell) tellMoved(id store.AccountID) {
	a := c.account(id)
	defer c.leave(a)
	if a.cur.Load() != nil {
		a.publish(&names{namespace: mailbox.NewNamespace(nil, nil), gone: true, moved: true})
	}
	c.ringBoxes(id)
	c.hints.send(hint{names: []store.AccountID{id}})
}

// ringBoxes rings the bells of an account's mailboxes.
func (c *cell) ringBoxes(id store.AccountID) {
	for _, b := range c.openBoxes() {
		if b.account == id {
			b.ring()
		}
		c.release(b)
	}
}

// deleteMoved removes a user whose mail is in another store, and the copy here.
func (s *Store) deleteMoved(ctx context.Context, u store.User) error {
	for _, c := range s.cells {
		err := c.deleteAccount(ctx, u.ID)
		if err != nil {
			return err
		}
	}
	return s.directory.write(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `DELETE FROM users WHERE name = $1 AND account_id = $2`, u.Name, int64(u.ID))
		return err
	})
}
