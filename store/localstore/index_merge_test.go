package localstore

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// damagedTable makes an index with a table that Pebble merges with the next one, and cannot: it is damaged.
func damagedTable(t *testing.T, o *Options, r *reserve) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "index")
	db, err := openIndex(dir, o, r)
	must(t, err)
	flushed(t, db)
	must(t, db.Close())
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	must(t, err)
	if len(tables) != 1 {
		t.Fatalf("there are %v", tables)
	}
	data, err := os.ReadFile(tables[0])
	must(t, err)
	for i := range 1000 { // of its first block
		data[i] ^= 0x55
	}
	must(t, os.WriteFile(tables[0], data, 0o600))
	return dir
}

// flushed writes rows into another table.
func flushed(t *testing.T, db *indexDB) {
	t.Helper()
	b := db.NewBatch()
	for i := range 1000 {
		must(t, b.Set(fmt.Appendf(nil, "key %d", i), fmt.Appendf(nil, "value %d", i), nil))
	}
	must(t, db.commit(b))
	must(t, db.flush(nil))
}

// TestMergingDamagedTable: a table that cannot be merged is tried again after a pause, which doubles each time;
// Close ends it, and tables are flushed meanwhile.
func TestMergingDamagedTable(t *testing.T) {
	var pauses atomic.Int64
	allowed := make(chan struct{})
	o := &Options{indexFS: vfs.Default, pause: func(stop <-chan struct{}) {
		select {
		case <-allowed:
			pauses.Add(1)
		case <-stop:
		}
	}}
	o.defaults()
	var r reserve
	dir := damagedTable(t, o, &r)
	db, err := openIndex(dir, o, &r)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	flushed(t, db)
	failures := func() int32 { return db.disk.merges.failures.Load() }
	for round := int32(1); round <= 5; round++ {
		eventually(t, "an attempt to merge", func() bool { return failures() >= round })
		for range 3 {
			flushed(t, db)
		}
		for range 1 << (round - 1) {
			if n := failures(); n != round {
				t.Fatalf("%d attempts after %d pauses", n, pauses.Load())
			}
			allowed <- struct{}{}
		}
	}
}
