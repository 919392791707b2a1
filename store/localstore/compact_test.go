package localstore

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"restante/imap"
	"restante/store"
)

// eventually waits until f holds.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not come true", what)
		}
	}
}

func dirSize(t *testing.T, dir string) (n int64) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			n += info.Size()
		}
	}
	return n
}

// TestCompact removes most messages of many segments: the space comes back, what is left is
// moved and stays, and a message that a session holds stays readable for it until it lets go.
func TestCompact(t *testing.T) {
	dir := t.TempDir()
	o := &Options{SegmentSize: 64 << 10, CheckpointBytes: 100 << 10, CheckpointEvery: 10 * time.Millisecond, InlineMessage: 5000}
	s := openTest(t, dir, o)
	a, b := newBoxFor(t, s, "ann")
	body := func(uid int) string { return fmt.Sprintf("message %d %s", uid, strings.Repeat("x", 4000)) }
	const n = 300
	for uid := 1; uid <= n; uid++ {
		_, err := a.Append(ctx, b.ID(), []store.NewMessage{mail(body(uid))})
		must(t, err)
	}
	for range 5 {
		_, err := a.Append(ctx, b.ID(), []store.NewMessage{mail(strings.Repeat("large", 2000))})
		must(t, err)
	}
	full := dirSize(t, filepath.Join(dir, "log"))
	if full < n*4000 || dirSize(t, filepath.Join(dir, "large")) != 50_000 {
		t.Fatalf("the log has %d octets", full)
	}

	_, holder := reopenBox(t, s, a.ID())
	held := holder.Version()
	first, err := holder.Body(ctx, held.At(1).Ref)
	must(t, err)
	large, err := holder.Body(ctx, held.At(n+1).Ref)
	must(t, err)
	var gone imap.UIDSet
	for uid := imap.UID(1); uid <= n+5; uid++ {
		if uid%10 != 0 {
			gone.Add(uid)
		}
	}
	_, err = b.StoreFlags(ctx, gone, imap.StoreAdd, []imap.Flag{imap.Deleted})
	must(t, err)
	_, err = b.Expunge(ctx, gone)
	must(t, err)
	b.Hold(b.Version())

	time.Sleep(100 * time.Millisecond) // some checkpoints
	read := func(seq imap.SeqNum) string {
		t.Helper()
		x, err := holder.Body(ctx, held.At(seq).Ref)
		must(t, err)
		defer x.Close()
		text, err := io.ReadAll(io.NewSectionReader(x, 0, x.Size()))
		must(t, err)
		return string(text)
	}
	for uid := 1; uid <= n; uid++ {
		if got := read(imap.SeqNum(uid)); got != body(uid) {
			t.Fatalf("held message %d has %d octets", uid, len(got))
		}
	}
	if got := dirSize(t, filepath.Join(dir, "log")); got < full*9/10 {
		t.Fatalf("the log went from %d to %d octets though everything is held", full, got)
	}
	holder.Hold(holder.Version())
	eventually(t, "a small log", func() bool { return dirSize(t, filepath.Join(dir, "log")) < full/3 })
	eventually(t, "no large messages", func() bool { return dirSize(t, filepath.Join(dir, "large")) == 0 })
	// What was opened before stays readable.
	got := make([]byte, 9)
	if _, err := first.ReadAt(got, 0); err != nil || string(got) != "message 1" {
		t.Errorf("an open body: %q, %v", got, err)
	}
	if _, err := large.ReadAt(got, 9995); err != io.EOF || string(got[:5]) != "large" {
		t.Errorf("an open large body: %q, %v", got, err)
	}
	must(t, first.Close())
	must(t, large.Close())

	check := func(s *Store) {
		t.Helper()
		_, b := reopenBox(t, s, a.ID())
		defer b.Close()
		if b.Version().Len() != n/10 {
			t.Fatalf("%d messages are left", b.Version().Len())
		}
		for _, r := range b.Version().Rows() {
			x, err := b.Body(ctx, r.Ref)
			must(t, err)
			text, err := io.ReadAll(io.NewSectionReader(x, 0, x.Size()))
			must(t, err)
			must(t, x.Close())
			if string(text) != body(int(r.UID)) {
				t.Errorf("UID %d has %d octets", r.UID, len(text))
			}
		}
	}
	check(s)
	must(t, b.Close())
	must(t, holder.Close())
	must(t, s.Close())
	s = openTest(t, dir, o)
	check(s)
	must(t, s.Close())
	if c := checkStore(t, dir); c.Mailboxes != 1 || c.Users != 1 || c.Messages != n/10 {
		t.Errorf("checked %+v", c)
	}
}

// TestCopiesShare checks that a message is removed only with the last of its copies.
func TestCopiesShare(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, &Options{InlineMessage: 10})
	a, b := newBoxFor(t, s, "ann")
	_, err := a.Append(ctx, b.ID(), []store.NewMessage{mail("a message in a file")})
	must(t, err)
	for range 3 {
		_, err = b.Copy(ctx, imap.UIDs(1), b.ID())
		must(t, err)
	}
	files := func() int {
		entries, err := os.ReadDir(filepath.Join(dir, "large"))
		must(t, err)
		return len(entries)
	}
	for uid := imap.UID(1); uid <= 4; uid++ {
		if files() != 1 {
			t.Fatalf("there are %d files before UID %d is removed", files(), uid)
		}
		checkCopies(t, b, int(4-uid+1))
		_, err = b.StoreFlags(ctx, imap.UIDs(uid), imap.StoreAdd, []imap.Flag{imap.Deleted})
		must(t, err)
		_, err = b.Expunge(ctx, imap.UIDs(uid))
		must(t, err)
		b.Hold(b.Version())
		must(t, b.Close())
		must(t, s.Close())
		checkStore(t, dir)
		s = openTest(t, dir, nil)
		a, b = reopenBox(t, s, a.ID())
	}
	if files() != 0 {
		t.Errorf("there are %d files at the end", files())
	}
	must(t, b.Close())
	must(t, s.Close())
}

func checkCopies(t *testing.T, b store.Mailbox, n int) {
	t.Helper()
	if b.Version().Len() != n {
		t.Fatalf("there are %d messages, want %d", b.Version().Len(), n)
	}
	for _, r := range b.Version().Rows() {
		x, err := b.Body(ctx, r.Ref)
		must(t, err)
		text, err := io.ReadAll(io.NewSectionReader(x, 0, x.Size()))
		must(t, err)
		must(t, x.Close())
		if string(text) != "a message in a file" {
			t.Errorf("UID %d is %q", r.UID, text)
		}
	}
}

// TestCheckFinds damages a body and checks that Check tells where.
func TestCheckFinds(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, &Options{InlineMessage: 1000})
	a, b := newBoxFor(t, s, "ann")
	_, err := a.Append(ctx, b.ID(), []store.NewMessage{mail("find me, I am damaged"), mail(strings.Repeat("large", 1000))})
	must(t, err)
	must(t, b.Close())
	must(t, s.Close())
	if c := checkStore(t, dir); c.Messages != 2 || c.Octets != 5021 || c.Groups != 2 {
		t.Errorf("checked %+v", c)
	}
	for _, c := range []struct{ glob, find string }{{"log/*", "I am damaged"}, {"large/*", "large"}} {
		names, err := filepath.Glob(filepath.Join(dir, c.glob))
		must(t, err)
		data, err := os.ReadFile(names[0])
		must(t, err)
		damaged := []byte(strings.Replace(string(data), c.find, strings.ToUpper(c.find), 1))
		must(t, os.WriteFile(names[0], damaged, 0o600))
		var found []string
		_, err = Check(ctx, dir, func(err error) { found = append(found, err.Error()) })
		must(t, err)
		if len(found) == 0 || !strings.Contains(strings.Join(found, "\n"), names[0]) {
			t.Errorf("Check found %q", found)
		}
		must(t, os.WriteFile(names[0], data, 0o600))
	}
}
