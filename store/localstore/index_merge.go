package localstore

import (
	"errors"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// Pebble merges tables (compaction) again at once, for ever, when that has failed, such as over a table that
// is damaged. mergeScheduler makes it pause: one, two, four seconds and so on, up to a minute or so.

// merges remembers how merging went.
type merges struct{ failures atomic.Int32 } // in a row

// ended is called when tables have been merged, before the next are.
func (m *merges) ended(err error) {
	switch {
	case err == nil:
		m.failures.Store(0)
	case !errors.Is(err, pebble.ErrCancelledCompaction):
		m.failures.Add(1)
	}
}

// maxMergePause is how often the pause doubles.
const maxMergePause = 6

// pauseAfter returns when the next merge may begin.
func (d *indexDisk) pauseAfter(failures int32) {
	if failures == 0 {
		return
	}
	for range 1 << min(failures-1, maxMergePause) {
		if d.isClosing() {
			return
		}
		d.pause(d.closing)
	}
}

// mergeScheduler is Pebble's own scheduler, which lets one merge run at a time. What is not granted when
// Pebble asks for it is granted when the one that runs is done: after the pause.
type mergeScheduler struct {
	pebble.CompactionScheduler
	disk *indexDisk
}

func newMergeScheduler(disk *indexDisk) *mergeScheduler {
	// The other constructor is not exported: it makes a goroutine besides, which looks whether more merges
	// at a time are allowed than before. Here it is always one.
	return &mergeScheduler{pebble.NewConcurrencyLimitSchedulerWithNoPeriodicGrantingForTest(), disk}
}

func (s *mergeScheduler) Register(goroutines int, db pebble.DBForCompaction) {
	s.CompactionScheduler.Register(goroutines, mergingDB{db, s.disk})
}

func (s *mergeScheduler) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	ok, grant := s.CompactionScheduler.TrySchedule()
	return ok, mergeGrant{grant, s.disk}
}

// mergingDB has what it is granted pause at its end.
type mergingDB struct {
	pebble.DBForCompaction
	disk *indexDisk
}

func (db mergingDB) Schedule(grant pebble.CompactionGrantHandle) bool {
	return db.DBForCompaction.Schedule(mergeGrant{grant, db.disk})
}

type mergeGrant struct {
	pebble.CompactionGrantHandle
	disk *indexDisk
}

// Done is called when the merge is over, and nothing is locked.
func (g mergeGrant) Done() {
	g.disk.pauseAfter(g.disk.merges.failures.Load())
	g.CompactionGrantHandle.Done()
}
