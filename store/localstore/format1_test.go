package localstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"restante/mailbox"
	"restante/store"
)

// The stores in testdata/format1 were written by the last version that wrote format 1, and every
// later one must read them: fresh was killed before its first checkpoint; killed has a log that
// compaction has rid of its beginning, and changes that are in no checkpoint; closed is the same
// after a proper end. Beside each is a text with all that is in it.
var format1 = []string{"fresh", "killed", "closed"}

// openFormat1 returns a copy of a store, and what is in it.
func openFormat1(t *testing.T, name string) (dir, want string) {
	t.Helper()
	dir = t.TempDir()
	must(t, os.CopyFS(dir, os.DirFS(filepath.Join("testdata/format1", name))))
	text, err := os.ReadFile(filepath.Join("testdata/format1", name+".txt"))
	must(t, err)
	return dir, string(text)
}

// describe1 tells what format 1 knew, as the texts in testdata do, and the EmailIDs.
func describe1(t *testing.T, s *Store) (text string, emailIDs []store.EmailID) {
	t.Helper()
	var out strings.Builder
	users, err := s.Users(ctx)
	must(t, err)
	for _, u := range users {
		fmt.Fprintf(&out, "user %d %q %q\n", u.ID, u.Name, u.Secret)
		a, err := s.Account(ctx, store.System, u.ID)
		must(t, err)
		for e := range a.Namespace().All() {
			ref := store.Ref{Account: u.ID, Mailbox: e.ID}
			b, err := s.Open(ctx, store.System, ref)
			must(t, err)
			v := b.Version()
			c := v.Counts()
			recent, err := s.RecentFrom(ctx, store.System, ref)
			must(t, err)
			fmt.Fprintf(&out, "mailbox %q %d uidvalidity %d use %q uidnext %d highestmodseq %d messages %d unseen %d deleted %d size %d recent %d\n", e.Name, e.ID, e.UIDValidity,
				e.Use, c.UIDNext, c.HighestModSeq, c.Messages, c.Unseen, c.Deleted, c.Size, recent)
			fmt.Fprintf(&out, "  keywords %q\n", v.Keywords())
			for _, r := range v.Rows() {
				text, err := readBody(b, *r)
				must(t, err)
				details := make([]store.Details, 1)
				_, _, err = b.Details(ctx, []mailbox.Row{*r}, nil, 1, details)
				must(t, err)
				fmt.Fprintf(&out, "  %d modseq %d flags %q date %s size %d crc %08x summary %q\n", r.UID, r.ModSeq, v.Flags(v.Set(r)),
					r.Date.Time().Format(time.RFC3339), len(text), crc32.ChecksumIEEE([]byte(text)), details[0].Summary)
				emailIDs = append(emailIDs, details[0].EmailID)
			}
			must(t, b.Close())
		}
		fmt.Fprintf(&out, "subscribed %q\n", slices.Collect(a.Namespace().Subscribed()))
		must(t, a.Close())
	}
	return out.String(), emailIDs
}

func TestFormat1(t *testing.T) {
	ids := map[string][]store.EmailID{}
	for _, name := range format1 {
		t.Run(name, func(t *testing.T) {
			dir, want := openFormat1(t, name)
			for range 3 {
				s := openTest(t, dir, nil)
				got, emailIDs := describe1(t, s)
				if got != want {
					t.Fatalf("it has\n%s\nwant\n%s", got, want)
				}
				if ids[name] == nil {
					ids[name] = emailIDs
				}
				if !slices.Equal(emailIDs, ids[name]) || slices.Contains(emailIDs, 0) {
					t.Fatalf("EmailIDs are %x, were %x", emailIDs, ids[name])
				}
				must(t, s.Close())
				checkStore(t, dir)
			}
			writeAndCompact(t, dir, want)
		})
	}
	if !slices.Equal(ids["killed"], ids["closed"]) {
		t.Error("the same messages have got other EmailIDs")
	}
}

// writeAndCompact checks that a store that was of format 1 takes changes, that compaction leaves it
// whole, and that its index can be made anew then.
func writeAndCompact(t *testing.T, dir, want string) {
	t.Helper()
	s := openQuiet(t, dir, &Options{SegmentSize: 1000})
	u, err := s.User(ctx, "bob")
	must(t, err)
	bob := openUser(t, s, u.ID)
	for range 40 {
		r, err := bob.add(strings.Repeat("x", 200))
		must(t, err)
		must(t, bob.expunge(bob.inbox, existing(r)))
	}
	bob.inbox.Hold(bob.inbox.Version())
	for range 10 {
		s.sweepNow(t)
	}
	if len(s.snapshots) != keptSnapshots || len(s.log.all()) > 10 {
		t.Errorf("there are %d snapshots and %d segments", len(s.snapshots), len(s.log.all()))
	}
	bob.close(t)
	checkStore(t, dir)
	must(t, os.RemoveAll(filepath.Join(dir, "index")))
	s = openTest(t, dir, nil)
	got, _ := describe1(t, s)
	if a, b, ok := strings.Cut(want, "user 2"); !ok || !strings.HasPrefix(got, a) || !strings.Contains(got, b[strings.Index(b, "subscribed"):]) {
		t.Errorf("after compaction and a new index it has\n%s\nwant\n%s", got, want)
	}
	must(t, s.Close())
	checkStore(t, dir)
}

// TestMigrationInterrupted kills a migration after each of its batches, when all that it has written
// is on the disk.
func TestMigrationInterrupted(t *testing.T) {
	for _, name := range []string{"killed", "closed"} {
		dir, want := openFormat1(t, name)
		s := newStore(dir, &Options{batchBytes: 1})
		must(t, s.makeDirs())
		must(t, s.findSegments())
		s.reset()
		var err error
		s.index, err = openIndex(s.indexDir(), &s.o, &s.reserve)
		must(t, err)
		batches, formats := 0, map[byte]bool{}
		s.hooks.fault = func(op string, _ []byte) (int, error) {
			if op != "migrate" && op != "migrated" {
				return 0, nil
			}
			batches++
			must(t, s.index.Flush())
			at := whole(t, s)
			value, err := s.get([]byte{keyFormat})
			must(t, err)
			formats[value[0]] = true
			killed := openTest(t, at, nil)
			if got, _ := describe1(t, killed); got != want {
				t.Fatalf("after %d batches it has\n%s\nwant\n%s", batches, got, want)
			}
			must(t, killed.Close())
			return 0, nil
		}
		must(t, s.migrate())
		must(t, s.index.Close())
		if batches < 10 || !formats[1] || !formats[2] {
			t.Errorf("%d batches, formats %v", batches, formats)
		}
	}
}

// TestNewer checks that a store of a later format is refused in words, and left as it is.
func TestNewer(t *testing.T) {
	refused := func(dir string) {
		t.Helper()
		_, err := Open(dir, nil)
		if !errors.Is(err, ErrNewer) || errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "newer version") {
			t.Errorf("a later format: %v", err)
		}
		if _, err := os.Stat(filepath.Join(dir, "index.damaged-1")); err == nil {
			t.Error("the index was moved")
		}
	}
	dir := t.TempDir()
	newUser(t, openTest(t, dir, nil), "ann").close(t)
	log := t.TempDir()
	must(t, os.CopyFS(log, os.DirFS(dir)))
	path := filepath.Join(log, "log", segmentName(0))
	data, err := os.ReadFile(path)
	must(t, err)
	copy(data[len(segmentMagic):], strconv.Itoa(segmentFormat+1))
	binary.LittleEndian.PutUint32(data[56:], crc32.Checksum(data[:56], castagnoli))
	must(t, os.WriteFile(path, data, 0o600))
	refused(log)

	o := Options{}
	o.defaults()
	db, err := openIndex(filepath.Join(dir, "index"), &o, &reserve{})
	must(t, err)
	value, closer, err := db.Get([]byte{keyFormat})
	must(t, err)
	value = slices.Clone(value)
	must(t, closer.Close())
	value[0] = indexFormat + 1
	must(t, db.Set([]byte{keyFormat}, value, pebble.NoSync))
	must(t, db.Flush())
	must(t, db.Close())
	refused(dir)
}
