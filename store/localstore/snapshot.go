package localstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// A snapshot is a file with all rows of the index at one position of the log that the messages in
// the log do not tell. With it and the log the index can be made anew when the log has lost its
// beginning. Two are kept, and everything that is needed from the older one on, so that one of them
// may be damaged.
const (
	snapshotHeaderLen = 80
	snapshotMagic     = "restante snapshot, format "
	snapshotFormat    = 2
	snapshotBlock     = 256 << 10
	keptSnapshots     = 2
	// snapshotGrowth is how many times the size of a snapshot the log grows before the next one.
	snapshotGrowth = 4
)

// snapshotLetters are the rows that a snapshot has, besides those of messages that are not in the log.
var snapshotLetters = []byte{keyUser, keyAccount, keyMailbox, keyTable, keyHistory, keyCopies, keyUnreferenced, keyIndexOnly}

type snapshotFile struct {
	path string
	pos  uint64
	size int64 // octets
}

func (s *Store) snapshotDir() string { return filepath.Join(s.dir, "snapshot") }

func snapshotName(pos uint64, n int) string { return fmt.Sprintf("%016x-%d.snapshot", pos, n) }

// findSnapshots finds the files, and removes those that were not finished.
func (s *Store) findSnapshots() error {
	entries, err := os.ReadDir(s.snapshotDir()) // by name, so by position
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(s.snapshotDir(), e.Name())
		if strings.HasSuffix(e.Name(), ".new") {
			if err := os.Remove(path); err != nil {
				return err
			}
			continue
		}
		var pos uint64
		var n int
		if _, err := fmt.Sscanf(e.Name(), "%016x-%d.snapshot", &pos, &n); err != nil || e.Name() != snapshotName(pos, n) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		s.snapshots = append(s.snapshots, snapshotFile{path, pos, info.Size()})
	}
	return nil
}

// snapshotted returns the position up to which segments may be missing when the index is made anew,
// even from the oldest snapshot.
func (s *Store) snapshotted() uint64 {
	if len(s.snapshots) < keptSnapshots {
		return 0
	}
	return s.snapshots[len(s.snapshots)-keptSnapshots].pos
}

// refreshSnapshots writes a snapshot, unless the log has not grown enough since the last one. It
// follows a checkpoint.
func (s *Store) refreshSnapshots() error {
	if n := len(s.snapshots); n >= keptSnapshots {
		if last := s.snapshots[n-1]; s.checkpoint.pos-last.pos < uint64(last.size)*snapshotGrowth {
			return nil
		}
	}
	if err := s.writeSnapshot(); err != nil {
		return err
	}
	for len(s.snapshots) > keptSnapshots {
		if err := os.Remove(s.snapshots[0].path); err != nil && !os.IsNotExist(err) {
			return err
		}
		s.snapshots = s.snapshots[1:]
	}
	if len(s.snapshots) < keptSnapshots {
		s.kickJanitor() // for the second one, with which compaction begins
	}
	return nil
}

// writeSnapshot writes the state of the last checkpoint.
func (s *Store) writeSnapshot() (err error) {
	name := ""
	for n := 0; ; n++ {
		name = filepath.Join(s.snapshotDir(), snapshotName(s.checkpoint.pos, n))
		if _, err := os.Lstat(name); os.IsNotExist(err) {
			break
		} else if err != nil {
			return err
		}
	}
	f, err := os.OpenFile(name+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(name + ".new")
		}
	}()
	w := snapshotWriter{s: s, f: f}
	err = w.write()
	if err == nil {
		err = s.hooks.sync(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := s.hooks.check("rename"); err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	if err := s.hooks.syncDir(s.snapshotDir()); err != nil {
		return err
	}
	s.snapshots = append(s.snapshots, snapshotFile{name, s.checkpoint.pos, w.size})
	return nil
}

type snapshotWriter struct {
	s     *Store
	f     *os.File
	size  int64
	block []byte
	n     uint64 // of the block
	rows  uint64
}

func (w *snapshotWriter) write() error {
	h := make([]byte, snapshotHeaderLen)
	copy(h, fmt.Sprintf("%s%d\n", snapshotMagic, snapshotFormat))
	binary.LittleEndian.PutUint64(h[32:], w.s.log.id)
	w.s.checkpoint.append(h[:40])
	binary.LittleEndian.PutUint32(h[72:], crc32.Checksum(h[:72], castagnoli))
	if err := w.put(h); err != nil {
		return err
	}
	snap := w.s.index.NewSnapshot()
	defer snap.Close()
	for _, letter := range snapshotLetters {
		if err := w.s.eachRow(snap, []byte{letter}, func(k, value []byte) error {
			if letter == keyIndexOnly {
				if err := w.message(snap, keyNum(k)); err != nil {
					return err
				}
			}
			return w.row(k, value)
		}); err != nil {
			return err
		}
	}
	if err := w.flush(); err != nil {
		return err
	}
	end := binary.LittleEndian.AppendUint64(make([]byte, 8), w.rows)
	binary.LittleEndian.PutUint32(end[4:], blockSum(w.n, end[8:]))
	return w.put(end)
}

// blockSum is the CRC of a block: the blocks are in order, too.
func blockSum(n uint64, payload []byte) uint32 {
	return crc32.Update(uint32(n)+1, castagnoli, payload)
}

func (w *snapshotWriter) message(snap *pebble.Snapshot, id uint64) error {
	k := key(keyMessage, id)
	value, closer, err := snap.Get(k)
	if err != nil {
		return w.s.indexError(err)
	}
	defer closer.Close()
	return w.row(k, value)
}

func (w *snapshotWriter) row(k, value []byte) error {
	if len(w.block) == 0 {
		w.block = append(w.block, make([]byte, 8)...)
	}
	w.block = appendBytes(appendBytes(w.block, k), value)
	w.rows++
	if len(w.block) < snapshotBlock {
		return nil
	}
	return w.flush()
}

func (w *snapshotWriter) flush() error {
	if len(w.block) == 0 {
		return nil
	}
	binary.LittleEndian.PutUint32(w.block, uint32(len(w.block)-8))
	binary.LittleEndian.PutUint32(w.block[4:], blockSum(w.n, w.block[8:]))
	err := w.put(w.block)
	w.block = w.block[:0]
	w.n++
	return err
}

func (w *snapshotWriter) put(b []byte) error {
	if err := w.s.hooks.check("snapshot"); err != nil {
		return err
	}
	if err := w.s.hooks.writeReserved(w.f, b, w.size, forAll); err != nil {
		return err
	}
	w.size += int64(len(b))
	return nil
}

// readSnapshot reads a snapshot to its end and calls f for every row. An error is ErrCorrupt, that of
// f or one of the machine.
func (s *Store) readSnapshot(path string, f func(k, value []byte) error) (st state, err error) {
	file, err := os.Open(path)
	if err != nil {
		return st, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return st, err
	}
	size, at := info.Size(), int64(snapshotHeaderLen)
	read := func(n int64) ([]byte, error) {
		b := make([]byte, n)
		_, err := file.ReadAt(b, at)
		at += n
		return b, err
	}
	h := make([]byte, snapshotHeaderLen)
	if _, err := file.ReadAt(h, 0); err != nil && err != io.EOF {
		return st, err
	}
	var format int
	_, err = fmt.Sscanf(string(h[:32]), snapshotMagic+"%d\n", &format)
	switch {
	case crc32.Checksum(h[:72], castagnoli) != binary.LittleEndian.Uint32(h[72:]) || err != nil:
		return st, corruptSnapshot(path, 0)
	case format > snapshotFormat:
		return st, fmt.Errorf("%s has format %d: %w", path, format, ErrNewer)
	case binary.LittleEndian.Uint64(h[32:]) != s.log.id:
		return st, fmt.Errorf("%w: %s belongs to another store", ErrCorrupt, path)
	}
	st, _ = parseState(h[40:72])
	rows := uint64(0)
	for n := uint64(0); ; n++ {
		start := at
		if at+8 > size {
			return st, corruptSnapshot(path, start)
		}
		head, err := read(8)
		if err != nil {
			return st, err
		}
		length := int64(binary.LittleEndian.Uint32(head))
		isEnd := length == 0
		if isEnd {
			length = 8
		}
		if at+length > size {
			return st, corruptSnapshot(path, start)
		}
		payload, err := read(length)
		if err != nil {
			return st, err
		}
		if blockSum(n, payload) != binary.LittleEndian.Uint32(head[4:]) || isEnd && (binary.LittleEndian.Uint64(payload) != rows || at != size) {
			return st, corruptSnapshot(path, start)
		}
		if isEnd {
			return st, nil
		}
		for d := (decoder{b: payload}); d.i < len(payload); rows++ {
			k := d.take(d.uvarint())
			value := d.take(d.uvarint())
			if d.bad || len(k) == 0 {
				return st, corruptSnapshot(path, start)
			}
			if err := f(k, value); err != nil {
				return st, err
			}
		}
	}
}

func corruptSnapshot(path string, off int64) error {
	return fmt.Errorf("%w: %s, octet %d: the snapshot is damaged; remove it: the next one replaces it", ErrCorrupt, path, off)
}
