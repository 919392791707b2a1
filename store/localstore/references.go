package localstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"restante/store"
)

// Rows refer to messages, and copies share one. How many rows refer to each is brought up to date
// in checkpoints. A message to which none does any more is removed in the first checkpoint at which
// no handle holds it.

// sumReferences returns by how many the references to each message have changed.
func sumReferences(list []references) map[uint64]int {
	n := 0
	for i := range list {
		n += len(list[i].rows)
	}
	changed := make(map[uint64]int, n)
	for _, r := range list {
		for i := range r.rows {
			changed[r.rows[i].Ref] += r.n
		}
		if r.version != nil {
			for _, row := range r.version.Rows() {
				changed[row.Ref] += r.n
			}
		}
	}
	return changed
}

// updateReferences updates how many rows refer to the messages, and notes those to which none does.
func (s *Store) updateReferences(batch *pebble.Batch, n *changes) error {
	changed := sumReferences(n.references)
	ids := make([]uint64, 0, len(changed))
	for id, n := range changed {
		if n != 0 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	it, err := s.index.NewIter(&pebble.IterOptions{LowerBound: []byte{keyCopies}, UpperBound: []byte{keyCopies + 1}})
	if err != nil {
		return s.indexError(err)
	}
	defer it.Close()
	k := key(keyCopies, 0)
	for _, id := range ids {
		old := 1
		if it.SeekGE(keyPut(k, id)) && keyNum(it.Key()) == id {
			value, err := it.ValueAndErr()
			if err != nil {
				return s.indexError(err)
			}
			x, _ := binary.Uvarint(value)
			old = int(x)
		}
		switch count := old + changed[id]; {
		case count < 0:
			return fmt.Errorf("%w: message %d is referred to %d times", ErrCorrupt, id, count)
		case count == 0:
			batch.Delete(k, nil)
			batch.Set(key(keyUnreferenced, id), nil, nil)
			s.unreferenced = append(s.unreferenced, id)
		case count == 1:
			batch.Delete(k, nil)
		default:
			batch.Set(k, binary.AppendUvarint(nil, uint64(count)), nil)
		}
	}
	return s.indexError(it.Error())
}

// removable returns the messages without references that no handle holds.
func (s *Store) removable() (ids []uint64) {
	if len(s.unreferenced) == 0 {
		return nil
	}
	held := s.heldMessages()
	for _, id := range s.unreferenced {
		if _, is := held[id]; !is {
			ids = append(ids, id)
		}
	}
	return ids
}

// removeUnreferenced removes what is removable. It returns the files to be removed, and how much
// less of the segments is needed.
func (s *Store) removeUnreferenced(batch *pebble.Batch, n *changes) (files []uint64, freed map[uint64]int64, err error) {
	ids := s.removable()
	freed = map[uint64]int64{}
	for _, id := range ids {
		batch.Delete(key(keyUnreferenced, id), nil)
		m, err := s.message(id)
		if errors.Is(err, store.ErrGone) {
			continue // it was removed before an index was made anew
		}
		if err != nil {
			return nil, nil, err
		}
		if m.file != 0 {
			files = append(files, m.file)
			batch.Delete(key(keyLarge, m.file), nil)
		}
		if m.pos == indexOnly {
			batch.Delete(key(keyIndexOnly, id), nil)
		}
		if weight := m.weight(); weight > 0 {
			base := s.log.base(m.pos)
			freed[base] += weight
			n.live[base] -= weight
		}
		batch.Delete(key(keyMessage, id), nil)
	}
	gone := make(map[uint64]struct{}, len(ids))
	for _, id := range ids {
		gone[id] = struct{}{}
	}
	s.unreferenced = slices.DeleteFunc(s.unreferenced, func(id uint64) bool { _, is := gone[id]; return is })
	return files, freed, nil
}
