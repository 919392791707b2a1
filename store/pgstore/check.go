package pgstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"restante/blob"
)

// CheckOptions say what Check looks at.
type CheckOptions struct {
	// Bodies reads every body and compares it with its SHA-256. Otherwise a listing of the object
	// stores tells whether those in there exist, and their sizes.
	Bodies bool
	// Progress is told now and then what was looked at so far, if it is set.
	Progress func(Checked)
}

// Checked tells what Check has looked at.
type Checked struct {
	Users, Accounts, Mailboxes, Messages, Emails int
	// Arriving and LeftBehind are accounts on their way from elsewhere, and copies of those that have
	// moved away or were deleted.
	Arriving, LeftBehind int
	Objects, Trash       int
	Octets               int64 // of the bodies that were read
}

// checkAge is how old something has to be that is only a mistake when it lasts.
const checkAge = 10 * time.Minute

// checkTimeout is how long one account is read, or one table looked through, at most.
const checkTimeout = time.Hour

// Check compares everything in the directory, the databases and the object stores with each other,
// while they are in use: one account at a time, each as it is at one moment. Each thing that is wrong
// is reported with an error that says where it is. Which objects there are is kept in memory meanwhile,
// about 100 octets for each of a cell. The error it returns is that of reading, or of ctx.
func (s *Store) Check(ctx context.Context, o CheckOptions, report func(error)) (Checked, error) {
	c := &checker{store: s, options: o, report: report, places: map[int64]string{}, names: map[int64]string{}}
	if err := c.directory(ctx); err != nil {
		return c.Checked, err
	}
	for _, cell := range s.cells {
		if err := c.cell(ctx, cell); err != nil {
			return c.Checked, fmt.Errorf("pgstore: cell %s: %w", cell.name, err)
		}
	}
	return c.Checked, nil
}

type checker struct {
	Checked
	store   *Store
	options CheckOptions
	report  func(error)
	places  map[int64]string // the cells of the users' accounts, as the directory says
	names   map[int64]string // of the users
	found   *[]error         // by what is being done and may have to be done again
}

// problem reports what is wrong with an account.
func (c *checker) problem(cell *cell, account int64, format string, args ...any) {
	who := fmt.Sprintf("account %d", account)
	if name := c.names[account]; name != "" {
		who += fmt.Sprintf(" (%s)", name)
	}
	c.tell(fmt.Errorf("cell %s, %s: "+format, append([]any{cell.name, who}, args...)...))
}

// tell reports something, unless it was found by something that may have to be done again: then that
// is waited for.
func (c *checker) tell(err error) {
	if c.found == nil {
		c.report(err)
		return
	}
	*c.found = append(*c.found, err)
}

// attempt wraps what is done again when it fails: what it tells and counts is that of the last time.
func (c *checker) attempt(f func(context.Context, *pgx.Conn) error) func(context.Context, *pgx.Conn) error {
	before := c.Checked
	return func(ctx context.Context, conn *pgx.Conn) error {
		var found []error
		c.Checked, c.found = before, &found
		err := f(ctx, conn)
		c.found = nil
		if err == nil {
			for _, x := range found {
				c.report(x)
			}
		}
		return err
	}
}

func (c *checker) progress() {
	if c.options.Progress != nil {
		c.options.Progress(c.Checked)
	}
}

// directory reads the users, and looks whether their cells are configured.
func (c *checker) directory(ctx context.Context) error {
	return c.store.directory.read(ctx, c.attempt(func(ctx context.Context, conn *pgx.Conn) error {
		clear(c.places)
		clear(c.names)
		rows, err := conn.Query(ctx, `SELECT name, account_id, cell FROM users`)
		if err != nil {
			return err
		}
		var name, cell string
		var id int64
		_, err = pgx.ForEachRow(rows, []any{&name, &id, &cell}, func() error {
			c.Users++
			c.names[id], c.places[id] = name, cell
			if _, moved := movedTo(cell); !moved && c.store.cell(cell) == nil {
				c.tell(fmt.Errorf("user %q is in cell %q, which the configuration does not have", name, cell))
			}
			return nil
		})
		return err
	}))
}

// look reads something that takes long.
func (c *checker) look(ctx context.Context, cell *cell, f func(context.Context, *pgx.Conn) error) error {
	if err := cell.open(ctx); err != nil {
		return err
	}
	again := c.attempt(f)
	return cell.db.retry(ctx, func(ctx context.Context) error { return cell.db.with(ctx, checkTimeout, again) })
}

// objectID is the random part of a key.
type objectID [16]byte

// object is what a listing has told of one.
type object struct {
	account    uint64
	generation blob.Generation
	size       int64
}

func (c *checker) cell(ctx context.Context, cell *cell) error {
	objects, err := c.list(ctx, cell)
	if err != nil {
		return err
	}
	listed := cell.generation()
	seen := map[int64]bool{}
	for last := int64(-1 << 63); ; {
		type row struct {
			id    int64
			state int16
			young bool
		}
		var accounts []row
		err := c.look(ctx, cell, func(ctx context.Context, conn *pgx.Conn) error {
			rows, err := conn.Query(ctx, `SELECT account_id, state, since > now() - $2::interval FROM account WHERE account_id > $1 ORDER BY account_id LIMIT 500`, last, checkAge)
			if err != nil {
				return err
			}
			accounts, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (x row, err error) {
				err = r.Scan(&x.id, &x.state, &x.young)
				return x, err
			})
			return err
		})
		if err != nil {
			return err
		}
		if len(accounts) == 0 {
			break
		}
		for _, a := range accounts {
			last = a.id
			seen[a.id] = true
			here := c.places[a.id] == cell.name
			switch a.state {
			case stateInUse, stateFenced:
				c.Accounts++
				if !here && !a.young {
					c.problem(cell, a.id, "no user has this account: nobody can log in to it")
				}
			case stateArriving:
				c.Arriving++
			default:
				c.LeftBehind++
				if here && !a.young {
					c.problem(cell, a.id, "the directory says that it is here, but it was deleted or has moved away")
				}
			}
			if err := c.account(ctx, cell, a.id, objects, listed); err != nil {
				return err
			}
			c.progress()
		}
	}
	for id, name := range c.places {
		if name == cell.name && !seen[id] {
			c.problem(cell, id, "the user has no account")
		}
	}
	if err := c.strays(ctx, cell); err != nil {
		return err
	}
	for id, x := range objects {
		if int64(x.generation) < int64(listed)-oldGenerations {
			c.problem(cell, int64(x.account), "nobody refers to the object %s%016x/%x of %d octets", x.generation.Prefix(), x.account, id, x.size)
		}
	}
	return nil
}

// list lists the objects of a cell.
func (c *checker) list(ctx context.Context, cell *cell) (map[objectID]object, error) {
	var oldest *string
	err := c.look(ctx, cell, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT least((SELECT min(blob) FROM email), (SELECT min(blob) FROM trash))`).Scan(&oldest)
	})
	if err != nil {
		return nil, err
	}
	first := cell.generation()
	if oldest != nil {
		if g, _, err := blob.Key(*oldest).Parse(); err == nil {
			first = min(first, g)
		}
	}
	// What was put for changes that were not made is swept before it is so old.
	first = min(first, cell.generation()-4*oldGenerations)
	objects := map[objectID]object{}
	for g := first; g <= cell.generation()+1; g++ {
		for x, err := range cell.blobs.List(ctx, g) {
			if err != nil {
				return nil, err
			}
			id, account, ok := parseObject(x.Key)
			if !ok {
				continue // not ours
			}
			c.Objects++
			objects[id] = object{account, g, x.Size}
		}
		c.progress()
	}
	return objects, nil
}

func parseObject(key blob.Key) (id objectID, account uint64, ok bool) {
	_, account, err := key.Parse()
	if err != nil {
		return id, 0, false
	}
	_, err = hex.Decode(id[:], []byte(key[strings.LastIndexByte(string(key), '/')+1:]))
	return id, account, err == nil
}

// strays looks for rows of accounts and mailboxes that do not exist.
func (c *checker) strays(ctx context.Context, cell *cell) error {
	for _, table := range []string{"mailbox", "message", "email", "subscription", "metadata", "expunged", "changed"} {
		counts := map[int64]int64{}
		err := c.look(ctx, cell, func(ctx context.Context, conn *pgx.Conn) error {
			clear(counts)
			rows, err := conn.Query(ctx, `SELECT account_id, count(*) FROM `+table+` t WHERE NOT EXISTS (SELECT FROM account a WHERE a.account_id = t.account_id) GROUP BY account_id`)
			if err != nil {
				return err
			}
			var account, n int64
			_, err = pgx.ForEachRow(rows, []any{&account, &n}, func() error {
				counts[account] = n
				return nil
			})
			return err
		})
		if err != nil {
			return err
		}
		for account, n := range counts {
			c.problem(cell, account, "there is no such account, but %d rows of it in the table %s", n, table)
		}
	}
	return nil
}

// object checks that an object is there, and takes it from those to which nobody has referred yet.
func (c *checker) object(ctx context.Context, cell *cell, account int64, ref uint64, key blob.Key, e *checkedEmail, objects map[objectID]object, listed blob.Generation) error {
	id, owner, ok := parseObject(key)
	if !ok || owner != uint64(account) {
		c.problem(cell, account, "message %x has the object %q, which is not one of the account", ref, key)
		return nil
	}
	x, ok := objects[id]
	delete(objects, id)
	if g, _, _ := key.Parse(); !ok && g+1 >= listed {
		// It may be younger than the listing.
		body, err := cell.blobs.Open(ctx, key, 0)
		if err == nil {
			body.Close()
			return nil
		}
		if !errors.Is(err, blob.ErrNotFound) {
			return err
		}
	}
	switch {
	case !ok:
		c.problem(cell, account, "message %x: its object %s is missing", ref, key)
	case x.size != e.size:
		c.problem(cell, account, "message %x: its object %s has %d octets, expected %d", ref, key, x.size, e.size)
	case c.options.Bodies:
		return c.readObject(ctx, cell, account, ref, key, e)
	}
	return nil
}
