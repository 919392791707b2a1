package localstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"restante/store"
	"restante/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	const maxMessage, history = 8 << 20, 16 << 10
	storetest.Run(t, storetest.Opener{
		Open: func(dir string) (store.Store, error) {
			return openMarked(dir, &Options{MaxMessage: maxMessage, History: history})
		},
		Persistent: true,
		MaxMessage: maxMessage,
		History:    history,
		Tear:       tear,
		Check:      noOrphans,
		Corrupt:    garble,
	})
}

// TestStoreBusy is TestStore with checkpoints, new segments and compaction all the time, large
// messages in files and mailboxes that are never kept in memory.
func TestStoreBusy(t *testing.T) {
	storetest.Run(t, storetest.Opener{
		Open: func(dir string) (store.Store, error) {
			return openMarked(dir, &Options{SegmentSize: 8 << 10, CheckpointBytes: 3 << 10, CheckpointEvery: 3 * time.Millisecond, InlineMessage: 2000, CacheRows: 1,
				OpenSegments: 2})
		},
		Persistent: true,
		Tear:       tear,
		Check:      noOrphans,
		Corrupt:    garble,
	})
}

// noOrphans checks a closed store, and that there are no files of messages that it does not need:
// Check opens it, which removes them.
func noOrphans(dir string) error {
	before, err := os.ReadDir(filepath.Join(dir, "large"))
	if err != nil {
		return err
	}
	var problems []error
	if _, err := Check(ctx, dir, func(err error) { problems = append(problems, err) }); err != nil {
		return err
	}
	for _, e := range before {
		if _, err := os.Stat(filepath.Join(dir, "large", e.Name())); err != nil {
			problems = append(problems, fmt.Errorf("nobody needs it: %w", err))
		}
	}
	return errors.Join(problems...)
}

const markFile = "synced"

// openMarked opens a store that notes in a file up to which position its log is durable.
func openMarked(dir string, o *Options) (store.Store, error) {
	f, err := os.OpenFile(filepath.Join(dir, markFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	mark := func(pos uint64) { f.WriteAt(binary.LittleEndian.AppendUint64(nil, pos), 0) }
	o.OnCommit = func(c Commit) { mark(c.Position) }
	o.Reserve = -1 // it would be copied, too
	s, err := open(dir, o)
	if err != nil {
		f.Close()
		return nil, err
	}
	mark(s.log.pos)
	go s.write()
	go s.janitor()
	return &marked{s, f}, nil
}

type marked struct {
	*Store
	mark *os.File
}

func (m *marked) Close() error {
	defer m.mark.Close()
	return m.Store.Close()
}

// tear does what a power loss can do to the end of the log: of what was written after the last
// fdatasync any page may be missing.
func tear(dir string, rnd *rand.Rand) string {
	b, err := os.ReadFile(filepath.Join(dir, markFile))
	if err != nil {
		return err.Error()
	}
	synced := binary.LittleEndian.Uint64(b)
	names, err := filepath.Glob(filepath.Join(dir, "log", "*.log"))
	if err != nil || len(names) == 0 {
		return "there is no log"
	}
	path := names[len(names)-1]
	var base uint64
	fmt.Sscanf(filepath.Base(path), "%016x", &base)
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	from := segmentHeaderLen
	if synced > base {
		from = max(from, int(synced-base))
	}
	if from >= len(data) {
		// Nothing is in flight. Then there may be something that was about to be written.
		junk := make([]byte, 1+rnd.IntN(9000))
		for i := range junk {
			junk[i] = byte(rnd.Uint32())
		}
		if rnd.IntN(2) == 0 {
			clear(junk)
		}
		data = append(data, junk...)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return err.Error()
		}
		return fmt.Sprintf("added %d octets to %s", len(junk), path)
	}
	what := fmt.Sprintf("%s, octets %d to %d:", path, from, len(data))
	for at := from; at < len(data); at = at/4096*4096 + 4096 {
		end := min(at/4096*4096+4096, len(data))
		if rnd.IntN(2) == 0 {
			clear(data[at:end])
			what += fmt.Sprintf(" lost the page at %d", at)
		}
	}
	if rnd.IntN(3) == 0 {
		data = data[:from+rnd.IntN(len(data)-from+1)]
		what += fmt.Sprintf(" cut at %d", len(data))
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return err.Error()
	}
	return what
}

// garble flips a bit, or clears a page, in a file of a closed store.
func garble(dir string, rnd *rand.Rand) string {
	var files []string
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name := filepath.Base(path)
		if err == nil && d.Type().IsRegular() && (strings.HasSuffix(name, ".log") || strings.HasSuffix(name, ".sst") || strings.HasPrefix(name, "MANIFEST") || filepath.Base(filepath.Dir(path)) == "large") {
			files = append(files, path)
		}
		return nil
	})
	path := files[rnd.IntN(len(files))]
	data, err := os.ReadFile(path)
	if err != nil || len(data) == 0 {
		return fmt.Sprintf("%s is empty: %v", path, err)
	}
	at := rnd.IntN(len(data))
	what := fmt.Sprintf("%s (%d octets), bit flipped at %d", path, len(data), at)
	if rnd.IntN(3) == 0 {
		at = at / 4096 * 4096
		what = fmt.Sprintf("%s (%d octets), page cleared at %d", path, len(data), at)
		clear(data[at:min(at+4096, len(data))])
	} else {
		data[at] ^= 1 << rnd.IntN(8)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return err.Error()
	}
	return what
}
