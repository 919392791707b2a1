package mailfile

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// describe reads all messages and writes each as one line: flags, date, octets.
func describe(t *testing.T, next func() (*Message, error)) (lines []string) {
	t.Helper()
	for {
		m, err := next()
		if err == io.EOF {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(m.Body)
		if err != nil || int64(len(text)) != m.Size {
			t.Fatalf("%d octets of %d, %v", len(text), m.Size, err)
		}
		date := ""
		if !m.Date.IsZero() {
			date = m.Date.UTC().Format(time.DateTime)
		}
		lines = append(lines, fmt.Sprintf("%v %s %q", m.Flags, date, text))
	}
}

func check(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestMbox(t *testing.T) {
	m := NewMbox(strings.NewReader("From ann@example.org Sat Jan  3 01:05:34 1996\n" +
		"Status: RO\nX-Status: AF\n\n>From there\n>>From quoted\nFrom within\n\n" +
		"From bob\nSubject: no date\r\n\r\nend"))
	if !m.IsMbox() {
		t.Error("not recognized")
	}
	check(t, describe(t, m.Next),
		`[\Seen \Answered \Flagged] 1996-01-03 01:05:34 "Status: RO\r\nX-Status: AF\r\n\r\nFrom there\r\n>From quoted\r\nFrom within\r\n"`,
		`[]  "Subject: no date\r\n\r\nend"`)
}

func TestMaildir(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"cur/2:2,FRS":         "second\n",
		"cur/1:2,":            "first\r\n",
		"new/3":               "third",
		"new/.hidden":         "x",
		"tmp/4":               "x",
		".Lists.Go/cur/5:2,T": "a list\n",
		".notes/x":            "x",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		// Older names are older files.
		when := time.Date(2026, 1, int(filepath.Base(path)[0]), 0, 0, 0, 0, time.UTC)
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	if !IsMaildir(dir) || IsMaildir(filepath.Join(dir, "cur")) {
		t.Error("a Maildir is a folder with a folder cur")
	}
	read := func(dir string) []string {
		m, err := OpenMaildir(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		return describe(t, m.Next)
	}
	check(t, read(dir), `[] 2026-02-18 00:00:00 "first\r\n"`, `[\Flagged \Answered \Seen] 2026-02-19 00:00:00 "second\r\n"`, `[] 2026-02-20 00:00:00 "third"`)
	folders, err := Folders(dir)
	if err != nil || len(folders) != 2 || folders[1].Name != "Lists/Go" || folders[1].Subscribed != nil {
		t.Fatal(folders, err)
	}
	check(t, read(folders[1].Dir), `[\Deleted] 2026-02-22 00:00:00 "a list\r\n"`)
}

func TestCRLF(t *testing.T) {
	for in, want := range map[string]string{"": "", "a": "a", "a\nb\r\nc": "a\r\nb\r\nc", "a\r\n": "a\r\n", "\n\n": "\r\n\r\n"} {
		if got := string(CRLF([]byte(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
