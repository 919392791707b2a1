package mailfile

import (
	"cmp"
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
// "UID.". Its flags and when it was received are in the index; what is expunged is left out.
func openCyrus(dir string) (*Maildir, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	m := &Maildir{}
	noted, version, err := readCyrus(dir)
	const remedy = "to bring them, copy over IMAP from the running Cyrus, with a program such as imapsync or mbsync"
	switch {
	case err != nil:
		m.warn("%s: flags are not read, and messages that were expunged may come back: %v; %s", dir, err, remedy)
	case version < cyrusWithSeen:
		m.warn("%s: which messages have been read is not known: before version 2.4 Cyrus keeps that in another place; %s", dir, remedy)
	}
	uids := map[string]uint32{}
	for _, e := range entries {
		number, ok := strings.CutSuffix(e.Name(), ".")
		uid, err := strconv.ParseUint(number, 10, 32)
		info, infoErr := e.Info()
		if !ok || err != nil || infoErr != nil || !info.Mode().IsRegular() {
			continue
		}
		path, about := filepath.Join(dir, e.Name()), noted[uint32(uid)]
		if !about.expunged {
			uids[path] = uint32(uid)
			m.add(maildirFile{path: path, modified: info.ModTime(), received: about.received, flags: about.flags}, info.Size())
		}
	}
	slices.SortFunc(m.files, func(a, b maildirFile) int { return cmp.Compare(uids[a.path], uids[b.path]) })
	return m, nil
}
