package lint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestIndex checks docs/rfc-index.tsv.
func TestIndex(t *testing.T) {
	tree, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range checkIndex(root, tree) {
		t.Error(found)
	}
}

// newModule writes an index and files, and returns the folder and what it holds.
func newModule(t *testing.T, index string, files ...string) (string, *Tree) {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, dir, IndexPath, index)
	tree := &Tree{}
	for i := 0; i < len(files); i += 2 {
		if err := tree.add(files[i], []byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	return dir, tree
}

func writeFile(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// citing are files of every kind.
var citing = []string{
	"imapserver/testdata/copy.imap", "# RFC 9051 §6.4.7: all or nothing.\n",
	"imapserver/copy.go", "package imapserver\n\n// See RFC 9051 §6.4.7 and RFC 9051 §6.4.7.\n",
	"imapclient/copy.go", "package imapclient\n\n// See RFC 9051 §6.4.7.\n",
	"imapserver/copy_test.go", "package imapserver\n\n// RFC 9051\n// §6.4.7\n",
	"imapwire/testdata/commands.txt", "# RFC 9051 §6.4.7\nA COPY 1 x\n",
	"imapwire/testdata/fuzz/FuzzParseCommand/rfc9051-6.4.7-set", "go test fuzz v1\n",
	"README.md", "RFC 9051 §6.4.7",
	"internal/lint/index.go", "package lint\n\n// RFC 9051 §6.4.7\n",
}

func TestFormatIndex(t *testing.T) {
	dir, tree := newModule(t, header+"\n"+
		"9051\tA\tAppendix\tdone\t\t\t\t\n"+
		"9051\t6.4.10\tTen\tdone\tgone.go\t\t\t\n"+
		"9051\t6.4.7\tCOPY Command\tdone\t\t\t\t\n"+
		"9051\t6.4.7\tCOPY Command\tdone\timap/x.go\t\t\t\n"+
		"9051\t1\tIntroduction\tprose\t\t\t\t\n"+
		"822\t3\tOld\tout of scope\t\t\t\t\n", citing...)
	sections, err := ReadIndex(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := header + "\n" +
		"822\t3\tOld\tout of scope\t\t\t\t\n" +
		"9051\t6.4.7\tCOPY Command\tdone\timapclient/copy.go imapserver/copy.go\timapserver/testdata/copy.imap\timapserver/copy_test.go\t" +
		"imapwire/testdata/commands.txt imapwire/testdata/fuzz/FuzzParseCommand/rfc9051-6.4.7-set\n" +
		"9051\t6.4.10\tTen\tdone\t\t\t\t\n" +
		"9051\tA\tAppendix\tdone\t\t\t\t\n"
	if got := string(FormatIndex(sections, tree)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	found := checkIndex(dir, tree)
	if len(found) != 1 || !strings.Contains(found[0], "row 2,") || !strings.Contains(found[0], "run go run ./internal/lint/rfcindex") {
		t.Errorf("of an old index: %q", found)
	}
	writeFile(t, dir, IndexPath, want)
	if found := checkIndex(dir, tree); len(found) != 0 {
		t.Errorf("of what was written: %q", found)
	}
}

// TestCheckIndex shows that an index is refused for what only people can put right.
func TestCheckIndex(t *testing.T) {
	if found := checkIndex(t.TempDir(), &Tree{}); len(found) != 1 || !strings.Contains(found[0], "missing") {
		t.Errorf("without an index: %q", found)
	}
	row := "9051\t6.4.7\tCOPY Command\t%\timapclient/copy.go imapserver/copy.go\timapserver/testdata/copy.imap\timapserver/copy_test.go\t" +
		"imapwire/testdata/commands.txt imapwire/testdata/fuzz/FuzzParseCommand/rfc9051-6.4.7-set\n"
	for _, tt := range []struct{ rows, want string }{
		{strings.ReplaceAll(row, "%", "done"), ""},
		{strings.ReplaceAll(row, "%", "partial"), ""},
		{strings.ReplaceAll(row, "%", "prose"), ""},
		{strings.ReplaceAll(row, "%", "perhaps"), `has the status "perhaps"`},
		{strings.ReplaceAll(row, "%", ""), `has the status ""`},
		{strings.ReplaceAll(row, "%", "planned"), "is planned, but imapserver/testdata/copy.imap tests it"},
		{strings.ReplaceAll(row, "%", "planned") + strings.ReplaceAll(row, "%", "done"), `is "done" here and "planned" before`},
		{"9051\t6.1.2\tNOOP Command\tdone\t\t\t\t\n", "is done, but no transcript cites it"},
		{"9051\t6.1.2\tNOOP Command\tdone\t\n", "not the columns"},
	} {
		dir, tree := newModule(t, header+"\n"+tt.rows, citing...)
		found := strings.Join(checkIndex(dir, tree), "\n")
		if tt.want == "" && found != "" || !strings.Contains(found, tt.want) {
			t.Errorf("%q: found %q, want %q", tt.rows, found, tt.want)
		}
	}
}
