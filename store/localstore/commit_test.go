package localstore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// texts returns n texts.
func texts(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = "hello"
	}
	return out
}

// TestComputedOutside checks that a change of very many messages is computed before the writer sees
// it, that the writer takes it as it is unless the mailbox has changed, and that it is right anyway.
func TestComputedOutside(t *testing.T) {
	u := newUser(t, openTest(t, t.TempDir(), &Options{NoSync: true}), "ann")
	s := u.s
	_, err := s.do(&store.Create{Account: u.id, Name: "to"})
	must(t, err)
	_, err = u.add(texts(2 * manyMessages)...)
	must(t, err)
	all := imap.UIDRange(1, 0)
	for _, op := range []store.Op{
		&store.StoreFlags{Mailbox: u.inbox.Ref(), UIDs: all, Op: imap.StoreAdd, Flags: []imap.Flag{imap.Seen, "k"}},
		&store.Copy{From: u.inbox.Ref(), To: u.ref("to"), UIDs: all},
		&store.Expunge{Mailbox: u.inbox.Ref(), UIDs: imap.UIDRange(1, manyMessages+1), Undeleted: true},
	} {
		c := &commit{pins: pins{s: s}, ops: []store.Op{op}}
		must(t, c.load(ctx))
		c.computed, err = c.compute()
		if err != nil || c.computed == nil {
			t.Fatalf("%T: computed %v, %v", op, c.computed, err)
		}
		var to *mailbox.Version
		switch r := c.computed.(type) {
		case *storeRecord:
			to = r.to
		case *copyRecord:
			to = r.copied.To
		case *expungeRecord:
			to = r.to
		}
		// The writer would do this.
		s.onWriter(func() {
			tx := s.begin(s.log.pos, s.log.seq+1, nil)
			defer tx.end()
			must(t, c.run(tx))
			found := false
			for _, v := range tx.boxes {
				found = found || v == to
			}
			if !found {
				t.Errorf("%T: the writer has computed it again", op)
			}
		})
		must(t, u.flag(u.inbox, imap.UIDs(imap.UID(2*manyMessages)), imap.StoreAdd, imap.Flagged)) // it is overtaken
		s.onWriter(func() {
			tx := s.begin(s.log.pos, s.log.seq+1, nil)
			defer tx.end()
			if err := c.run(tx); !errors.Is(err, errOvertaken) || len(tx.boxes) != 0 || len(tx.buf) != groupHeaderLen {
				t.Errorf("%T: overtaken: %v, %d mailboxes changed", op, err, len(tx.boxes))
			}
		})
		c.unpin()
		must(t, u.flag(u.inbox, imap.UIDs(imap.UID(2*manyMessages)), imap.StoreRemove, imap.Flagged))
		if _, err := s.do(op); err != nil {
			t.Fatal(err)
		}
	}
	if v := u.inbox.Version(); v.Len() != manyMessages-1 || v.Counts().Unseen != 0 {
		t.Errorf("the mailbox has %+v", v.Counts())
	}
	u.close(t)
}

// TestOvertakenAlways lets another change come between each time: then the writer computes.
func TestOvertakenAlways(t *testing.T) {
	u := newUser(t, openTest(t, t.TempDir(), &Options{NoSync: true}), "ann")
	_, err := u.add(texts(manyMessages + 1)...)
	must(t, err)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := u.flag(u.inbox, imap.UIDs(1), imap.StoreOp(1+i%2), imap.Flagged); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for i := range 200 {
		out, err := u.s.do(&store.StoreFlags{Mailbox: u.inbox.Ref(), UIDs: imap.UIDRange(2, 0), Op: imap.StoreOp(1 + i%2), Flags: []imap.Flag{imap.Seen}})
		if err != nil || out.Done.Len() != manyMessages || out.ModSeq == 0 {
			t.Fatalf("%d messages, mod-sequence %d, %v", out.Done.Len(), out.ModSeq, err)
		}
	}
	close(stop)
	<-stopped
	u.close(t)
}

// TestStageBudget checks that bodies wait in memory only as far as there is room, and that whatever
// becomes of them gives the room back.
func TestStageBudget(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, &Options{NoSync: true})
	u := newUser(t, s, "ann")
	text := strings.Repeat("x", 1<<20)
	files := func() int {
		entries, err := os.ReadDir(filepath.Join(dir, "large"))
		must(t, err)
		return len(entries)
	}
	var list []*staged
	stage := func(account store.AccountID) *staged {
		b, err := s.Stage(ctx, store.System, account, strings.NewReader(text))
		must(t, err)
		list = append(list, b.(*staged))
		return b.(*staged)
	}
	for files() == 0 {
		if stage(u.id); len(list) > maxStagedAccount/len(text)+1 {
			t.Fatalf("%d bodies of one account are in memory", len(list))
		}
	}
	if len(list) < maxStagedAccount/len(text)-1 {
		t.Errorf("only %d bodies of one account are in memory", len(list)-1)
	}
	account, before := store.AccountID(100), files()
	for ; files() == before; account++ { // others have room of their own, until all of it is used up
		if stage(account); len(list) > maxStaged/len(text)+1 {
			t.Fatalf("%d bodies are in memory", len(list))
		}
	}
	if len(list) < maxStaged/len(text)-4 {
		t.Errorf("only %d bodies are in memory", len(list))
	}
	// One is committed, a commit of another fails, the rest is discarded.
	_, err := s.do(&store.Append{Mailbox: u.inbox.Ref(), Messages: []store.NewMessage{{Body: list[0]}}})
	must(t, err)
	if _, err := s.do(&store.Append{Mailbox: store.Ref{Account: u.id, Mailbox: 1}, Messages: []store.NewMessage{{Body: list[1]}}}); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if _, err := s.do(&store.Append{Mailbox: u.inbox.Ref(), Messages: []store.NewMessage{{Body: list[0]}}}); !errors.Is(err, store.ErrStale) {
		t.Error(err)
	}
	for _, b := range list {
		b.Discard()
	}
	if s.staged.mu.all != 0 || len(s.staged.mu.accounts) != 0 || len(s.staged.mu.files) != 0 || files() != 0 {
		t.Errorf("%d octets, %d accounts and %d files are left over", s.staged.mu.all, len(s.staged.mu.accounts), files())
	}
	if got, err := readBody(u.inbox, u.inbox.Version().At(1)); err != nil || got != text {
		t.Errorf("the message has %d octets: %v", len(got), err)
	}
	u.close(t)
}

// TestOneBody checks that a body of several messages is stored once, in the log and in a file, and
// stays until the last of them is gone.
func TestOneBody(t *testing.T) {
	for _, size := range []int{3000, 30_000} {
		dir := t.TempDir()
		s := openQuiet(t, dir, &Options{InlineMessage: 10_000, SegmentSize: 2000})
		u, v := newUser(t, s, "ann"), newUser(t, s, "bob")
		text := strings.Repeat("x", size)
		b, err := s.Stage(ctx, store.System, u.id, strings.NewReader(text))
		must(t, err)
		before := s.log.pos
		m := []store.NewMessage{{Body: b}, {Body: b, Summary: []byte("another")}}
		_, err = s.Commit(ctx, store.System, &store.Append{Mailbox: u.inbox.Ref(), Messages: m}, &store.Append{Mailbox: v.inbox.Ref(), Messages: m})
		must(t, err)
		if grown := s.log.pos - before; grown > 3500 {
			t.Errorf("four messages of %d octets take %d in the log", size, grown)
		}
		var first os.FileInfo
		entries, err := os.ReadDir(filepath.Join(dir, "large"))
		must(t, err)
		for _, e := range entries {
			info, err := e.Info()
			must(t, err)
			if first == nil {
				first = info
			}
			if !os.SameFile(first, info) {
				t.Error("there are two files")
			}
		}
		for i, one := range []*user{u, u, v, v} {
			_, err := s.do(&store.Expunge{Mailbox: one.inbox.Ref(), UIDs: imap.UIDs(imap.UID(i%2 + 1)), Undeleted: true})
			must(t, err)
			one.inbox.Hold(one.inbox.Version())
			for range 4 {
				_, err = u.add(strings.Repeat("y", 1500)) // a new segment
				must(t, err)
				s.sweepNow(t)
			}
			for _, left := range []*user{u, v} {
				for _, r := range left.inbox.Version().Rows() {
					if r.Size == uint32(size) {
						if got, err := readBody(left.inbox, *r); err != nil || got != text {
							t.Errorf("after %d of 4 were removed: %d octets, %v", i+1, len(got), err)
						}
					}
				}
			}
		}
		if n := dirSize(t, filepath.Join(dir, "large")); n != 0 {
			t.Errorf("%d octets of large messages are left", n)
		}
		must(t, v.inbox.Close())
		must(t, v.Account.Close())
		u.close(t)
		checkStore(t, dir)
	}
}
