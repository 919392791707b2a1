//go:build unix

package blob

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// folder is a process's own, inside the one that several may share. The lock on it lives as long as
// the process, and says to others that it is in use.
type folder struct {
	path string
	lock *os.File
}

const folderPrefix = "cache-"

// newFolder makes a folder, after it has removed those of processes that were killed. A lock on the
// parent keeps others from removing one that is made but not locked yet.
func newFolder(parent string) (*folder, error) {
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, err
	}
	p, err := os.Open(parent)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if err := flock(p, unix.LOCK_EX); err != nil {
		return nil, err
	}
	if err := removeLeftovers(parent); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(parent, folderPrefix)
	if err != nil {
		return nil, err
	}
	lock, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := flock(lock, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, err
	}
	return &folder{dir, lock}, nil
}

// removeLeftovers removes the folders that no process holds.
func removeLeftovers(parent string) error {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), folderPrefix) {
			continue
		}
		path := filepath.Join(parent, e.Name())
		f, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		} else if err != nil {
			return err
		}
		if flock(f, unix.LOCK_EX|unix.LOCK_NB) == nil {
			err = os.RemoveAll(path)
		}
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// create makes a file that only the owner can read.
func (f *folder) create(name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(f.path, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

func (f *folder) close() { f.lock.Close() }

// remove removes the folder and what is in it.
func (f *folder) remove() error {
	err := os.RemoveAll(f.path)
	f.close()
	return err
}

// full reports whether an error says that the disk has no room.
func full(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
