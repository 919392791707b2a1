package mailfile

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// write makes files in a folder; a name that ends in "/" is a folder.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if strings.HasSuffix(name, "/") {
			text = ""
			path = filepath.Join(path, "x")
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// list returns each folder as a line: its name, whether it is subscribed, and its messages' flags.
func list(t *testing.T, dir string) (lines []string) {
	t.Helper()
	folders, err := Folders(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		line := fmt.Sprintf("%q", f.Name)
		if f.Subscribed != nil {
			line += fmt.Sprintf(" %v", *f.Subscribed)
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		for {
			m, err := r.Next()
			if err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(m.Body)
			if err != nil {
				t.Fatal(err)
			}
			line += fmt.Sprintf(" %s%v", strings.TrimSpace(string(text)), m.Flags)
		}
		r.Close()
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

func TestFolders(t *testing.T) {
	for name, tc := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"Dovecot": {map[string]string{
			"cur/1:2,Sab": "A: 1", "dovecot-keywords": "0 todo\n1 $Label1\n2 bad\"name\nx y\n",
			"subscriptions":                     "V\t2\n\nINBOX\nLists\tGo\nK&APY-ln\n",
			".K&APY-ln/cur/2:2,a":               "A: 2",
			".K&APY-ln/dovecot-keywords":        "0 other\n",
			".Lists.Go/cur/":                    "",
			".Lists/maildirfolder":              "",
			".&ZeVnLIqe-.&U,BTFw-/cur/3:2,FX,c": "A: 3",
			".Größe/cur/":                       "", // UTF-8, as newer servers have it
			".notes/x":                          "",
		}, []string{`"" true A: 1[\Seen todo $Label1]`, `"Größe" false`, `"Köln" true A: 2[other]`, `"Lists" false`, `"Lists/Go" true`,
			`"日本語/台北" false A: 3[\Flagged]`}},
		"Courier": {map[string]string{
			"cur/1.host,S=4:2,S": "A: 1", "cur/2.host:2,": "A: 2", "new/3.host": "A: 3", "cur/4.host:2,": "A: 4",
			"courierimapkeywords/:list":     "todo\nwork\n\n1.host,S=4:0 1\n2.host:1\n4.host:0\n5.gone:0 9\nbroken\n",
			"courierimapkeywords/.1.2.host": "old\n",
			"courierimapkeywords/.2.2.host": "new\n",
			"courierimapkeywords/3.host":    "todo\nlater\n",
			"courierimapkeywords/4.host":    "",
			"courierimapsubscribed":         "INBOX\nINBOX.Sent\nINBOX.Old.K&APY-ln\n",
			".Sent/cur/":                    "", ".Old.K&APY-ln/cur/": "", ".Old/cur/": "",
		}, []string{`"" true A: 1[\Seen todo work] A: 2[new] A: 3[todo later] A: 4[]`, `"Old" false`, `"Old/Köln" true`, `"Sent" true`}},
		"folders": {map[string]string{
			"cur/1": "A: 1", "Lists/Go/cur/2": "A: 2", "Lists/Go/K&APY-ln/cur/": "", "courierimapkeywords/": "", "Lists/Go/tmp/": "",
			"v1.2/cur/": "", "subscriptions": "Lists/Go\nv1.2\n",
		}, []string{`"" false A: 1[]`, `"Lists/Go" true A: 2[]`, `"Lists/Go/Köln" false`, `"v1.2" true`}},
		"marked as a subfolder": {map[string]string{ // as Dovecot marks INBOX
			"cur/1": "A: 1", "maildirfolder": "", ".Other/cur/": "",
		}, []string{`"" A: 1[]`, `"Other"`}},
		"Cyrus": {map[string]string{
			"cyrus.header": "", "cyrus.index": "", "cyrus.cache": "", "10.": "A: 10", "9.": "A: 9", "x.": "no",
			"Lists/Go^1/cyrus.index": "", "Lists/Go^1/1.": "A: 1", "K&APY-ln/cyrus.header": "",
		}, []string{`"" A: 9[] A: 10[]`, `"Köln"`, `"Lists/Go.1" A: 1[]`}},
		"slash within a level": {map[string]string{"cur/": "", ".a&AC8-b/cur/": "", ".a&AC8AwAA-/cur/": ""}, []string{`""`, `"a&AC8-b"`, `"a&AC8AwAA-"`}},
		"neither":              {map[string]string{"x": ""}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, tc.files)
			sameAge(t, dir)
			check(t, list(t, dir), tc.want...)
		})
	}
}

var fileTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// sameAge makes all files equally old, so that their names order them.
func sameAge(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, fileTime, fileTime)
	})
	if err != nil {
		t.Fatal(err)
	}
}
