package pgstore

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed schema/*.sql
var schemaFiles embed.FS

// ErrNewer says that a newer program has changed the schema so that this one cannot use it.
var ErrNewer = errors.New("pgstore: the database has a schema that is newer than this program; run the newer restante")

// migrate brings the schema of a database up to date, under a lock, or refuses one that is newer.
func migrate(ctx context.Context, config *pgx.ConnConfig, log *slog.Logger) error {
	db := stdlib.OpenDB(*config)
	defer db.Close()
	files, err := fs.Sub(schemaFiles, "schema")
	if err != nil {
		return err
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker), goose.WithSlog(log))
	if err != nil {
		return err
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("pgstore: reading the schema's version: %w", err)
	}
	switch {
	case current == target:
		return nil
	case current > target:
		return fmt.Errorf("%w (its schema is %d, this program knows %d)", ErrNewer, current, target)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("pgstore: bringing the schema up to date: %w", err)
	}
	return nil
}
