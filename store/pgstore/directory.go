package pgstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// The directory: users, their secrets, and in which cell their accounts are. An account is made
// before its user and removed after: what an interruption leaves is an account that nobody can log
// in to, which Check tells of.

func userNotFound(name string) error {
	return fmt.Errorf("pgstore: user %q: %w", name, store.ErrNotFound)
}

const selectUser = `SELECT name, account_id, secret, cell FROM users WHERE name = $1`

// user returns a user and the name of the cell.
func (s *Store) user(ctx context.Context, name string) (u store.User, cell string, err error) {
	if err := s.ready(ctx); err != nil {
		return u, "", err
	}
	err = s.directory.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		var id int64
		err := conn.QueryRow(ctx, selectUser, name).Scan(&u.Name, &id, &u.Secret, &cell)
		u.ID = store.AccountID(id)
		if notFound(err) {
			return userNotFound(name)
		}
		return err
	})
	return u, cell, err
}

// User implements store.Directory.
func (s *Store) User(ctx context.Context, name string) (store.User, error) {
	u, _, err := s.user(ctx, name)
	return u, err
}

// Users implements store.Directory.
func (s *Store) Users(ctx context.Context) (users []store.User, err error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	err = s.directory.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		users = nil
		rows, err := conn.Query(ctx, `SELECT name, account_id, secret FROM users ORDER BY name`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var u store.User
			var id int64
			if err := rows.Scan(&u.Name, &id, &u.Secret); err != nil {
				return err
			}
			u.ID = store.AccountID(id)
			users = append(users, u)
		}
		return rows.Err()
	})
	return users, err
}

// CreateUser implements store.Directory.
func (s *Store) CreateUser(ctx context.Context, name string, secret []byte, initial ...store.InitialMailbox) (store.User, error) {
	_, err := s.User(ctx, name)
	switch {
	case err == nil:
		return store.User{}, fmt.Errorf("pgstore: user %q: %w", name, store.ErrExists)
	case !errors.Is(err, store.ErrNotFound):
		return store.User{}, err
	}
	c := s.cells[0]
	for _, candidate := range s.options.Cells {
		if !candidate.Full {
			c = s.cell(candidate.Name)
			break
		}
	}
	u := store.User{ID: newAccountID(), Name: name, Secret: append([]byte{}, secret...)}
	if err := c.createAccount(ctx, u.ID, initial); err != nil {
		return store.User{}, fmt.Errorf("pgstore: user %q: %w", name, err)
	}
	// The account's id makes it the same user when it has to be tried again.
	err = s.directory.write(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `INSERT INTO users (name, account_id, secret, cell) VALUES ($1, $2, $3, $4)`, name, int64(u.ID), u.Secret, c.name)
		if !isCode(err, codeUniqueViolation) {
			return err
		}
		var id int64
		err = conn.QueryRow(ctx, `UPDATE users SET secret = secret WHERE name = $1 RETURNING account_id`, name).Scan(&id)
		if err == nil && store.AccountID(id) != u.ID {
			err = fmt.Errorf("pgstore: user %q: %w", name, store.ErrExists)
		}
		return err
	})
	if err != nil {
		if errors.Is(err, store.ErrExists) {
			err = errors.Join(err, c.deleteAccount(ctx, u.ID))
		}
		return store.User{}, err
	}
	s.learnPlace(u.ID, c)
	return u, nil
}

// createAccount makes an account with an empty INBOX and the mailboxes in initial, all subscribed.
func (c *cell) createAccount(ctx context.Context, id store.AccountID, initial []store.InitialMailbox) error {
	err := c.db.write(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `INSERT INTO account (account_id) VALUES ($1) ON CONFLICT DO NOTHING`, int64(id))
		return err
	})
	if err != nil {
		return err
	}
	var ops []store.Op
	for _, m := range append([]store.InitialMailbox{{Name: imap.Inbox}}, initial...) {
		ops = append(ops, &store.Create{Account: id, Name: m.Name, Use: m.Use}, &store.Subscribe{Account: id, Name: m.Name, On: true})
	}
	if _, err := c.commit(ctx, ops); err != nil {
		return errors.Join(err, c.deleteAccount(ctx, id))
	}
	return nil
}

// SetSecret implements store.Directory.
func (s *Store) SetSecret(ctx context.Context, name string, secret []byte) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	return s.directory.write(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		done, err := conn.Exec(ctx, `UPDATE users SET secret = $2 WHERE name = $1`, name, append([]byte{}, secret...))
		if err == nil && done.RowsAffected() == 0 {
			return userNotFound(name)
		}
		return err
	})
}

// DeleteUser implements store.Directory.
func (s *Store) DeleteUser(ctx context.Context, name string) error {
	u, cellName, err := s.user(ctx, name)
	if err != nil {
		return err
	}
	c := s.cell(cellName)
	if _, moved := movedTo(cellName); moved {
		return s.deleteMoved(ctx, u)
	}
	if c == nil {
		return fmt.Errorf("pgstore: user %q is in cell %q, which this machine's configuration does not have", name, cellName)
	}
	if err := c.deleteAccount(ctx, u.ID); err != nil {
		return err
	}
	err = s.directory.write(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `DELETE FROM users WHERE name = $1 AND account_id = $2`, name, int64(u.ID))
		return err
	})
	return s.forgetPlace(u.ID, errors.Join(err, nil))
}

// deleteAccount takes an account out of use. A sweep removes its messages when their time has come.
func (c *cell) deleteAccount(ctx context.Context, id store.AccountID) error {
	a := c.account(id)
	defer c.leave(a)
	boxes := map[mailbox.ID]imap.ModSeq{}
	err := c.db.write(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		var b pgx.Batch
		b.Queue("BEGIN")
		b.Queue(`UPDATE account SET state = $2, names_seq = names_seq + 1, since = now() WHERE account_id = $1 AND state <> $2`, int64(id), int16(stateDeleted))
		b.Queue(`DELETE FROM subscription WHERE account_id = $1`, int64(id))
		b.Queue(`DELETE FROM metadata WHERE account_id = $1`, int64(id))
		b.Queue(`DELETE FROM mailbox WHERE account_id = $1 RETURNING mailbox_id, modseq`, int64(id)).Query(func(rows pgx.Rows) error {
			var box, modseq int64
			_, err := pgx.ForEachRow(rows, []any{&box, &modseq}, func() error {
				boxes[mailbox.ID(box)] = imap.ModSeq(modseq)
				return nil
			})
			return err
		})
		b.Queue("COMMIT")
		return conn.SendBatch(ctx, &b).Close()
	})
	if err != nil {
		return err
	}
	h := hint{names: []store.AccountID{id}}
	for box, modseq := range boxes {
		ref := store.Ref{Account: id, Mailbox: box}
		h.boxes = append(h.boxes, boxHint{ref, modseq + 1})
		if b := c.openedBox(ref); b != nil {
			if k := b.cur.Load(); k != nil {
				b.publish(&known{k.version.WithDeleted(max(modseq, k.version.HighestModSeq) + 1), k.epoch})
			}
			c.release(b)
		}
	}
	if a.cur.Load() != nil {
		a.publish(&names{namespace: mailbox.NewNamespace(nil, nil), gone: true})
	}
	c.hints.send(h)
	return nil
}

// SharedKey returns random octets that all machines know by a name. The first to ask makes them.
func (s *Store) SharedKey(ctx context.Context, name string, octets int) (key []byte, err error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	random := make([]byte, octets)
	rand.Read(random)
	err = s.directory.write(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, `INSERT INTO shared_key (name, octets) VALUES ($1, $2) ON CONFLICT DO NOTHING`, name, random); err != nil {
			return err
		}
		return conn.QueryRow(ctx, `SELECT octets FROM shared_key WHERE name = $1`, name).Scan(&key)
	})
	if err == nil && len(key) != octets {
		err = fmt.Errorf("pgstore: the shared key %q has %d octets, not %d", name, len(key), octets)
	}
	return key, err
}

// write runs statements that do no harm when they are made twice, until they are made and replicated.
func (db *database) write(ctx context.Context, f func(context.Context, *pgx.Conn) error) error {
	ctx = context.WithoutCancel(ctx)
	return db.retry(ctx, func(ctx context.Context) error {
		return db.with(ctx, writeTimeout, func(ctx context.Context, conn *pgx.Conn) error {
			takeUnreplicated(conn)
			err := f(ctx, conn)
			if err == nil && takeUnreplicated(conn) {
				return errUnreplicated
			}
			return err
		})
	})
}

const writeTimeout = 60 * time.Second
