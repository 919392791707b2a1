package datadir

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestMakeSyncs wants a new folder's parent synced, and that of each that was missing above it.
func TestMakeSyncs(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "a", "b", "data")
	var synced []string
	note := func(dir string) error {
		synced = append(synced, dir)
		return nil
	}
	for range 2 { // the second time there is nothing to make
		if err := makeDirs(dir, note); err != nil {
			t.Fatal(err)
		}
		if want := []string{top, filepath.Join(top, "a"), filepath.Join(top, "a", "b")}; !slices.Equal(synced, want) {
			t.Errorf("synced %q, want %q", synced, want)
		}
	}
	file := filepath.Join(top, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if Make(file) == nil || Make(filepath.Join(file, "data")) == nil {
		t.Error("a file is taken for a folder")
	}
}

// TestWriteFile replaces a file and leaves nothing else; who has the old one open keeps it whole.
func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "auth.key")
	if err := WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	open, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if err := WriteFile(path, []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	var old [8]byte
	n, _ := open.Read(old[:])
	now, err := os.ReadFile(path)
	info, statErr := os.Stat(path)
	if got := fmt.Sprintf("%s %s %v %v %v", old[:n], now, err, statErr, info.Mode()); got != "old new <nil> <nil> -rw-r--r--" {
		t.Error(got)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if WriteFile(filepath.Join(dir, "folder"), nil, 0o600) == nil {
		t.Error("a folder is replaced")
	}
	if left, _ := os.ReadDir(dir); len(left) != 2 {
		t.Errorf("left after a failure: %v", left)
	}
}
