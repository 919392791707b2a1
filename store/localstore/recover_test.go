package localstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"restante/imap"
	"restante/store"
)

// script makes one change of every kind and tells after each what there is, and how long the
// log is.
func script(t *testing.T, dir string) (states []string, ends []int64) {
	t.Helper()
	var pos uint64
	s := openTest(t, dir, &Options{CheckpointEvery: time.Hour, InlineMessage: 100, OnCommit: func(c Commit) { pos = c.Position }})
	u := newUser(t, s, "ann")
	defer u.close(t)
	note := func() {
		d, err := describe(s, u.id)
		must(t, err)
		states, ends = append(states, d), append(ends, int64(pos))
	}
	note()
	do := func(op store.Op) error { _, err := s.do(op); return err }
	inbox := u.inbox.Ref()
	steps := []func() error{
		func() error { _, err := u.add("one", "two"); return err },
		func() error { return u.flag(u.inbox, imap.UIDs(1), imap.StoreAdd, imap.Seen, "work") },
		func() error {
			return do(&store.Create{Account: u.id, Name: "sub/box", Use: []imap.MailboxAttr{imap.AttrSent}})
		},
		func() error {
			return do(&store.Copy{From: inbox, To: u.ref("sub/box"), UIDs: imap.UIDRange(1, 0)})
		},
		func() error { return do(&store.Rename{Account: u.id, From: "sub/box", To: "other"}) },
		func() error { return do(&store.Subscribe{Account: u.id, Name: "other", On: true}) },
		func() error { _, err := u.add(strings.Repeat("large", 50)); return err },
		func() error { return u.flag(u.inbox, imap.UIDs(2), imap.StoreSet, imap.Deleted) },
		func() error { return do(&store.Expunge{Mailbox: inbox, UIDs: imap.UIDRange(1, 0)}) },
		func() error {
			return do(&store.Copy{From: inbox, To: u.ref("other"), UIDs: imap.UIDs(3), Move: true})
		},
		func() error {
			many := make([]imap.Flag, 70) // some of them are far ones
			for i := range many {
				many[i] = imap.Flag(fmt.Sprintf("k%d", i))
			}
			return u.flag(u.inbox, imap.UIDs(1), imap.StoreAdd, many...)
		},
		func() error { // one body in two mailboxes, in one commit, and all of the mailbox again
			m, err := u.mail("shared")
			if err != nil {
				return err
			}
			m.ThreadID, m.EmailID = 4711, 17
			id := store.NewMailboxID()
			_, err = s.Commit(ctx, store.System, &store.Append{Mailbox: inbox, Messages: []store.NewMessage{m}},
				&store.Create{Account: u.id, ID: id, Name: "new"},
				&store.Append{Mailbox: store.Ref{Account: u.id, Mailbox: id}, Messages: []store.NewMessage{m}},
				&store.Copy{From: inbox, To: store.Ref{Account: u.id, Mailbox: id}, UIDs: imap.UIDRange(1, 0), Move: true})
			return err
		},
		func() error { return do(&store.Delete{Account: u.id, Name: "other"}) },
	}
	for _, step := range steps {
		must(t, step())
		note()
	}
	return states, ends
}

// logOnly makes a directory that has only the log, and the large messages, of another.
func logOnly(t *testing.T, from string, data []byte) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "log"), 0o700))
	must(t, os.CopyFS(filepath.Join(dir, "large"), os.DirFS(filepath.Join(from, "large"))))
	must(t, os.WriteFile(filepath.Join(dir, "log", segmentName(0)), data, 0o600))
	return dir
}

// TestEveryTruncation cuts the log at every octet: what was acknowledged before is there, nothing
// else is, and the store goes on. It also shows that the index is made anew from the log alone.
func TestEveryTruncation(t *testing.T) {
	dir := t.TempDir()
	states, ends := script(t, dir)
	data, err := os.ReadFile(filepath.Join(dir, "log", segmentName(0)))
	must(t, err)
	if int64(len(data)) != ends[len(ends)-1] {
		t.Fatalf("the log has %d octets, expected %d", len(data), ends[len(ends)-1])
	}
	// The large message's file is gone with the mailbox in which it was last: this is about the log.
	step := 1
	if testing.Short() {
		step = 17
	}
	large := make([]byte, 250)
	copy(large, strings.Repeat("large", 50))
	restoreLarge := func(dir string) {
		for _, file := range largeFiles(data) {
			must(t, os.WriteFile(filepath.Join(dir, "large", largeName(file)), large, 0o600))
		}
	}
	for cut := 0; cut <= len(data); cut += step {
		for _, tail := range []int{0, 5000}[:1+cut%2] { // what is cut off may also read as zeros
			d := logOnly(t, dir, append(slices.Clone(data[:cut]), make([]byte, tail)...))
			restoreLarge(d)
			want := -1
			for i, end := range ends {
				if int64(cut) >= end || tail > 0 && len(bytes.Trim(data[cut:end], "\x00")) == 0 {
					want = i
				}
			}
			s, err := Open(d, &Options{CheckpointEvery: time.Hour, CacheBytes: 1 << 20, NoSync: true, indexFS: vfs.NewMem()})
			if cut < 60 && tail > 0 { // the header's CRC ends there
				if !errors.Is(err, ErrCorrupt) {
					t.Fatalf("cut at %d, zeros behind: %v", cut, err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			got, err := describe(s, 1)
			switch {
			case want < 0 && !errors.Is(err, store.ErrNotFound):
				t.Fatalf("cut at %d: %q, %v", cut, got, err)
			case want >= 0 && (err != nil || got != states[want]):
				t.Fatalf("cut at %d: %v\n%s\nwant\n%s", cut, err, got, states[want])
			}
			if want >= 0 { // it goes on, and what is new is there after another recovery
				u := openUser(t, s, 1)
				r, err := u.add("new")
				must(t, err)
				u.inbox.Close()
				if !strings.Contains(states[want], fmt.Sprintf("UIDNext:%d ", r.UIDs[0])) {
					t.Fatalf("cut at %d: UID %d, but\n%s", cut, r.UIDs[0], states[want])
				}
			}
			must(t, s.Close())
			must(t, os.RemoveAll(d)) // thousands of reserves would fill the disk
		}
	}
}

// largeFiles returns the names of the large messages that a log refers to.
func largeFiles(data []byte) (out []uint64) {
	for pos := segmentHeaderLen; pos < len(data); {
		n := int(binary.LittleEndian.Uint32(data[pos+8:])) + groupHeaderLen
		d := decoder{b: data[pos : pos+n], i: groupHeaderLen}
		for d.i < n {
			r := newRecord(d.byte())
			r.decode(&d)
			if r, ok := r.(*appendRecord); ok {
				for _, m := range r.messages {
					if m.file != 0 {
						out = append(out, m.file)
					}
				}
			}
		}
		pos += n
	}
	return out
}

// TestEveryFlip flips a bit of every octet of the log. In the last group that cannot be told from
// a group that was not finished; anywhere else it must be reported.
func TestEveryFlip(t *testing.T) {
	dir := t.TempDir()
	_, ends := script(t, dir)
	data, err := os.ReadFile(filepath.Join(dir, "log", segmentName(0)))
	must(t, err)
	last := int(ends[len(ends)-2])
	step := 3
	if testing.Short() {
		step = 31
	}
	for at := 0; at < len(data); at += step {
		damaged := slices.Clone(data)
		damaged[at] ^= 1 << (at % 8)
		s, err := Open(logOnly(t, dir, damaged), &Options{CheckpointEvery: time.Hour, CacheBytes: 1 << 20, NoSync: true, indexFS: vfs.NewMem()})
		if err == nil {
			s.Close()
		}
		unused := at >= 60 && at < segmentHeaderLen || at > len(segmentMagic) && at < 32 && err == nil
		switch {
		case at >= last && err != nil:
			t.Fatalf("octet %d, in the last group: %v", at, err)
		case at < last && !errors.Is(err, ErrCorrupt) && !unused:
			t.Fatalf("octet %d of %d: %v", at, len(data), err)
		case err != nil && !strings.Contains(err.Error(), segmentName(0)):
			t.Fatalf("octet %d: the error does not tell the file: %v", at, err)
		}
	}
}

// TestKnownLog checks that a log that is shorter than the index knows is refused.
func TestKnownLog(t *testing.T) {
	dir := t.TempDir()
	script(t, dir) // closes the store, with a checkpoint
	path := filepath.Join(dir, "log", segmentName(0))
	info, err := os.Stat(path)
	must(t, err)
	must(t, os.Truncate(path, info.Size()-1))
	if _, err := Open(dir, nil); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("a log that is too short: %v", err)
	}
	must(t, os.Remove(path))
	if _, err := Open(dir, nil); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("no log: %v", err)
	}
}

// TestForeignSegment checks that a segment of another store, or a wrong name, is refused.
func TestForeignSegment(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	script(t, one)
	script(t, two)
	data, err := os.ReadFile(filepath.Join(two, "log", segmentName(0)))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(one, "log", segmentName(0)), data, 0o600))
	if _, err := Open(one, nil); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("another store's segment: %v", err)
	}
	must(t, os.Rename(filepath.Join(two, "log", segmentName(0)), filepath.Join(two, "log", segmentName(64))))
	if _, err := Open(two, nil); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("a renamed segment: %v", err)
	}
}

// TestMissingSegment checks that a hole in the log is refused.
func TestMissingSegment(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, &Options{SegmentSize: 300, CheckpointEvery: time.Hour})
	u := newUser(t, s, "ann")
	for range 50 {
		_, err := u.add("hello")
		must(t, err)
	}
	copied := crashed(t, dir)
	u.close(t)
	names, err := filepath.Glob(filepath.Join(copied, "log", "*"))
	must(t, err)
	if len(names) < 5 {
		t.Fatalf("there are %d segments", len(names))
	}
	for _, name := range names[:len(names)-1] {
		data, err := os.ReadFile(name)
		must(t, err)
		must(t, os.Remove(name))
		if s, err := Open(copied, nil); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%s is missing: %v %v", name, s, err)
		}
		must(t, os.WriteFile(name, data, 0o600))
	}
	s = openTest(t, copied, nil)
	if d, err := describe(s, u.id); err != nil || strings.Count(d, "\"hello\" ") != 50 {
		t.Errorf("%v\n%s", err, d)
	}
	must(t, s.Close())
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, nil)
	if _, err := Open(dir, nil); err == nil {
		t.Fatal("a directory was opened twice")
	}
	must(t, s.Close())
	must(t, s.Close())
	must(t, openTest(t, dir, nil).Close())
}

// TestFaults lets every operation on the disk fail once. The change is answered with ErrFailed,
// and so are all later ones, reading goes on, and reopening finds what was acknowledged, and the
// change that failed either whole or not at all.
func TestFaults(t *testing.T) {
	errDisk := errors.New("no space left on device")
	for _, op := range []string{"write", "torn write", "sync", "create", "large", "syncdir"} {
		t.Run(op, func(t *testing.T) {
			dir := t.TempDir()
			armed := false
			s := openTest(t, dir, &Options{SegmentSize: 1000, InlineMessage: 500, CheckpointEvery: time.Hour, fault: func(what string, b []byte) (int, error) {
				if armed && what == "write" && op == "torn write" {
					return len(b) / 2, errDisk
				}
				if armed && what == op {
					return 0, errDisk
				}
				return 0, nil
			}})
			u := newUser(t, s, "ann")
			b := u.inbox
			var acked []imap.UID
			for range 20 {
				if len(acked) == 7 {
					armed = true
				}
				text := "hello"
				if op == "large" || op == "syncdir" {
					text = strings.Repeat("x", 501)
				}
				r, err := u.add(text)
				if err == nil {
					acked = append(acked, r.UIDs...)
				} else if !errors.Is(err, errDisk) && !errors.Is(err, store.ErrFailed) {
					t.Fatal(err)
				} else if fatal := errors.Is(err, store.ErrFailed); fatal == (op == "large") && op != "syncdir" {
					t.Fatalf("%s: %v", op, err)
				}
			}
			if len(acked) == 20 {
				t.Fatal("nothing failed")
			}
			v := b.Version()
			if got := uids(v); !slices.Equal(got, acked) {
				t.Errorf("the mailbox has %v, acknowledged are %v", got, acked)
			}
			if _, err := describe(s, u.id); err != nil {
				t.Errorf("reading: %v", err)
			}
			armed = false
			if _, err := u.add("again"); (err == nil) != (op == "large" || op == "syncdir") {
				t.Errorf("afterwards: %v", err)
			} else if err == nil {
				acked = append(acked, b.Version().MaxUID())
			}
			u.close(t)
			u = openUser(t, openTest(t, dir, nil), u.id)
			if got := uids(u.inbox.Version()); !slices.Equal(got, acked) {
				t.Errorf("after reopening there are %v, acknowledged were %v", got, acked)
			}
			u.close(t)
			checkStore(t, dir)
		})
	}
}

// TestLargeOrphans checks that the file of a large message whose commit never came is removed.
func TestLargeOrphans(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, &Options{InlineMessage: 10})
	u := newUser(t, s, "ann")
	_, err := u.add("more than ten octets")
	must(t, err)
	copied := crashed(t, dir)
	u.close(t)
	orphan := filepath.Join(copied, "large", largeName(4711))
	must(t, os.WriteFile(orphan, []byte("half of"), 0o600))
	s = openTest(t, copied, nil)
	if _, err := os.Stat(orphan); !os.IsNotExist(err) {
		t.Errorf("the orphan: %v", err)
	}
	if d, err := describe(s, u.id); err != nil || !strings.Contains(d, "more than ten octets") {
		t.Errorf("%v\n%s", err, d)
	}
	must(t, s.Close())
}

// TestCheckpointFails lets a checkpoint fail: the store stops, and the log has everything.
func TestCheckpointFails(t *testing.T) {
	dir := t.TempDir()
	checkpoints := 0
	s := openTest(t, dir, &Options{CheckpointEvery: 5 * time.Millisecond, fault: func(op string, _ []byte) (int, error) {
		if op == "checkpoint" {
			if checkpoints++; checkpoints == 3 {
				return 0, errors.New("input/output error")
			}
		}
		return 0, nil
	}})
	u := newUser(t, s, "ann")
	var acked []imap.UID
	eventually(t, "failure", func() bool {
		r, err := u.add("hello")
		acked = append(acked, r.UIDs...)
		if err != nil && !errors.Is(err, store.ErrFailed) {
			t.Fatal(err)
		}
		return err != nil
	})
	u.close(t)
	u = openUser(t, openTest(t, dir, nil), u.id)
	if got := uids(u.inbox.Version()); !slices.Equal(got, acked) {
		t.Errorf("after reopening there are %v, acknowledged were %v", got, acked)
	}
	u.close(t)
	checkStore(t, dir)
}

// TestLogLosesItsEnd cuts the log off before what the index knows: before the last checkpoint, or
// behind it but before a message that has its row already. The store is refused, and left alone.
func TestLogLosesItsEnd(t *testing.T) {
	for _, checkpoint := range []bool{true, false} {
		dir := t.TempDir()
		s := openQuiet(t, dir, &Options{Reserve: -1})
		u := newUser(t, s, "ann")
		_, err := u.add("the first")
		must(t, err)
		kept := s.log.pos
		for range 20 {
			_, err := u.add("hello")
			must(t, err)
		}
		if checkpoint {
			must(t, s.writeCheckpoint())
		} else {
			must(t, s.index.Flush())
		}
		copied := whole(t, s)
		u.close(t)
		paths, err := filepath.Glob(filepath.Join(copied, "log", "*"))
		must(t, err)
		for _, size := range []int64{int64(kept), int64(kept) + 10, segmentHeaderLen, segmentHeaderLen / 2, 0} {
			must(t, os.Truncate(paths[0], size))
			if s, err := Open(copied, &Options{Reserve: -1}); err == nil {
				t.Errorf("checkpoint %v: cut off at %d, the log was accepted", checkpoint, size)
				s.Close()
			} else if !errors.Is(err, ErrCorrupt) {
				t.Errorf("checkpoint %v: cut off at %d: %v", checkpoint, size, err)
			}
			if info, err := os.Stat(paths[0]); err != nil || info.Size() != size {
				t.Errorf("checkpoint %v: cut off at %d, the log was changed: %v", checkpoint, size, err)
			}
		}
	}
}
