package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// dirty has what must not reach a terminal: escapes in both forms, a bell, an override of
// direction, broken UTF-8.
const dirty = "a\x1b[31mb\u009b1mc\ad\u202eevil\u2066f\r\ng\xffh\u2028i\x7f\x00\u200fשלום"

func TestClean(t *testing.T) {
	if got, want := clean(dirty), "a�[31mb�1mc�devilf g�h i��\u200fשלום"; got != want {
		t.Errorf("clean: %q, want %q", got, want)
	}
	// In pieces of any size a writer does the same, but keeps lines.
	for size := 1; size < 12; size++ {
		var b bytes.Buffer
		w := cleanWriter(&b)
		for i := 0; i < len(dirty); i += size {
			if _, err := w.Write([]byte(dirty[i:min(len(dirty), i+size)])); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got, want := b.String(), "a�[31mb�1mc�devilf\ng�h\u2028i��\u200fשלום"; got != want {
			t.Errorf("in pieces of %d: %q, want %q", size, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add(dirty)
	f.Fuzz(func(t *testing.T, s string) {
		out := clean(s)
		if !utf8.ValidString(out) || strings.IndexFunc(out, unicode.IsControl) >= 0 {
			t.Errorf("clean(%q) = %q", s, out)
		}
		if again := clean(out); again != out {
			t.Errorf("cleaning %q again gives %q", out, again)
		}
	})
}

func TestTableFitsTerminal(t *testing.T) {
	rows := [][]string{
		{"7", "佐藤花子", "来週の会議についてのお知らせと資料の送付につきまして"},
		{"4711", "A sender with a name that is far too long", "Short"},
	}
	for _, cells := range []int{40, 60, 80} {
		var b strings.Builder
		o := &output{w: &b, terminal: cells, label: "home  "}
		columns := []column{{title: "UID", right: true}, {title: "FROM", max: 12}, {title: "SUBJECT", stretch: true}}
		if err := o.table(columns, true, rows); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		if len(lines) != 3 {
			t.Fatalf("%d lines:\n%s", len(lines), &b)
		}
		for _, line := range lines {
			if w := width(line); w > cells {
				t.Errorf("%d cells, %d in %q", cells, w, line)
			}
			if !strings.HasPrefix(line, "home  ") {
				t.Errorf("no label: %q", line)
			}
		}
		at := strings.Index(lines[0], "SUBJECT")
		if i := strings.Index(lines[2], "Short"); i < 0 || width(lines[2][:i]) != at {
			t.Errorf("columns are not in line:\n%s", &b)
		}
		if i := strings.Index(lines[1], "来週"); i < 0 || width(lines[1][:i]) != at {
			t.Errorf("wide columns are not in line:\n%s", &b)
		}
	}
}

func TestHumanSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 9949: "9.9 kB", 9950: "10 kB", 99_900: "100 kB",
		999_499: "999 kB", 999_999: "1.0 MB", 5_200_000: "5.2 MB", 7_000_000_000_000: "7.0 TB", 1 << 60: "1152922 TB"} {
		if got := humanSize(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestTidy(t *testing.T) {
	if got, want := tidy("\n \n a  \n\n \n\u00a0\nb\n\n"), " a\n\nb\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
