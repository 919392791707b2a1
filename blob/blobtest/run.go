package blobtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"restante/blob"
)

// ObjectsEnv names an environment variable that says how many objects the test of List stores, more
// than the 1001 that are two pages of S3.
const ObjectsEnv = "RESTANTE_BLOBTEST_OBJECTS"

// Run tests a driver. open returns a store for one test, which closes it; what other tests have
// stored may be in it.
func Run(t *testing.T, open func(t *testing.T) blob.Store) {
	others := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, others) })
	for _, c := range conformance {
		t.Run(c.name, func(t *testing.T) {
			e := &env{T: t, Store: open(t), account: rand.Uint64(), generation: blob.Generation(rand.Uint32())}
			t.Cleanup(func() {
				e.must(e.Delete(context.Background(), e.keys...))
				e.must(e.Close())
			})
			c.test(e)
		})
	}
}

var conformance = []struct {
	name string
	test func(*env)
}{
	{"Check", testCheck},
	{"Sizes", testSizes},
	{"Offsets", testOffsets},
	{"NotFound", testNotFound},
	{"BadKey", testBadKey},
	{"PutFails", testPutFails},
	{"PutShort", testPutShort},
	{"PutReturns", testPutReturns},
	{"PutTogether", testPutTogether},
	{"CloseEarly", testCloseEarly},
	{"Delete", testDelete},
	{"List", testList},
	{"ListPages", testListPages},
	{"Context", testContext},
	{"Concurrently", testConcurrently},
}

// env is one test's store. Nobody else has its account and generation, other than by chance.
type env struct {
	*testing.T
	blob.Store
	account    uint64
	generation blob.Generation
	mu         sync.Mutex
	keys       []blob.Key // that were used
}

func (e *env) must(err error) {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
}

func (e *env) key() blob.Key {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := blob.NewKey(e.generation, e.account)
	e.keys = append(e.keys, key)
	return key
}

// content returns octets that differ at every place and for every key.
func content(key blob.Key, size int) []byte {
	seed := [32]byte([]byte(key)[len(key)-32:])
	out := make([]byte, size)
	rand.NewChaCha8(seed).Read(out)
	return out
}

// put stores so many octets.
func (e *env) put(size int) blob.Key {
	e.Helper()
	key := e.key()
	if err := e.Put(e.Context(), key, bytes.NewReader(content(key, size)), int64(size)); err != nil {
		e.Fatalf("Put of %d octets: %v", size, err)
	}
	return key
}

func (e *env) read(key blob.Key, offset int64) ([]byte, error) {
	r, err := e.Open(e.Context(), key, offset)
	if err != nil {
		return nil, err
	}
	octets, err := io.ReadAll(r)
	return octets, errors.Join(err, r.Close())
}

// has expects an object of a size, from an offset on.
func (e *env) has(key blob.Key, size int, offset int64) {
	e.Helper()
	octets, err := e.read(key, offset)
	want := content(key, size)[min(offset, int64(size)):]
	if err != nil || !bytes.Equal(octets, want) {
		e.Errorf("an object of %d octets has %d from %d on, or others, instead of %d: %v", size, len(octets), offset, len(want), err)
	}
}

// gone expects that there is no object.
func (e *env) gone(key blob.Key) {
	e.Helper()
	if octets, err := e.read(key, 0); !errors.Is(err, blob.ErrNotFound) {
		e.Errorf("%d octets, %v instead of ErrNotFound", len(octets), err)
	}
}

// listed returns the sizes of the objects of a generation.
func (e *env) listed(g blob.Generation) map[blob.Key]int64 {
	e.Helper()
	out := map[blob.Key]int64{}
	for o, err := range e.List(e.Context(), g) {
		if err != nil {
			e.Errorf("List: %v", err)
			break
		}
		if _, twice := out[o.Key]; twice {
			e.Errorf("%s is listed twice", o.Key)
		}
		if of, _, err := o.Key.Parse(); err != nil || of != g {
			e.Errorf("%s is listed for generation %v: %v", o.Key, g, err)
		}
		out[o.Key] = o.Size
	}
	return out
}

// objects returns how many objects the test of List stores.
func objects(e *env) int {
	if value := os.Getenv(ObjectsEnv); value != "" {
		n, err := strconv.Atoi(value)
		e.must(err)
		return n
	}
	return 1010
}

// patience is how long a test waits for what has to happen before it says that it did not.
var patience = 30 * time.Second
