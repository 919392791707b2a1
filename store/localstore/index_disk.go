package localstore

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"

	"restante/store"
)

const (
	// maxPending is how many octets of changes Pebble keeps in memory while it cannot write them; then
	// no more are made. Long before the limit at which it lets whoever commits wait.
	maxPending = 32 << 20
	// logInterval is the time between two lines of log that say the same.
	logInterval = time.Minute
)

// indexDB is Pebble on a disk that may be full, or fail. Pebble tries again at once, for ever, what it
// could not write or merge, and panics when that was its MANIFEST.
type indexDB struct {
	*pebble.DB
	disk *indexDisk
}

// indexDisk stands between Pebble and the disk. It gives up the reserve for what Pebble must write,
// slows it down when that fails, and keeps the error.
type indexDisk struct {
	vfs.FS
	reserve *reserve
	log     *slog.Logger
	pause   func(stop <-chan struct{})
	errs    chan error    // the newest error of a write that nobody has looked at
	closing chan struct{} // closed by Close
	opened  atomic.Bool
	blocked atomic.Bool  // a write failed, and none of the tables in memory could be written since
	pending atomic.Int64 // octets committed and not written
	merges  merges

	mu struct {
		sync.Mutex
		logged map[string]repeated
		broken error // why the MANIFEST could not be written
	}
}

// repeated is a line of log that may come often.
type repeated struct {
	last time.Time
	more int // that were left out since
}

func newIndexDisk(o *Options, r *reserve) *indexDisk {
	d := &indexDisk{FS: o.indexFS, reserve: r, log: o.Log, pause: o.pause,
		errs: make(chan error, 1), closing: make(chan struct{})}
	d.mu.logged = map[string]repeated{}
	return d
}

// pauseSecond is the time between attempts to write.
func pauseSecond(stop <-chan struct{}) {
	t := time.NewTimer(time.Second)
	defer t.Stop()
	select {
	case <-t.C:
	case <-stop:
	}
}

// purpose is what Pebble writes.
type purpose int

const (
	writeTables   purpose = iota // and all else that can be done again
	writeMerged                  // tables that are merged: that can wait
	writeManifest                // and its folder: must not fail
)

func purposeOf(name string, category vfs.DiskWriteCategory) purpose {
	switch {
	case strings.Contains(name, "MANIFEST-") || strings.Contains(name, "marker."):
		return writeManifest
	case category == "pebble-compaction":
		return writeMerged
	}
	return writeTables
}

// try does what writes. It returns nil without having done it for what must not fail when it has failed.
func (d *indexDisk) try(p purpose, f func() error) error {
	for {
		if p == writeManifest && d.broken() != nil {
			return nil
		}
		err := f()
		if err == nil {
			return nil
		}
		full := isNoSpace(err)
		if full && p != writeMerged && d.reserve.give(forAll) {
			continue
		}
		d.failed(err)
		d.pause(d.closing)
		switch {
		case p != writeManifest:
			return err
		case !full || !d.opened.Load() || d.isClosing():
			d.giveUp(err)
		}
	}
}

func (d *indexDisk) isClosing() bool {
	select {
	case <-d.closing:
		return true
	default:
		return false
	}
}

// failed notes that something could not be written.
func (d *indexDisk) failed(err error) {
	d.blocked.Store(true)
	if isNoSpace(err) {
		d.reserve.met()
	}
	select {
	case d.errs <- err:
	default:
	}
	d.logError("localstore: the index cannot be written", "err", err)
}

// logError logs an error, at once or with those of the next minute.
func (d *indexDisk) logError(what string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.mu.logged[what]
	if now := time.Now(); now.Sub(r.last) >= logInterval {
		d.log.Error(what, append(args, "more", r.more)...)
		r = repeated{last: now}
	} else {
		r.more++
	}
	d.mu.logged[what] = r
}

// giveUp notes that the MANIFEST could not be written. Pebble is told that it was, since it would panic, or
// leave goroutines and locks behind: so it can be read, and closed. What was removed for a newer MANIFEST would
// be missing in the old one: nothing is removed any more.
func (d *indexDisk) giveUp(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mu.broken == nil {
		d.mu.broken = fmt.Errorf("the index cannot be written: %w", spaceError(err))
	}
}

// broken returns why nothing of what is written counts any more, or nil.
func (d *indexDisk) broken() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mu.broken
}

// private makes a file of ours nobody else's, whatever mode it was made with.
func private(f vfs.File) error {
	if fd := f.Fd(); fd != vfs.InvalidFd {
		return unix.Fchmod(int(fd), 0o600)
	}
	return nil
}

func (d *indexDisk) open(p purpose, f func() (vfs.File, error)) (file vfs.File, err error) {
	if p == writeMerged && (d.reserve.isFull() || d.broken() != nil) {
		d.pause(d.closing)
		return nil, unix.ENOSPC
	}
	err = d.try(p, func() (err error) {
		file, err = f()
		return err
	})
	if err != nil {
		return nil, err
	}
	if file == nil { // nobody will look at what is written
		return vfs.NewMem().Create("lost", vfs.WriteCategoryUnspecified)
	}
	if err := private(file); err != nil {
		file.Close()
		return nil, err
	}
	return &indexFile{file, d, p}, nil
}

func (d *indexDisk) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return d.open(purposeOf(name, category), func() (vfs.File, error) { return d.FS.Create(name, category) })
}

func (d *indexDisk) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return d.open(purposeOf(name, category), func() (vfs.File, error) { return d.FS.OpenReadWrite(name, category, opts...) })
}

func (d *indexDisk) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return d.open(purposeOf(newname, category), func() (vfs.File, error) { return d.FS.ReuseForWrite(oldname, newname, category) })
}

func (d *indexDisk) Rename(oldname, newname string) error {
	return d.try(purposeOf(newname, ""), func() error { return d.FS.Rename(oldname, newname) })
}

func (d *indexDisk) Link(oldname, newname string) error {
	return d.try(writeTables, func() error { return d.FS.Link(oldname, newname) })
}

func (d *indexDisk) MkdirAll(dir string, _ os.FileMode) error {
	return d.try(writeTables, func() error { return d.FS.MkdirAll(dir, 0o700) })
}

func (d *indexDisk) Lock(name string) (l io.Closer, err error) {
	err = d.try(writeTables, func() error {
		l, err = d.FS.Lock(name)
		return err
	})
	if err == nil && vfs.Root(d.FS) == vfs.Default {
		err = os.Chmod(name, 0o600)
	}
	return l, err
}

// OpenDir opens a folder to sync it, on which a MANIFEST depends.
func (d *indexDisk) OpenDir(name string) (vfs.File, error) {
	f, err := d.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &indexFile{f, d, writeManifest}, nil
}

func (d *indexDisk) Remove(name string) error {
	if err := d.broken(); err != nil {
		return err
	}
	return d.FS.Remove(name)
}

func (d *indexDisk) Unwrap() vfs.FS { return d.FS }

// indexFile is a file that Pebble writes.
type indexFile struct {
	vfs.File
	disk    *indexDisk
	purpose purpose
}

func (f *indexFile) Write(p []byte) (done int, err error) {
	err = f.disk.try(f.purpose, func() error {
		n, err := f.File.Write(p[done:])
		done += n
		return err
	})
	if err == nil {
		done = len(p)
	}
	return done, err
}

func (f *indexFile) WriteAt(p []byte, off int64) (done int, err error) {
	err = f.disk.try(f.purpose, func() error {
		n, err := f.File.WriteAt(p[done:], off+int64(done))
		done += n
		return err
	})
	if err == nil {
		done = len(p)
	}
	return done, err
}

// synced: what could not be synced once must be written anew.
func (f *indexFile) synced(err error) error {
	if err == nil || f.purpose == writeManifest && f.disk.broken() != nil {
		return nil
	}
	f.disk.failed(err)
	f.disk.pause(f.disk.closing)
	if f.purpose != writeManifest {
		return err
	}
	f.disk.giveUp(err)
	return nil
}

func (f *indexFile) Sync() error     { return f.synced(f.File.Sync()) }
func (f *indexFile) SyncData() error { return f.synced(f.File.SyncData()) }

func (f *indexFile) SyncTo(length int64) (bool, error) {
	full, err := f.File.SyncTo(length)
	return full, f.synced(err)
}

// commit makes a batch visible. It is on the disk after flush.
func (db *indexDB) commit(b *pebble.Batch) error {
	db.disk.pending.Add(int64(b.Len()))
	return b.Commit(noSync)
}

// stuck returns why no more should be committed: nothing can be written, and there is much already.
func (db *indexDB) stuck() error {
	if err := db.disk.broken(); err != nil {
		return err
	}
	if !db.disk.blocked.Load() || db.disk.pending.Load() < maxPending {
		return nil
	}
	return fmt.Errorf("%w: the index cannot be written", store.ErrNoSpace)
}

// flush makes durable what was committed. When the disk is full, it waits for space until stop is
// closed, or, when stop is nil, does not.
func (db *indexDB) flush(stop <-chan struct{}) error {
	if err := db.disk.broken(); err != nil {
		return err
	}
	flushed, err := db.AsyncFlush()
	if err != nil {
		return err
	}
	for {
		select {
		case <-flushed:
			return db.disk.broken()
		case err := <-db.disk.errs:
			if stop == nil || !isNoSpace(err) {
				return spaceError(err)
			}
		case <-stop:
			if db.disk.blocked.Load() {
				return store.ErrClosed
			}
			stop = nil
		}
	}
}

// Close closes Pebble. It ends whatever cannot be written.
func (db *indexDB) Close() error {
	close(db.disk.closing)
	err := db.DB.Close()
	return cmp.Or(db.disk.broken(), err)
}

// openPebble is pebble.Open. It returns an error where that would panic.
func openPebble(dir string, opts *pebble.Options, d *indexDisk) (*indexDB, error) {
	db, err := pebble.Open(dir, opts)
	if err != nil {
		close(d.closing)
		return nil, cmp.Or(d.broken(), err)
	}
	index := &indexDB{db, d}
	if d.broken() != nil {
		return nil, index.Close()
	}
	d.opened.Store(true)
	return index, nil
}
