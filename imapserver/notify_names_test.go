package imapserver

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"restante/mailbox"
)

// TestSplitRenames tells of renames as renames where a client knows the names afterwards (RFC 5465 §5.4).
func TestSplitRenames(t *testing.T) {
	renamed := func(pairs ...string) (all []mailbox.RenamedEntry) {
		for i, pair := range pairs {
			from, to, _ := strings.Cut(pair, ">")
			id := mailbox.ID(i + 1)
			all = append(all, mailbox.RenamedEntry{Old: mailbox.Entry{ID: id, Name: from}, New: mailbox.Entry{ID: id, Name: to}})
		}
		return all
	}
	entries := func(names ...string) (all []mailbox.Entry) {
		for i, name := range names {
			all = append(all, mailbox.Entry{ID: mailbox.ID(100 + i), Name: name})
		}
		return all
	}
	var many []string
	for i := range maxRenames + 1 {
		many = append(many, fmt.Sprintf("a%d>b%d", i, i))
	}
	for name, tt := range map[string]struct {
		renamed          []mailbox.RenamedEntry
		deleted, created []mailbox.Entry
		want             int // how many are still renamed
	}{
		"with what is below":       {renamed("a>d", "a/b>d/b"), nil, entries("x"), 2},
		"two":                      {renamed("a>d", "c>e"), entries("x"), nil, 2},
		"below itself":             {renamed("a>a/b", "a/c>a/b/c"), nil, nil, 2},
		"what was below is gone":   {renamed("a>d", "a/c>d/c"), entries("a/b"), nil, 0},
		"the old name is new":      {renamed("a>d"), nil, entries("a"), 0},
		"what was there is gone":   {renamed("a>d"), entries("d/b"), nil, 0},
		"below goes elsewhere":     {renamed("a>d", "a/b>e"), nil, nil, 1}, // a/b is, before the others are told
		"two change places":        {renamed("a>c", "c>a"), nil, nil, 0},
		"one of two has a sibling": {renamed("a>d", "c>e"), entries("e/x"), nil, 1},
		"too many":                 {renamed(many...), nil, nil, 0},
	} {
		d := mailbox.NamespaceDelta{Renamed: slices.Clone(tt.renamed), Deleted: slices.Clone(tt.deleted), Created: slices.Clone(tt.created)}
		new(ownChanges).splitRenames(&d)
		split := len(tt.renamed) - tt.want
		if len(d.Renamed) != tt.want || len(d.Deleted) != len(tt.deleted)+split || len(d.Created) != len(tt.created)+split {
			t.Errorf("%s: %d renamed, %d deleted, %d created", name, len(d.Renamed), len(d.Deleted), len(d.Created))
		}
	}
}
