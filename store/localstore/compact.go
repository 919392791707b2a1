package localstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"restante/store"
)

// relocateBytes is how much of a segment is moved in one change.
const relocateBytes = 1 << 20

// compact gives back the space of messages that are gone: segments that nothing needs are
// unlinked, and one that is more than half dead is emptied by writing what lives in it to the end
// of the log. It is unlinked after the next checkpoint, which makes the new places durable. Nothing
// is done to a segment without which the index could not be made anew.
func (s *Store) compact() error {
	candidates := s.compactable()
	if len(candidates) == 0 {
		return nil
	}
	if candidates[len(candidates)-1].end() > s.snapshotted() {
		if err := s.refreshSnapshots(); err != nil {
			// The log goes on growing; everything else is as it was.
			s.o.Log.Error("localstore: no snapshot can be written, so space is not given back", "dir", s.snapshotDir(), "err", err)
		}
	}
	relocated := false
	for _, g := range candidates {
		live := s.live[g.base]
		if g.end() > s.snapshotted() || live > 0 && s.reserve.isFull() && !s.reserve.hasRoom(live) {
			continue
		}
		if live > 0 && relocated { // one at a time, so that checkpoints are not kept waiting
			s.kickJanitor()
			return nil
		}
		f := s.unlink
		if live > 0 {
			relocated, f = true, s.relocate
		}
		if err := f(g); errors.Is(err, ErrCorrupt) {
			g.damaged = true
			s.o.Log.Error("localstore: a segment cannot be compacted and stays as it is", "err", err)
		} else if err != nil && !errors.Is(err, store.ErrNoSpace) {
			return err
		}
	}
	return nil
}

// compactable returns the segments that are more than half dead and that recovery does not need.
func (s *Store) compactable() (out []*segment) {
	all := s.log.all()
	for _, g := range all[:len(all)-1] { // the last one is being written
		end := g.end()
		live, known := s.live[g.base]
		if end <= s.checkpoint.pos && known && !g.damaged && (live == 0 || uint64(live)*2 < end-g.base) {
			out = append(out, g)
		}
	}
	return out
}

// unlink removes a segment. Bodies of it that are open stay readable. It does not rely on what was
// counted: it looks once more whether the index needs one of the segment's messages.
func (s *Store) unlink(g *segment) error {
	if err := s.eachLiving(g, func(id uint64, _ *message, _ []byte) error {
		return corrupt(g.path, 0, fmt.Sprintf("message %d still lives in the segment, where none was expected", id))
	}, func() error { return nil }); err != nil {
		return err
	}
	if err := s.hooks.check("unlink"); err != nil {
		return err
	}
	if err := s.index.Delete(key(keySegment, g.base), noSync); err != nil {
		return s.indexError(err)
	}
	s.mu.Lock()
	delete(s.mu.live, g.base)
	s.mu.Unlock()
	delete(s.live, g.base)
	return s.log.remove(g)
}

// relocate moves what lives in a segment to the end of the log.
func (s *Store) relocate(g *segment) error {
	var moved []*movedRecord
	octets := 0
	flush := func() error {
		if len(moved) == 0 {
			return nil
		}
		err := s.change(context.Background(), 0, false, func(t *tx) error {
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
		if m.file == 0 && crc32.Checksum(body, castagnoli) != m.sum {
			return corrupt(g.path, m.pos-g.base, fmt.Sprintf("message %d is damaged", id))
		}
		moved = append(moved, &movedRecord{id: id, from: m.pos, message: *m, body: body})
		octets += len(body) + len(m.summary)
		return nil
	}, func() error {
		if octets < relocateBytes {
			return nil
		}
		return flush()
	})
	return errors.Join(err, flush())
}

// eachLiving calls f for every message of a segment that is where the index says it is, and then
// after each group. Only the janitor moves and removes messages, so what it sees stays true.
func (s *Store) eachLiving(g *segment, f func(id uint64, m *message, body []byte) error, then func() error) error {
	return s.eachGroup(g, g.end(), func(pos uint64, group []byte) error {
		if err := s.eachMessage(group, func(id uint64, m *message, body []byte) error {
			now, err := s.message(id)
			if m.pos = pos + uint64(m.off); errors.Is(err, store.ErrGone) || err == nil && now.pos != m.pos {
				return nil
			}
			if err != nil {
				return err
			}
			return f(id, m, body)
		}); err != nil {
			return err
		}
		return then()
	})
}

// eachGroup calls f for every group of a segment before end. f may keep the group.
func (s *Store) eachGroup(g *segment, end uint64, f func(pos uint64, group []byte) error) error {
	file, err := s.log.files.acquire(g)
	if err != nil {
		return err
	}
	defer file.release()
	for pos := g.base + segmentHeaderLen; pos < end; {
		group, ok, err := g.readGroup(file.File, nil, pos, g.end())
		if err != nil {
			return err
		}
		if !ok {
			return corrupt(g.path, pos-g.base, "a group is damaged")
		}
		if err := f(pos, group); err != nil {
			return err
		}
		pos += uint64(len(group))
	}
	return nil
}

// eachMessage calls f for every message that stands in a group; m.off says where.
func (s *Store) eachMessage(group []byte, f func(id uint64, m *message, body []byte) error) error {
	d := decoder{b: group, i: groupHeaderLen}
	for d.i < len(group) {
		r := newRecord(d.byte())
		if r == nil {
			return fmt.Errorf("%w: group %d: unknown record", ErrCorrupt, binary.LittleEndian.Uint64(group[16:]))
		}
		if r.decode(&d); d.bad {
			return fmt.Errorf("%w: group %d: malformed record", ErrCorrupt, binary.LittleEndian.Uint64(group[16:]))
		}
		var err error
		switch r := r.(type) {
		case *appendRecord:
			err = r.eachMessage(f)
		case *appendRecord1:
			r.r.identify(s.log.id)
			err = r.r.eachMessage(f)
		case *movedRecord:
			err = f(r.id, &r.message, r.body)
		case *movedRecord1:
			r.r.emailID = emailIDOf(s.log.id, r.r.id)
			err = f(r.r.id, &r.r.message, r.r.body)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *appendRecord) eachMessage(f func(id uint64, m *message, body []byte) error) error {
	for i := range r.messages {
		if err := f(r.id+uint64(i), &r.messages[i].message, r.messages[i].body); err != nil {
			return err
		}
	}
	return nil
}
