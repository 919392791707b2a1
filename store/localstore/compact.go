package localstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"restante/store"
)

// rescueBytes is how much of a segment is moved in one change.
const rescueBytes = 1 << 20

// compact gives back the space of messages that are gone: segments that nothing needs are
// unlinked, and one that is more than half dead is emptied by writing what lives in it to the end
// of the log. It is unlinked after the next checkpoint, which makes the new places durable.
func (s *Store) compact() error {
	rescued := false
	for _, g := range s.log.all() {
		end := g.end()
		if end > s.checkpoint.pos || g == s.activeSegment() {
			continue // it is still needed for recovery
		}
		live, known := s.live[g.base]
		if !known || g.damaged || live > 0 && uint64(live)*2 >= end-g.base {
			continue
		}
		if live > 0 && rescued { // one at a time, so that checkpoints are not kept waiting
			s.kickJanitor()
			return nil
		}
		f := s.unlink
		if live > 0 {
			rescued, f = true, s.rescue
		}
		if err := f(g); errors.Is(err, ErrCorrupt) {
			g.damaged = true
			s.o.Log.Error("localstore: a segment cannot be compacted and stays as it is", "err", err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// activeSegment returns the segment that is being written.
func (s *Store) activeSegment() *segment {
	all := s.log.all()
	return all[len(all)-1]
}

// unlink removes a segment. Bodies of it that are open stay readable. It does not rely on what was
// counted: it looks once more whether the index needs one of the segment's messages.
func (s *Store) unlink(g *segment) error {
	if err := s.eachLiving(g, func(id uint64, _ *message, _ []byte) error {
		return corrupt(g.path, 0, fmt.Sprintf("message %d still lives in the segment, where none was expected", id))
	}, func() error { return nil }); err != nil {
		return err
	}
	if err := s.index.Delete(key(keySegment, g.base), noSync); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	s.mu.Lock()
	delete(s.mu.live, g.base)
	s.mu.Unlock()
	delete(s.live, g.base)
	return s.log.remove(g)
}

// rescue moves what lives in a segment to the end of the log.
func (s *Store) rescue(g *segment) error {
	var moved []*movedRecord
	octets := 0
	flush := func() error {
		err := s.change(context.Background(), func(t *tx) error {
			for _, r := range moved {
				if _, err := t.do(r); err != nil {
					return err
				}
			}
			return nil
		})
		moved, octets = nil, 0
		return err
	}
	err := s.eachLiving(g, func(id uint64, m *message, body []byte) error {
		if crc32.Checksum(body, castagnoli) != m.sum {
			return corrupt(g.path, m.pos-g.base, fmt.Sprintf("message %d is damaged", id))
		}
		moved = append(moved, &movedRecord{id: id, from: m.pos, message: *m, body: body})
		octets += len(body)
		return nil
	}, func() error {
		if octets < rescueBytes {
			return nil
		}
		return flush()
	})
	return errors.Join(err, flush())
}

// eachLiving calls f for every message of a segment that is where the index says it is, and then
// after each group. Only the janitor moves and removes messages, so what it sees stays true.
func (s *Store) eachLiving(g *segment, f func(id uint64, m *message, body []byte) error, then func() error) error {
	file, err := g.open()
	if err != nil {
		return err
	}
	end := g.end()
	for pos := g.base + segmentHeaderLen; pos < end; {
		group, ok, err := g.readGroup(file, nil, pos, end)
		if err != nil {
			return err
		}
		if !ok {
			return corrupt(g.path, pos-g.base, "a group is damaged")
		}
		err = eachMessage(group, func(id uint64, m *message, body []byte) error {
			m.pos = pos + uint64(m.off)
			now, err := s.message(id)
			if errors.Is(err, store.ErrGone) || err == nil && (now.pos != m.pos || m.size == 0) {
				return nil
			}
			if err != nil {
				return err
			}
			return f(id, m, body)
		})
		if err == nil {
			err = then()
		}
		if err != nil {
			return err
		}
		pos += uint64(len(group))
	}
	return nil
}

// eachMessage calls f for every message whose octets stand in a group.
func eachMessage(group []byte, f func(id uint64, m *message, body []byte) error) error {
	d := decoder{b: group, i: groupHeaderLen}
	for d.i < len(group) {
		r := newRecord(d.byte())
		if r == nil {
			return fmt.Errorf("%w: group %d: unknown record", ErrCorrupt, binary.LittleEndian.Uint64(group[16:]))
		}
		if r.decode(&d); d.bad {
			return fmt.Errorf("%w: group %d: malformed record", ErrCorrupt, binary.LittleEndian.Uint64(group[16:]))
		}
		switch r := r.(type) {
		case *appendRecord:
			for i := range r.messages {
				if m := &r.messages[i]; m.file == 0 {
					if err := f(r.id+uint64(i), &m.message, m.body); err != nil {
						return err
					}
				}
			}
		case *movedRecord:
			if err := f(r.id, &r.message, r.body); err != nil {
				return err
			}
		}
	}
	return nil
}
