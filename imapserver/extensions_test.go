package imapserver

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestExtensionsDocs compares the table in docs/extensions.md with the extensions that there are.
func TestExtensionsDocs(t *testing.T) {
	text, err := os.ReadFile("../docs/extensions.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, "|"); len(cells) > 3 {
			told[strings.TrimSpace(cells[1])] = slices.Contains([]string{"yes", "set"}, strings.TrimSpace(cells[3]))
		}
	}
	offered := map[string]bool{}
	for _, x := range extensions {
		offered[x.name] = true
	}
	for _, base := range []string{"IMAP4rev1", "IMAP4rev2", "LOGIN", "AUTHENTICATE"} {
		delete(offered, base)
	}
	maps.DeleteFunc(told, func(_ string, yes bool) bool { return !yes })
	if !maps.Equal(told, offered) {
		t.Errorf("docs/extensions.md has %v, the server %v", slices.Sorted(maps.Keys(told)), slices.Sorted(maps.Keys(offered)))
	}
}
