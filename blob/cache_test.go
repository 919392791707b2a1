package blob_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"restante/blob"
	"restante/blob/blobtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bodies is a cache of a store in memory, with faults.
type bodies struct {
	*blob.Cache
	t      *testing.T
	dir    string
	memory *blobtest.Memory
	store  *blobtest.FaultyStore
	pauses int
}

func newBodies(t *testing.T, limit int64) *bodies {
	b := &bodies{t: t, dir: filepath.Join(t.TempDir(), "cache"), memory: blobtest.NewMemory()}
	b.store = blobtest.Faulty(b.memory)
	var err error
	b.Cache, err = blob.NewCache(b.dir, limit, b.store)
	must(t, err)
	var mu sync.Mutex
	b.SetPause(func(ctx context.Context, attempt int) error {
		mu.Lock()
		defer mu.Unlock()
		b.pauses++
		return ctx.Err()
	})
	t.Cleanup(func() { must(t, b.Close()) })
	return b
}

// put stores random octets.
func (b *bodies) put(size int) (blob.Key, []byte) {
	octets := make([]byte, size)
	for i := range octets {
		octets[i] = byte(rand.Uint32())
	}
	key := blob.NewKey(20000, 7)
	must(b.t, b.memory.Put(context.Background(), key, bytes.NewReader(octets), int64(size)))
	return key, octets
}

func (b *bodies) open(key blob.Key, octets []byte) (*blob.Body, error) {
	return b.Open(b.t.Context(), key, int64(len(octets)), sha256.Sum256(octets))
}

// read expects the cache to have an object's octets.
func (b *bodies) read(key blob.Key, octets []byte) {
	b.t.Helper()
	body, err := b.open(key, octets)
	must(b.t, err)
	b.same(body, octets)
	must(b.t, body.Close())
}

func (b *bodies) same(body *blob.Body, octets []byte) {
	b.t.Helper()
	var w bytes.Buffer
	n, err := body.WriteRange(&w, 0, body.Size())
	must(b.t, err)
	if n != int64(len(octets)) || !bytes.Equal(w.Bytes(), octets) {
		b.t.Errorf("%d octets, wrong or not %d", n, len(octets))
	}
}

func (b *bodies) opened(want int) {
	b.t.Helper()
	if n := b.store.Calls(blobtest.Open); n != want {
		b.t.Errorf("the store was asked %d times, not %d", n, want)
	}
}

// files returns the names of the cache's files.
func (b *bodies) files() (out []string) {
	must(b.t, filepath.WalkDir(b.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, path)
		}
		return err
	}))
	return out
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCache(t *testing.T) {
	b := newBodies(t, 1<<20)
	for _, size := range []int{0, 1, 4096, 100_000} {
		key, octets := b.put(size)
		before := b.store.Calls(blobtest.Open)
		b.read(key, octets)
		b.read(key, octets)
		b.opened(before + 1)
	}
	key, octets := b.put(5)
	body, err := b.open(key, octets)
	must(t, err)
	p := make([]byte, 3)
	if n, err := body.ReadAt(p, 2); n != 3 || err != nil && err != io.EOF || !bytes.Equal(p, octets[2:]) {
		t.Errorf("ReadAt: %d, %v", n, err)
	}
	for _, c := range []struct{ offset, count, want int64 }{{0, 5, 5}, {4, 9, 1}, {5, 1, 0}, {9, 9, 0}, {1, 0, 0}} {
		if n, err := body.WriteRange(io.Discard, c.offset, c.count); n != c.want || err != nil {
			t.Errorf("WriteRange(%d, %d): %d, %v", c.offset, c.count, n, err)
		}
	}
	if _, err := body.WriteRange(io.Discard, -1, 1); err == nil {
		t.Error("a negative offset is no error")
	}
	must(t, body.Close())
	must(t, body.Close())
	if _, err := body.ReadAt(p, 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("ReadAt after Close: %v", err)
	}
	if _, err := b.Open(t.Context(), "../../etc/passwd", 1, [32]byte{}); !errors.Is(err, blob.ErrBadKey) {
		t.Errorf("a bad key: %v", err)
	}
}

// The bound counts blocks of 4 KiB. What was used last stays.
func TestCacheLimit(t *testing.T) {
	b := newBodies(t, 3*8192)
	var keys []blob.Key
	var all [][]byte
	for range 4 {
		key, octets := b.put(5000)
		keys, all = append(keys, key), append(all, octets)
	}
	for _, i := range []int{0, 1, 2, 0, 3} { // 1 goes
		b.read(keys[i], all[i])
	}
	b.opened(4)
	if size, files := b.Size(), b.files(); size != 3*8192 || len(files) != 3 {
		t.Errorf("%d octets in %q", size, files)
	}
	for _, i := range []int{0, 2, 3} {
		b.read(keys[i], all[i])
	}
	b.opened(4)
	b.read(keys[1], all[1])
	b.opened(5)

	key, octets := b.put(3*8192 + 1) // more than the cache takes
	b.read(key, octets)
	b.read(key, octets)
	b.opened(7)
	if files := b.files(); len(files) != 3 {
		t.Errorf("too large an object has evicted others: %q", files)
	}
}

func TestCacheLimitZero(t *testing.T) {
	b := newBodies(t, 0)
	key, octets := b.put(5000)
	body, err := b.open(key, octets)
	must(t, err)
	if files := b.files(); len(files) != 0 || b.Size() != 0 {
		t.Errorf("files are kept: %q", files)
	}
	b.same(body, octets)
	must(t, body.Close())
	b.memory.Damage(key, func(p []byte) []byte { p[17] ^= 1; return p })
	if _, err := b.open(key, octets); !errors.Is(err, blob.ErrDamaged) {
		t.Errorf("damaged: %v", err)
	}
}

func TestCacheDamaged(t *testing.T) {
	b := newBodies(t, 1<<20)
	for name, change := range map[string]func([]byte) []byte{
		"changed": func(p []byte) []byte { p[99] ^= 0x80; return p },
		"short":   func(p []byte) []byte { return p[:99] },
		"empty":   func(p []byte) []byte { return nil },
		"long":    func(p []byte) []byte { return append(p, 'x') },
	} {
		key, octets := b.put(100)
		b.memory.Damage(key, change)
		body, err := b.open(key, octets)
		if body != nil || !errors.Is(err, blob.ErrDamaged) || !strings.Contains(err.Error(), string(key)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b.Size() != 0 || len(b.files()) != 0 {
		t.Errorf("%d octets in %q", b.Size(), b.files())
	}
	// Damage on the way is repaired by asking again.
	for _, fault := range []blobtest.Fault{blobtest.WrongOctets, blobtest.CutsOff} {
		key, octets := b.put(1000)
		b.store.SetTimes(1, fault, blobtest.Open)
		b.read(key, octets)
	}
	if b.pauses != 0 {
		t.Errorf("%d pauses", b.pauses)
	}
	// An object that was in the cache is not what another hash asks for.
	key, octets := b.put(10)
	b.read(key, octets)
	if _, err := b.Open(t.Context(), key, 10, sha256.Sum256([]byte("other"))); !errors.Is(err, blob.ErrDamaged) {
		t.Errorf("another hash: %v", err)
	}
	b.read(key, octets)
}

func TestCacheNotFound(t *testing.T) {
	b := newBodies(t, 1<<20)
	key := blob.NewKey(20000, 7)
	if _, err := b.open(key, []byte("x")); !errors.Is(err, blob.ErrNotFound) || !strings.Contains(err.Error(), string(key)) {
		t.Error(err)
	}
	b.opened(1)
}

// A store that fails is asked again, from where it broke off.
func TestCacheRetry(t *testing.T) {
	b := newBodies(t, 1<<20)
	key, octets := b.put(100_000)
	b.store.SetTimes(2, blobtest.Fails, blobtest.Open)
	b.read(key, octets)
	if b.pauses != 2 {
		t.Errorf("%d pauses", b.pauses)
	}
	key, octets = b.put(100_000)
	b.store.SetTimes(1, blobtest.BreaksOff, blobtest.Open)
	b.read(key, octets)

	key, octets = b.put(100)
	b.store.Set(blobtest.Fails, blobtest.Open)
	if _, err := b.open(key, octets); !errors.Is(err, blobtest.ErrFault) || !strings.Contains(err.Error(), string(key)) {
		t.Error(err)
	}
	b.store.Set(blobtest.Works)
	b.read(key, octets)
}

// However many want an object, it is fetched once; who gives up does not end it for others.
func TestCacheTogether(t *testing.T) {
	b := newBodies(t, 1<<20)
	key, octets := b.put(100_000)
	b.store.Set(blobtest.Waits, blobtest.Open)
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() {
		_, err := b.Open(ctx, key, int64(len(octets)), sha256.Sum256(octets))
		first <- err
	}()
	must(t, b.store.Waiting(t.Context(), 1))
	var others sync.WaitGroup
	for range 10 {
		others.Go(func() { b.read(key, octets) })
	}
	for b.Interested(key) < 11 {
		// until they all wait
	}
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	b.store.Set(blobtest.Works)
	others.Wait()
	b.opened(1)
}

// When nobody waits any more the store is not asked any more.
func TestCacheGivenUp(t *testing.T) {
	b := newBodies(t, 1<<20)
	key, octets := b.put(100)
	b.store.Set(blobtest.Waits, blobtest.Open)
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() {
		_, err := b.Open(ctx, key, int64(len(octets)), sha256.Sum256(octets))
		first <- err
	}()
	must(t, b.store.Waiting(t.Context(), 1))
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	must(t, b.Close()) // waits for the fetch, which ends though the store hangs
	if _, err := b.open(key, octets); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// The folder may be deleted, and files in it changed, while somebody reads.
func TestCacheDeleted(t *testing.T) {
	b := newBodies(t, 1<<20)
	key, octets := b.put(10_000)
	body, err := b.open(key, octets)
	must(t, err)
	must(t, os.RemoveAll(b.dir))
	b.same(body, octets)
	must(t, body.Close())
	b.read(key, octets)
	b.opened(2)
	b.read(key, octets)
	b.opened(2)

	for name, change := range map[string]func(path string) error{
		"removed":   os.Remove,
		"truncated": func(path string) error { return os.Truncate(path, 9_999) },
		"replaced":  func(path string) error { return errors.Join(os.Remove(path), os.WriteFile(path, octets, 0o600)) },
	} {
		for _, path := range b.files() {
			must(t, change(path))
		}
		before := b.store.Calls(blobtest.Open)
		b.read(key, octets)
		if b.store.Calls(blobtest.Open) != before+1 {
			t.Errorf("%s: a file that is not ours was trusted", name)
		}
	}
	body, err = b.open(key, octets)
	must(t, err)
	must(t, b.Close())
	b.same(body, octets)
	must(t, body.Close())
	if files := b.files(); len(files) != 0 {
		t.Errorf("Close has left %q", files)
	}
}

func TestCacheAdd(t *testing.T) {
	b := newBodies(t, 1<<20)
	key, octets := b.put(10_000)
	b.Add(key, bytes.NewReader(octets), int64(len(octets)))
	b.read(key, octets)
	b.opened(0)
	b.Add(key, bytes.NewReader(octets), int64(len(octets)))
	short := blob.NewKey(20000, 7)
	b.Add(short, bytes.NewReader(octets), int64(len(octets))+1)
	b.Add(short, bytes.NewReader(nil), 2<<20)
	if b.Size() != 12288 || len(b.files()) != 1 {
		t.Errorf("%d octets in %q", b.Size(), b.files())
	}
}

// Two caches may have one folder. What a killed process leaves is removed by the next one.
func TestCacheFolders(t *testing.T) {
	a := newBodies(t, 1<<20)
	key, octets := a.put(100)
	a.read(key, octets)
	left := filepath.Join(a.dir, "cache-left")
	must(t, os.Mkdir(left, 0o700))
	must(t, os.WriteFile(filepath.Join(left, "1"), []byte("x"), 0o600))
	keep := filepath.Join(a.dir, "other")
	must(t, os.Mkdir(keep, 0o700))
	second, err := blob.NewCache(a.dir, 1<<20, a.store)
	must(t, err)
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was left is there: %v", err)
	}
	if _, err := os.Stat(keep); err != nil {
		t.Error(err)
	}
	must(t, second.Close())
	a.read(key, octets)
	a.opened(1)
}

func TestCacheTemporary(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	c, err := blob.NewCache("", 1<<20, blobtest.NewMemory())
	must(t, err)
	must(t, c.Close())
	if entries, err := os.ReadDir(os.TempDir()); err != nil || len(entries) != 0 {
		t.Errorf("%v, %v", entries, err)
	}
	if _, err := blob.NewCache("/dev/null/cache", 1, blobtest.NewMemory()); err == nil || !strings.Contains(err.Error(), "/dev/null/cache") {
		t.Errorf("a folder that cannot be: %v", err)
	}
}

// Readers, evictions, deletions and faults at once: octets are right or there are none.
func TestCacheConcurrently(t *testing.T) {
	b := newBodies(t, 10*4096)
	var keys []blob.Key
	all := map[blob.Key][]byte{}
	for range 20 {
		key, octets := b.put(1 + rand.IntN(8000))
		keys, all[key] = append(keys, key), octets
	}
	var work sync.WaitGroup
	for i := range 8 {
		work.Go(func() {
			for n := range 200 {
				switch key := keys[rand.IntN(len(keys))]; {
				case i == 0 && n%20 == 0:
					os.RemoveAll(b.dir)
				case i == 1 && n%10 == 0:
					b.store.SetTimes(1, blobtest.BreaksOff, blobtest.Open)
				case i == 2:
					b.Add(key, bytes.NewReader(all[key]), int64(len(all[key])))
				default:
					b.read(key, all[key])
				}
			}
		})
	}
	work.Wait()
	if b.Size() > 10*4096 {
		t.Errorf("%d octets", b.Size())
	}
}
