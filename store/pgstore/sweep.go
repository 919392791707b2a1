package pgstore

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"restante/blob"
	"restante/store"
)

// Sweeping removes what nobody refers to any more, when its time has come. Rows go first and objects
// afterwards, so nobody ever refers to an object that is not there; and an object is removed only
// when a row says so, or when it is so old that whoever put it there cannot be under way any more.

// forget removes objects that were put for a change that was not made.
func (c *cell) forget(keys ...blob.Key) {
	if len(keys) == 0 {
		return
	}
	c.running.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
		defer cancel()
		if err := c.blobs.Delete(ctx, keys...); err != nil {
			c.log.Info("an object that was not used could not be removed; a sweep will find it", "err", err)
		}
	})
}

// sweepEvery is how often a machine looks whether something is to be swept: a random time between
// half of it and all of it.
const sweepEvery = 10 * time.Minute

func (c *cell) sweepAgainAndAgain(ctx context.Context) {
	for {
		timer := time.NewTimer(sweepEvery/2 + rand.N(sweepEvery/2))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		if err := c.sweep(ctx); err != nil && ctx.Err() == nil {
			c.log.Warn("removing what is not needed any more", "err", err)
		}
	}
}

// sweep removes all that is not needed any more.
func (c *cell) sweep(ctx context.Context) error {
	if err := c.askClock(ctx); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{c.sweepDone, c.sweepTrash, c.sweepObjects, c.sweepAccounts, c.sweepOrphans} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// sweepDone removes what was noted of transactions, long after anybody could ask.
func (c *cell) sweepDone(ctx context.Context) error {
	return c.db.write(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `DELETE FROM done WHERE at < now() - $1::interval`, max(time.Hour, 10*c.options.Patience))
		return err
	})
}

// sweepBatch is how many emails are removed in one transaction.
const sweepBatch = 1000

// sweepTrash removes emails to which no message refers.
func (c *cell) sweepTrash(ctx context.Context) error {
	for ctx.Err() == nil {
		accounts := map[int64][]int64{}
		err := c.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
			clear(accounts)
			rows, err := conn.Query(ctx, `SELECT account_id, ref FROM trash WHERE at < now() - $1::interval AND blob IS NULL ORDER BY at LIMIT $2`,
				c.options.TrashAfter, sweepBatch)
			if err != nil {
				return err
			}
			var account, ref int64
			_, err = pgx.ForEachRow(rows, []any{&account, &ref}, func() error {
				accounts[account] = append(accounts[account], ref)
				return nil
			})
			return err
		})
		if err != nil || len(accounts) == 0 {
			return err
		}
		for account, refs := range accounts {
			if err := c.removeEmails(ctx, account, refs, c.options.TrashAfter); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// removeEmails removes those of the emails to which no message of the account refers, and none has for
// as long as age. What a message that is being copied or moved refers to has at each moment a message
// that all can see. That the age is asked again each time is for a message that is removed meanwhile:
// its email is in the trash with a new time then.
func (c *cell) removeEmails(ctx context.Context, account int64, refs []int64, age time.Duration) error {
	return c.db.write(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		var b pgx.Batch
		b.Queue("BEGIN")
		b.Queue(`DELETE FROM trash WHERE account_id = $1 AND ref = ANY($2) AND at < now() - $3::interval
			AND ref IN (SELECT m.ref FROM message m WHERE m.account_id = $1 AND m.ref = ANY($2))`, account, refs, age)
		b.Queue(`WITH gone AS (DELETE FROM email e USING trash t WHERE t.account_id = $1 AND t.ref = ANY($2) AND t.at < now() - $3::interval
				AND e.account_id = $1 AND e.ref = t.ref RETURNING e.ref, e.blob)
			UPDATE trash t SET blob = gone.blob FROM gone WHERE t.account_id = $1 AND t.ref = gone.ref AND gone.blob IS NOT NULL`, account, refs, age)
		b.Queue(`DELETE FROM trash WHERE account_id = $1 AND ref = ANY($2) AND at < now() - $3::interval AND blob IS NULL`, account, refs, age)
		b.Queue("COMMIT")
		err := conn.SendBatch(ctx, &b).Close()
		if err != nil && !conn.IsClosed() {
			_, _ = conn.Exec(ctx, "ROLLBACK")
		}
		return err
	})
}

// sweepObjects removes the objects of emails that were removed.
func (c *cell) sweepObjects(ctx context.Context) error {
	for ctx.Err() == nil {
		type row struct {
			account, ref int64
			key          blob.Key
		}
		var found []row
		err := c.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
			rows, err := conn.Query(ctx, `SELECT account_id, ref, blob FROM trash WHERE blob IS NOT NULL LIMIT $1`, sweepBatch)
			if err != nil {
				return err
			}
			found, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (x row, err error) {
				var key string
				err = r.Scan(&x.account, &x.ref, &key)
				x.key = blob.Key(key)
				return x, err
			})
			return err
		})
		if err != nil || len(found) == 0 {
			return err
		}
		keys := make([]blob.Key, len(found))
		accounts, refs := make([]int64, len(found)), make([]int64, len(found))
		for i, x := range found {
			keys[i], accounts[i], refs[i] = x.key, x.account, x.ref
		}
		if err := c.blobs.Delete(ctx, keys...); err != nil {
			return err // they are tried again
		}
		err = c.db.write(ctx, func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, `DELETE FROM trash t USING unnest($1::bigint[], $2::bigint[]) AS u (account_id, ref) WHERE t.account_id = u.account_id AND t.ref = u.ref AND t.blob IS NOT NULL`, accounts, refs)
			return err
		})
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// sweepAccounts removes what is left of accounts that were deleted, or have moved away.
func (c *cell) sweepAccounts(ctx context.Context) error {
	var accounts []int64
	err := c.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT account_id FROM account WHERE state IN ($1, $2) AND since < now() - $3::interval`,
			int16(stateDeleted), int16(stateMoved), c.options.TrashAfter)
		if err != nil {
			return err
		}
		accounts, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	})
	if err != nil {
		return err
	}
	for _, account := range accounts {
		if err := c.sweepAccount(ctx, account); err != nil {
			return err
		}
	}
	return nil
}

// isLeftBehind is a condition: the account has not come back meanwhile.
const isLeftBehind = `EXISTS (SELECT FROM account a WHERE a.account_id = $1 AND a.state IN (2, 3))`

// sweepAccount removes an account: its messages, its emails by way of the trash, and at last itself.
func (c *cell) sweepAccount(ctx context.Context, account int64) error {
	for _, table := range []string{"message", "mailbox", "subscription", "metadata", "expunged", "changed", "done"} {
		err := c.db.write(ctx, func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, `DELETE FROM `+table+` WHERE account_id = $1 AND `+isLeftBehind, account)
			return err
		})
		if err != nil {
			return err
		}
	}
	for ctx.Err() == nil {
		var refs []int64
		err := c.db.write(ctx, func(ctx context.Context, conn *pgx.Conn) error {
			rows, err := conn.Query(ctx, `INSERT INTO trash (account_id, ref) SELECT account_id, ref FROM email WHERE account_id = $1 AND `+isLeftBehind+` LIMIT $2
				ON CONFLICT (account_id, ref) DO UPDATE SET at = now() RETURNING ref`, account, sweepBatch)
			if err != nil {
				return err
			}
			refs, err = pgx.CollectRows(rows, pgx.RowTo[int64])
			return err
		})
		if err != nil {
			return err
		}
		if len(refs) == 0 {
			break
		}
		if err := c.removeEmails(ctx, account, refs, 0); err != nil {
			return err
		}
	}
	if err := c.sweepObjects(ctx); err != nil {
		return err
	}
	return c.db.write(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `DELETE FROM account WHERE account_id = $1 AND state IN ($2, $3)`, account, int16(stateDeleted), int16(stateMoved))
		return err
	})
}

// sweepOrphans removes objects that were put for a change of which nothing became: of one generation
// after the other, when it has become old.
func (c *cell) sweepOrphans(ctx context.Context) error {
	last := int64(c.generation()) - oldGenerations
	for ctx.Err() == nil {
		var g int64
		err := c.db.write(ctx, func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, `INSERT INTO task (name, at, mark) VALUES ('orphans', now() - interval '1 day', $1) ON CONFLICT DO NOTHING`, last-1)
			if err != nil {
				return err
			}
			// Whoever gets the row has it for an hour.
			return conn.QueryRow(ctx, `UPDATE task SET at = now() WHERE name = 'orphans' AND mark < $1 AND at < now() - interval '1 hour' RETURNING mark + 1`, last).Scan(&g)
		})
		if notFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := c.removeOrphans(ctx, blob.Generation(g)); err != nil {
			return err
		}
		err = c.db.write(ctx, func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, `UPDATE task SET mark = $1, at = now() - interval '1 day' WHERE name = 'orphans' AND mark < $1`, g)
			return err
		})
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// removeOrphans removes the objects of a generation that no email and no trash names.
func (c *cell) removeOrphans(ctx context.Context, g blob.Generation) error {
	return c.eachOrphan(ctx, g, func(keys []blob.Key) error {
		c.log.Info("removing objects of changes that were not made", "objects", len(keys))
		return c.blobs.Delete(ctx, keys...)
	})
}

// eachOrphan finds the objects of a generation that no email and no trash names, some at a time.
func (c *cell) eachOrphan(ctx context.Context, g blob.Generation, f func([]blob.Key) error) error {
	accounts, n := map[store.AccountID][]string{}, 0
	flush := func() error {
		for account, keys := range accounts {
			orphans, err := c.orphans(ctx, account, keys)
			if err == nil && len(orphans) > 0 {
				err = f(orphans)
			}
			if err != nil {
				return err
			}
		}
		clear(accounts)
		n = 0
		return nil
	}
	for object, err := range c.blobs.List(ctx, g) {
		if err != nil {
			return err
		}
		_, account, err := object.Key.Parse()
		if err != nil {
			continue // not ours
		}
		accounts[store.AccountID(account)] = append(accounts[store.AccountID(account)], string(object.Key))
		if n++; n == sweepBatch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// orphans returns those of an account's objects that no email and no trash names.
func (c *cell) orphans(ctx context.Context, account store.AccountID, keys []string) (orphans []blob.Key, err error) {
	err = c.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		orphans = nil
		rows, err := conn.Query(ctx, `SELECT k FROM unnest($2::text[]) AS k
			WHERE NOT EXISTS (SELECT FROM email e WHERE e.account_id = $1 AND e.blob = k)
			AND NOT EXISTS (SELECT FROM trash t WHERE t.account_id = $1 AND t.blob = k)`, int64(account), keys)
		if err != nil {
			return err
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		for _, key := range found {
			orphans = append(orphans, blob.Key(key))
		}
		return err
	})
	return orphans, err
}
