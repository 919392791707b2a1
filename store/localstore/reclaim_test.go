package localstore

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// TestSlowReader checks that a session that holds an old version keeps what was removed from its
// mailbox, and nothing else.
func TestSlowReader(t *testing.T) {
	dir := t.TempDir()
	s := openQuiet(t, dir, &Options{InlineMessage: 100})
	u := newUser(t, s, "ann")
	_, err := s.do(&store.Create{Account: u.id, Name: "other"})
	must(t, err)
	text := strings.Repeat("x", 1000)
	_, err = u.add(text, text)
	must(t, err)
	_, err = s.do(&store.Copy{From: u.inbox.Ref(), To: u.ref("other"), UIDs: imap.UIDs(2)})
	must(t, err)
	files := func() int64 { return dirSize(t, filepath.Join(dir, "large")) / 1000 }
	slow, other := u.open(t, "INBOX"), u.open(t, "other")
	held := slow.Version()
	u.inbox.Hold(u.inbox.Version())
	must(t, u.expunge(u.inbox, imap.UIDs(1)))
	u.inbox.Hold(u.inbox.Version())
	_, err = u.add(text) // it comes and goes behind the slow reader's back
	must(t, err)
	must(t, u.expunge(u.inbox, imap.UIDs(3)))
	u.inbox.Hold(u.inbox.Version())
	_, err = s.Commit(ctx, store.System, &store.Copy{From: u.inbox.Ref(), To: other.Ref(), UIDs: imap.UIDs(2)})
	must(t, err)
	s.sweepNow(t)
	if files() != 2 {
		t.Errorf("there are %d files; one is held, one is in mailboxes", files())
	}
	if got, err := readBody(slow, held.At(1)); err != nil || got != text {
		t.Errorf("what is held: %d octets, %v", len(got), err)
	}
	// What is removed from another mailbox goes at once, though it is the same message.
	must(t, u.expunge(u.inbox, imap.UIDs(2)))
	must(t, u.expunge(other, imap.UIDRange(1, 0)))
	u.inbox.Hold(u.inbox.Version())
	other.Hold(other.Version())
	s.sweepNow(t)
	if files() != 2 {
		t.Errorf("there are %d files; both are held", files())
	}
	slow.Hold(slow.Version())
	s.sweepNow(t)
	if files() != 0 || len(s.unreferenced) != 0 {
		t.Errorf("there are %d files and %d messages; nobody holds them", files(), len(s.unreferenced))
	}
	must(t, slow.Close())
	must(t, other.Close())
	u.close(t)
	checkStore(t, dir)
}

// TestSeenIsHeld checks that what Version has returned can be read until Hold, also when it has
// returned another since.
func TestSeenIsHeld(t *testing.T) {
	s := openQuiet(t, t.TempDir(), &Options{NoSync: true})
	u := newUser(t, s, "ann")
	b := u.open(t, "INBOX") // holds the empty mailbox
	var rows []mailbox.Row
	for uid := imap.UID(1); uid <= 3; uid++ {
		_, err := u.add("hello")
		must(t, err)
		_, row, _ := b.Version().Find(uid)
		rows = append(rows, row)
		must(t, u.expunge(u.inbox, imap.UIDs(uid)))
		u.inbox.Hold(u.inbox.Version())
		s.sweepNow(t)
		for _, row := range rows {
			if got, err := readBody(b, row); err != nil || got != "hello" {
				t.Errorf("UID %d after that of UID %d: %q, %v", row.UID, uid, got, err)
			}
		}
	}
	b.Hold(b.Version())
	for _, row := range rows {
		if got, err := readBody(b, row); !errors.Is(err, store.ErrGone) {
			t.Errorf("UID %d after Hold: %q, %v", row.UID, got, err)
		}
	}
	s.sweepNow(t)
	if len(s.unreferenced) != 0 {
		t.Errorf("%d messages are left", len(s.unreferenced))
	}
	must(t, b.Close())
	u.close(t)
}

// TestVersionIsHeld lets sessions read what Version returns while messages come, go and are
// collected all the time: until Hold everything that it has returned can be read.
func TestVersionIsHeld(t *testing.T) {
	s := openQuiet(t, t.TempDir(), &Options{NoSync: true, SegmentSize: 20 << 10, indexFS: vfs.NewMem()})
	u := newUser(t, s, "ann")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		b := u.open(t, "INBOX")
		wg.Go(func() {
			defer b.Close()
			read := func(what string, v *mailbox.Version) {
				for _, r := range v.Rows() {
					if got, err := readBody(b, *r); err != nil || got != fmt.Sprintf("message %d", r.UID) {
						t.Errorf("%s: UID %d is %q: %v", what, r.UID, got, err)
					}
					details := make([]store.Details, 1)
					if _, _, err := b.Details(ctx, []mailbox.Row{*r}, nil, 1, details); err != nil || details[0].EmailID == 0 {
						t.Errorf("%s: UID %d has no details: %v", what, r.UID, err)
					}
				}
			}
			for {
				select {
				case <-stop:
					return
				default:
				}
				first := b.Version()
				second := b.Version()
				read("the newest", second)
				read("the one before", first)
				view := mailbox.Retain(first, b.Version())
				b.Hold(view)
				read("a view", view)
				b.Hold(b.Version())
			}
		})
	}
	for uid := imap.UID(1); uid <= 200; uid++ {
		_, err := u.add(fmt.Sprintf("message %d", uid))
		must(t, err)
		if uid > 5 {
			must(t, u.expunge(u.inbox, imap.UIDs(uid-5)))
		}
		u.inbox.Hold(u.inbox.Version())
		if uid%2 == 0 {
			s.sweepNow(t)
		}
	}
	close(stop)
	wg.Wait()
	s.sweepNow(t)
	if n := len(s.unreferenced); n != 0 {
		t.Errorf("%d messages that nobody holds are left", n)
	}
	u.close(t)
}

// TestHistoryRows checks that a checkpoint writes only what is new in a history, and takes away what
// was forgotten.
func TestHistoryRows(t *testing.T) {
	dir := t.TempDir()
	s := openQuiet(t, dir, &Options{NoSync: true, History: 3 * historyBlock * 16})
	u := newUser(t, s, "ann")
	rows := func() (n int) {
		must(t, s.each(keyHistory, func(uint64, []byte) error { n++; return nil }))
		return n
	}
	removed := imap.UID(0)
	remove := func(n int) {
		_, err := u.add(texts(2 * n)...)
		must(t, err)
		for range n { // no two are neighbours
			must(t, u.expunge(u.inbox, imap.UIDs(removed+1)))
			removed += 2
		}
		u.inbox.Hold(u.inbox.Version())
		s.sweepNow(t)
	}
	for range 4 {
		remove(3)
	}
	if rows() != 1 {
		t.Errorf("twelve removals have %d rows", rows())
	}
	var most int
	for range 20 {
		remove(historyBlock/2 + 10)
		most = max(most, rows())
	}
	if most < 3 || most > 6 {
		t.Errorf("there were up to %d rows", most)
	}
	want, err := describe(s, u.id)
	must(t, err)
	since := u.inbox.Version().HistorySince()
	u.close(t)
	s = openTest(t, dir, &Options{History: 3 * historyBlock * 16})
	if got, err := describe(s, u.id); err != nil || got != want || since == 0 {
		t.Errorf("after reopening the history since %d is another: %v\n%.1000s\nwant\n%.1000s", since, err, got, want)
	}
	must(t, s.Close())
}

// TestDescriptors reads from many segments at once: what is in use stays open, and of the rest only
// as many as are allowed.
func TestDescriptors(t *testing.T) {
	dir := t.TempDir()
	const segments, limit = 20, 4
	s := openTest(t, dir, &Options{NoSync: true, SegmentSize: 1000, OpenSegments: limit})
	u := newUser(t, s, "ann")
	text := strings.Repeat("x", 2*bufferLen)
	for range segments {
		_, err := u.add(text)
		must(t, err)
	}
	var bodies []store.Body
	for _, r := range u.inbox.Version().Rows() {
		b, err := u.inbox.Body(ctx, r)
		must(t, err)
		bodies = append(bodies, b)
	}
	if n := s.log.files.count(); n != segments {
		t.Errorf("%d files are open, %d are in use", n, segments)
	}
	for i, b := range bodies {
		got := make([]byte, 1)
		if _, err := b.ReadAt(got, int64(i)); err != nil || got[0] != 'x' {
			t.Errorf("body %d: %q, %v", i, got, err)
		}
		must(t, b.Close())
	}
	if n := s.log.files.count(); n != limit {
		t.Errorf("%d files are open, nobody uses them, %d are allowed", n, limit)
	}
	for range 3 {
		for _, r := range u.inbox.Version().Rows() {
			if got, err := readBody(u.inbox, *r); err != nil || got != text {
				t.Errorf("UID %d: %d octets, %v", r.UID, len(got), err)
			}
			if n := s.log.files.count(); n > limit {
				t.Fatalf("%d files are open, %d are allowed", n, limit)
			}
		}
	}
	u.close(t)
	if n := s.log.files.count(); n != 0 {
		t.Errorf("%d files are open after closing", n)
	}
}
