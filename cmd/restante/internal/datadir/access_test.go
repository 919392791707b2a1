package datadir

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestTighten keeps others out of a folder that is ours alone, and says so; of another it warns.
func TestTighten(t *testing.T) {
	for _, test := range []struct {
		what  string
		make  string // in the folder; a folder when it ends with a slash
		mode  os.FileMode
		after os.FileMode
		says  string
	}{
		{"a store", "log/", 0o755, 0o700, "it has the permissions 0700 now"},
		{"a store, open to its group", "log/", 0o770, 0o700, "mode=0770"},
		{"empty", "", 0o755, 0o700, "it has the permissions 0700 now"},
		{"a store that is closed", "log/", 0o700, 0o700, ""},
		{"other things", "holiday.jpg", 0o755, 0o755, "it should have the permissions 0700"},
	} {
		dir := filepath.Join(t.TempDir(), "data")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		var err error
		if name, folder := strings.CutSuffix(test.make, "/"); folder {
			err = os.Mkdir(filepath.Join(dir, name), 0o700)
		} else if name != "" {
			err = os.WriteFile(filepath.Join(dir, name), nil, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, test.mode); err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		if err := Prepare(dir, slog.New(slog.NewTextHandler(&said, nil))); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm() != test.after {
			t.Errorf("%s: %v, %v", test.what, info.Mode(), err)
		}
		if test.says == "" && said.Len() > 0 || !strings.Contains(said.String(), test.says) {
			t.Errorf("%s: says %q", test.what, &said)
		}
	}
}

// TestUmask makes what this process writes in the folder private, whatever the umask was.
func TestUmask(t *testing.T) {
	before := syscall.Umask(0)
	defer syscall.Umask(before)
	dir := filepath.Join(t.TempDir(), "a", "data")
	if err := Prepare(dir, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, dir, filepath.Dir(dir)} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", p, info.Mode(), err)
		}
	}
}

// TestOwner refuses root the store of another user, whichever of the folder and the store is the
// user's.
func TestOwner(t *testing.T) {
	another, giveAway := os.Geteuid(), func(string, int) {}
	if another == 0 {
		another, giveAway = 65534, func(path string, uid int) {
			t.Helper()
			if err := os.Chown(path, uid, -1); err != nil {
				t.Fatal(err)
			}
		}
	}
	const none = -1
	for _, test := range []struct {
		what          string
		folder, store int // their owners
		refused       bool
	}{
		{"another's", another, another, true},
		{"another's and empty", another, none, true},
		{"root's", 0, 0, false},
		{"root's and empty", 0, none, false},
		{"another's in a volume of root's", 0, another, true},
		{"root's in another's", another, 0, false},
	} {
		if os.Geteuid() != 0 && (test.folder == 0 || test.store == 0) {
			continue // only root can make these
		}
		dir := filepath.Join(t.TempDir(), "data")
		log := filepath.Join(dir, "log")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if test.store != none {
			if err := os.Mkdir(log, 0o700); err != nil {
				t.Fatal(err)
			}
			giveAway(log, test.store)
		}
		giveAway(dir, test.folder)
		err := checkOwner(dir, 0)
		if (err != nil) != test.refused || err != nil && (!strings.Contains(err.Error(), "sudo -u '") || !strings.Contains(err.Error(), dir)) {
			t.Errorf("%s: %v", test.what, err)
		}
		if err := checkOwner(dir, 1000); err != nil {
			t.Errorf("%s: not root, and refused: %v", test.what, err)
		}
	}
}
