package pgstore

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"restante/blob/fsblob"
	"restante/internal/pgtest"
	"restante/store"
	"restante/store/storetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestStore(t *testing.T) {
	pgtest.Database(t, "") // or skip
	storetest.Run(t, storetest.Opener{
		Open:       func(dir string) (store.Store, error) { return openTest(dir) },
		Persistent: true,
		MaxMessage: 8 << 20,
		History:    testHistory,
	})
}

const testHistory = 4096

// openTest opens the store that belongs to a folder: a schema, and objects in the folder.
func openTest(dir string) (*Store, error) {
	address, err := pgtest.MakeSchema(os.Getenv(pgtest.ServerEnv), dir)
	if err != nil {
		return nil, err
	}
	blobs, err := fsblob.Open(filepath.Join(dir, "blobs"))
	if err != nil {
		return nil, err
	}
	return Open(context.Background(), Options{
		Cells:      []CellConfig{{Name: "one", Database: address, Blobs: blobs}},
		History:    testHistory,
		MaxMessage: 8 << 20,
		Memory:     256 << 20,
	})
}
