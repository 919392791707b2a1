package pgstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"restante/mailbox"
	"restante/store"
)

// Errors of SQL that mean something to us, by SQLSTATE.
const (
	codeUniqueViolation = "23505"
	codeReadOnly        = "25006" // the leader is a standby now
	codeNoPrivilege     = "42501"
	codeNoSchema        = "3F000"
	codeNoTable         = "42P01"
)

func isCode(err error, code string) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == code
}

// errUnreplicated says that the server has given up waiting for its standby: the change is visible,
// but a failover may lose it.
var errUnreplicated = errors.New("pgstore: the change was not replicated")

// isTransient reports whether the same thing may succeed when it is tried again, perhaps on another
// server.
func isTransient(err error) bool {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		switch {
		case e.Code == codeReadOnly, e.Code == "40001", e.Code == "40P01", e.Code == "55P03": // serialization, deadlock, lock timeout
			return true
		case strings.HasPrefix(e.Code, "08"), strings.HasPrefix(e.Code, "53"), strings.HasPrefix(e.Code, "57"): // connection, resources, shutdown
			return true
		}
		return false
	}
	var transient transientError
	if errors.As(err, &transient) {
		return true
	}
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errUnreplicated) || errors.Is(err, errNoConnection)
}

// transientError is an error of something that may succeed when it is tried again.
type transientError struct{ error }

func (e transientError) Unwrap() error { return e.error }

// errNoConnection says that a pool had no connection in time.
var errNoConnection = errors.New("pgstore: no connection")

// unavailable is what callers get of an error that did not go away in time.
func unavailable(err error) error {
	return fmt.Errorf("pgstore: %w: %w", store.ErrUnavailable, err)
}

func notFound(err error) bool { return errors.Is(err, pgx.ErrNoRows) }

func accountNotFound(id store.AccountID) error {
	return fmt.Errorf("pgstore: account %d: %w", id, store.ErrNotFound)
}

func mailboxNotFound(id mailbox.ID) error {
	return fmt.Errorf("pgstore: mailbox %d: %w", id, store.ErrNotFound)
}

func messageGone(ref uint64) error {
	return fmt.Errorf("pgstore: message %x: %w", ref, store.ErrGone)
}
