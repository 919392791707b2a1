package fsblob_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"restante/blob"
	"restante/blob/blobtest"
	"restante/blob/fsblob"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, dir string) *fsblob.Store {
	s, err := fsblob.Open(dir)
	must(t, err)
	return s
}

func Test(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store { return open(t, filepath.Join(t.TempDir(), "bodies")) })
}

// put stores "body" under a new key.
func put(t *testing.T, s *fsblob.Store) blob.Key {
	key := blob.NewKey(20000, 7)
	must(t, s.Put(t.Context(), key, strings.NewReader("body"), 4))
	return key
}

func TestPutTwice(t *testing.T) {
	s := open(t, t.TempDir())
	key := put(t, s)
	if err := s.Put(t.Context(), key, strings.NewReader("other"), 5); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), string(key)) {
		t.Errorf("a key that is in use: %v", err)
	}
	r, err := s.Open(t.Context(), key, 0)
	must(t, err)
	if octets, err := io.ReadAll(r); string(octets) != "body" || err != nil {
		t.Errorf("%q, %v", octets, err)
	}
	must(t, r.Close())
}

func TestPermissions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bodies")
	put(t, open(t, dir))
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		must(t, err)
		info, err := d.Info()
		must(t, err)
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: others may read it: %v", path, info.Mode())
		}
		return nil
	}))
}

// Nothing is left when the last object is gone, nor when Put fails.
func TestLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	must(t, s.Delete(t.Context(), put(t, s)))
	if err := s.Put(t.Context(), blob.NewKey(1, 1), bytes.NewReader(nil), 1); err == nil {
		t.Error("a body without octets was stored")
	}
	var left []string
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		left = append(left, path)
		return err
	}))
	if len(left) != 2 || filepath.Base(left[1]) != "tmp" {
		t.Errorf("%q is left", left)
	}
}

func TestAbandoned(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	old, young := filepath.Join(dir, "tmp", "old"), filepath.Join(dir, "tmp", "young")
	must(t, os.WriteFile(old, nil, 0o600))
	must(t, os.WriteFile(young, nil, 0o600))
	yesterday := time.Now().Add(-25 * time.Hour)
	must(t, os.Chtimes(old, yesterday, yesterday))
	open(t, dir)
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was abandoned is there: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("what may be written to is not there: %v", err)
	}
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, nil, 0o600))
	for path, want := range map[string]string{
		filepath.Join(dir, "a", "b"):  "there is no folder " + filepath.Join(dir, "a"),
		file:                          "is not a folder",
		filepath.Join(file, "bodies"): "not a directory",
	} {
		if _, err := fsblob.Open(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v instead of %s", path, err, want)
		}
	}
}

// When the folder goes away, as with a disk that is not mounted, nothing is known of any object.
func TestUnmounted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bodies")
	s := open(t, dir)
	key := put(t, s)
	must(t, os.RemoveAll(dir))
	must(t, os.Mkdir(dir, 0o700)) // where it was mounted
	ctx := context.Background()
	_, opened := s.Open(ctx, key, 0)
	var listed error
	for _, listed = range s.List(ctx, 20000) {
	}
	for name, err := range map[string]error{
		"Check":  s.Check(ctx),
		"Open":   opened,
		"List":   listed,
		"Delete": s.Delete(ctx, key),
		"Put":    s.Put(ctx, blob.NewKey(20000, 7), strings.NewReader("body"), 4),
	} {
		if err == nil || errors.Is(err, blob.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Check(ctx); !strings.Contains(err.Error(), "mounted") {
		t.Error(err)
	}
}
