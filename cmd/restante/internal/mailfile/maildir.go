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
	warnings []string
	open     *os.File // until the next message is asked for
}

type maildirFile struct {
	path     string
	modified time.Time

	// What is known of the message otherwise than from its file.
	received time.Time // zero: it is the time of the file
	flags    []imap.Flag
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
				m.add(maildirFile{path: filepath.Join(dir, sub, e.Name()), modified: info.ModTime()}, info.Size())
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
func (m *Maildir) add(f maildirFile, size int64) {
	if size == 0 {
		m.warn("%s is empty and left out", f.path)
		return
	}
	m.files = append(m.files, f)
}

func (m *Maildir) warn(format string, args ...any) {
	m.warnings = append(m.warnings, fmt.Sprintf(format, args...))
}

// Warnings returns what people should know of what is left out.
func (m *Maildir) Warnings() []string { return m.warnings }

// Next returns the next message; io.EOF after the last.
func (m *Maildir) Next() (_ *Message, err error) {
	m.Close()
	if len(m.files) == 0 {
		return nil, io.EOF
	}
	f := m.files[0]
	m.files = m.files[1:]
	if m.open, err = os.Open(f.path); err != nil {
		return nil, err
	}
	msg, err := Read(m.open, append(m.keywords.flags(f.path), f.flags...))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.path, err)
	}
	if !f.received.IsZero() {
		msg.Date = f.received
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
