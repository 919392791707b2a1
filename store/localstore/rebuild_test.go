package localstore

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"restante/imap"
	"restante/mailbox"
	"restante/store"
)

// busyStore makes a store with everything that a snapshot has to tell of, whose log has lost its
// beginning and which compaction goes on with after the newest snapshot. It is not closed.
func busyStore(t *testing.T, dir string) *user {
	t.Helper()
	u := newUser(t, openQuiet(t, dir, &Options{SegmentSize: 4000, InlineMessage: 600}), "ann")
	s := u.s
	_, err := s.CreateUser(ctx, "bob", []byte("secret"))
	must(t, err)
	_, err = s.Commit(ctx, store.System, &store.Create{Account: u.id, Name: "copies", Use: []imap.MailboxAttr{imap.AttrArchive}},
		&store.Subscribe{Account: u.id, Name: "copies", On: true}, &store.Create{Account: u.id, Name: "passing"})
	must(t, err)
	for round := range 8 {
		for i := range 6 {
			_, err := u.add(fmt.Sprintf("message %d of round %d %s", i, round, strings.Repeat("x", 100)), strings.Repeat("large", 200), "")
			must(t, err)
		}
		var keep, drop imap.UIDSet
		for _, r := range u.inbox.Version().Rows() {
			if r.UID%7 == 0 {
				keep.Add(r.UID)
			} else {
				drop.Add(r.UID)
			}
		}
		must(t, u.flag(u.inbox, keep, imap.StoreAdd, imap.Flagged, imap.Flag(fmt.Sprintf("round%d", round))))
		for _, name := range []string{"copies", "passing"} {
			_, err := s.do(&store.Copy{From: u.inbox.Ref(), To: u.ref(name), UIDs: keep})
			must(t, err)
		}
		_, err := s.Commit(ctx, store.System,
			&store.SetMetadata{Mailbox: u.ref("copies"), Set: []mailbox.Metadata{{Name: "/shared/comment", Value: fmt.Sprint(round)}}},
			&store.SetMetadata{Mailbox: store.Ref{Account: u.id}, Set: []mailbox.Metadata{{Name: fmt.Sprintf("/private/x/%d", round)}},
				Remove: []string{fmt.Sprintf("/private/x/%d", round-2)}})
		must(t, err)
		passing := u.open(t, "passing")
		must(t, u.expunge(passing, imap.UIDRange(1, 0)))
		must(t, passing.Close())
		must(t, u.expunge(u.inbox, drop))
		u.inbox.Hold(u.inbox.Version())
		for range 4 {
			s.sweepNow(t)
		}
	}
	if s.log.all()[0].base == 0 || len(s.snapshots) != keptSnapshots {
		t.Fatalf("the log begins at %d, there are %d snapshots", s.log.all()[0].base, len(s.snapshots))
	}
	_, err = u.add("the newest one")
	must(t, err)
	return u
}

// whole copies a store that is open, as it would be after it was killed.
func whole(t *testing.T, s *Store) string {
	t.Helper()
	to := t.TempDir()
	for _, name := range []string{"log", "large", "snapshot"} {
		must(t, os.CopyFS(filepath.Join(to, name), os.DirFS(filepath.Join(s.dir, name))))
	}
	must(t, s.index.Checkpoint(filepath.Join(to, "index")))
	return to
}

// everything describes both users.
func everything(s *Store) (string, error) {
	a, err := describe(s, 1)
	if err != nil {
		return "", err
	}
	b, err := describe(s, 2)
	return a + b, err
}

// wantStore opens a store and checks that everything is in it, and consistent.
func wantStore(t *testing.T, what, dir, want string) {
	t.Helper()
	s, err := Open(dir, nil)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	got, err := everything(s)
	if err != nil || got != want {
		t.Fatalf("%s: %v\n%s\nwant\n%s", what, err, got, want)
	}
	must(t, s.Close())
	if c := checkStore(t, dir); t.Failed() || c.Users != 2 {
		t.Fatalf("%s: %+v", what, c)
	}
}

// TestIndexLost removes the index, of a store that was killed and of one that was closed.
func TestIndexLost(t *testing.T) {
	dir := t.TempDir()
	u := busyStore(t, dir)
	want, err := everything(u.s)
	must(t, err)
	killed := whole(t, u.s)
	u.close(t)
	for what, dir := range map[string]string{"killed": killed, "closed": dir} {
		for range 2 { // what was made anew can be made anew
			must(t, os.RemoveAll(filepath.Join(dir, "index")))
			wantStore(t, what, dir, want)
		}
		damaged, err := filepath.Glob(filepath.Join(dir, "index.*"))
		if err != nil || len(damaged) > 0 {
			t.Errorf("%s: %v, %v", what, damaged, err)
		}
	}
}

// TestIndexDamaged damages and removes single files of the index. Either opening makes it anew, or
// what is damaged is reported when it is read, with words on what to do; which then helps.
func TestIndexDamaged(t *testing.T) {
	dir := t.TempDir()
	u := busyStore(t, dir)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 100 { // so that the index has blocks that opening the store does not read
		_, err := u.add(fmt.Sprintf("%x %x %x", rnd.Uint64(), rnd.Uint64(), rnd.Uint64()))
		must(t, err)
	}
	want, err := everything(u.s)
	must(t, err)
	u.close(t)
	names, err := os.ReadDir(filepath.Join(dir, "index"))
	must(t, err)
	rebuilt, reported := 0, 0
	for _, name := range names {
		if name.Name() == "LOCK" {
			continue
		}
		hows := []string{"removed", "emptied", "cut", "garbled", "garbled"}
		if strings.HasSuffix(name.Name(), ".sst") {
			for range 10 {
				hows = append(hows, "flipped")
			}
		}
		for _, how := range hows {
			what := fmt.Sprintf("%s %s", name.Name(), how)
			at := crashed(t, dir)
			path := filepath.Join(at, "index", name.Name())
			data, err := os.ReadFile(path)
			must(t, err)
			switch how {
			case "removed":
				must(t, os.Remove(path))
			case "emptied":
				must(t, os.WriteFile(path, nil, 0o600))
			case "cut":
				must(t, os.WriteFile(path, data[:len(data)/2], 0o600))
			case "flipped":
				data[rnd.IntN(len(data))] ^= 1 << rnd.IntN(8)
				must(t, os.WriteFile(path, data, 0o600))
			case "garbled":
				for i := range data {
					if rnd.IntN(20) == 0 {
						data[i] ^= byte(1 + rnd.IntN(255))
					}
				}
				must(t, os.WriteFile(path, data, 0o600))
			}
			if seen := lookAt(t, what, at, want); seen != nil {
				reported++
				must(t, os.RemoveAll(filepath.Join(at, "index")))
			}
			if aside, err := filepath.Glob(filepath.Join(at, "index.damaged-1")); err == nil && len(aside) == 1 {
				rebuilt++
			}
			wantStore(t, what, at, want)
		}
	}
	if rebuilt == 0 || reported == 0 {
		t.Errorf("%d were made anew when the store was opened, %d were reported later", rebuilt, reported)
	}
}

// TestIndexUnfinished checks that a store that was killed while it was made opens, and that one whose
// log is gone does not become an empty one.
func TestIndexUnfinished(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "index"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "index", "MANIFEST-000001"), []byte("half of it"), 0o600))
	newUser(t, openTest(t, dir, nil), "ann").close(t)
	must(t, os.CopyFS(filepath.Join(dir, "index.new"), os.DirFS(filepath.Join(dir, "index"))))
	u := openUser(t, openTest(t, dir, nil), 1)
	if _, err := os.Stat(filepath.Join(dir, "index.new")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an index that was not finished: %v", err)
	}
	u.close(t)
	markers, err := filepath.Glob(filepath.Join(dir, "index", "marker.*"))
	must(t, err)
	for _, path := range markers {
		must(t, os.Remove(path))
	}
	must(t, os.RemoveAll(filepath.Join(dir, "log")))
	if _, err := Open(dir, nil); !errors.Is(err, ErrCorrupt) {
		t.Errorf("an index without markers, and no log: %v", err)
	}
}

// lookAt opens a store whose index is damaged, and returns how that was reported.
func lookAt(t *testing.T, what, dir, want string) (seen error) {
	t.Helper()
	s, err := Open(dir, nil)
	if err == nil {
		var got string
		if got, err = everything(s); err == nil && got != want {
			t.Fatalf("%s: it has\n%s\nwant\n%s", what, got, want)
		}
		if closing := s.Close(); closing != nil {
			err = errors.Join(err, saysWhatToDo(t, what+", closing", closing))
		}
	}
	return saysWhatToDo(t, what, err)
}

func saysWhatToDo(t *testing.T, what string, err error) error {
	t.Helper()
	if err != nil && (!errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "remove ")) {
		t.Errorf("%s: %v", what, err)
	}
	return err
}

// contents tells all files of a directory but the ones that every opening writes.
func contents(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "/index") || d.Name() == "LOCK" {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(&out, "%s %x\n", strings.TrimPrefix(path, dir), sha256.Sum256(data))
		return err
	}))
	return out.String()
}

// TestSnapshotDamaged damages snapshots: one is survived, whichever. When both are, the store is
// refused and left alone.
func TestSnapshotDamaged(t *testing.T) {
	dir := t.TempDir()
	u := busyStore(t, dir)
	want, err := everything(u.s)
	must(t, err)
	u.close(t)
	snapshots, err := filepath.Glob(filepath.Join(dir, "snapshot", "*"))
	must(t, err)
	if len(snapshots) != 2 {
		t.Fatalf("there are %v", snapshots)
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	damage := func(path string, how int) {
		data, err := os.ReadFile(path)
		must(t, err)
		switch how {
		case 0:
			must(t, os.Remove(path))
			return
		case 1:
			data = data[:rnd.IntN(len(data))]
		default:
			data[rnd.IntN(len(data))] ^= 1 << rnd.IntN(8)
		}
		must(t, os.WriteFile(path, data, 0o600))
	}
	for how := range 12 {
		for i := range snapshots {
			at := crashed(t, dir)
			path := filepath.Join(at, "snapshot", filepath.Base(snapshots[i]))
			damage(path, how)
			must(t, os.RemoveAll(filepath.Join(at, "index")))
			s, err := Open(at, nil)
			if err != nil {
				t.Fatalf("snapshot %d, %d: %v", i, how, err)
			}
			if got, err := everything(s); err != nil || got != want {
				t.Fatalf("snapshot %d, %d: %v\n%s\nwant\n%s", i, how, err, got, want)
			}
			must(t, s.Close())
			os.Remove(path)
			checkStore(t, at)
		}
	}
	for how := range 6 {
		at := crashed(t, dir)
		must(t, os.RemoveAll(filepath.Join(at, "index")))
		for _, path := range snapshots {
			damage(filepath.Join(at, "snapshot", filepath.Base(path)), how)
		}
		before := contents(t, at)
		if _, err := Open(at, nil); !errors.Is(err, ErrCorrupt) || how > 0 && !strings.Contains(err.Error(), "restore") {
			t.Fatalf("both are damaged, %d: %v", how, err)
		}
		if after := contents(t, at); after != before {
			t.Errorf("a store that was refused has changed from\n%s\nto\n%s", before, after)
		}
		must(t, os.RemoveAll(filepath.Join(at, "snapshot")))
		must(t, os.CopyFS(filepath.Join(at, "snapshot"), os.DirFS(filepath.Join(dir, "snapshot"))))
		wantStore(t, "restored from a backup", at, want)
	}
}

// TestSnapshotCut kills the store, and then lets the disk fail, at every step of writing a snapshot
// and of compacting.
func TestSnapshotCut(t *testing.T) {
	dir := t.TempDir()
	u := busyStore(t, dir)
	var gone imap.UIDSet
	for range 100 {
		r, err := u.add(strings.Repeat("x", 300))
		must(t, err)
		gone = gone.Union(existing(r))
	}
	must(t, u.expunge(u.inbox, gone))
	u.inbox.Hold(u.inbox.Version())
	want, err := everything(u.s)
	must(t, err)
	start := whole(t, u.s)
	u.close(t)
	steps := 0
	for n := 0; ; n++ {
		at := crashed(t, start)
		count, failed := 0, false
		o := &Options{SegmentSize: 4000, InlineMessage: 600}
		s := openQuiet(t, at, o)
		s.hooks.fault = func(op string, b []byte) (int, error) {
			if op != "snapshot" && op != "rename" && op != "unlink" && op != "write" {
				return 0, nil
			}
			if count++; count <= n {
				return 0, nil
			}
			if !failed {
				failed = true
				killed := whole(t, s)
				wantStore(t, fmt.Sprintf("killed before step %d (%s)", n, op), killed, want)
				must(t, os.RemoveAll(filepath.Join(killed, "index")))
				wantStore(t, fmt.Sprintf("killed before step %d (%s), without its index", n, op), killed, want)
			}
			return len(b) / 2, errors.New("no space left on device")
		}
		for range 4 {
			if err := s.sweep(); err != nil {
				break
			}
		}
		s.hooks.fault = nil
		must(t, s.Close())
		if steps = n; !failed {
			break
		}
		wantStore(t, fmt.Sprintf("failed at step %d", n), at, want)
	}
	if steps < 6 {
		t.Errorf("there were %d steps", steps)
	}
}

// TestSnapshotsAmortized checks that snapshots are only written when compaction needs them and the
// log has grown by several times their size.
func TestSnapshotsAmortized(t *testing.T) {
	dir := t.TempDir()
	written := 0
	u := newUser(t, openQuiet(t, dir, &Options{SegmentSize: 2000, fault: func(op string, _ []byte) (int, error) {
		if op == "rename" {
			written++
		}
		return 0, nil
	}}), "ann")
	texts := make([]string, 200)
	for i := range texts {
		texts[i] = strings.Repeat("y", 500)
	}
	_, err := u.add(texts...) // so that snapshots are not small
	must(t, err)
	for range 10 {
		u.s.sweepNow(t)
	}
	if written != 0 {
		t.Errorf("%d snapshots were written without need", written)
	}
	start := u.s.log.pos
	for range 200 {
		r, err := u.add(strings.Repeat("x", 500))
		must(t, err)
		must(t, u.expunge(u.inbox, existing(r)))
		u.inbox.Hold(u.inbox.Version())
		u.s.sweepNow(t)
		u.s.sweepNow(t)
	}
	size := u.s.snapshots[0].size
	if most := keptSnapshots + int((u.s.log.pos-start)/uint64(size*snapshotGrowth)) + 1; written < keptSnapshots || written > most {
		t.Errorf("%d snapshots of %d octets were written while the log grew by %d", written, size, u.s.log.pos-start)
	}
	if kept := dirSize(t, filepath.Join(dir, "log")); kept > int64(start)+2*(snapshotGrowth+1)*size+10_000 {
		t.Errorf("the log has %d octets, %d before, snapshots have %d", kept, start, size)
	}
	u.close(t)
	checkStore(t, dir)
}
