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
		switch live := s.live[g.base]; {
		case live == 0:
			if err := s.unlink(g); err != nil {
				return err
			}
		case g.damaged || uint64(live)*2 >= end-g.base:
		case rescued: // one at a time, so that checkpoints are not kept waiting
			s.kickJanitor()
			return nil
		default:
			rescued = true
			if err := s.rescue(g); err != nil && !errors.Is(err, ErrCorrupt) {
				return err
			} else if err != nil {
				g.damaged = true
				s.o.Log.Error("localstore: a segment cannot be compacted and stays as it is", "err", err)
			}
		}
	}
	return nil
}

// activeSegment returns the segment that is being written.
func (s *Store) activeSegment() *segment {
	all := s.log.all()
	return all[len(all)-1]
}

// unlink removes a segment. Bodies of it that are open stay readable.
func (s *Store) unlink(g *segment) error {
	if err := s.index.Delete(key(keySegment, g.base), noSync); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	s.mu.Lock()
	delete(s.mu.live, g.base)
	s.mu.Unlock()
	delete(s.live, g.base)
	return s.log.remove(g)
}

// rescue moves what lives in a segment to the end of the log. Nobody else moves or removes
// messages, so what it reads of the index stays true.
func (s *Store) rescue(g *segment) error {
	f, err := g.open()
	if err != nil {
		return err
	}
	var moved []*movedRecord
	octets := 0
	flush := func() error {
		if octets == 0 {
			return nil
		}
		err := s.change(context.Background(), func(t *tx) error {
			for _, r := range moved {
				if _, err := t.do(r); err != nil {
					return err
				}
			}
			return nil
		})
		moved, octets = moved[:0], 0
		return err
	}
	end := g.end()
	for pos := g.base + segmentHeaderLen; pos < end; {
		group, ok, err := g.readGroup(f, nil, pos, end)
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
			if crc32.Checksum(body, castagnoli) != m.sum {
				return corrupt(g.path, m.pos-g.base, fmt.Sprintf("message %d is damaged", id))
			}
			moved = append(moved, &movedRecord{id: id, from: m.pos, message: *m, body: body})
			octets += len(body)
			return nil
		})
		if err == nil && octets >= rescueBytes {
			err = flush()
		}
		if err != nil {
			return err
		}
		pos += uint64(len(group))
	}
	return flush()
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
