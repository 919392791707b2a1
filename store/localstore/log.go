package localstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// The mail log is one endless row of octets, cut into segment files. A position is an offset in
// that row; a segment file is named by the position of its first octet. DESIGN.md has the format.
const (
	segmentHeaderLen = 64
	groupHeaderLen   = 32
	segmentMagic     = "restante mail log, format "
	segmentFormat    = 4       // what is written
	maxGroupLen      = 1 << 30 // a header that announces more is not one
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// segment is one file of the log.
type segment struct {
	base   uint64 // the position of its first octet
	salt   uint64 // random; the group headers' magic and the start of their CRC
	format int    // of its header: of the records in it, or later
	path   string
	limit  atomic.Uint64 // the position after its last group

	damaged bool // compaction leaves it alone; the janitor's
}

func (g *segment) end() uint64       { return g.limit.Load() }
func (g *segment) setEnd(pos uint64) { g.limit.Store(pos) }

func (g *segment) magic() uint32 { return uint32(g.salt >> 32) }

// sum is the CRC of a group: of its header behind the CRC, and its payload.
func (g *segment) sum(group []byte) uint32 {
	return crc32.Update(uint32(g.salt), castagnoli, group[8:])
}

// seal fills in the header of a group.
func (g *segment) seal(group []byte, seq, pos uint64) {
	binary.LittleEndian.PutUint32(group, g.magic())
	binary.LittleEndian.PutUint32(group[8:], uint32(len(group)-groupHeaderLen))
	binary.LittleEndian.PutUint32(group[12:], 0)
	binary.LittleEndian.PutUint64(group[16:], seq)
	binary.LittleEndian.PutUint64(group[24:], pos)
	binary.LittleEndian.PutUint32(group[4:], g.sum(group))
}

// mailLog is the log. Its end belongs to the writer.
type mailLog struct {
	dir   string
	id    uint64 // of the store; every segment carries it
	hooks *hooks

	files descriptors // to read from

	active *segment
	file   *os.File // the active segment's, to write to
	pos    uint64   // where the next group goes
	seq    uint64   // of the last group

	mu struct {
		sync.RWMutex
		segments []*segment // by base
	}
}

// hooks let tests stand between the store and the disk, and turn syncing off.
type hooks struct {
	noSync  bool
	fault   func(op string, b []byte) (n int, err error) // n octets are written before err
	reserve *reserve
}

func (h *hooks) check(op string) error {
	if h.fault != nil {
		_, err := h.fault(op, nil)
		return err
	}
	return nil
}

func (h *hooks) writeAt(f *os.File, b []byte, off int64) error {
	if h.fault != nil {
		if n, err := h.fault("write", b); err != nil {
			f.WriteAt(b[:n], off)
			return err
		}
	}
	_, err := f.WriteAt(b, off)
	return err
}

// writeReserved is writeAt for what may use a share of the reserve.
func (h *hooks) writeReserved(f *os.File, b []byte, off int64, s share) error {
	for {
		err := h.writeAt(f, b, off)
		if !isNoSpace(err) || !h.reserve.give(s) {
			return err
		}
	}
}

func (h *hooks) sync(f *os.File) error {
	if err := h.check("sync"); err != nil {
		return err
	}
	if h.noSync {
		return nil
	}
	return fdatasync(f)
}

func (h *hooks) syncDir(dir string) error {
	if err := h.check("syncdir"); err != nil {
		return err
	}
	if h.noSync {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func segmentName(base uint64) string { return fmt.Sprintf("%016x.log", base) }

// create starts a new segment at the end of the log.
func (l *mailLog) create() error {
	g := &segment{base: l.pos, salt: rand.Uint64(), format: segmentFormat, path: filepath.Join(l.dir, segmentName(l.pos))}
	if err := l.hooks.check("create"); err != nil {
		return err
	}
	f, err := os.OpenFile(g.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	h := make([]byte, segmentHeaderLen)
	copy(h, fmt.Sprintf("%s%d\n", segmentMagic, segmentFormat))
	binary.LittleEndian.PutUint64(h[32:], l.id)
	binary.LittleEndian.PutUint64(h[40:], g.base)
	binary.LittleEndian.PutUint64(h[48:], g.salt)
	binary.LittleEndian.PutUint32(h[56:], crc32.Checksum(h[:56], castagnoli))
	if err := l.hooks.writeAt(f, h, 0); err != nil {
		f.Close()
		os.Remove(g.path) // or else recovery does
		return err
	}
	err = l.hooks.sync(f)
	if err == nil {
		err = l.hooks.syncDir(l.dir)
	}
	if err != nil {
		f.Close()
		return &syncError{err}
	}
	if l.file != nil {
		l.file.Close() // all of it is durable
	}
	g.setEnd(g.base + segmentHeaderLen)
	l.active, l.file = g, f
	l.pos += segmentHeaderLen
	l.addSegment(g)
	return nil
}

// open makes the segment the active one, which is written to.
func (l *mailLog) open(g *segment) error {
	f, err := os.OpenFile(g.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if l.file != nil {
		l.file.Close()
	}
	l.active, l.file = g, f
	return nil
}

func (l *mailLog) addSegment(g *segment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.segments = append(l.mu.segments, g)
}

var errTornHeader = errors.New("header is incomplete")

// readSegment reads the header of a segment's file. errTornHeader says that the file has never held
// a group.
func (l *mailLog) readSegment(path string) (*segment, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	h := make([]byte, segmentHeaderLen)
	n, err := f.ReadAt(h, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	g := &segment{path: path, base: binary.LittleEndian.Uint64(h[40:]), salt: binary.LittleEndian.Uint64(h[48:])}
	text := string(bytes.TrimRight(h[:32], "\x00"))
	switch _, err := fmt.Sscanf(text, segmentMagic+"%d\n", &g.format); {
	case n < segmentHeaderLen || crc32.Checksum(h[:56], castagnoli) != binary.LittleEndian.Uint32(h[56:]):
		if info.Size() <= segmentHeaderLen {
			return nil, errTornHeader
		}
		return nil, corrupt(path, 0, "the segment's header is damaged")
	case err != nil || g.format < 1:
		return nil, corrupt(path, 0, "not a segment")
	case g.format > segmentFormat:
		return nil, fmt.Errorf("%s has format %d: %w", path, g.format, ErrNewer)
	case filepath.Base(path) != segmentName(g.base):
		return nil, corrupt(path, 0, "the file's name is not the one in its header")
	}
	if id := binary.LittleEndian.Uint64(h[32:]); l.id == 0 {
		l.id = id
	} else if l.id != id {
		return nil, corrupt(path, 0, "the segment belongs to another store")
	}
	g.setEnd(g.base + uint64(info.Size()))
	return g, nil
}

// syncError is an error of making something durable. What is on the disk afterwards is not known.
type syncError struct{ error }

func (e *syncError) Unwrap() error { return e.error }

// append writes a group, whose header it fills in, and makes it durable. small says that it adds no
// messages, and may use what is reserved for that. After an error the log must not be written any
// more, unless it is one of space and cut succeeds. It returns how long the sync took.
func (l *mailLog) append(group []byte, small bool) (time.Duration, error) {
	l.active.seal(group, l.seq+1, l.pos)
	off := int64(l.pos - l.active.base)
	var err error
	if small {
		err = l.hooks.writeReserved(l.file, group, off, forLog)
	} else {
		err = l.hooks.writeAt(l.file, group, off)
	}
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := l.hooks.sync(l.file); err != nil {
		return 0, &syncError{err}
	}
	l.seq++
	l.pos += uint64(len(group))
	l.active.setEnd(l.pos)
	return time.Since(start), nil
}

// cut takes away what an append that failed may have left behind the last good group, so that
// the next opening does not find what was answered with an error. It is an attempt: recovery
// copes with either outcome.
func (l *mailLog) cut() error {
	if err := l.file.Truncate(int64(l.pos - l.active.base)); err != nil {
		return err
	}
	return l.hooks.sync(l.file)
}

// find returns the segment that holds a position, or nil when there is none any more.
func (l *mailLog) find(pos uint64) *segment {
	l.mu.RLock()
	defer l.mu.RUnlock()
	i := sort.Search(len(l.mu.segments), func(i int) bool { return l.mu.segments[i].base > pos })
	if i == 0 || pos >= l.mu.segments[i-1].end() {
		return nil
	}
	return l.mu.segments[i-1]
}

// all returns the segments by base.
func (l *mailLog) all() []*segment {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.Clone(l.mu.segments)
}

// remove unlinks a segment. Who reads from it still can.
func (l *mailLog) remove(g *segment) error {
	l.mu.Lock()
	l.mu.segments = slices.DeleteFunc(slices.Clone(l.mu.segments), func(o *segment) bool { return o == g })
	l.mu.Unlock()
	return errors.Join(l.files.remove(g).close(), os.Remove(g.path))
}

func (l *mailLog) close() error {
	err := l.files.closeAll().close()
	if l.file != nil {
		err = errors.Join(err, l.file.Close())
		l.file = nil
	}
	return err
}

// base returns the position of the first octet of the segment that holds pos.
func (l *mailLog) base(pos uint64) uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	i := sort.Search(len(l.mu.segments), func(i int) bool { return l.mu.segments[i].base > pos })
	if i == 0 {
		return 0
	}
	return l.mu.segments[i-1].base
}
