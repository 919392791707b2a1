package mailfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"restante/imap"
)

// IsMaildir reports whether a folder is a Maildir, or a subfolder of one.
func IsMaildir(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, "cur"))
	return err == nil && info.IsDir()
}

// Subfolder is a folder of mail within a Maildir, as Maildir++ has them.
type Subfolder struct {
	Name string // with "/" between levels: that of .Lists.Go is Lists/Go
	Dir  string
}

// Subfolders returns the subfolders of a Maildir.
func Subfolders(dir string) (folders []Subfolder, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		sub := filepath.Join(dir, e.Name())
		if name, ok := strings.CutPrefix(e.Name(), "."); ok && e.IsDir() && IsMaildir(sub) {
			folders = append(folders, Subfolder{strings.ReplaceAll(name, ".", "/"), sub})
		}
	}
	return folders, nil
}

// Maildir reads the messages of one folder of a Maildir, the oldest first.
type Maildir struct {
	files []maildirFile
	open  *os.File // until the next message is asked for
}

type maildirFile struct {
	path     string
	modified time.Time
}

// OpenMaildir lists the messages in a folder, without those of its subfolders.
func OpenMaildir(dir string) (*Maildir, error) {
	m := &Maildir{}
	for _, sub := range []string{"cur", "new"} {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			if info, err := e.Info(); err == nil && info.Mode().IsRegular() && !strings.HasPrefix(e.Name(), ".") {
				m.files = append(m.files, maildirFile{filepath.Join(dir, sub, e.Name()), info.ModTime()})
			}
		}
	}
	slices.SortFunc(m.files, func(a, b maildirFile) int {
		if c := a.modified.Compare(b.modified); c != 0 {
			return c
		}
		return strings.Compare(filepath.Base(a.path), filepath.Base(b.path))
	})
	return m, nil
}

// Next returns the next message; io.EOF after the last.
func (m *Maildir) Next() (_ *Message, err error) {
	m.Close()
	if len(m.files) == 0 {
		return nil, io.EOF
	}
	path := m.files[0].path
	m.files = m.files[1:]
	if m.open, err = os.Open(path); err != nil {
		return nil, err
	}
	msg, err := Read(m.open, maildirFlags(path))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return msg, nil
}

// Close closes the file of the last message.
func (m *Maildir) Close() error {
	if m.open == nil {
		return nil
	}
	f := m.open
	m.open = nil
	return f.Close()
}

// maildirFlags returns the flags that a file's name tells: "...:2,FRS".
func maildirFlags(path string) (flags []imap.Flag) {
	_, info, ok := strings.Cut(filepath.Base(path), ":2,")
	if !ok {
		return nil
	}
	for _, c := range info {
		switch c {
		case 'D':
			flags = append(flags, imap.Draft)
		case 'F':
			flags = append(flags, imap.Flagged)
		case 'P':
			flags = append(flags, imap.Forwarded)
		case 'R':
			flags = append(flags, imap.Answered)
		case 'S':
			flags = append(flags, imap.Seen)
		case 'T':
			flags = append(flags, imap.Deleted)
		}
	}
	return flags
}
