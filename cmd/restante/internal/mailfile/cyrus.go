package mailfile

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// isCyrus reports whether a folder is a mailbox in the spool of Cyrus.
func isCyrus(dir string) bool { return exists(dir, "cyrus.header") || exists(dir, "cyrus.index") }

// cyrusFolders returns a mailbox in the spool of Cyrus and those below it.
func cyrusFolders(dir, name string) (folders []Folder, err error) {
	if isCyrus(dir) {
		folders = append(folders, Folder{Name: name, Dir: dir, cyrus: true})
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		level := decodeName(strings.ReplaceAll(e.Name(), "^", ".")) // "^" where "/" is between levels
		if name != "" {
			level = name + "/" + level
		}
		below, err := cyrusFolders(filepath.Join(dir, e.Name()), level)
		if err != nil {
			return nil, err
		}
		folders = append(folders, below...)
	}
	return folders, nil
}

// openCyrus lists the messages in a mailbox of Cyrus, in the order of their UIDs: a message is the file
// "UID.", last changed when it was received. Its flags are elsewhere, in a form of its own.
func openCyrus(dir string) (*Maildir, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	m := &Maildir{}
	uids := map[string]uint64{}
	for _, e := range entries {
		number, ok := strings.CutSuffix(e.Name(), ".")
		uid, err := strconv.ParseUint(number, 10, 32)
		if info, infoErr := e.Info(); ok && err == nil && infoErr == nil && info.Mode()&fs.ModeType == 0 {
			path := filepath.Join(dir, e.Name())
			uids[path] = uid
			m.add(path, info)
		}
	}
	slices.SortFunc(m.files, func(a, b maildirFile) int { return cmp.Compare(uids[a.path], uids[b.path]) })
	return m, nil
}
