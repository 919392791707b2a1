package main

import (
	"slices"
	"strings"
	"testing"

	"restante/imap"
	"restante/imapwire"
)

// TestParseQuery compares with what would be sent.
func TestParseQuery(t *testing.T) {
	for _, tc := range []struct {
		words []string
		want  string
	}{
		{[]string{"lunch"}, `TEXT "lunch"`},
		{[]string{"lunch", "from:bob"}, `TEXT "lunch" FROM "bob"`},
		{[]string{"annual report"}, `TEXT "annual report"`},
		{[]string{`subject:"annual report" -from:bob`}, `SUBJECT "annual report" NOT FROM "bob"`},
		{[]string{"is:unread", "-is:flagged"}, `UNSEEN NOT FLAGGED`},
		{[]string{"larger:1.5M", "smaller:2G"}, `LARGER 1500000 SMALLER 2000000000`},
		{[]string{"larger:500", "larger:10kb"}, `LARGER 500 LARGER 10000`},
		{[]string{"since:2026-01-31", "before:2026-02-01", "on:2026-03-01"}, `SINCE 31-Jan-2026 BEFORE 1-Feb-2026 ON 1-Mar-2026`},
		{[]string{"keyword:todo", "keyword:forwarded"}, `KEYWORD todo KEYWORD $Forwarded`},
		{[]string{"to:a", "cc:b", "body:c", "subject:d"}, `TO "a" CC "b" BODY "c" SUBJECT "d"`},
		{[]string{"--x"}, `NOT NOT TEXT "x"`},
		{[]string{"-"}, `TEXT "-"`},
		{[]string{"http://example.org"}, `TEXT "http://example.org"`},
		{[]string{"FROM:Bob"}, `FROM "Bob"`},
	} {
		key, err := parseQuery(tc.words)
		if err != nil {
			t.Errorf("%q: %v", tc.words, err)
			continue
		}
		if got := searchText(t, key); got != tc.want {
			t.Errorf("%q:\n got %s\nwant %s", tc.words, got, tc.want)
		}
	}
	for _, words := range [][]string{{}, {""}, {"from:"}, {"is:green"}, {"since:today"}, {"since:2026-13-01"}, {"larger:x"}, {"larger:-1"},
		{"larger:inf"}, {"larger:5G"}, {"keyword:a b"}, {"-from:"}, {`""`}} {
		if key, err := parseQuery(words); err == nil {
			t.Errorf("%q is taken for %s", words, searchText(t, key))
		}
	}
}

func TestSplitWords(t *testing.T) {
	for in, want := range map[string][]string{
		`a b`:           {`a b`},
		`"a b"`:         {`a b`},
		`"a b" c`:       {`a b`, `c`},
		`from:"a b"  c`: {`from:a b`, `c`},
		`"a`:            {`a`},
		`""`:            {``},
	} {
		if got := splitWords(in); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestNewestOf(t *testing.T) {
	var set imap.UIDSet
	set.AddRange(1, 10)
	set.AddRange(20, 22)
	set.Add(4_294_967_295)
	for n, want := range map[int]string{0: "", 1: "4294967295", 2: "22,4294967295", 4: "20:22,4294967295", 6: "9:10,20:22,4294967295", 99: "1:10,20:22,4294967295"} {
		if got := newestOf(set, n).String(); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

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
	if got := expand(parse("4:2")); !slices.Equal(got, []imap.UID{4, 3, 2}) {
		t.Error(got)
	}
}

// searchText returns a key as it stands in a command.
func searchText(t *testing.T, key imap.SearchKey) string {
	t.Helper()
	var e imapwire.Encoder
	if err := e.Command("a", &imapwire.Search{Key: key}); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(strings.TrimPrefix(string(e.Bytes()), "a SEARCH "), "\r\n")
}
