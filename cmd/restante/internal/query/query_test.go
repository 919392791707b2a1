package query

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
		key, err := Parse(tc.words)
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
		if key, err := Parse(words); err == nil {
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

// searchText returns a key as it stands in a command.
func searchText(t *testing.T, key imap.SearchKey) string {
	t.Helper()
	var e imapwire.Encoder
	if err := e.Command("a", &imapwire.Search{Key: key}); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(strings.TrimPrefix(string(e.Bytes()), "a SEARCH "), "\r\n")
}
