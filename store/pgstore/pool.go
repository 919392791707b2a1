package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"restante/internal/deepstack"
)

// Limits of time. They bound how long a dead or frozen server is waited for; a healthy one never
// comes near them.
const (
	answerTimeout = 8 * time.Second // for one exchange, but for those that move very much
	retryPause    = 50 * time.Millisecond
	retryPauseMax = time.Second
)

// epochKey and unreplicatedKey are where a connection notes, in its custom data, on which timeline
// of the server it is, and whether the server has given up waiting for its standby.
const (
	epochKey        = "epoch"
	unreplicatedKey = "unreplicated"
)

// database is a pool of connections to the leader of one PostgreSQL cluster.
type database struct {
	pool *pgxpool.Pool
	// patience is how long a change or a read is tried again.
	patience time.Duration
	answer   time.Duration // how long a server is waited for that does not answer
}

// openDatabase opens a pool. dsn is what pgx understands; several hosts are tried for the one that
// can be written to.
func openDatabase(ctx context.Context, o *Options, dsn string) (*database, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("pgstore: %w", withoutSecret(err))
	}
	config.MaxConns = int32(o.Connections)
	config.MaxConnIdleTime = 5 * time.Minute
	config.HealthCheckPeriod = 30 * time.Second
	c := config.ConnConfig
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 3 * time.Second
	}
	c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "restante"
	}
	// Nothing of ours is long enough to be compiled, and a plan for any number is as good as one
	// for these.
	c.RuntimeParams["jit"] = "off"
	c.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
	c.RuntimeParams["statement_timeout"] = "0"
	c.RuntimeParams["timezone"] = "UTC"
	c.OnNotice = func(pg *pgconn.PgConn, n *pgconn.Notice) {
		// 01000 is what it has in common with many; the wait for a standby ends early with no other
		// sign than this warning, which is in the server's language: any warning on a commit will do.
		if n.SeverityUnlocalized == "WARNING" {
			if flag, ok := pg.CustomData()[unreplicatedKey].(*atomic.Bool); ok {
				flag.Store(true)
			}
		}
	}
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		ctx, cancel := context.WithTimeout(ctx, o.answer) // the pool has none
		defer cancel()
		return prepareConn(ctx, conn)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("pgstore: %w", withoutSecret(err))
	}
	return &database{pool, o.Patience, o.answer}, nil
}

// place says which database of a server it is, and which schema in that.
func (db *database) place() string {
	c := db.pool.Config().ConnConfig
	return c.Database + "_" + c.RuntimeParams["search_path"]
}

// prepareConn finds out on which timeline a new connection's server is. After a failover it is
// another one.
func prepareConn(ctx context.Context, conn *pgx.Conn) error {
	var file string
	if err := conn.QueryRow(ctx, "SELECT pg_walfile_name(pg_current_wal_lsn())").Scan(&file); err != nil {
		return err
	}
	if len(file) < 8 {
		return fmt.Errorf("pgstore: the server names its log %q", file)
	}
	epoch, err := strconv.ParseUint(file[:8], 16, 32)
	if err != nil {
		return fmt.Errorf("pgstore: the server names its log %q", file)
	}
	data := conn.PgConn().CustomData()
	data[epochKey], data[unreplicatedKey] = int64(epoch), new(atomic.Bool)
	return nil
}

// epochOf returns the timeline of a connection's server.
func epochOf(conn *pgx.Conn) int64 {
	epoch, _ := conn.PgConn().CustomData()[epochKey].(int64)
	return epoch
}

// takeUnreplicated reports whether the server has said on the connection, since this was last
// asked, that it has given up waiting for its standby.
func takeUnreplicated(conn *pgx.Conn) bool {
	flag, _ := conn.PgConn().CustomData()[unreplicatedKey].(*atomic.Bool)
	return flag != nil && flag.Swap(false)
}

// withoutSecret takes the password out of an error of parsing a DSN.
func withoutSecret(err error) error {
	var parse *pgconn.ParseConfigError
	if errors.As(err, &parse) {
		return errors.New("the address of the database cannot be understood; it is like postgres://user@host/database")
	}
	return err
}

// with runs f on a connection. f gets a context that ends in limit: a server that does not answer is
// taken for dead, and the connection closed. pgx goes deep, which the sessions that wait are spared.
func (db *database) with(ctx context.Context, limit time.Duration, f func(context.Context, *pgx.Conn) error) error {
	return deepstack.Run(func() error { return db.withHere(ctx, limit, f) })
}

func (db *database) withHere(ctx context.Context, limit time.Duration, f func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := db.acquire(ctx)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = errNoConnection
		}
		return err
	}
	defer conn.Release()
	err = f(ctx, conn.Conn())
	if isCode(err, codeReadOnly) || errors.Is(err, errUnreplicated) || takeUnreplicated(conn.Conn()) {
		conn.Conn().Close(ctx)
		db.pool.Reset() // the others are connected to the same server
	}
	return err
}

func (db *database) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, db.answer)
	defer cancel()
	return db.pool.Acquire(ctx)
}

// retry runs f until it succeeds or fails for good. When patience is at an end, the error says that
// the store is not available.
func (db *database) retry(ctx context.Context, f func(context.Context) error) error {
	deadline := time.Now().Add(db.patience)
	for pause := retryPause; ; pause = min(2*pause, retryPauseMax) {
		err := f(ctx)
		if err == nil || !isTransient(err) || ctx.Err() != nil {
			return err
		}
		if time.Now().Add(pause).After(deadline) {
			return unavailable(err)
		}
		// Those who failed together do not come back together.
		timer := time.NewTimer(pause/2 + rand.N(pause/2))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// read runs a query that changes nothing, again when it has to.
func (db *database) read(ctx context.Context, f func(context.Context, *pgx.Conn) error) error {
	return db.retry(ctx, func(ctx context.Context) error { return db.with(ctx, db.answer, f) })
}

// snapshot is how a batch of queries begins that are to see one moment.
const snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
