package localstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

func corrupt(path string, off uint64, what string) error {
	return fmt.Errorf("%w: %s, octet %d: %s; restore this file from a backup", ErrCorrupt, path, off, what)
}

// recover brings the index up to date from the log, and makes the log ready to be written.
func (s *Store) recover() error {
	from := s.checkpoint
	s.log.seq, s.log.pos = from.seq, 0
	s.seq.Store(from.seq)
	s.nextMessage, s.nextAccount = max(from.nextMessage, 1), max(from.nextAccount, 1)
	segments := s.log.all()
	if len(segments) == 0 {
		if from.pos > 0 || len(s.snapshots) > 0 {
			return fmt.Errorf("%w: %s: all segments of the log are missing; restore them from a backup", ErrCorrupt, s.log.dir)
		}
		if err := s.checkNewest(s.log.dir, 0); err != nil {
			return err
		}
		if err := s.removeTorn(); err != nil {
			return err
		}
		if s.log.id == 0 {
			s.log.id = newStoreID()
		}
		return s.log.create()
	}
	var last []byte // the newest group
	for i, g := range segments {
		var next *segment
		if i+1 < len(segments) {
			next = segments[i+1]
		}
		if next != nil && next.base <= from.pos {
			continue // all of it is in the index
		}
		if i == 0 && g.base > from.pos {
			// The index is too old for the log, or there is none.
			return fmt.Errorf("%w: it ends at position %d, the log begins with %s", errIndex, from.pos, g.path)
		}
		if i > 0 && g.base > from.pos && g.base != s.log.pos {
			// Where the index knows more, that is as it should be.
			return fmt.Errorf("%w: %w", errIndex, corrupt(g.path, 0, fmt.Sprintf("the log has a hole before it, from position %d on", max(s.log.pos, from.pos))))
		}
		var err error
		if last, err = s.replay(g, next, last); err != nil {
			return err
		}
	}
	if err := s.removeTorn(); err != nil {
		return err
	}
	if len(s.live) == 0 {
		if err := s.countLive(); err != nil {
			return err
		}
	}
	for base, n := range s.mu.live {
		if n > 0 && !slices.ContainsFunc(segments, func(g *segment) bool { return g.base == base }) {
			s.o.Log.Error("localstore: a segment with messages is missing; they cannot be read", "file", filepath.Join(s.log.dir, segmentName(base)), "octets", n)
		}
	}
	if err := s.rewriteLastGroup(last); err != nil {
		return err
	}
	if s.log.active.format < segmentFormat {
		if err := s.log.create(); err != nil {
			return err
		}
	}
	if s.dirtyBytes > s.o.CheckpointBytes/4 {
		s.kickJanitor()
	}
	return nil
}

// checkNewest finds out whether the log has lost its end: a message gets its row when its group is
// durable, so the index knows of none that the log does not tell.
func (s *Store) checkNewest(path string, off uint64) error {
	it, err := s.index.NewIter(&pebble.IterOptions{LowerBound: []byte{keyMessage}, UpperBound: []byte{keyMessage + 1}})
	if err != nil {
		return s.indexError(err)
	}
	defer it.Close()
	if it.Last() && keyNum(it.Key()) >= s.nextMessage {
		return corrupt(path, off, fmt.Sprintf("the log ends here, but the index knows of message %d, which comes later", keyNum(it.Key())))
	}
	return s.indexError(it.Error())
}

// removeTorn removes a last segment that has no header: the process ended while it made the file, and
// there never was anything in it.
func (s *Store) removeTorn() error {
	if s.torn == "" {
		return nil
	}
	if err := os.Remove(s.torn); err != nil {
		return err
	}
	s.o.Log.Warn("localstore: removed a segment without a header", "file", s.torn)
	s.torn = ""
	return s.hooks.syncDir(s.log.dir)
}

// readState reads what the index knows.
func (s *Store) readState() error {
	value, err := s.get([]byte{keyFormat})
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return nil // a new store, or an index to be rebuilt from the whole log
	case err != nil:
		return err
	case len(value) != 9 || value[0] == 0:
		return s.damagedIndex("its format cannot be read")
	case value[0] > indexFormat:
		return fmt.Errorf("%s has format %d: %w", s.indexDir(), value[0], ErrNewer)
	}
	if id := binary.LittleEndian.Uint64(value[1:]); s.log.id == 0 {
		s.log.id = id
	} else if s.log.id != id {
		return fmt.Errorf("%w: %s belongs to another store than the log; restore one of them from a backup", ErrCorrupt, s.indexDir())
	}
	if value, err = s.get([]byte{keyState}); err != nil {
		return err
	}
	var ok bool
	if s.checkpoint, ok = parseState(value); !ok {
		return s.damagedIndex("its state cannot be read")
	}
	if err := s.each(keySegment, func(base uint64, value []byte) error {
		s.mu.live[base] = int64(binary.LittleEndian.Uint64(value))
		return nil
	}); err != nil {
		return err
	}
	s.live = maps.Clone(s.mu.live)
	return s.each(keyUnreferenced, func(id uint64, _ []byte) error {
		s.unreferenced = append(s.unreferenced, id)
		return nil
	})
}

// countLive counts what lives in the segments, when the index does not know it: it is new.
func (s *Store) countLive() error {
	clear(s.mu.live)
	return s.each(keyMessage, func(id uint64, value []byte) error {
		m, ok := parseMessage(value)
		if !ok {
			return s.damagedIndex("the row of message %d is damaged", id)
		}
		if weight := m.weight(); weight > 0 {
			s.mu.live[s.log.base(m.pos)] += weight
		}
		return nil
	})
}

// findSegments reads the headers of the log's files.
func (s *Store) findSegments() error {
	entries, err := os.ReadDir(s.log.dir) // by name, so by position
	if err != nil {
		return err
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".log") {
			names = append(names, e.Name())
		}
	}
	for i, name := range names {
		path := filepath.Join(s.log.dir, name)
		g, err := s.log.readSegment(path)
		if errors.Is(err, errTornHeader) && i == len(names)-1 {
			s.torn = path
			continue
		}
		if errors.Is(err, errTornHeader) {
			return corrupt(path, 0, "the segment's header is damaged")
		}
		if err != nil {
			return err
		}
		s.log.addSegment(g)
	}
	return nil
}

// replay applies the groups of a segment that the index does not know. It returns the last one,
// or prev if there is none.
func (s *Store) replay(g, next *segment, prev []byte) (last []byte, err error) {
	if err := s.log.open(g); err != nil {
		return nil, err
	}
	pos := max(s.checkpoint.pos, g.base+segmentHeaderLen)
	s.log.pos = pos
	size := g.end()
	if next != nil {
		size = min(size, next.base)
	} else if size < pos {
		return nil, corrupt(g.path, size-g.base, fmt.Sprintf("the log ends here, but the index knows more, up to octet %d", pos-g.base))
	}
	last = prev
	var buf []byte
	for pos < size {
		group, ok, err := g.readGroup(s.log.file, buf, pos, size)
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		if seq := binary.LittleEndian.Uint64(group[16:]); seq != s.log.seq+1 {
			return nil, corrupt(g.path, pos-g.base, fmt.Sprintf("group %d follows group %d", seq, s.log.seq))
		}
		if err := s.replayGroup(g, pos, group); err != nil {
			return nil, err
		}
		last, buf = group, last
		pos += uint64(len(group))
		s.log.seq++
		s.log.pos = pos
	}
	if next != nil && pos < size {
		return nil, corrupt(g.path, pos-g.base, "a group is damaged, and there are later ones")
	}
	if next == nil {
		if err := s.checkNewest(g.path, pos-g.base); err != nil {
			return nil, err
		}
	}
	if next == nil && pos < g.end() {
		if err := s.cutTail(g, pos); err != nil {
			return nil, err
		}
	}
	g.setEnd(pos)
	return last, nil
}

// readGroup reads the group at pos into buf. It returns false when there is none.
func (g *segment) readGroup(f *os.File, buf []byte, pos, end uint64) ([]byte, bool, error) {
	var h [groupHeaderLen]byte
	if pos+groupHeaderLen > end {
		return nil, false, nil
	}
	if _, err := f.ReadAt(h[:], int64(pos-g.base)); err != nil {
		return nil, false, err
	}
	n := uint64(binary.LittleEndian.Uint32(h[8:])) + groupHeaderLen
	if binary.LittleEndian.Uint32(h[:]) != g.magic() || binary.LittleEndian.Uint64(h[24:]) != pos || n > maxGroupLen || pos+n > end {
		return nil, false, nil
	}
	if uint64(cap(buf)) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if _, err := f.ReadAt(buf, int64(pos-g.base)); err != nil {
		return nil, false, err
	}
	return buf, g.sum(buf) == binary.LittleEndian.Uint32(buf[4:]), nil
}

// replayGroup applies one group.
func (s *Store) replayGroup(g *segment, pos uint64, group []byte) error {
	t := s.begin(pos, s.log.seq+1, nil)
	t.replay = true
	defer t.end()
	d := decoder{b: group, i: groupHeaderLen}
	for d.i < len(group) {
		start := d.i
		r := newRecord(d.byte())
		if r == nil {
			return corrupt(g.path, pos-g.base+uint64(start), "a record is of a kind that this version does not know")
		}
		if r.decode(&d); d.bad {
			return corrupt(g.path, pos-g.base+uint64(start), "a record is not well-formed")
		}
		if _, err := r.apply(t); errors.Is(err, ErrCorrupt) {
			return err
		} else if err != nil {
			return corrupt(g.path, pos-g.base+uint64(start), fmt.Sprintf("a record does not fit what was before it: %v", err))
		}
	}
	t.buf = group // for its length
	return t.publish()
}

// cutTail removes what stands behind the last good group. That is a group that was being written
// when the process or the machine stopped; it was not acknowledged. A good group behind it says
// that it is not: each was durable before the next was begun.
func (s *Store) cutTail(g *segment, pos uint64) error {
	later, err := g.findGroup(s.log.file, pos+1, s.log.seq)
	if err != nil {
		return err
	}
	if later > 0 {
		return corrupt(g.path, pos-g.base, fmt.Sprintf("a group is damaged, and there is a later one at octet %d", later-g.base))
	}
	s.o.Log.Warn("localstore: the log ended in a group that was not finished; it was cut off", "file", g.path, "offset", pos-g.base, "octets", g.end()-pos)
	if err := s.hooks.check("truncate"); err != nil {
		return err
	}
	return s.log.file.Truncate(int64(pos - g.base))
}

// findGroup returns the position of the first good group after seq that begins at from or later,
// 0 when there is none. The magic is random, so mail cannot imitate one.
func (g *segment) findGroup(f *os.File, from, seq uint64) (uint64, error) {
	var magic [4]byte
	binary.LittleEndian.PutUint32(magic[:], g.magic())
	window := make([]byte, 1<<20)
	for end := g.end(); from < end; {
		n := min(uint64(len(window)), end-from)
		if _, err := f.ReadAt(window[:n], int64(from-g.base)); err != nil {
			return 0, err
		}
		for i := 0; ; i++ {
			k := bytes.Index(window[i:n], magic[:])
			if k < 0 {
				break
			}
			i += k
			group, ok, err := g.readGroup(f, nil, from+uint64(i), end)
			if err != nil {
				return 0, err
			}
			if ok && binary.LittleEndian.Uint64(group[16:]) > seq {
				return from + uint64(i), nil
			}
		}
		if n <= 3 {
			break
		}
		from += n - 3
	}
	return 0, nil
}

// rewriteLastGroup writes the newest group once more and makes it durable. Only that one may be in the
// page cache without being on the disk: the process may have ended before, or in, its fdatasync.
func (s *Store) rewriteLastGroup(last []byte) error {
	start := int64(s.log.pos-s.log.active.base) - int64(len(last))
	if start < segmentHeaderLen { // the segment is new: then it is the header
		start, last = 0, make([]byte, segmentHeaderLen)
		if _, err := s.log.file.ReadAt(last, 0); err != nil {
			return err
		}
	}
	if len(last) > 0 {
		if err := s.hooks.writeReserved(s.log.file, last, start, forAll); err != nil {
			return err
		}
	}
	if err := s.hooks.sync(s.log.file); err != nil {
		return err
	}
	return s.hooks.syncDir(s.log.dir)
}

// removeOrphans removes the files of large messages that never became part of a mailbox.
func (s *Store) removeOrphans() error {
	entries, err := os.ReadDir(s.largeDir())
	if err != nil {
		return err
	}
	for _, e := range entries {
		var file uint64
		if _, err := fmt.Sscanf(e.Name(), "%016x", &file); err != nil || e.Name() != largeName(file) {
			continue
		}
		_, err := s.get(key(keyLarge, file))
		if err == nil {
			continue
		}
		if !errors.Is(err, pebble.ErrNotFound) {
			return err
		}
		if err := os.Remove(filepath.Join(s.largeDir(), e.Name())); err != nil {
			return err
		}
	}
	return nil
}
