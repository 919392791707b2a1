// Package mailstore opens the store that the configuration of a server names: the embedded one in the
// data folder, or databases and object stores that several machines share.
package mailstore

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"restante/blob"
	"restante/blob/fsblob"
	"restante/blob/s3blob"
	"restante/cmd/restante/internal/cli"
	"restante/cmd/restante/internal/config"
	"restante/store"
	"restante/store/localstore"
	"restante/store/pgstore"
)

// Store is a store that a server can use, and that accounts can leave for another.
type Store interface {
	store.Movable
	// Err says why it takes no changes, or nil.
	Err() error
}

// Shared is a Store that several machines use.
type Shared interface {
	Store
	// SharedKey returns random octets that all machines know by a name; the first to ask makes them.
	SharedKey(ctx context.Context, name string, octets int) ([]byte, error)
	// Cell returns the part of it that takes accounts into one cell.
	Cell(name string) (store.Movable, error)
}

// Open opens the store.
func Open(ctx context.Context, c *config.Server, log *slog.Logger) (Store, error) {
	if !c.IsShared() {
		s, err := localstore.Open(c.Data, &localstore.Options{Log: log, History: c.Limits.History})
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	o := pgstore.Options{Log: log, History: c.Limits.History, CacheDir: filepath.Join(c.Data, "cache"), Directory: c.Directory,
		Connections: c.Limits.DatabaseConnections, CacheOctets: c.Limits.BodyCache, InlineLimit: c.Limits.BodyInDatabase}
	cells := c.Cells
	if len(cells) == 0 {
		cells = []config.Cell{{Name: "main", Store: c.Store, Blobs: c.Blobs, NATS: c.NATS}}
	} else if c.Store != "" || c.Blobs != "" {
		return nil, cli.Usagef("there are [[server.cells]], and also store or blobs: say where the mail is once")
	}
	ok := false
	defer func() {
		for _, cell := range o.Cells {
			if !ok {
				cell.Blobs.Close()
			}
		}
	}()
	for _, cell := range cells {
		blobs, err := openBlobs(&cell)
		if err != nil {
			return nil, fmt.Errorf("cell %s: %w", cell.Name, err)
		}
		o.Cells = append(o.Cells, pgstore.CellConfig{Name: cell.Name, Database: cell.Store, Blobs: blobs, Hints: cell.NATS, Full: cell.Full})
	}
	if err := os.MkdirAll(o.CacheDir, 0o700); err != nil {
		return nil, err
	}
	s, err := pgstore.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	ok = true
	return s, nil
}

// openBlobs opens the object store of a cell: s3://bucket or file:///folder.
func openBlobs(c *config.Cell) (blob.Store, error) {
	if c.Blobs == "" {
		return nil, cli.Usagef("the database has no object store beside it: say --blobs s3://BUCKET or file:///FOLDER")
	}
	u, err := url.Parse(c.Blobs)
	if err != nil {
		return nil, cli.Usagef("--blobs is not like s3://BUCKET or file:///FOLDER")
	}
	switch u.Scheme {
	case "file":
		if u.Host != "" || u.Path == "" {
			return nil, cli.Usagef("--blobs %s: a folder is written file:///FOLDER", c.Blobs)
		}
		return fsblob.Open(u.Path)
	case "s3":
		s3, err := s3blob.Parse(c.Blobs)
		if err != nil {
			return nil, err
		}
		if s3.AccessKey, err = secretFile(c.AccessKeyFile); err != nil {
			return nil, err
		}
		if s3.SecretKey, err = secretFile(c.SecretKeyFile); err != nil {
			return nil, err
		}
		s3.SetFromEnvironment()
		return s3blob.Open(s3)
	}
	return nil, cli.Usagef("--blobs begins with %s:, but there are s3: and file:", u.Scheme)
}

// secretFile reads a secret; "" when no file is named.
func secretFile(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := os.ReadFile(path)
	return strings.TrimSpace(string(text)), err
}
