package pgstore

import (
	"context"
	"testing"

	"restante/internal/pgtest"
	"restante/store"
	"restante/store/storetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestStore(t *testing.T) {
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
	address, err := pgtest.MakeSchema(testServer(), dir)
	if err != nil {
		return nil, err
	}
	return Open(context.Background(), Options{
		Cells:      []CellConfig{{Name: "one", Database: address, Blobs: memBlobs(dir)}},
		History:    testHistory,
		MaxMessage: 8 << 20,
		Memory:     32 << 20,
	})
}
