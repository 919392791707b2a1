package localstore

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"restante/store"
)

// indexVersion is the format of Pebble's files. A later one is a migration of its own.
const indexVersion = pebble.FormatValueSeparation

var noSync = pebble.NoSync

// errIndex says that the index is not as it was written, and that it can be made anew: from the
// log and a snapshot.
var errIndex = errors.New("the index is damaged")

func (s *Store) indexDir() string { return filepath.Join(s.dir, "index") }

// openIndex opens Pebble. It needs no log of its own: it forgets the newest of what it was told
// when the process dies, and recovery tells it again.
func openIndex(dir string, o *Options, r *reserve) (*indexDB, error) {
	disk := newIndexDisk(o, r)
	opts := &pebble.Options{
		CacheSize:          o.CacheBytes,
		DisableWAL:         true,
		FS:                 disk,
		FormatMajorVersion: indexVersion,
		Logger:             pebbleLog{o.Log},
		MemTableSize:       32 << 20,
		MaxOpenFiles:       1000,
		// Whoever commits is not to wait when nothing can be written: maxPending is before.
		MemTableStopWritesThreshold: 6,
		L0StopWritesThreshold:       1000,
	}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10) // for the one Get of each message
	}
	opts.Experimental.CompactionScheduler = newMergeScheduler(disk)
	opts.EventListener = &pebble.EventListener{
		BackgroundError: func(err error) { disk.logError("localstore: index", "err", err) },
		CompactionEnd:   func(i pebble.CompactionInfo) { disk.merges.ended(i.Err) },
		FlushEnd: func(i pebble.FlushInfo) {
			if i.Err == nil {
				disk.blocked.Store(false)
				disk.pending.Store(0)
			}
		},
		// Whoever reads what is damaged gets an error; the rest goes on.
		DataCorruption: func(i pebble.DataCorruptionInfo) {
			disk.logError("localstore: index is damaged; stop, remove it and start again, which makes it anew from the log", "file", i.Path, "err", i.Details)
		},
	}
	if err := checkIndexFiles(dir, o.indexFS); err != nil {
		return nil, err
	}
	db, err := openPebble(dir, opts, disk)
	var errno syscall.Errno
	switch {
	case err == nil:
		return db, nil
	case strings.Contains(err.Error(), "unknown format major version"):
		return nil, fmt.Errorf("%s: %w: %w", dir, ErrNewer, err)
	case errors.As(err, &errno) && errno != syscall.ENOENT:
		return nil, fmt.Errorf("%s: %w", dir, spaceError(err))
	}
	return nil, fmt.Errorf("%w: %s: %w", errIndex, dir, err)
}

// checkIndexFiles finds out whether the file is missing that tells Pebble which others are in use. It
// would begin anew, and remove them. Without tables nothing was ever in them: the process ended while
// it made the index.
func checkIndexFiles(dir string, fs vfs.FS) error {
	names, err := fs.List(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	tables, marked := 0, false
	for _, name := range names {
		marked = marked || strings.HasPrefix(name, "marker.manifest.")
		if strings.HasSuffix(name, ".sst") {
			tables++
		}
	}
	if tables > 0 && !marked {
		return fmt.Errorf("%w: %s: marker.manifest is missing", errIndex, dir)
	}
	return nil
}

// pebbleLog passes on what is wrong with the index.
type pebbleLog struct{ log *slog.Logger }

func (l pebbleLog) Infof(format string, args ...any) {
	l.log.Debug("localstore: index: " + fmt.Sprintf(format, args...))
}

func (l pebbleLog) Errorf(format string, args ...any) {
	l.log.Error("localstore: index: " + fmt.Sprintf(format, args...))
}

// Fatalf is for faults of Pebble's own, after which it cannot go on. It must not return.
func (l pebbleLog) Fatalf(format string, args ...any) {
	l.Errorf(format, args...)
	panic("localstore: index: " + fmt.Sprintf(format, args...))
}

// indexError tells of an error of the index, and what to do about it.
func (s *Store) indexError(err error) error {
	var errno syscall.Errno
	switch {
	case err == nil || errors.Is(err, pebble.ErrNotFound) || errors.Is(err, pebble.ErrClosed) || errors.Is(err, store.ErrClosed):
		return err
	case errors.Is(err, store.ErrNoSpace), errors.As(err, &errno) && errno != syscall.ENOENT && !errors.Is(err, pebble.ErrCorruption):
		return fmt.Errorf("index: %w", spaceError(err)) // of the machine: memory, descriptors, rights, the disk
	}
	return fmt.Errorf("%w: %w: %w; stop, remove %s and start again, which makes it anew from the log", ErrCorrupt, errIndex, err, s.indexDir())
}

// damagedIndex tells of a row of the index that cannot be read, and what to do about it.
func (s *Store) damagedIndex(format string, args ...any) error {
	return fmt.Errorf("%w: %w: %s; stop, remove %s and start again, which makes it anew from the log", ErrCorrupt, errIndex,
		fmt.Sprintf(format, args...), s.indexDir())
}

// get reads a value of the index; pebble.ErrNotFound.
func (s *Store) get(k []byte) ([]byte, error) {
	value, closer, err := s.index.Get(k)
	if err != nil {
		return nil, s.indexError(err)
	}
	defer closer.Close()
	return bytes.Clone(value), nil
}

// each calls f for every row of the index whose key is letter and numbers; num is the first. f must
// not keep them.
func (s *Store) each(letter byte, f func(num uint64, value []byte) error) error {
	return s.eachKey([]byte{letter}, func(k, value []byte) error { return f(keyNum(k), value) })
}

// eachKey calls f for every row of the index whose key has the prefix.
func (s *Store) eachKey(prefix []byte, f func(k, value []byte) error) error {
	return s.eachRow(s.index, prefix, f)
}

// eachRow is eachKey of a snapshot of the index.
func (s *Store) eachRow(index pebble.Reader, prefix []byte, f func(k, value []byte) error) error {
	it, err := index.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: keyEnd(prefix)})
	if err != nil {
		return s.indexError(err)
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return s.indexError(err)
		}
		if err := f(it.Key(), value); err != nil {
			return err
		}
	}
	return s.indexError(it.Error())
}
