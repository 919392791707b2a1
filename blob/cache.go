package blob

import (
	"container/list"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// ErrDamaged says that an object is there, but not with the octets that were stored.
var ErrDamaged = errors.New("blob: object is damaged")

// fetchesAtOnce bounds the objects that a cache reads from its store at the same time, and with them
// the descriptors that are open before anybody has asked to hold one.
const fetchesAtOnce = 64

// block is what the smallest file takes on a disk, in octets.
const block = 4096

// Cache keeps bodies on a local disk, in files. Its folder may be deleted at any time, by anybody.
//
// A file is opened to readers once its octets have had the hash that was asked for, and trusted
// afterwards as long as this process lives and the file looks the same; a cache starts empty. Nothing
// is synced: what a loss of power leaves behind is deleted by the next cache in the folder.
type Cache struct {
	store  Store
	limit  int64
	parent string        // the folder that NewCache was given
	own    bool          // whether parent was made by NewCache and goes with the cache
	turns  chan struct{} // one for each fetch at work
	pause  func(ctx context.Context, attempt int) error
	work   sync.WaitGroup

	mu struct {
		sync.Mutex
		closed  bool
		folder  *folder
		files   map[object]*cached
		recent  list.List // of *cached, the one that was used last in front
		size    int64     // octets that files take, those that are being written with them
		last    uint64    // the number in the last file's name
		fetches map[object]*fetch
	}
}

// object is a body that somebody wants.
type object struct {
	key  Key
	size int64
	sum  [sha256.Size]byte
}

// cached is a file of the cache.
type cached struct {
	object
	name string
	info os.FileInfo // as it was when its octets were compared
	open *file       // nil when no Body has it open
	at   *list.Element
}

// NewCache returns a cache in a folder, which is made when it is not there; several processes may
// name the same one. "" is a temporary folder that Close removes. Files take at most limit octets,
// rounded up to blocks of 4 KiB each; with a limit of 0 no object outlives its readers.
func NewCache(dir string, limit int64, s Store) (*Cache, error) {
	c := &Cache{store: s, limit: limit, parent: dir, own: dir == "", turns: make(chan struct{}, fetchesAtOnce), pause: backOff}
	c.mu.files, c.mu.fetches = map[object]*cached{}, map[object]*fetch{}
	var err error
	if c.own {
		if c.parent, err = os.MkdirTemp("", "restante-cache-"); err != nil {
			return nil, fmt.Errorf("blob: cache: %w", err)
		}
	}
	if c.mu.folder, err = newFolder(c.parent); err != nil {
		return nil, fmt.Errorf("blob: cache in %s: %w", c.parent, err)
	}
	return c, nil
}

// Open returns the body of an object of a size in octets and a SHA-256: from its file or else from
// the store, which is asked several times while it fails, and once for however many wait for the
// object. Errors name the key: ErrNotFound, ErrDamaged when the octets are others or too few or too
// many, os.ErrClosed.
func (c *Cache) Open(ctx context.Context, key Key, size int64, sum [sha256.Size]byte) (*Body, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if _, _, err := key.Parse(); err != nil {
		return nil, err
	}
	o := object{key, size, sum}
	body, f, err := c.find(ctx, o)
	if body != nil || err != nil {
		return body, err
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		c.leave(f)
		return nil, ctx.Err()
	}
	return c.join(f)
}

// find returns the body when there is a file, and else the fetch that the caller waits for.
func (c *Cache) find(ctx context.Context, o object) (*Body, *fetch, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.closed {
		return nil, nil, fmt.Errorf("blob: cache: %w", os.ErrClosed)
	}
	if e := c.mu.files[o]; e != nil {
		if f := c.reopen(e); f != nil {
			c.mu.recent.MoveToFront(e.at)
			f.readers++
			return &Body{cache: c, file: f}, nil, nil
		}
		c.evict(e) // deleted or changed by somebody
	}
	f := c.mu.fetches[o]
	if f == nil {
		f = c.newFetch(ctx, o)
	}
	f.waiting++
	return nil, f, nil
}

// reopen returns the open file of an entry, nil when it is not there or not as it was. c.mu is held.
func (c *Cache) reopen(e *cached) *file {
	if e.open != nil {
		return e.open
	}
	f, err := os.Open(e.name)
	if err != nil {
		return nil
	}
	info, err := f.Stat()
	if err != nil || !os.SameFile(info, e.info) || info.Size() != e.info.Size() || !info.ModTime().Equal(e.info.ModTime()) {
		f.Close()
		return nil
	}
	e.open = &file{File: f, size: e.object.size, entry: e}
	return e.open
}

// Add keeps a body that was just stored, for those who will ask for it. When that fails they fetch
// it.
func (c *Cache) Add(key Key, body io.ReaderAt, size int64) {
	if _, _, err := key.Parse(); err != nil {
		return
	}
	t, err := c.create(size)
	if err != nil || !t.kept {
		t.discard()
		return
	}
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(t.File, hash), io.NewSectionReader(body, 0, size))
	if err != nil || n != size {
		t.discard()
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.keep(t, object{key, size, [sha256.Size]byte(hash.Sum(nil))}); f != nil {
		c.release(f)
	}
}

// Close ends what is being fetched and removes the cache's files. Bodies stay readable.
func (c *Cache) Close() error {
	c.mu.Lock()
	closed := c.mu.closed
	c.mu.closed = true
	for _, f := range c.mu.fetches {
		f.cancel()
	}
	c.mu.Unlock()
	c.work.Wait()
	if closed {
		return nil
	}
	c.mu.Lock()
	folder := c.mu.folder
	clear(c.mu.files)
	c.mu.recent.Init()
	c.mu.Unlock()
	err := folder.remove()
	if c.own {
		err = errors.Join(err, os.RemoveAll(c.parent))
	}
	return err
}

// cost is what a file of so many octets counts.
func cost(size int64) int64 { return max(1, (size+block-1)/block) * block }

// temporary is a file that is being written. The cache has room for it when it is kept; otherwise its
// name is gone already.
type temporary struct {
	*os.File
	cache *Cache
	size  int64
	kept  bool
}

// folderTries is how often a folder is made anew that somebody deletes meanwhile.
const folderTries = 20

// create returns a file for so many octets, and makes room for it. The error names the folder; the
// file may be discarded with an error, too.
func (c *Cache) create(size int64) (t *temporary, err error) {
	t = &temporary{cache: c, size: size}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.closed {
		return t, fmt.Errorf("blob: cache: %w", os.ErrClosed)
	}
	c.mu.last++
	number := strconv.FormatUint(c.mu.last, 10)
	t.File, err = c.mu.folder.create(number)
	for tries := 0; errors.Is(err, os.ErrNotExist) && tries < folderTries; tries++ {
		// Somebody has deleted it, or is just about to.
		var again *folder
		if again, err = newFolder(c.parent); err == nil {
			c.mu.folder.close()
			c.mu.folder = again
			t.File, err = again.create(number)
		}
	}
	if err != nil {
		return t, fmt.Errorf("blob: cache in %s: %w", c.parent, err)
	}
	if t.kept = c.reserve(cost(size)); !t.kept {
		os.Remove(t.Name())
	}
	return t, nil
}

// reserve makes room for a file, unless others that are being written have it. c.mu is held.
func (c *Cache) reserve(octets int64) bool {
	if octets > c.limit {
		return false
	}
	for c.mu.size+octets > c.limit && c.mu.recent.Len() > 0 {
		c.evict(c.mu.recent.Back().Value.(*cached))
	}
	if c.mu.size+octets > c.limit {
		return false
	}
	c.mu.size += octets
	return true
}

// evict removes a file. Who has it open reads on. c.mu is held.
func (c *Cache) evict(e *cached) {
	os.Remove(e.name)
	delete(c.mu.files, e.object)
	c.mu.recent.Remove(e.at)
	c.mu.size -= cost(e.object.size)
	if e.open != nil {
		e.open.entry = nil
	}
}

// evictAll makes the disk as free as the cache can.
func (c *Cache) evictAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.mu.recent.Len() > 0 {
		c.evict(c.mu.recent.Back().Value.(*cached))
	}
}

func (t *temporary) discard() {
	if t.File != nil {
		t.Close()
		if t.kept {
			os.Remove(t.Name())
		}
	}
	if t.kept {
		t.cache.mu.Lock()
		defer t.cache.mu.Unlock()
		t.cache.mu.size -= cost(t.size)
	}
}

// keep makes a written file one of the cache's, with one reader. It returns nil when the folder is
// not usable or the file was added meanwhile; c.mu is held.
func (c *Cache) keep(t *temporary, o object) *file {
	f := &file{File: t.File, size: o.size, readers: 1}
	if !t.kept {
		return f
	}
	name := filepath.Join(filepath.Dir(t.Name()), "body-"+filepath.Base(t.Name()))
	info, err := t.Stat()
	if err == nil {
		err = os.Rename(t.Name(), name)
	}
	if err != nil || c.mu.closed || c.mu.files[o] != nil {
		os.Remove(t.Name())
		os.Remove(name)
		c.mu.size -= cost(o.size)
		return f
	}
	e := &cached{object: o, name: name, info: info, open: f}
	f.entry, e.at = e, c.mu.recent.PushFront(e)
	c.mu.files[o] = e
	return f
}

// release takes one reader from a file. c.mu is held.
func (c *Cache) release(f *file) {
	if f.readers--; f.readers > 0 {
		return
	}
	if f.entry != nil {
		f.entry.open = nil
	}
	f.Close()
}

// attempts is how often an object is asked for when the store fails.
const attempts = 5

// backOff waits before an attempt: for 0.1 s, 0.4 s, 1.6 s, 6.4 s.
func backOff(ctx context.Context, attempt int) error {
	timer := time.NewTimer(100 * time.Millisecond << (2 * (attempt - 1)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
