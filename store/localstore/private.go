package localstore

import (
	"os"
	"path/filepath"
)

// makePrivate lets nobody else into the directories, or at the files in them: the index has what
// passwords are verified with. It looks at the files of a directory only when others could get at
// them. An error is that the directory belongs to somebody else; it is only told.
func (s *Store) makePrivate() {
	dirs := []string{s.dir, s.log.dir, s.largeDir(), s.snapshotDir()}
	indexes, _ := filepath.Glob(s.indexDir() + "*") // and those that are damaged
	for _, dir := range append(dirs, indexes...) {
		if err := tighten(dir); err != nil {
			s.o.Log.Warn("localstore: cannot make files private", "dir", dir, "err", err)
		}
	}
}

// tighten makes the files in a directory private, and then the directory.
func tighten(dir string) error {
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() == 0o700 {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		path := filepath.Join(dir, e.Name())
		info, err := e.Info()
		if err == nil && info.Mode().Perm() != 0o600 {
			err = os.Chmod(path, 0o600)
		}
		if err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return os.Chmod(dir, 0o700)
}
