package localstore

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"restante/store"
)

// isNoSpace reports whether an error says that the disk, or the server's quota of it, is used up.
func isNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// spaceError makes an error store.ErrNoSpace that says so in the words of the system.
func spaceError(err error) error {
	if isNoSpace(err) && !errors.Is(err, store.ErrNoSpace) {
		return fmt.Errorf("%w: %w", store.ErrNoSpace, err)
	}
	return err
}

// share is how much of the reserve is left to others.
type share int

const (
	forAll share = 0 // what gives space back, and what a start needs: all of it
	forLog share = 2 // changes that add nothing: half of it
)

// reservePiece is how much of the reserve is given up at once, in octets.
const reservePiece = 256 << 10

// reserve is a file that is there to be made smaller when the disk is full, so that the server can be
// started, and mail be read and removed, which gives space back. As long as it is not whole again,
// nothing is added.
type reserve struct {
	path  string
	size  int64 // octets that it is to have; 0: there is none
	hooks *hooks
	log   *slog.Logger

	mu struct {
		sync.Mutex
		file *os.File
		have int64
		full bool // the disk
	}
}

func (r *reserve) init(dir string, size int64, h *hooks, log *slog.Logger) {
	r.path, r.size, r.hooks, r.log = filepath.Join(dir, "reserve"), max(size, 0), h, log
}

// open finds out how much there is. It makes nothing: the store may be refused yet.
func (r *reserve) open() error {
	if r.size == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	f, err := os.OpenFile(r.path, os.O_RDWR, 0)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	r.mu.file, r.mu.have = f, min(info.Size(), r.size)
	return nil
}

func (r *reserve) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.file == nil {
		return nil
	}
	err := r.mu.file.Close()
	r.mu.file = nil
	return err
}

// setFull notes that the disk is full. mu is held.
func (r *reserve) setFull() {
	if !r.mu.full {
		r.mu.full = true
		r.log.Error("localstore: the disk is full: mail can be read and removed, but nothing is added until there is space", "file", r.path)
	}
}

// met says that a write failed for want of space.
func (r *reserve) met() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.setFull()
}

// give gives up a piece of the reserve. It returns false when nothing is left for that purpose.
func (r *reserve) give(s share) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.setFull()
	floor := int64(0)
	if s == forLog {
		floor = r.size / 2
	}
	left := max(r.mu.have-reservePiece, floor)
	if r.mu.file == nil || left >= r.mu.have || r.mu.file.Truncate(left) != nil {
		return false
	}
	r.mu.have = left
	return true
}

// fill makes the reserve whole, or notes that the disk is full.
func (r *reserve) fill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.refill() {
		r.setFull()
	}
}

// isFull reports whether the disk is full. It tries to make the reserve whole first, which ends that.
func (r *reserve) isFull() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.full && r.refill() {
		r.mu.full = false
		r.log.Info("localstore: there is space again")
	}
	return r.mu.full
}

// refill returns false when there is not enough space. mu is held.
func (r *reserve) refill() bool {
	if r.hooks.check("reserve") != nil {
		return false
	}
	if r.size == 0 {
		return true
	}
	if r.mu.file == nil {
		f, err := os.OpenFile(r.path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return false
		}
		r.mu.file, r.mu.have = f, 0
	}
	if r.mu.have == r.size {
		return true
	}
	if r.free() < r.size-r.mu.have {
		return false // without making the disk look for it
	}
	if err := allocate(r.mu.file, r.mu.have, r.size-r.mu.have); err != nil {
		r.mu.file.Truncate(r.mu.have)
		return false
	}
	r.mu.have = r.size
	return true
}

// free returns how many octets the disk has free.
func (r *reserve) free() int64 {
	usage, err := vfs.Default.GetDiskUsage(filepath.Dir(r.path))
	if err != nil {
		return 0
	}
	return int64(min(usage.AvailBytes, 1<<62))
}

// hasRoom reports whether so many octets can be written before the half of the reserve is needed that
// is not for the log.
func (r *reserve) hasRoom(octets int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.free()+r.mu.have-r.size/2 >= octets
}

// writeZeros allocates octets of a file where there is no other way.
func writeZeros(f *os.File, off, n int64) error {
	zeros := make([]byte, min(n, 1<<20))
	for n > 0 {
		k, err := f.WriteAt(zeros[:min(n, int64(len(zeros)))], off)
		if err != nil {
			return err
		}
		off, n = off+int64(k), n-int64(k)
	}
	return f.Sync()
}
