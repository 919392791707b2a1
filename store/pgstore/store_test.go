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

// Every body but an empty one is an object. Sizes, history and crashes are left to TestStore.
func TestStoreOfObjects(t *testing.T) {
	pgtest.Database(t, "") // or skip
	storetest.Run(t, storetest.Opener{
		Open: func(dir string) (store.Store, error) {
			return openTestWith(dir, Options{InlineLimit: -1, Memory: 1 << 20, CacheOctets: 1 << 20})
		},
	})
}

const testHistory = 4096

// openTest opens the store that belongs to a folder: a schema, and objects in the folder.
func openTest(dir string) (*Store, error) {
	return openTestWith(dir, Options{History: testHistory, MaxMessage: 8 << 20, Memory: 32 << 20})
}

func openTestWith(dir string, o Options) (*Store, error) {
	address, err := pgtest.MakeSchema(os.Getenv(pgtest.ServerEnv), dir)
	if err != nil {
		return nil, err
	}
	blobs, err := fsblob.Open(filepath.Join(dir, "blobs"))
	if err != nil {
		return nil, err
	}
	o.Cells = []CellConfig{{Name: "one", Database: address, Blobs: blobs}}
	s, err := Open(context.Background(), o)
	if err != nil {
		return nil, err
	}
	return s, seedFault(s)
}
