package blobtest

import (
	"bytes"
	"maps"
	"slices"
	"sync"

	"restante/blob"
)

// Delete removes what it is told to and nothing else. It does not matter what is there.
func testDelete(e *env) {
	ctx := e.Context()
	e.must(e.Delete(ctx))
	var keys []blob.Key
	for range 5 {
		keys = append(keys, e.put(10))
	}
	sibling := blob.NewKey(e.generation, e.account+1)
	e.keys = append(e.keys, sibling)
	e.must(e.Put(ctx, sibling, bytes.NewReader(content(sibling, 10)), 10))

	e.must(e.Delete(ctx, e.key(), keys[0], e.key(), keys[1], keys[1]))
	e.gone(keys[0])
	e.gone(keys[1])
	e.must(e.Delete(ctx, keys[0]))
	for _, key := range []blob.Key{keys[2], keys[3], keys[4], sibling} {
		e.has(key, 10, 0)
	}
	e.must(e.Delete(ctx, keys[2:]...))
	for _, key := range keys {
		e.gone(key)
	}
	e.has(sibling, 10, 0)
	if listed := e.listed(e.generation); len(listed) != 1 || listed[sibling] != 10 {
		e.Errorf("%v is listed instead of %s", listed, sibling)
	}
	again := e.put(3) // in a place that became empty
	e.has(again, 3, 0)
}

// List yields a generation's objects, of all accounts, and no other's.
func testList(e *env) {
	ctx := e.Context()
	want := map[blob.Key]int64{}
	for i := range 12 {
		g := e.generation + blob.Generation(i%3)
		key := blob.NewKey(g, e.account+uint64(i%2))
		e.keys = append(e.keys, key)
		e.must(e.Put(ctx, key, bytes.NewReader(content(key, i)), int64(i)))
		if g == e.generation {
			want[key] = int64(i)
		}
	}
	if got := e.listed(e.generation); !maps.Equal(got, want) {
		e.Errorf("%v instead of %v", got, want)
	}
	if got := e.listed(e.generation - 1); len(got) != 0 {
		e.Errorf("another generation has %v", got)
	}
	n := 0
	for _, err := range e.List(ctx, e.generation) {
		e.must(err)
		if n++; n == 2 {
			break
		}
	}
}

// List goes on where a page of the store's ends, and Delete takes more keys than the store's at once.
func testListPages(e *env) {
	ctx := e.Context()
	want := map[blob.Key]int64{}
	var mu sync.Mutex
	var work sync.WaitGroup
	n := objects(e)
	for i := range 16 {
		work.Go(func() {
			for j := i; j < n; j += 16 {
				key := e.key()
				if err := e.Put(ctx, key, bytes.NewReader(content(key, j%10)), int64(j%10)); err != nil {
					e.Error(err)
					return
				}
				mu.Lock()
				want[key] = int64(j % 10)
				mu.Unlock()
			}
		})
	}
	work.Wait()
	if got := e.listed(e.generation); !maps.Equal(got, want) {
		e.Errorf("%d objects are listed, or others, instead of %d", len(got), len(want))
	}
	for key, size := range want {
		e.has(key, int(size), 0)
		break
	}
	// What is listed may be deleted meanwhile, as sweeps do.
	deleted := 0
	for o, err := range e.List(ctx, e.generation) {
		e.must(err)
		if deleted++; deleted <= 20 {
			e.must(e.Delete(ctx, o.Key))
		}
	}
	if deleted != n {
		e.Errorf("%d of %d are listed while some are deleted", deleted, n)
	}
	e.must(e.Delete(ctx, slices.Collect(maps.Keys(want))...))
	if got := e.listed(e.generation); len(got) != 0 {
		e.Errorf("%d objects are left", len(got))
	}
}

// Several store, read, list and delete at once, each in the same generation and account.
func testConcurrently(e *env) {
	ctx := e.Context()
	kept := e.put(100)
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			for i := range 20 {
				key := e.key()
				size := i * 100
				if err := e.Put(ctx, key, bytes.NewReader(content(key, size)), int64(size)); err != nil {
					e.Error(err)
					return
				}
				e.has(key, size, 0)
				found := map[blob.Key]int64{}
				for o, err := range e.List(ctx, e.generation) {
					if err != nil {
						e.Error(err)
						return
					}
					found[o.Key] = o.Size
				}
				if got, ok := found[key]; !ok || got != int64(size) {
					e.Errorf("an object of %d octets is listed: %v, with %d", size, ok, got)
				}
				if _, ok := found[kept]; !ok {
					e.Error("an object is not listed that was there all the time")
				}
				if err := e.Delete(ctx, key, key); err != nil {
					e.Error(err)
				}
				e.gone(key)
			}
		})
	}
	work.Wait()
	e.has(kept, 100, 0)
}
