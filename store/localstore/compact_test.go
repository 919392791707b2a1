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
	o := &Options{SegmentSize: 64 << 10, InlineMessage: 5000}
	s := openQuiet(t, dir, o)
	u := newUser(t, s, "ann")
	body := func(uid int) string { return fmt.Sprintf("message %d %s", uid, strings.Repeat("x", 4000)) }
	const n = 300
	for uid := 1; uid <= n; uid++ {
		_, err := u.add(body(uid))
		must(t, err)
	}
	for range 5 {
		_, err := u.add(strings.Repeat("large", 2000))
		must(t, err)
	}
	full := dirSize(t, filepath.Join(dir, "log"))
	if full < n*4000 || dirSize(t, filepath.Join(dir, "large")) != 50_000 {
		t.Fatalf("the log has %d octets", full)
	}

	holder := u.open(t, "INBOX")
	held := holder.Version()
	row1, rowLarge := held.At(1), held.At(n+1)
	first, err := holder.Body(ctx, &row1)
	must(t, err)
	large, err := holder.Body(ctx, &rowLarge)
	must(t, err)
	var gone imap.UIDSet
	for uid := imap.UID(1); uid <= n+5; uid++ {
		if uid%10 != 0 {
			gone.Add(uid)
		}
	}
	must(t, u.expunge(u.inbox, gone))
	u.inbox.Hold(u.inbox.Version())

	for range 5 {
		s.sweepNow(t)
	}
	for uid := 1; uid <= n; uid++ {
		if got, err := readBody(holder, held.At(imap.SeqNum(uid))); err != nil || got != body(uid) {
			t.Fatalf("held message %d has %d octets: %v", uid, len(got), err)
		}
	}
	if got := dirSize(t, filepath.Join(dir, "log")); got < full*9/10 {
		t.Fatalf("the log went from %d to %d octets though everything is held", full, got)
	}
	holder.Hold(holder.Version())
	for range 100 {
		s.sweepNow(t)
	}
	if got := dirSize(t, filepath.Join(dir, "log")); got > full/3 {
		t.Fatalf("the log went from %d to %d octets", full, got)
	}
	if got := dirSize(t, filepath.Join(dir, "large")); got != 0 {
		t.Fatalf("there are %d octets of large messages", got)
	}
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

	check := func(u *user) {
		t.Helper()
		v := u.inbox.Version()
		if v.Len() != n/10 {
			t.Fatalf("%d messages are left", v.Len())
		}
		for _, r := range v.Rows() {
			if text, err := readBody(u.inbox, *r); err != nil || text != body(int(r.UID)) {
				t.Errorf("UID %d has %d octets: %v", r.UID, len(text), err)
			}
		}
	}
	check(u)
	must(t, holder.Close())
	u.close(t)
	u = openUser(t, openTest(t, dir, o), u.id)
	check(u)
	u.close(t)
	if c := checkStore(t, dir); c.Mailboxes != 1 || c.Users != 1 || c.Messages != n/10 {
		t.Errorf("checked %+v", c)
	}
}

// TestCopiesShare checks that a message is removed only with the last of its copies.
func TestCopiesShare(t *testing.T) {
	dir := t.TempDir()
	u := newUser(t, openTest(t, dir, &Options{InlineMessage: 10}), "ann")
	_, err := u.add("a message in a file")
	must(t, err)
	for range 3 {
		_, err = u.s.do(&store.Copy{From: u.inbox.Ref(), To: u.inbox.Ref(), UIDs: imap.UIDs(1)})
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
		checkCopies(t, u.inbox, int(4-uid+1))
		must(t, u.expunge(u.inbox, imap.UIDs(uid)))
		u.inbox.Hold(u.inbox.Version())
		u.close(t)
		checkStore(t, dir)
		u = openUser(t, openTest(t, dir, nil), u.id)
	}
	if files() != 0 {
		t.Errorf("there are %d files at the end", files())
	}
	u.close(t)
}

func checkCopies(t *testing.T, b store.Mailbox, n int) {
	t.Helper()
	if b.Version().Len() != n {
		t.Fatalf("there are %d messages, want %d", b.Version().Len(), n)
	}
	for _, r := range b.Version().Rows() {
		if text, err := readBody(b, *r); err != nil || text != "a message in a file" {
			t.Errorf("UID %d is %q: %v", r.UID, text, err)
		}
	}
}

// TestCheckFinds damages a body and checks that Check tells where.
func TestCheckFinds(t *testing.T) {
	dir := t.TempDir()
	u := newUser(t, openTest(t, dir, &Options{InlineMessage: 1000}), "ann")
	_, err := u.add("find me, I am damaged", strings.Repeat("large", 1000))
	must(t, err)
	u.close(t)
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
