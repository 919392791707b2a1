package pgstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// unreachableError is why no connection to a database can be made, with what to do about it.
type unreachableError struct {
	text string
	err  error
}

func (e *unreachableError) Error() string { return e.text }
func (e *unreachableError) Unwrap() error { return e.err }

// prepare finds out whether a database can be used, and brings its schema up to date. what says which
// one it is.
func (db *database) prepare(ctx context.Context, what string, log *slog.Logger) error {
	err := db.pool.Ping(ctx)
	if err != nil {
		return db.unreachable(what, err)
	}
	err = migrate(ctx, db.pool.Config().ConnConfig, log)
	// Where search_path names no schema that is there, goose finds its table in another one, or cannot make it.
	if isCode(err, codeNoPrivilege) || isCode(err, codeNoSchema) || isCode(err, codeNoTable) {
		return db.unreachable(what, err)
	}
	return err
}

func (db *database) unreachable(what string, err error) error {
	err = withoutSecret(err)
	c := db.pool.Config().ConnConfig
	var remedy string
	switch {
	case isCode(err, "28P01"), isCode(err, "28000"): // password, or else
		remedy = fmt.Sprintf("it refuses the user %q: is the name right, is the password in $PGPASSWORD or ~/.pgpass, does pg_hba.conf allow it?", c.User)
	case isCode(err, "3D000"):
		remedy = fmt.Sprintf("it has no database %q: make it with createdb -O %s -E UTF8 -T template0 %[1]s", c.Database, c.User)
	case isCode(err, codeNoPrivilege), isCode(err, codeNoSchema), isCode(err, codeNoTable):
		remedy = fmt.Sprintf("the user %q may not make tables in %q: make it the owner of the database; a schema that search_path names must be there", c.User, c.Database)
	default:
		remedy = "cannot connect: are the addresses right, is a server running that can be written to, may this machine connect to it?"
	}
	return &unreachableError{fmt.Sprintf("pgstore: %s: %s (%s)", what, remedy, oneLine(err)), err}
}

// oneLine returns what an error says of each host, once.
func oneLine(err error) string {
	var said []string
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimSpace(line)
		// With sslmode=prefer, the default, pgx tries TLS first.
		if strings.HasSuffix(line, "server refused TLS connection") || slices.Contains(said, line) {
			continue
		}
		said = append(said, line)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Error()
	}
	return strings.Join(said, " ")
}
