package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"restante/internal/lint"
)

// TestRun adds an RFC, and a section of prose because it is cited.
func TestRun(t *testing.T) {
	root, rfcs := t.TempDir(), t.TempDir()
	for path, text := range map[string]string{
		filepath.Join(rfcs, "rfc5161.txt"): "1.  Overview\n\n2.  Conventions Used in This Document\n\n3.  Protocol Changes\n\n" +
			"3.1.  The ENABLE Command\n\n4.  IANA Considerations\n\n4.1.  A Registry\n\n5.  Formal Syntax\n",
		filepath.Join(rfcs, "rfc2971.txt"):           "1.  Introduction\n\n2.  Conventions\n\n3.  Specification\n",
		filepath.Join(root, "imap", "id.go"):         "package imap\n\n// See RFC 2971 §1 and RFC 2971 §3.\n",
		filepath.Join(root, "docs", "rfc-index.tsv"): "RFC\tsection\ttitle\tstatus\tcode\ttranscripts\ttests\tseeds\n2971\t3\tSpecification\tdone\t\t\t\t\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := run(root, rfcs, "5161"); err != nil {
		t.Fatal(err)
	}
	sections, err := lint.ReadIndex(root)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range sections {
		got = append(got, s.Key()+" "+s.Status+" "+strings.Join(s.Files[0], " "))
	}
	want := "2971 1  imap/id.go|2971 3 done imap/id.go|5161 3  |5161 3.1  |5161 5  "
	if strings.Join(got, "|") != want {
		t.Errorf("got  %q\nwant %q", strings.Join(got, "|"), want)
	}
	if err := run(root, rfcs, "1"); err == nil {
		t.Error("an RFC without a text was added")
	}
}
