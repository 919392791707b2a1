package client

import (
	"slices"
	"testing"

	"restante/imap"
)

func TestDestinations(t *testing.T) {
	parse := func(s string) []imap.Range[imap.UID] {
		r, err := imap.ParseRanges[imap.UID](s)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	got := destinations(imap.CopyResult{UIDValidity: 1, Source: parse("3,5:7,9"), Dest: parse("100:104")})
	for from, to := range map[imap.UID]imap.UID{3: 100, 5: 101, 6: 102, 7: 103, 9: 104} {
		if got[from] != to {
			t.Errorf("%d became %d, want %d", from, got[from], to)
		}
	}
	if got := destinations(imap.CopyResult{}); len(got) != 0 {
		t.Error(got)
	}
	if got := expandRanges(parse("4:2")); !slices.Equal(got, []imap.UID{4, 3, 2}) {
		t.Error(got)
	}
}
