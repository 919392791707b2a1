package localstore

import (
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"restante/mailbox"
	"restante/store"
)

// Options are settings of a store; zero values are good ones.
type Options struct {
	Log             *slog.Logger  // nil: nothing is logged
	SegmentSize     int64         // octets of a segment file of the log; 128 MiB
	CheckpointBytes int64         // octets of log between checkpoints; 64 MiB
	CheckpointEvery time.Duration // time between checkpoints when there is something to write; 30 s
	MaxMessage      int64         // octets of the largest message; store.MaxMessageSize
	InlineMessage   int64         // octets of the largest message that is not given a file of its own; 1 MiB
	History         int           // octets that each mailbox remembers of what was removed; mailbox.DefaultHistory
	CacheRows       int           // messages of mailboxes that nobody uses, to keep in memory at 48 octets each; 2 million
	CacheBytes      int64         // octets of the index to keep in memory; a sixteenth of the machine's, 64 MiB to 1 GiB
	OpenSegments    int           // segments whose files are kept open; 256
	Reserve         int64         // octets of a file that is given up when the disk is full; 16 MiB, none when negative
	NoSync          bool          // for tests and benchmarks: nothing is durable
	OnCommit        func(Commit)  // called after every group, on the goroutine that writes: must be quick

	batchBytes int // octets of a batch that migrates the index or makes it anew; 4 MiB
	fault      func(op string, b []byte) (int, error)
	indexFS    vfs.FS                // of tests that need no index on the disk, or a bad one
	pause      func(<-chan struct{}) // between attempts to write the index, at most until it is closed
}

// Commit tells of one group of changes that became durable together.
type Commit struct {
	Changes  int           // how many
	Bytes    int           // octets of log
	Position uint64        // of the end of the log
	Sync     time.Duration // how long fdatasync took
	Total    time.Duration
}

// Octets of bodies that wait in memory to be committed. What is above it waits in files.
const (
	maxStaged        = 64 << 20
	maxStagedAccount = 8 << 20
)

func (o *Options) defaults() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	orElse(&o.SegmentSize, 128<<20)
	orElse(&o.CheckpointBytes, 64<<20)
	orElse(&o.MaxMessage, store.MaxMessageSize)
	orElse(&o.InlineMessage, 1<<20)
	orElse(&o.History, mailbox.DefaultHistory)
	orElse(&o.CacheRows, 2_000_000)
	orElse(&o.OpenSegments, 256)
	if o.Reserve == 0 {
		o.Reserve = 16 << 20
	}
	orElse(&o.batchBytes, 4<<20)
	orElse(&o.CheckpointEvery, 30*time.Second)
	// The summaries of the mailboxes in use should fit: reading them from files takes twice as long.
	orElse(&o.CacheBytes, min(max(machineMemory()/16, 64<<20), 1<<30))
	o.MaxMessage = min(o.MaxMessage, store.MaxMessageSize)
	if o.pause == nil {
		o.pause = pauseSecond
	}
	if o.indexFS == nil {
		o.indexFS = vfs.Default // Pebble's own default leaves a goroutine behind when Open fails
	}
}

func orElse[N int | int64 | time.Duration](n *N, def N) {
	if *n <= 0 {
		*n = def
	}
}
