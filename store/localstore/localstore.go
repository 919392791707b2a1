package localstore

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"weak"

	"restante/store"
)

// ErrCorrupt says that files are not as the store wrote them. The error tells where, and what
// can be done. Nothing was changed.
var ErrCorrupt = errors.New("localstore: corrupt")

// ErrNewer says that a store has a format that this version does not know.
var ErrNewer = errors.New("localstore: was written by a newer version of restante; use that one, or a later one")

// Store is a store.Store in a directory.
type Store struct {
	dir     string
	o       Options
	hooks   hooks
	lock    *os.File
	index   *indexDB
	log     mailLog
	reserve reserve

	queue    queue
	control  chan func()
	written  chan struct{} // closed when the writer has ended
	kick     chan struct{}
	stop     chan struct{}
	swept    chan struct{} // closed when the janitor has ended
	failure  atomic.Pointer[error]
	seq      atomic.Uint64 // of the newest group that everybody can see
	loading  sync.Mutex    // of accounts
	verified verified
	staged   budget

	// gate keeps Close from closing what is being read.
	gate   sync.RWMutex
	closed bool // guarded by gate

	// The writer's, and before it starts recovery's.
	nextMessage uint64
	nextAccount store.AccountID
	references  []references // what has changed since the last checkpoint
	dirtyBytes  int64
	dirtyRows   int
	groupBuf    []byte
	changes     []*change

	// The janitor's.
	unreferenced []uint64         // messages that no row refers to, to be removed when nobody holds them
	checkpoint   state            // the last one
	live         map[uint64]int64 // octets that live messages need, by segment, at that checkpoint
	snapshots    []snapshotFile   // oldest first
	patience     <-chan struct{}  // until it is closed, a checkpoint waits for space; nil: it does not
	torn         string           // a segment without a header, until recovery has removed it
	unfinished   bool             // a checkpoint is neither written nor taken back

	mu struct {
		sync.Mutex
		accounts      map[store.AccountID]weak.Pointer[account]
		boxes         map[store.Ref]*box
		dirtyBoxes    map[*box]struct{} // that the next checkpoint has to write
		dirtyAccounts map[*account]struct{}
		handles       map[*handle]struct{}
		idle          *list.List // of *box, the latest first
		idleCost      int
		live          map[uint64]int64 // octets that messages need, by segment
	}
}

var (
	_ store.Store  = (*Store)(nil)
	_ store.Recent = (*Store)(nil)
	_ store.Mover  = (*Store)(nil)
)

// Open opens the store in dir, which is made if need be, and recovers every change that was
// acknowledged. It fails with ErrCorrupt rather than lose one, and with ErrNewer. A store of an
// earlier format is brought to this one, for good. An index that is damaged or missing is made anew
// from the log, which takes as long as reading all of it. Another process cannot open the directory
// until Close.
func Open(dir string, o *Options) (*Store, error) {
	s, err := open(dir, o)
	if err != nil {
		return nil, openError(err)
	}
	go s.write()
	go s.janitor()
	return s, nil
}

func openError(err error) error {
	if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNewer) {
		return err // which says that it is ours
	}
	return fmt.Errorf("localstore: %w", err)
}

func newStore(dir string, o *Options) *Store {
	s := &Store{
		dir:     dir,
		control: make(chan func()),
		written: make(chan struct{}),
		kick:    make(chan struct{}, 1),
		stop:    make(chan struct{}),
		swept:   make(chan struct{}),
	}
	if o != nil {
		s.o = *o
	}
	s.o.defaults()
	s.hooks = hooks{s.o.NoSync, s.o.fault, &s.reserve}
	s.reserve.init(dir, s.o.Reserve, &s.hooks, s.o.Log)
	s.queue.init()
	s.log.dir, s.log.hooks = filepath.Join(dir, "log"), &s.hooks
	s.log.files.init(s.o.OpenSegments)
	return s
}

func open(dir string, o *Options) (_ *Store, err error) {
	s := newStore(dir, o)
	if err := s.makeDirs(); err != nil {
		return nil, err
	}
	if s.lock, err = lockDir(dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.release()
		}
	}()
	s.makePrivate()
	if err := s.reserve.open(); err != nil {
		return nil, err
	}
	if err := s.findSegments(); err != nil {
		return nil, err
	}
	if err := s.findSnapshots(); err != nil {
		return nil, err
	}
	// What is left of an index that was not finished.
	if err := s.o.indexFS.RemoveAll(s.newIndexDir()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	_, err = s.o.indexFS.Stat(s.indexDir())
	missing := errors.Is(err, os.ErrNotExist)
	if err = s.openState(s.indexDir()); errors.Is(err, errIndex) {
		err = s.rebuild(err, missing)
	}
	if err != nil {
		return nil, err
	}
	if err := s.removeOrphans(); err != nil {
		return nil, err
	}
	s.reserve.fill()
	return s, nil
}

// openState opens the index in dir and brings it up to date.
func (s *Store) openState(dir string) (err error) {
	s.reset()
	if s.index, err = openIndex(dir, &s.o, &s.reserve); err != nil {
		return err
	}
	if err := s.migrate(); err != nil {
		return err
	}
	if err := s.readState(); err != nil {
		return err
	}
	return s.recover()
}

// reset forgets what was read of an index.
func (s *Store) reset() {
	s.checkpoint, s.live, s.unreferenced, s.references = state{}, nil, nil, nil
	s.dirtyBytes, s.dirtyRows = 0, 0
	s.mu.accounts = map[store.AccountID]weak.Pointer[account]{}
	s.mu.boxes = map[store.Ref]*box{}
	s.mu.dirtyBoxes = map[*box]struct{}{}
	s.mu.dirtyAccounts = map[*account]struct{}{}
	s.mu.handles = map[*handle]struct{}{}
	s.mu.idle, s.mu.idleCost = list.New(), 0
	s.mu.live = map[uint64]int64{}
}

// makeDirs makes the directories of a new store, durably.
func (s *Store) makeDirs() error {
	_, err := os.Stat(s.dir)
	for _, d := range []string{s.dir, s.log.dir, s.largeDir(), s.snapshotDir()} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	if err != nil {
		if err := s.hooks.syncDir(filepath.Dir(s.dir)); err != nil {
			return err
		}
	}
	return s.hooks.syncDir(s.dir)
}

func (s *Store) largeDir() string { return filepath.Join(s.dir, "large") }

// reading reports whether the store is open, and keeps it so until unread.
func (s *Store) reading(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.gate.RLock()
	if s.closed {
		s.gate.RUnlock()
		return store.ErrClosed
	}
	return nil
}

func (s *Store) unread() { s.gate.RUnlock() }

// check returns why nothing can be done: ctx has ended or the store is closed.
func (s *Store) check(ctx context.Context) error {
	if err := s.reading(ctx); err != nil {
		return err
	}
	s.unread()
	return nil
}

// Close waits for the changes under way, writes a checkpoint, so that the next Open is quick,
// and releases everything. Bodies that are still open cannot be read any more.
func (s *Store) Close() error {
	if !s.shut() {
		return nil
	}
	<-s.written
	close(s.stop)
	<-s.swept
	for _, b := range s.staged.left() {
		b.Discard()
	}
	var err error
	switch {
	case s.failed() != nil:
	case s.unfinished || s.index.disk.blocked.Load():
		s.o.Log.Warn("localstore: closed without a checkpoint, for want of space; the next start reads more of the log")
	default:
		err = s.writeCheckpoint()
	}
	if errors.Is(err, store.ErrNoSpace) {
		s.o.Log.Warn("localstore: closed without a checkpoint; the next start reads more of the log", "err", err)
		err = nil
	}
	return errors.Join(err, s.release())
}

// shut stops all further calls. It returns false when that was done before.
func (s *Store) shut() bool {
	s.gate.Lock()
	defer s.gate.Unlock()
	if s.closed {
		return false
	}
	s.closed = true
	s.queue.close()
	return true
}

func (s *Store) release() error {
	return errors.Join(s.closeIndex(), s.log.close(), s.reserve.close(), s.lock.Close())
}

func (s *Store) closeIndex() error {
	if s.index == nil {
		return nil
	}
	err := s.index.Close()
	s.index = nil
	return s.indexError(err)
}

// Err returns why the store takes no more changes, such as a disk that failed, or nil.
func (s *Store) Err() error { return s.failed() }

func (s *Store) kickJanitor() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

func newStoreID() uint64 { return rand.Uint64() | 1 }
