package pgstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"restante/blob"
	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// Options say where the mail is, and bound what a machine uses. Zero values are the defaults.
type Options struct {
	Cells []CellConfig // at least one; the accounts of new users go to the first that takes them
	// Directory is the address of the database that knows the users; "" is that of the first cell.
	Directory string
	Log       *slog.Logger // default: none
	// Connections is how many connections to each database there are at most, besides two for hints
	// without NATS. Default 16.
	Connections int
	// Patience is how long a database or an object store that does not answer is tried. Default 30 s.
	Patience time.Duration
	// InlineLimit is how many octets a body may have to lie in the database. Default 16 KiB; what is
	// larger is an object. -1: nothing but empty ones.
	InlineLimit int
	// MaxMessage is how many octets a message may have. Default 4 GiB less one.
	MaxMessage int64
	// History is how many octets each mailbox remembers of what was removed: 16 for each run of
	// UIDs. Default mailbox.DefaultHistory.
	History int
	// Memory is how many octets of summaries and small bodies are kept in memory, for each cell.
	// Default 256 MiB.
	Memory int
	// IdleMemory is how many octets of mailboxes that nobody has open are kept, for each cell.
	// Default 64 MiB.
	IdleMemory int
	// CacheDir and CacheOctets are the folder and the size of the cache of objects, for each cell;
	// it may be removed at any time. Default: a temporary folder, 1 GiB.
	CacheDir    string
	CacheOctets int64
	// TrashAfter is how long what nobody refers to any more is kept: at least as long as one may
	// want to restore the database to an earlier moment. Default 14 days.
	TrashAfter time.Duration

	step   func(name string) error // lets tests end a move
	answer time.Duration           // answerTimeout, but in tests
}

// CellConfig is a database and an object store.
type CellConfig struct {
	Name     string // as the directory calls it, for ever
	Database string // as pgx understands it: postgres://user@host1,host2/database
	Blobs    blob.Store
	Hints    string // addresses of NATS servers, with commas; "": the database carries hints, too
	// Full says that new users get no account here.
	Full bool
}

func (o *Options) setDefaults() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Connections = cmp.Or(o.Connections, 16)
	o.Patience = cmp.Or(o.Patience, 30*time.Second)
	o.InlineLimit = cmp.Or(o.InlineLimit, 16<<10)
	o.MaxMessage = cmp.Or(o.MaxMessage, store.MaxMessageSize)
	o.History = cmp.Or(o.History, mailbox.DefaultHistory)
	o.Memory = cmp.Or(o.Memory, 256<<20)
	o.IdleMemory = cmp.Or(o.IdleMemory, 64<<20)
	o.CacheOctets = cmp.Or(o.CacheOctets, 1<<30)
	o.answer = cmp.Or(o.answer, answerTimeout)
	o.TrashAfter = cmp.Or(o.TrashAfter, 14*24*time.Hour)
}

// Store is a store.Store on PostgreSQL and object stores.
type Store struct {
	options   Options
	directory *database
	own       bool // the directory's pool is not a cell's
	cells     []*cell

	mu struct {
		sync.Mutex
		closed bool
		places map[store.AccountID]*cell // where accounts are, as far as was asked
	}
}

var (
	_ store.Store  = (*Store)(nil)
	_ store.Recent = (*Store)(nil)
	_ store.Mover  = (*Store)(nil)
)

// maxPlaces is of how many accounts it is remembered where they are.
const maxPlaces = 1 << 20

// Open connects to the databases, brings their schemas up to date, and begins to listen to other
// machines. ErrNewer.
func Open(ctx context.Context, o Options) (*Store, error) {
	o.setDefaults()
	if len(o.Cells) == 0 {
		return nil, errors.New("pgstore: no cell is configured")
	}
	s := &Store{options: o}
	s.mu.places = map[store.AccountID]*cell{}
	ok := false
	defer func() {
		if !ok {
			s.Close()
		}
	}()
	for _, config := range o.Cells {
		if config.Name == "" || slices.ContainsFunc(s.cells, func(c *cell) bool { return c.name == config.Name }) {
			return nil, fmt.Errorf("pgstore: every cell needs a name of its own, %q is none", config.Name)
		}
		c, err := openCell(ctx, &s.options, config)
		if err != nil {
			return nil, err
		}
		s.cells = append(s.cells, c)
	}
	s.directory = s.cells[0].db
	if o.Directory != "" && o.Directory != o.Cells[0].Database {
		db, err := openDatabase(ctx, &s.options, o.Directory)
		if err != nil {
			return nil, err
		}
		s.directory, s.own = db, true
		if err := db.prepare(ctx, "the directory's database", o.Log); err != nil {
			return nil, err
		}
	}
	ok = true
	return s, nil
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	closed := s.mu.closed
	s.mu.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	var errs []error
	if s.own {
		s.directory.pool.Close()
	}
	for _, c := range s.cells {
		errs = append(errs, c.close())
	}
	return errors.Join(errs...)
}

// Err says why the store takes no changes, or nil. What is not there at the moment is tried again with
// every change, so it is none.
func (s *Store) Err() error { return s.ready(context.Background()) }

// ready says why nothing can be done.
func (s *Store) ready(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return store.ErrClosed
	}
	return ctx.Err()
}

// place returns the cell in which an account is.
func (s *Store) place(ctx context.Context, id store.AccountID) (*cell, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	if c := s.knownPlace(id); c != nil {
		return c, nil
	}
	var name string
	err := s.directory.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		err := conn.QueryRow(ctx, `SELECT cell FROM users WHERE account_id = $1`, int64(id)).Scan(&name)
		if notFound(err) {
			return accountNotFound(id)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, moved := movedTo(name); moved {
		return nil, movedAway(id)
	}
	c := s.cell(name)
	if c == nil {
		return nil, fmt.Errorf("pgstore: account %d is in cell %q, which this machine's configuration does not have", id, name)
	}
	s.learnPlace(id, c)
	return c, nil
}

func (s *Store) cell(name string) *cell {
	for _, c := range s.cells {
		if c.name == name {
			return c
		}
	}
	return nil
}

func (s *Store) knownPlace(id store.AccountID) *cell {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.places[id]
}

func (s *Store) learnPlace(id store.AccountID, c *cell) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mu.places) >= maxPlaces {
		clear(s.mu.places)
	}
	s.mu.places[id] = c
}

// forgetPlace is for an account that is not where it was.
func (s *Store) forgetPlace(id store.AccountID, err error) error {
	if errors.Is(err, store.ErrMoved) || errors.Is(err, store.ErrNotFound) {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.mu.places, id)
	}
	return err
}

// Account implements store.Mail.
func (s *Store) Account(ctx context.Context, _ store.Actor, id store.AccountID) (store.Account, error) {
	for {
		known := s.knownPlace(id)
		c, err := s.place(ctx, id)
		if err != nil {
			return nil, err
		}
		a, err := c.openAccount(ctx, id)
		if s.forgetPlace(id, err) == nil || c != known || !errors.Is(err, store.ErrMoved) {
			return a, err
		}
		// It was there when somebody last asked; the directory knows where it is now.
	}
}

// Open implements store.Mail.
func (s *Store) Open(ctx context.Context, _ store.Actor, ref store.Ref) (store.Mailbox, error) {
	c, err := s.place(ctx, ref.Account)
	if err != nil {
		return nil, err
	}
	m, err := c.openMailbox(ctx, ref)
	return m, s.forgetPlace(ref.Account, err)
}

// Status implements store.Mail.
func (s *Store) Status(ctx context.Context, _ store.Actor, ref store.Ref) (mailbox.Counts, error) {
	c, err := s.place(ctx, ref.Account)
	if err != nil {
		return mailbox.Counts{}, err
	}
	counts, err := c.status(ctx, ref)
	return counts, s.forgetPlace(ref.Account, err)
}

// Stage implements store.Mail.
func (s *Store) Stage(ctx context.Context, _ store.Actor, account store.AccountID, body io.Reader) (store.Staged, error) {
	c, err := s.place(ctx, account)
	if err != nil {
		return nil, err
	}
	return c.stage(ctx, account, body)
}

// Commit implements store.Mail. Operations on accounts in different cells are ErrApart.
func (s *Store) Commit(ctx context.Context, _ store.Actor, ops ...store.Op) ([]store.Outcome, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	var c *cell
	m := newCommit(ops)
	for i, op := range ops {
		for _, id := range newCommit([]store.Op{op}).accounts {
			at, err := s.place(ctx, id)
			switch {
			case errors.Is(err, store.ErrNotFound):
				if at, err = s.cells[0], nil; c != nil {
					at = c // which says so
				}
			case err != nil:
				return nil, err
			}
			if c != nil && at != c {
				return nil, &store.OpError{Index: i, Err: fmt.Errorf("pgstore: %w", store.ErrApart)}
			}
			c = at
		}
	}
	if c == nil {
		return nil, nil
	}
	out, err := c.commit(ctx, ops)
	if err != nil {
		for _, id := range m.accounts {
			err = s.forgetPlace(id, err)
		}
	}
	return out, err
}

// ClaimRecent implements store.Recent.
func (s *Store) ClaimRecent(ctx context.Context, _ store.Actor, ref store.Ref, below imap.UID) (imap.UID, error) {
	c, err := s.place(ctx, ref.Account)
	if err != nil {
		return 0, err
	}
	return c.claimRecent(ctx, ref, below)
}

// RecentFrom implements store.Recent.
func (s *Store) RecentFrom(ctx context.Context, _ store.Actor, ref store.Ref) (imap.UID, error) {
	c, err := s.place(ctx, ref.Account)
	if err != nil {
		return 0, err
	}
	return c.recentFrom(ctx, ref)
}

// newAccountID returns a random ID: positive, so that it reads well in the database, too.
func newAccountID() store.AccountID { return store.AccountID(rand.Int64N(math.MaxInt64) + 1) }
