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

// Maildir reads the messages of one folder of a Maildir, the oldest first.
type Maildir struct {
	files    []maildirFile
	keywords keywords
	empty    []string // paths of files with nothing in them
	open     *os.File // until the next message is asked for
}

type maildirFile struct {
	path     string
	modified time.Time
}

// OpenMaildir lists the messages in a folder, without those of its subfolders.
func OpenMaildir(dir string) (*Maildir, error) {
	words, err := readKeywords(dir)
	if err != nil {
		return nil, err
	}
	m := &Maildir{keywords: words}
	for _, sub := range []string{"cur", "new"} {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			if info, err := e.Info(); err == nil && info.Mode().IsRegular() && !strings.HasPrefix(e.Name(), ".") {
				m.add(filepath.Join(dir, sub, e.Name()), info)
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

// add adds a file, unless nothing is in it: a full disk leaves such files behind.
func (m *Maildir) add(path string, info fs.FileInfo) {
	if info.Size() == 0 {
		m.empty = append(m.empty, path)
		return
	}
	m.files = append(m.files, maildirFile{path, info.ModTime()})
}

// Empty returns the paths of files that are left out since there is nothing in them.
func (m *Maildir) Empty() []string { return m.empty }

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
	msg, err := Read(m.open, m.keywords.flags(path))
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

// flags returns the flags that a file's name tells, "...:2,FRS", and the keywords.
func (k keywords) flags(path string) (flags []imap.Flag) {
	name, info, _ := strings.Cut(filepath.Base(path), ":2,")
	for _, c := range []byte(info) {
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
		if f, ok := k.letters[c]; ok {
			flags = append(flags, f)
		}
	}
	return append(flags, k.messages[name]...)
}
