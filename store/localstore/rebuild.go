package localstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"restante/store"
)

// rebuild makes the index anew, from the newest snapshot that serves, or from the whole log when it
// has its beginning. The one that is damaged is kept under another name. When nothing serves, the
// error is ErrCorrupt and nothing has changed. missing says that there was none.
func (s *Store) rebuild(cause error, missing bool) error {
	if err := s.closeIndex(); err != nil {
		s.o.Log.Debug("localstore: closing the damaged index", "err", err)
	}
	if missing { // what opening it has made
		if err := s.o.indexFS.RemoveAll(s.indexDir()); err != nil {
			return err
		}
	}
	s.o.Log.Warn("localstore: the index is made anew from the log", "err", cause)
	tried := []error{cause}
	for i := len(s.snapshots) - 1; i >= -1; i-- {
		var from *snapshotFile
		if i >= 0 {
			from = &s.snapshots[i]
		}
		err := s.rebuildFrom(from)
		if err == nil {
			return s.openState(s.indexDir())
		}
		if !errors.Is(err, ErrCorrupt) && !errors.Is(err, errIndex) {
			return err
		}
		tried = append(tried, err)
	}
	if errors.Is(cause, ErrCorrupt) && len(s.snapshots) == 0 {
		return cause
	}
	return fmt.Errorf("%w: the index cannot be made anew; restore the files that are named here, or the whole of %s, from a backup: %w",
		ErrCorrupt, s.dir, errors.Join(tried...))
}

func (s *Store) newIndexDir() string { return s.indexDir() + ".new" }

// rebuildFrom makes an index from one snapshot, or from the beginning of the log, and puts it into
// the place of the old one when all is well.
func (s *Store) rebuildFrom(from *snapshotFile) (err error) {
	dir := s.newIndexDir()
	defer func() {
		if err != nil {
			err = errors.Join(err, s.closeIndex(), s.o.indexFS.RemoveAll(dir))
		}
	}()
	r := rebuilding{s: s}
	if from != nil {
		if err := r.fill(dir, from); err != nil {
			return err
		}
	} else if all := s.log.all(); len(all) == 0 || all[0].base != 0 {
		return fmt.Errorf("%w: the log in %s has lost its beginning, as is usual", ErrCorrupt, s.log.dir)
	}
	if err := s.openState(dir); err != nil {
		return err
	}
	if err := s.saveCheckpoint(s.collectChanges()); err != nil {
		return err
	}
	if err := r.checkMissing(); err != nil {
		return err
	}
	if err := s.closeIndex(); err != nil {
		return err
	}
	return s.replaceIndex(dir)
}

// replaceIndex puts a new index into the place of the damaged one.
func (s *Store) replaceIndex(dir string) error {
	fs := s.o.indexFS
	if _, err := fs.Stat(s.indexDir()); err == nil {
		aside := ""
		for n := 1; ; n++ {
			aside = fmt.Sprintf("%s.damaged-%d", s.indexDir(), n)
			if _, err := fs.Stat(aside); errors.Is(err, os.ErrNotExist) {
				break
			} else if err != nil {
				return err
			}
		}
		if err := fs.Rename(s.indexDir(), aside); err != nil {
			return err
		}
		s.o.Log.Warn("localstore: the damaged index was kept; remove it when nobody wants to look at it", "dir", aside)
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := fs.Rename(dir, s.indexDir()); err != nil {
		return err
	}
	return s.hooks.syncDir(s.dir)
}

// rebuilding is an index that is being made anew from a snapshot.
type rebuilding struct {
	s       *Store
	db      *indexDB
	batch   *pebble.Batch
	refs    []uint64 // of the messages that the snapshot refers to
	found   []bool
	missing []uint64
}

// fill makes an index with what the snapshot and the log before it say.
func (r *rebuilding) fill(dir string, from *snapshotFile) (err error) {
	// All of it is looked at first, so that a damaged one costs little.
	st, err := r.s.readSnapshot(from.path, func(_, _ []byte) error { return nil })
	if err != nil {
		return err
	}
	if r.db, err = openIndex(dir, &r.s.o, &r.s.reserve); err != nil {
		return err
	}
	r.batch = r.db.NewBatch()
	defer func() { err = errors.Join(err, r.batch.Close(), r.db.Close()) }()
	if _, err := r.s.readSnapshot(from.path, r.row); err != nil {
		return err
	}
	slices.Sort(r.refs)
	r.refs = slices.Compact(r.refs)
	r.found = append(r.found, make([]bool, len(r.refs)-len(r.found))...)
	for _, g := range r.s.log.all() {
		if g.base >= st.pos {
			break
		}
		if err := r.s.eachGroup(g, min(g.end(), st.pos), r.group); err != nil {
			return err
		}
	}
	if err := r.markMissing(); err != nil {
		return err
	}
	r.batch.Set([]byte{keyFormat}, binary.LittleEndian.AppendUint64([]byte{indexFormat}, r.s.log.id), nil)
	r.batch.Set([]byte{keyState}, st.append(nil), nil)
	if err := r.flush(0); err != nil {
		return err
	}
	return r.s.indexError(r.db.flush(nil))
}

// flush writes the batch when it has more than so many octets.
func (r *rebuilding) flush(limit int) error {
	if r.batch.Len() <= limit {
		return nil
	}
	if err := r.db.stuck(); err != nil {
		return err
	}
	if err := r.db.commit(r.batch); err != nil {
		return r.s.indexError(err)
	}
	r.batch.Close()
	r.batch = r.db.NewBatch()
	return nil
}

// row takes a row from the snapshot.
func (r *rebuilding) row(k, value []byte) error {
	switch k[0] {
	case keyTable:
		rows, _, ok := parseTable(nil, nil, value)
		if !ok {
			return fmt.Errorf("%w: a snapshot has a table that cannot be read", ErrCorrupt)
		}
		for i := range rows {
			r.refs = append(r.refs, rows[i].Ref)
		}
	case keyUnreferenced:
		r.refs = append(r.refs, keyNum(k))
	case keyMessage:
		if m, ok := parseMessage(value); ok && m.file != 0 {
			r.batch.Set(key(keyLarge, m.file), k[1:], nil)
		}
	}
	r.batch.Set(k, value, nil)
	return r.flush(r.s.o.batchBytes)
}

// group takes the messages of a group that the snapshot refers to. The place that comes last counts.
func (r *rebuilding) group(pos uint64, group []byte) error {
	if err := r.s.eachMessage(group, func(id uint64, m *message, _ []byte) error {
		i, needed := slices.BinarySearch(r.refs, id)
		if !needed {
			return nil
		}
		r.found[i] = true
		m.pos = pos + uint64(m.off)
		r.batch.Set(key(keyMessage, id), appendMessage(nil, m), nil)
		r.batch.Delete(key(keyIndexOnly, id), nil)
		if m.file != 0 {
			r.batch.Set(key(keyLarge, m.file), key(keyMessage, id)[1:], nil)
		}
		return nil
	}); err != nil {
		return err
	}
	return r.flush(r.s.o.batchBytes)
}

// markMissing makes rows for messages that are nowhere: they were removed, and their segment was,
// after the snapshot. What the log says after it removes them again.
func (r *rebuilding) markMissing() error {
	if err := r.flush(0); err != nil {
		return err
	}
	for i, id := range r.refs {
		if r.found[i] {
			continue
		}
		_, closer, err := r.db.Get(key(keyMessage, id))
		if err == nil {
			closer.Close() // the snapshot told of it
			continue
		}
		if !errors.Is(err, pebble.ErrNotFound) {
			return r.s.indexError(err)
		}
		r.missing = append(r.missing, id)
		r.batch.Set(key(keyMessage, id), appendMessage(nil, &message{pos: unfound}), nil)
		if err := r.flush(r.s.o.batchBytes); err != nil {
			return err
		}
	}
	return nil
}

// checkMissing fails when the index, which is up to date now, refers to a message that is nowhere.
func (r *rebuilding) checkMissing() error {
	for _, id := range r.missing {
		m, err := r.s.message(id)
		if errors.Is(err, store.ErrGone) {
			continue
		}
		if err != nil {
			return err
		}
		if m.pos == unfound {
			return fmt.Errorf("%w: message %d is in no segment in %s", ErrCorrupt, id, filepath.Clean(r.s.log.dir))
		}
	}
	return nil
}
