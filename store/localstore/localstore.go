package localstore

import (
	"bytes"
	"container/list"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// ErrCorrupt says that files are not as the store wrote them. The error tells where, and what
// can be done. Nothing was changed.
var ErrCorrupt = errors.New("localstore: corrupt")

// Options are settings of a store; zero values are good ones.
type Options struct {
	Log             *slog.Logger  // nil: nothing is logged
	SegmentSize     int64         // octets of a segment file of the log; 128 MiB
	CheckpointBytes int64         // octets of log between checkpoints; 64 MiB
	CheckpointEvery time.Duration // time between checkpoints when there is something to write; 30 s
	MaxMessage      int64         // octets of the largest message; store.MaxMessageSize
	InlineMessage   int64         // octets of the largest message that is not given a file of its own; 1 MiB
	CacheRows       int           // messages of mailboxes that nobody uses, to keep in memory at 40 octets each; 2 million
	CacheBytes      int64         // octets of the index to keep in memory; a sixteenth of the machine's, 64 MiB to 1 GiB
	NoSync          bool          // for tests and benchmarks: nothing is durable
	OnCommit        func(Commit)  // called after every group, on the goroutine that writes: must be quick

	fault   func(op string, b []byte) (int, error)
	indexFS vfs.FS // of tests that need no index on the disk
}

// Commit tells of one group of changes that became durable together.
type Commit struct {
	Changes  int           // how many
	Bytes    int           // octets of log
	Position uint64        // of the end of the log
	Sync     time.Duration // how long fdatasync took
	Total    time.Duration
}

const (
	maxDirtyRows    = 1 << 20
	maxSummaryBytes = 256 << 20 // of one Append
	maxInlineBytes  = 4 << 20   // of one Append; what is above it gets files of its own
)

var noSync = pebble.NoSync

// Store is a store.Store in a directory.
type Store struct {
	dir   string
	o     Options
	hooks hooks
	lock  *os.File
	index *pebble.DB
	log   mailLog

	queue    chan *change
	control  chan func()
	written  chan struct{} // closed when the writer has ended
	kick     chan struct{}
	stop     chan struct{}
	swept    chan struct{} // closed when the janitor has ended
	failure  atomic.Pointer[error]
	seq      atomic.Uint64 // of the newest group that everybody can see
	loading  sync.Mutex    // of accounts
	verified verified

	// gate keeps Close from closing what is being read or submitted to.
	gate   sync.RWMutex
	closed bool // guarded by gate

	// The writer's, and before it starts recovery's.
	nextMessage uint64
	nextAccount store.AccountID
	deltas      []delta // since the last checkpoint
	dirtyBytes  int64
	dirtyRows   int
	groupBuf    []byte
	changes     []*change

	// The janitor's.
	graves     []grave
	checkpoint state            // the last one
	live       map[uint64]int64 // octets that live messages need, by segment, at that checkpoint

	mu struct {
		sync.Mutex
		accounts        map[store.AccountID]weak.Pointer[account]
		boxes           map[boxKey]*box
		touched         map[*box]struct{}
		touchedAccounts map[*account]struct{}
		handles         map[*handle]struct{}
		idle            *list.List // of *box, the latest first
		idleCost        int
		live            map[uint64]int64 // octets that messages need, by segment
	}
}

var _ store.Store = (*Store)(nil)

// Open opens the store in dir, which is made if need be, and recovers every change that was
// acknowledged. It fails with ErrCorrupt rather than lose one. Another process cannot open the
// directory until Close.
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
	if errors.Is(err, pebble.ErrCorruption) {
		return fmt.Errorf("%w: the index: %w; restore it from a backup, or remove it to have it made anew from the log, if that is whole", ErrCorrupt, err)
	}
	return fmt.Errorf("localstore: %w", err)
}

func open(dir string, o *Options) (_ *Store, err error) {
	s := &Store{
		dir:     dir,
		queue:   make(chan *change, 2*maxGroupChanges),
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
	s.hooks = hooks{s.o.NoSync, s.o.fault}
	s.mu.accounts = map[store.AccountID]weak.Pointer[account]{}
	s.mu.boxes = map[boxKey]*box{}
	s.mu.touched = map[*box]struct{}{}
	s.mu.touchedAccounts = map[*account]struct{}{}
	s.mu.handles = map[*handle]struct{}{}
	s.mu.idle = list.New()
	s.mu.live = map[uint64]int64{}
	s.log.dir, s.log.hooks = filepath.Join(dir, "log"), &s.hooks

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
	if s.index, err = openIndex(filepath.Join(dir, "index"), &s.o); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	if err := s.recover(); err != nil {
		return nil, err
	}
	return s, nil
}

// makeDirs makes the directories of a new store, durably.
func (s *Store) makeDirs() error {
	_, err := os.Stat(s.dir)
	for _, d := range []string{s.dir, s.log.dir, s.largeDir()} {
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

func (o *Options) defaults() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	orElse := func(n *int64, def int64) {
		if *n <= 0 {
			*n = def
		}
	}
	orElse(&o.SegmentSize, 128<<20)
	orElse(&o.CheckpointBytes, 64<<20)
	orElse(&o.MaxMessage, store.MaxMessageSize)
	orElse(&o.InlineMessage, 1<<20)
	// The summaries of the mailboxes in use should fit: reading them from files takes twice as long.
	orElse(&o.CacheBytes, min(max(machineMemory()/16, 64<<20), 1<<30))
	o.MaxMessage = min(o.MaxMessage, store.MaxMessageSize)
	if o.CacheRows <= 0 {
		o.CacheRows = 2_000_000
	}
	if o.indexFS == nil {
		o.indexFS = vfs.Default // Pebble's own default leaves a goroutine behind when Open fails
	}
	if o.CheckpointEvery <= 0 {
		o.CheckpointEvery = 30 * time.Second
	}
}

// openIndex opens Pebble. It needs no log of its own: it forgets the newest of what it was told
// when the process dies, and recovery tells it again.
func openIndex(dir string, o *Options) (*pebble.DB, error) {
	opts := &pebble.Options{
		CacheSize:          o.CacheBytes,
		DisableWAL:         true,
		FS:                 o.indexFS,
		FormatMajorVersion: pebble.FormatNewest,
		Logger:             pebbleLog{o.Log},
		MemTableSize:       32 << 20,
		MaxOpenFiles:       1000,
	}
	opts.EventListener = &pebble.EventListener{
		BackgroundError: func(err error) { o.Log.Error("localstore: index", "err", err) },
		// Whoever reads what is damaged gets an error; the rest goes on.
		DataCorruption: func(i pebble.DataCorruptionInfo) {
			o.Log.Error("localstore: index is damaged", "file", i.Path, "err", i.Details)
		},
	}
	return pebble.Open(dir, opts)
}

// pebbleLog passes on what is wrong with the index.
type pebbleLog struct{ log *slog.Logger }

func (l pebbleLog) Infof(format string, args ...any) {
	l.log.Debug("localstore: index: " + fmt.Sprintf(format, args...))
}

func (l pebbleLog) Errorf(format string, args ...any) {
	l.log.Error("localstore: index: " + fmt.Sprintf(format, args...))
}

// Fatalf is for what Pebble cannot go on after, and must not return.
func (l pebbleLog) Fatalf(format string, args ...any) {
	l.Errorf(format, args...)
	panic("localstore: index: " + fmt.Sprintf(format, args...))
}

func (s *Store) largeDir() string { return filepath.Join(s.dir, "large") }

// get reads a value of the index; pebble.ErrNotFound.
func (s *Store) get(k []byte) ([]byte, error) {
	value, closer, err := s.index.Get(k)
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	return bytes.Clone(value), nil
}

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

// Close waits for the changes under way, writes a checkpoint, so that the next Open is quick,
// and releases everything. Bodies that are still open cannot be read any more.
func (s *Store) Close() error {
	if !s.shut() {
		return nil
	}
	<-s.written
	close(s.stop)
	<-s.swept
	var err error
	if s.failed() == nil {
		err = s.writeCheckpoint()
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
	close(s.queue)
	return true
}

func (s *Store) release() error {
	var err error
	if s.index != nil {
		err = s.index.Close()
	}
	return errors.Join(err, s.log.close(), s.lock.Close())
}

// User implements store.Store.
func (s *Store) User(ctx context.Context, name string) (store.User, error) {
	if err := s.reading(ctx); err != nil {
		return store.User{}, err
	}
	defer s.unread()
	return s.user(name)
}

func (s *Store) user(name string) (store.User, error) {
	value, err := s.get(append([]byte{keyUser}, name...))
	if errors.Is(err, pebble.ErrNotFound) {
		return store.User{}, userNotFound(name)
	}
	if err != nil {
		return store.User{}, err
	}
	return parseUser([]byte(name), value)
}

func userNotFound(name string) error {
	return fmt.Errorf("localstore: user %q: %w", name, store.ErrNotFound)
}

// Users implements store.Store.
func (s *Store) Users(ctx context.Context) ([]store.User, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	defer s.unread()
	it, err := s.index.NewIter(&pebble.IterOptions{LowerBound: []byte{keyUser}, UpperBound: []byte{keyUser + 1}})
	if err != nil {
		return nil, err
	}
	defer it.Close()
	var users []store.User
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return nil, err
		}
		u, err := parseUser(it.Key()[1:], value)
		if err != nil {
			return nil, err
		}
		users = append(users, u)
	}
	return users, it.Error()
}

// user returns a user as the group in the making knows it.
func (t *tx) user(name string) (store.User, error) {
	if u, ok := t.users[name]; ok {
		if u == nil {
			return store.User{}, userNotFound(name)
		}
		return *u, nil
	}
	return t.s.user(name)
}

// CreateUser implements store.Store.
func (s *Store) CreateUser(ctx context.Context, name string, secret []byte, initial ...store.InitialMailbox) (store.User, error) {
	u := store.User{Name: name, Secret: bytes.Clone(secret)}
	err := s.change(ctx, func(t *tx) error {
		switch _, err := t.user(name); {
		case err == nil:
			return fmt.Errorf("localstore: user %q: %w", name, store.ErrExists)
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
		u.ID = t.nextAccount
		// Everything that can go wrong does so here, before the first record.
		names := mailbox.NewNamespace(nil, nil)
		validity := newValidity(0)
		var boxes []*createRecord
		for i, m := range append([]store.InitialMailbox{{Name: imap.Inbox}}, initial...) {
			r := &createRecord{account: u.ID, subscribed: true, entry: mailbox.Entry{Name: imap.CanonicalName(m.Name),
				ID: mailbox.ID(i + 1), UIDValidity: validity + uint32(i), Use: m.Use}}
			var err error
			if names, err = names.Create(r.entry); err != nil {
				return fmt.Errorf("localstore: user %q, mailbox %q: %w", name, m.Name, err)
			}
			boxes = append(boxes, r)
		}
		if _, err := t.do(&userRecord{u.ID, name, u.Secret}); err != nil {
			return err
		}
		for _, r := range boxes {
			if _, err := t.do(r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return store.User{}, err
	}
	return u, nil
}

// newValidity returns a UIDVALIDITY above last: the time, so that it is also above those of a
// store that was restored from an older copy.
func newValidity(last uint32) uint32 { return max(uint32(time.Now().Unix()), last+1) }

// SetSecret implements store.Store.
func (s *Store) SetSecret(ctx context.Context, name string, secret []byte) error {
	secret = bytes.Clone(secret)
	return s.change(ctx, func(t *tx) error {
		u, err := t.user(name)
		if err != nil {
			return err
		}
		_, err = t.do(&secretRecord{u.ID, name, secret})
		return err
	})
}

// DeleteUser implements store.Store.
func (s *Store) DeleteUser(ctx context.Context, name string) error {
	var hold *account // keeps it in memory
	err := s.retry(ctx, func() (boxes []*box, err error) {
		u, err := s.User(ctx, name)
		if err != nil {
			return nil, err
		}
		if err := s.reading(ctx); err != nil {
			return nil, err
		}
		defer s.unread()
		if hold, err = s.account(u.ID); err != nil {
			return nil, err
		}
		for e := range hold.cur.Load().names.All() {
			b, err := s.pin(hold, e.ID)
			if errors.Is(err, store.ErrNotFound) {
				continue // deleted meanwhile
			}
			if err != nil {
				return boxes, err
			}
			boxes = append(boxes, b)
		}
		return boxes, nil
	}, func(t *tx) error {
		u, err := t.user(name)
		if err != nil {
			return err
		}
		if u.ID != hold.id {
			return errUnloaded // deleted and created again meanwhile
		}
		_, err = t.do(&userGoneRecord{u.ID, name})
		return err
	})
	return err
}

// Account implements store.Store.
func (s *Store) Account(ctx context.Context, id store.AccountID) (store.Account, error) {
	if err := s.reading(ctx); err != nil {
		return nil, err
	}
	defer s.unread()
	a, err := s.account(id)
	if err != nil {
		return nil, err
	}
	if a.cur.Load().gone {
		return nil, accountNotFound(id)
	}
	return a, nil
}

func (s *Store) kickJanitor() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

func newStoreID() uint64 { return rand.Uint64() | 1 }
