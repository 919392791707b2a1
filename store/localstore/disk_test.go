package localstore

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"restante/imap"
	"restante/internal/servertest"
	"restante/store"
)

// TestNoSpaceForTheLog lets a group, the header of a segment and a large message meet a full disk: it
// is answered with ErrNoSpace, what adds no message is done as far as the reserve goes, and as soon as
// there is space all goes on.
func TestNoSpaceForTheLog(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT} {
		for _, large := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, large %v", errno, large), func(t *testing.T) {
				dir := t.TempDir()
				var full atomic.Bool
				var reserved atomic.Int64 // writes that the reserve suffices for
				o := &Options{SegmentSize: 1000, InlineMessage: 500, CheckpointEvery: time.Hour, fault: func(op string, b []byte) (int, error) {
					if !full.Load() || !slices.Contains([]string{"write", "create", "large", "reserve"}, op) {
						return 0, nil
					}
					if op == "write" && reserved.Add(-1) >= 0 {
						return 0, nil
					}
					return len(b) / 2, errno
				}}
				s := openTest(t, dir, o)
				u := newUser(t, s, "ann")
				text := "hello"
				if large {
					text = strings.Repeat("x", 501)
				}
				for range 8 {
					_, err := u.add(text)
					must(t, err)
				}
				full.Store(true)
				for range 3 {
					if _, err := u.add(text); !errors.Is(err, store.ErrNoSpace) || errors.Is(err, store.ErrFailed) {
						t.Errorf("on a full disk: %v", err)
					}
				}
				must(t, s.Err())
				before, err := describe(s, u.id)
				must(t, err)
				if err := u.expunge(u.inbox, imap.UIDs(imap.UID(1))); !errors.Is(err, store.ErrNoSpace) {
					t.Errorf("expunging without a reserve: %v", err)
				}
				if after, err := describe(s, u.id); err != nil || after != before {
					t.Errorf("%v\n%s", err, after)
				}
				reserved.Store(1)
				must(t, u.expunge(u.inbox, imap.UIDs(imap.UID(1))))
				full.Store(false)
				_, err = u.add(text)
				must(t, err)
				want := []imap.UID{2, 3, 4, 5, 6, 7, 8, 9}
				if got := uids(u.inbox.Version()); !slices.Equal(got, want) {
					t.Errorf("the mailbox has %v", got)
				}
				u.close(t)
				u = openUser(t, openTest(t, dir, nil), u.id)
				if got := uids(u.inbox.Version()); !slices.Equal(got, want) {
					t.Errorf("after reopening: %v", got)
				}
				u.close(t)
				checkStore(t, dir)
			})
		}
	}
}

// badDisk is a disk on which nothing can be written that has one of these names.
type badDisk struct {
	vfs.FS
	names    string
	err      atomic.Pointer[error]
	attempts atomic.Int64
}

func (d *badDisk) set(err error) { d.err.Store(&err) }

func (d *badDisk) check(name string) error {
	if err := d.err.Load(); err != nil && *err != nil && strings.Contains(filepath.Base(name), d.names) {
		d.attempts.Add(1)
		return *err
	}
	return nil
}

func (d *badDisk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := d.check(name); err != nil {
		return nil, err
	}
	f, err := d.FS.Create(name, c)
	return &badFile{f, d, name}, err
}

type badFile struct {
	vfs.File
	disk *badDisk
	name string
}

func (f *badFile) Write(p []byte) (int, error) {
	if err := f.disk.check(f.name); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

// lines counts the lines of a log.
type lines struct{ n atomic.Int64 }

func (l *lines) Write(p []byte) (int, error) {
	l.n.Add(int64(bytes.Count(p, []byte("\n"))))
	return len(p), nil
}

// TestNoSpaceForTheIndex lets the index meet a full disk. It is written again only after a pause, the
// log does not grow with the attempts, changes go on, and so does the checkpoint when there is space.
func TestNoSpaceForTheIndex(t *testing.T) {
	for _, names := range []string{".sst", "MANIFEST"} {
		t.Run(names, func(t *testing.T) {
			dir := t.TempDir()
			disk := &badDisk{FS: vfs.Default, names: names}
			var log lines
			pauses := make(chan struct{})
			s := openTest(t, dir, &Options{Reserve: -1, CheckpointEvery: time.Hour, indexFS: disk, Log: slog.New(slog.NewTextHandler(&log, nil)),
				pause: func(stop <-chan struct{}) {
					select {
					case pauses <- struct{}{}:
					case <-stop:
					}
				}})
			u := newUser(t, s, "ann")
			_, err := u.add("hello")
			must(t, err)
			disk.set(syscall.ENOSPC)
			s.kickJanitor()
			for range 100 {
				<-pauses
			}
			if n := disk.attempts.Load(); n < 100 || n > 210 {
				t.Errorf("%d attempts in 100 pauses", n)
			}
			if n := log.n.Load(); n > 5 {
				t.Errorf("%d lines of log", n)
			}
			_, err = u.add("again")
			must(t, err)
			must(t, s.Err())
			disk.set(nil)
			<-pauses
			eventually(t, "a checkpoint", func() bool { return !s.index.disk.blocked.Load() })
			u.close(t)
			u = openUser(t, openTest(t, dir, nil), u.id)
			if got := uids(u.inbox.Version()); len(got) != 2 {
				t.Errorf("after reopening: %v", got)
			}
			u.close(t)
			checkStore(t, dir)
		})
	}
}

// TestCloseOnFullDisk checks that Close ends when the index cannot be written, and loses nothing.
func TestCloseOnFullDisk(t *testing.T) {
	for _, err := range []error{syscall.ENOSPC, syscall.ENOENT, syscall.EIO} {
		for _, waiting := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, waiting %v", err, waiting), func(t *testing.T) {
				dir := t.TempDir()
				disk := &badDisk{FS: vfs.Default, names: ".sst"}
				s := openTest(t, dir, &Options{CheckpointEvery: time.Hour, indexFS: disk})
				u := newUser(t, s, "ann")
				_, e := u.add("hello")
				must(t, e)
				disk.set(err)
				if waiting {
					s.kickJanitor()
					eventually(t, "an attempt", func() bool { return disk.attempts.Load() > 0 })
				}
				if err != syscall.ENOSPC && waiting {
					eventually(t, "failure", func() bool { return s.Err() != nil })
				}
				if e := s.Close(); e != nil && err == syscall.ENOSPC {
					t.Errorf("Close: %v", e)
				}
				s = openTest(t, dir, nil)
				if d, err := describe(s, u.id); err != nil || !strings.Contains(d, "hello") {
					t.Errorf("%v\n%s", err, d)
				}
				must(t, s.Close())
			})
		}
	}
}

// TestNoManifest checks that a start without any space is an error that says so, that a store whose MANIFEST
// cannot be written can be read, and that Close ends: with everything that Pebble has begun.
func TestNoManifest(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, names := range []string{"", "MANIFEST", "OPTIONS", "marker"} {
		dir := t.TempDir()
		u := newUser(t, openTest(t, dir, nil), "ann")
		u.close(t)
		disk := &badDisk{FS: vfs.Default, names: names}
		disk.set(syscall.ENOSPC)
		o := &Options{Reserve: -1, indexFS: disk, pause: func(<-chan struct{}) {}}
		s, err := Open(dir, o)
		if err == nil { // Pebble does not need that file for a start
			err = s.Close()
		} else if s != nil {
			t.Errorf("%q: a store, and %v", names, err)
		}
		if err != nil && !errors.Is(err, store.ErrNoSpace) {
			t.Errorf("%q: %v", names, err)
		}
		disk.set(nil)
		must(t, openTest(t, dir, o).Close())
	}
	for _, err := range []error{syscall.ENOSPC, syscall.EIO} {
		dir := t.TempDir()
		disk := &badDisk{FS: vfs.Default, names: "MANIFEST"}
		s := openTest(t, dir, &Options{CheckpointEvery: time.Hour, indexFS: disk})
		u := newUser(t, s, "ann")
		_, e := u.add("hello")
		must(t, e)
		disk.set(err)
		s.kickJanitor()
		eventually(t, "an attempt", func() bool { return disk.attempts.Load() > 0 })
		if _, e := describe(s, u.id); e != nil {
			t.Errorf("reading: %v", e)
		}
		// What is answered as done is in the log.
		if e := s.Close(); e != nil && !errors.Is(e, err) {
			t.Errorf("Close: %v", e)
		}
		disk.set(nil)
		s = openTest(t, dir, nil)
		if d, err := describe(s, u.id); err != nil || !strings.Contains(d, "hello") {
			t.Errorf("%v\n%s", err, d)
		}
		must(t, s.Close())
	}
}

// fillRest lets a file grow until the disk is full.
func fillRest(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	must(t, err)
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	must(t, f.Close())
	if !isNoSpace(err) {
		t.Fatal(err)
	}
}

// TestFullDisk fills a small disk. Then the server can be started, mail can be read and removed, and
// that gives so much space back that mail can be added.
func TestFullDisk(t *testing.T) {
	small := servertest.NeedDisk(t, 12<<20)
	dir, rest := filepath.Join(small, "store"), filepath.Join(small, "rest")
	o := &Options{SegmentSize: 256 << 10, InlineMessage: 64 << 10, CheckpointEvery: 5 * time.Millisecond, Reserve: 4 << 20}
	s := openTest(t, dir, o)
	t.Cleanup(func() { s.Close() })
	u := newUser(t, s, "ann")
	text := strings.Repeat("0123456789abcdef", 2000)
	fill := func() (err error) {
		for err == nil {
			if _, err = u.add(text); err == nil {
				_, err = u.add(text + text + text)
			}
		}
		return err
	}
	for round := range 2 {
		if err := fill(); !errors.Is(err, store.ErrNoSpace) || errors.Is(err, store.ErrFailed) {
			t.Fatalf("full: %v", err)
		}
		fillRest(t, rest)
		v := u.inbox.Version()
		all := uids(v)
		must(t, u.flag(u.inbox, imap.UIDs(all...), imap.StoreAdd, imap.Seen))
		u.close(t)
		u = openUser(t, openTest(t, dir, o), u.id)
		s = u.s
		for _, uid := range []imap.UID{all[0], all[len(all)-1]} {
			_, row, _ := u.inbox.Version().Find(uid)
			if got, err := readBody(u.inbox, row); err != nil || !strings.HasPrefix(got, text) {
				t.Errorf("reading on a full disk: %v", err)
			}
		}
		fillRest(t, rest)
		if _, err := u.add(text); !errors.Is(err, store.ErrNoSpace) {
			t.Fatalf("adding on a full disk: %v", err)
		}
		must(t, u.expunge(u.inbox, imap.UIDs(all...)))
		u.inbox.Hold(u.inbox.Version())
		eventually(t, fmt.Sprintf("space, round %d", round), func() bool {
			must(t, s.Err())
			_, err := u.add(text)
			return err == nil
		})
		must(t, os.Remove(rest))
	}
	u.close(t)
	checkStore(t, dir)
}

// TestVanishedFolder removes the folder of a store that is open: it fails, and Close ends.
func TestVanishedFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := openTest(t, dir, &Options{SegmentSize: 1000, CheckpointEvery: 5 * time.Millisecond})
	u := newUser(t, s, "ann")
	must(t, os.RemoveAll(dir))
	eventually(t, "failure", func() bool {
		_, err := u.add("hello")
		return err != nil
	})
	s.Close()
}
