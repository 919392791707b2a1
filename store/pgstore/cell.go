package pgstore

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/VictoriaMetrics/fastcache"
	"github.com/jackc/pgx/v5"

	"restante/blob"
	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// cell is a database and an object store with the mail of some accounts.
type cell struct {
	name    string
	options *Options
	log     *slog.Logger
	db      *database
	blobs   blob.Store
	bodies  *blob.Cache // of what is in blobs
	// emails has what never changes of messages: details under the key of an email, small bodies
	// under the same with another last octet.
	emails *fastcache.Cache
	hints  *hints

	clock struct {
		sync.Mutex
		asked time.Time // when the database was asked what time it is
		told  time.Time // what it said
	}

	state struct {
		sync.Mutex
		closed bool
	}

	queue queue

	mu struct {
		sync.Mutex
		accounts map[store.AccountID]*account
		boxes    map[store.Ref]*box
		idle     []*box // nobody has them open; the one left longest ago first
		idleSize int    // octets of their versions
	}

	stop    context.CancelFunc // ends what runs in the background
	running sync.WaitGroup     // that, and changes under way
}

// openCell connects to the database, brings its schema up to date, and begins to listen.
func openCell(ctx context.Context, o *Options, config CellConfig) (*cell, error) {
	c := &cell{name: config.Name, options: o, log: o.Log.With("cell", config.Name), blobs: config.Blobs}
	c.mu.accounts, c.mu.boxes = map[store.AccountID]*account{}, map[store.Ref]*box{}
	var err error
	if c.db, err = openDatabase(ctx, o, config.Database); err != nil {
		return nil, err
	}
	ok := false
	defer func() {
		if !ok {
			c.db.pool.Close()
		}
	}()
	if err := c.db.prepare(ctx, "the database of cell "+config.Name, c.log); err != nil {
		return nil, err
	}
	if err := c.blobs.Check(ctx); err != nil {
		return nil, fmt.Errorf("pgstore: the object store of cell %s: %w", config.Name, err)
	}
	if c.bodies, err = blob.NewCache(o.CacheDir, o.CacheOctets, c.blobs); err != nil {
		return nil, err
	}
	if err := c.askClock(ctx); err != nil {
		return nil, err
	}
	c.emails = fastcache.New(o.Memory)
	background, stop := context.WithCancel(context.Background())
	c.stop = stop
	if c.hints, err = openHints(background, c, config.Hints); err != nil {
		stop()
		return nil, err
	}
	c.running.Go(func() { c.look(background) })
	c.running.Go(func() { c.sweepAgainAndAgain(background) })
	ok = true
	return c, nil
}

// open says why nothing can be done: the context has ended or the store is closed.
func (c *cell) open(ctx context.Context) error {
	c.state.Lock()
	defer c.state.Unlock()
	if c.state.closed {
		return store.ErrClosed
	}
	return ctx.Err()
}

// read runs a query that changes nothing, unless the store is closed.
func (c *cell) read(ctx context.Context, f func(context.Context, *pgx.Conn) error) error {
	if err := c.open(ctx); err != nil {
		return err
	}
	return c.db.read(ctx, f)
}

// begin is open for a change, which close waits for until running.Done.
func (c *cell) begin(ctx context.Context) error {
	c.state.Lock()
	defer c.state.Unlock()
	if c.state.closed {
		return store.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	c.running.Add(1)
	return nil
}

// close waits for the changes under way, and ends everything else. Handles are void afterwards.
func (c *cell) close() error {
	c.state.Lock()
	c.state.closed = true
	c.state.Unlock()
	c.stop()
	c.hints.close()
	c.running.Wait()
	c.db.pool.Close()
	c.emails.Reset()
	return c.bodies.Close()
}

// askClock asks the database what time it is. Generations, the age of trash and UIDVALIDITY are told
// by that clock alone, so that a machine whose own is wrong, or jumps, does no harm.
func (c *cell) askClock(ctx context.Context) error {
	return c.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		var told time.Time
		if err := conn.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&told); err != nil {
			return err
		}
		c.clock.Lock()
		defer c.clock.Unlock()
		c.clock.asked, c.clock.told = time.Now(), told // so ours is never ahead
		return nil
	})
}

// now returns the time by the database's clock.
func (c *cell) now() time.Time {
	c.clock.Lock()
	defer c.clock.Unlock()
	return c.clock.told.Add(time.Since(c.clock.asked)) // the difference is one of the monotonic clock
}

// generation returns the generation of new objects.
func (c *cell) generation() blob.Generation { return blob.GenerationAt(c.now()) }

// rowOctets is what a message takes in memory.
const rowOctets = 48

// box returns a mailbox, which is in use until release.
func (c *cell) box(ref store.Ref) *box {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.mu.boxes[ref]
	if b == nil {
		b = &box{cell: c, account: ref.Account, id: ref.Mailbox, load: make(chan struct{}, 1)}
		b.mu.handles = map[*handle]struct{}{}
		c.mu.boxes[ref] = b
	} else if b.users == 0 {
		c.unidle(b)
	}
	b.users++
	return b
}

// knownBox returns a mailbox of which a version is known, in use until release; nil when none is.
func (c *cell) knownBox(ref store.Ref) *box {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.mu.boxes[ref]
	if b == nil || b.cur.Load() == nil && b.users == 0 {
		return nil
	}
	if b.users == 0 {
		c.unidle(b)
	}
	b.users++
	return b
}

// openedBox returns a mailbox that somebody has open, in use until release; nil when nobody has.
func (c *cell) openedBox(ref store.Ref) *box {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.mu.boxes[ref]
	if b == nil || b.users == 0 {
		return nil
	}
	b.users++
	return b
}

// unidle takes a mailbox out of those that nobody has open. c.mu is held.
func (c *cell) unidle(b *box) {
	for i, other := range c.mu.idle {
		if other == b {
			c.mu.idle = append(c.mu.idle[:i], c.mu.idle[i+1:]...)
			c.mu.idleSize -= b.octets()
			return
		}
	}
}

func (b *box) octets() int {
	k := b.cur.Load()
	if k == nil {
		return 0
	}
	return 1024 + k.version.Len()*rowOctets
}

// release ends the use of a mailbox. Of those that nobody uses some are kept, so that it costs little
// to open them again.
func (c *cell) release(b *box) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if b.users--; b.users > 0 {
		return
	}
	if k := b.cur.Load(); k == nil || k.version.Deleted {
		delete(c.mu.boxes, b.ref())
		return
	}
	c.mu.idle = append(c.mu.idle, b)
	c.mu.idleSize += b.octets()
	for c.mu.idleSize > c.options.IdleMemory && len(c.mu.idle) > 0 {
		oldest := c.mu.idle[0]
		c.mu.idle = c.mu.idle[1:]
		c.mu.idleSize -= oldest.octets()
		delete(c.mu.boxes, oldest.ref())
	}
}

// openBoxes returns the mailboxes that are in use, which stay so until release.
func (c *cell) openBoxes() (out []*box) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.mu.boxes {
		if b.users > 0 {
			b.users++
			out = append(out, b)
		}
	}
	return out
}

// noteChanged tells an account that something in a mailbox has changed.
func (c *cell) noteChanged(id store.AccountID, box mailbox.ID, modseq imap.ModSeq) {
	if a := c.knownAccount(id); a != nil {
		a.note(box, modseq)
	}
}

// lookEvery is how often a machine looks for what it has not been told of: a random time between
// half of it and all of it.
const lookEvery = 60 * time.Second

// look finds out now and then what hints have not told.
func (c *cell) look(ctx context.Context) {
	for {
		timer := time.NewTimer(lookEvery/2 + rand.N(lookEvery/2))
		select {
		case <-timer.C:
		case <-c.hints.reconnected:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return
		}
		if err := c.lookOnce(ctx); err != nil && ctx.Err() == nil {
			c.log.Warn("looking for changes that other machines have made", "err", err)
		}
	}
}

// lookOnce compares all that sessions here see with what there is: mailboxes in one query, accounts
// in another.
func (c *cell) lookOnce(ctx context.Context) error {
	if err := c.askClock(ctx); err != nil {
		return err
	}
	boxes := c.openBoxes()
	defer func() {
		for _, b := range boxes {
			c.release(b)
		}
	}()
	var accounts, ids []int64
	for _, b := range boxes {
		accounts, ids = append(accounts, int64(b.account)), append(ids, int64(b.id))
	}
	type place struct{ modseq, epoch int64 }
	newest := map[store.Ref]place{}
	err := c.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		clear(newest)
		rows, err := conn.Query(ctx, `SELECT m.account_id, m.mailbox_id, m.modseq, m.epoch
			FROM unnest($1::bigint[], $2::bigint[]) AS o (account_id, mailbox_id)
			JOIN mailbox m ON m.account_id = o.account_id AND m.mailbox_id = o.mailbox_id`, accounts, ids)
		if err != nil {
			return err
		}
		var account, id int64
		var p place
		_, err = pgx.ForEachRow(rows, []any{&account, &id, &p.modseq, &p.epoch}, func() error {
			newest[store.Ref{Account: store.AccountID(account), Mailbox: mailbox.ID(id)}] = p
			return nil
		})
		return err
	})
	if err != nil {
		return err
	}
	for _, b := range boxes {
		k := b.cur.Load()
		p, there := newest[b.ref()]
		if k == nil || there && int64(k.version.HighestModSeq) >= p.modseq && k.epoch >= p.epoch || !there && k.version.Deleted {
			continue
		}
		if err := b.refresh(ctx); err != nil {
			return err
		}
	}
	return c.lookAtAccounts(ctx)
}
