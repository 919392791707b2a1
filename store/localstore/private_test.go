package localstore

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// public returns what others than the owner can read or enter, or the owner cannot.
func public(t *testing.T, dir string) (out []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if got := info.Mode().Perm(); got != want {
			out = append(out, strings.TrimPrefix(path, dir)+" "+got.String())
		}
		return nil
	}))
	return out
}

// TestPrivate checks that nobody else can read anything of a store: of a new one, whatever the umask
// is, of one whose folder was made by somebody else, and of one of before that was open to all.
func TestPrivate(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	dir := filepath.Join(t.TempDir(), "store")
	must(t, os.Mkdir(dir, 0o755))
	o := &Options{SegmentSize: 1000, InlineMessage: 100}
	use := func() {
		t.Helper()
		s := openQuiet(t, dir, o)
		var u *user
		if accounts, err := s.User(ctx, "ann"); err == nil {
			u = openUser(t, s, accounts.ID)
		} else {
			u = newUser(t, s, "ann")
		}
		for range 5 {
			_, err := u.add("hello", strings.Repeat("x", 101))
			must(t, err)
		}
		s.sweepNow(t)
		must(t, s.writeSnapshot())
		if got := public(t, dir); len(got) > 0 {
			t.Errorf("while open: %q", got)
		}
		u.close(t)
		if got := public(t, dir); len(got) > 0 {
			t.Errorf("closed: %q", got)
		}
	}
	use()
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, _ error) error {
		if d.IsDir() {
			return os.Chmod(path, 0o755)
		}
		return os.Chmod(path, 0o644)
	}))
	use()
	must(t, os.RemoveAll(filepath.Join(dir, "index"))) // and it is made anew
	use()
}
