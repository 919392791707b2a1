package pgstore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"restante/blob/blobtest"
	"restante/imap"
	"restante/internal/pgtest"
	"restante/store"
)

// movedClock is the clock of a database as stores see it, which a test moves.
type movedClock struct {
	t    *testing.T
	conn *pgx.Conn
	mu   sync.Mutex
}

// newClock returns a database with a clock: functions of the schema stand before those of the server.
func newClock(t *testing.T) (*movedClock, string) {
	t.Helper()
	u, err := url.Parse(pgtest.Database(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	schema := q.Get("search_path")
	q.Set("search_path", schema+",pg_catalog")
	u.RawQuery = q.Encode()
	conn, err := pgx.Connect(context.Background(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	c := &movedClock{t: t, conn: conn}
	c.exec(`CREATE TABLE clock (ahead interval NOT NULL)`)
	c.exec(`INSERT INTO clock VALUES ('0')`)
	for _, name := range []string{"now", "clock_timestamp"} {
		c.exec(fmt.Sprintf(`CREATE FUNCTION %[1]s() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT pg_catalog.%[1]s() + ahead FROM %[2]s.clock'`, name, schema))
	}
	return c, u.String()
}

func (c *movedClock) exec(sql string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.conn.Exec(context.Background(), sql, args...); err != nil {
		c.t.Errorf("%s: %v", sql, err)
	}
}

func (c *movedClock) move(d time.Duration) {
	c.exec(`UPDATE clock SET ahead = ahead + $1::interval`, d)
}

func (c *movedClock) count(sql string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.conn.QueryRow(context.Background(), sql).Scan(&n); err != nil {
		c.t.Errorf("%s: %v", sql, err)
	}
	return n
}

const day = 24 * time.Hour

// TestSweep changes messages on two machines while both sweep, time passes quickly, and the object
// store fails now and then. What a message refers to is there; what nobody refers to is not, in the
// end.
func TestSweep(t *testing.T) {
	rnd := newRand(t)
	clock, database := newClock(t)
	memory := blobtest.NewMemory()
	objects := blobtest.Faulty(memory)
	nodes := openNodes(t, database, objects, func(o *Options) { o.TrashAfter, o.Patience = time.Hour, time.Minute })
	var all []*worker
	for i := range 4 {
		if i%2 == 0 {
			all = append(all, newWorker(t, nodes[0], rnd, i))
		} else {
			all = append(all, all[i-1].beside(rnd, i))
		}
		all[i].store = nodes[i%2]
	}
	gone := newWorker(t, nodes[0], rnd, 9)
	gone.store = nodes[0]
	for range 20 {
		gone.step(t)
	}
	if err := nodes[0].DeleteUser(t.Context(), "user9"); err != nil {
		t.Fatal(err)
	}

	var working, sweeping sync.WaitGroup
	var done atomic.Bool
	var sweeps atomic.Int32
	for _, w := range all {
		working.Go(func() {
			for range 250 {
				w.step(t)
			}
		})
	}
	for i, s := range nodes {
		sweeping.Go(func() {
			for !done.Load() {
				if i == 0 {
					clock.move(31 * time.Minute)
					fault := []blobtest.Fault{blobtest.Fails, blobtest.FailsAfter}[rnd.IntN(2)]
					objects.SetTimes(1, fault, []blobtest.Op{blobtest.Put, blobtest.Delete, blobtest.List}[rnd.IntN(3)])
				}
				sweeps.Add(1)
				if err := s.cells[0].sweep(t.Context()); err != nil && !errors.Is(err, blobtest.ErrFault) {
					t.Error(err)
				}
			}
		})
	}
	working.Wait()
	done.Store(true)
	sweeping.Wait()
	t.Logf("%d sweeps", sweeps.Load())
	objects.Set(blobtest.Works)
	compareWorkers(t, nodes[1], all[:2]...)
	compareWorkers(t, nodes[1], all[2:]...)

	clock.move((oldGenerations + 2) * day)
	for _, s := range nodes {
		if err := s.cells[0].sweep(t.Context()); err != nil {
			t.Error(err)
		}
	}
	compareWorkers(t, nodes[0], all[:2]...)
	compareWorkers(t, nodes[0], all[2:]...)
	for _, sql := range []string{
		`SELECT count(*) FROM trash`,
		`SELECT count(*) FROM email e WHERE NOT EXISTS (SELECT FROM message m WHERE m.account_id = e.account_id AND m.ref = e.ref)`,
		`SELECT count(*) FROM message m WHERE NOT EXISTS (SELECT FROM email e WHERE m.account_id = e.account_id AND m.ref = e.ref)`,
		`SELECT count(*) FROM account WHERE state <> 0`,
		`SELECT count(*) FROM done WHERE at < now() - interval '1 day'`,
	} {
		if n := clock.count(sql); n != 0 {
			t.Errorf("%s: %d", sql, n)
		}
	}
	if got, want := memory.Keys(), namedObjects(t, nodes[0]); !slices.Equal(got, want) {
		t.Errorf("there are %d objects, %d are named", len(got), len(want))
	}
}

// What is removed again while a sweep has seen it in the trash keeps its time.
func TestSweepRemovedMeanwhile(t *testing.T) {
	clock, database := newClock(t)
	s := openNodes(t, database, blobtest.NewMemory(), nil)[0]
	w := newWorker(t, s, newRand(t), 1)
	ctx, c := t.Context(), s.cells[0]
	commit := func(op store.Op) store.Outcome {
		t.Helper()
		out, err := s.Commit(ctx, store.System, op)
		if err != nil {
			t.Fatal(err)
		}
		return out[0]
	}
	first := commit(&store.Append{Mailbox: w.boxes[0], Messages: []store.NewMessage{{Body: stageLarge(t, s, w.boxes[0].Account)}}}).UIDs[0]
	second := commit(&store.Copy{From: w.boxes[0], To: w.boxes[1], UIDs: imap.UIDs(first)}).UIDs[0]
	h, err := s.Open(ctx, store.System, w.boxes[1])
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	_, row, _ := h.Version().Find(second)
	commit(&store.Expunge{Mailbox: w.boxes[0], UIDs: imap.UIDs(first), Undeleted: true})
	clock.move(15 * day)
	commit(&store.Expunge{Mailbox: w.boxes[1], UIDs: imap.UIDs(second), Undeleted: true})
	if err := c.removeEmails(ctx, int64(w.boxes[0].Account), []int64{int64(row.Ref)}, c.options.TrashAfter); err != nil {
		t.Fatal(err)
	}
	if err := c.sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if text, err := readText(ctx, h, &row); err != nil || text != largeText {
		t.Errorf("a session cannot read what was just removed: %.50q, %v", text, err)
	}
	clock.move(15 * day)
	if err := c.sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if n := clock.count(`SELECT (SELECT count(*) FROM trash) + (SELECT count(*) FROM email)`); n != 0 {
		t.Errorf("%d rows stay", n)
	}
}

// An object that was staged long ago is not what a message refers to: a sweep may be about to take it
// for an orphan.
func TestSweepOrphans(t *testing.T) {
	clock, database := newClock(t)
	memory := blobtest.NewMemory()
	s := openNodes(t, database, memory, nil)[0]
	w := newWorker(t, s, newRand(t), 1)
	ctx, c := t.Context(), s.cells[0]
	sweep := func() {
		t.Helper()
		if err := c.sweep(ctx); err != nil {
			t.Fatal(err)
		}
	}
	sweep() // from now on generations are looked at
	never, old := stageLarge(t, s, w.boxes[0].Account), stageLarge(t, s, w.boxes[0].Account)
	clock.move(oldGenerations / 2 * day)
	sweep()
	if n := len(memory.Keys()); n != 2 {
		t.Errorf("%d objects, 2 are young", n)
	}
	out, err := s.Commit(ctx, store.System, &store.Append{Mailbox: w.boxes[0], Messages: []store.NewMessage{{Body: old}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range namedObjects(t, s) {
		if g, _, err := key.Parse(); err != nil || g != c.generation() {
			t.Errorf("a new message refers to an object of generation %d, it is %d", g, c.generation())
		}
	}
	clock.move(oldGenerations / 2 * day)
	sweep()
	if got, want := memory.Keys(), namedObjects(t, s); !slices.Equal(got, want) || len(got) != 1 {
		t.Errorf("there are %v, named are %v", got, want)
	}
	for range 3 * oldGenerations {
		clock.move(day)
		sweep()
	}
	h, err := s.Open(ctx, store.System, w.boxes[0])
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	_, row, _ := h.Version().Find(out[0].UIDs[0])
	if text, err := readText(ctx, h, &row); err != nil || text != largeText {
		t.Errorf("%.50q, %v", text, err)
	}
	if _, err := s.Commit(ctx, store.System, &store.Append{Mailbox: w.boxes[0], Messages: []store.NewMessage{{Body: never}}}); err != nil {
		t.Errorf("a body that was staged long ago: %v", err)
	}
}
