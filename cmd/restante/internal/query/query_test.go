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
		{[]string{`"from:bob"`, `-"is:x"`}, `TEXT "from:bob" NOT TEXT "is:x"`},
		{[]string{"Re: lunch", "12:30", ":x", "x:"}, `TEXT "Re: lunch" TEXT "12:30" TEXT ":x" TEXT "x:"`},
	} {
		key, warnings, err := Parse(tc.words)
		if len(warnings) > 0 {
			t.Errorf("%q: warns %q", tc.words, warnings)
		}
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
		if key, _, err := Parse(words); err == nil {
			t.Errorf("%q is taken for %s", words, searchText(t, key))
		}
	}
}

// TestUnknownPrefix warns of what may be a misspelt prefix, and searches for the text.
func TestUnknownPrefix(t *testing.T) {
	for _, w := range []string{"frm:bob", "-frm:bob", "Sender:bob", `frm:"a b"`} {
		key, warnings, err := Parse([]string{w, "lunch"})
		if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "from:, ") {
			t.Errorf("%s: %s, %q, %v", w, searchText(t, key), warnings, err)
		}
		if text := strings.ReplaceAll(strings.TrimPrefix(w, "-"), `"`, ""); !strings.Contains(searchText(t, key), `TEXT "`+text+`"`) {
			t.Errorf("%s: %s", w, searchText(t, key))
		}
	}
}

func TestSplitWords(t *testing.T) {
	for in, want := range map[string][]word{
		`a b`:           {{`a b`, false}},
		`"a b"`:         {{`a b`, true}},
		`"a b" c`:       {{`a b`, true}, {`c`, false}},
		`from:"a b"  c`: {{`from:a b`, false}, {`c`, false}},
		`-"a b"`:        {{`-a b`, true}},
		`"a`:            {{`a`, true}},
		`""`:            {{``, true}},
	} {
		if got := splitWords(in); !slices.Equal(got, want) {
			t.Errorf("%s: %+v, want %+v", in, got, want)
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
