package output

import (
	"strings"
	"testing"

	"restante/cmd/restante/internal/terminal"
)

func TestTableFitsTerminal(t *testing.T) {
	rows := [][]string{
		{"7", "佐藤花子", "来週の会議についてのお知らせと資料の送付につきまして"},
		{"4711", "A sender with a name that is far too long", "Short"},
	}
	for _, cells := range []int{40, 60, 80} {
		var b strings.Builder
		o := &Printer{W: &b, Width: cells, Label: "home  "}
		columns := []Column{{Title: "UID", Right: true}, {Title: "FROM", Max: 12}, {Title: "SUBJECT", Stretch: true}}
		if err := o.Table(columns, true, rows); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		if len(lines) != 3 {
			t.Fatalf("%d lines:\n%s", len(lines), &b)
		}
		for _, line := range lines {
			if w := terminal.Width(line); w > cells {
				t.Errorf("%d cells, %d in %q", cells, w, line)
			}
			if !strings.HasPrefix(line, "home  ") {
				t.Errorf("no Label: %q", line)
			}
		}
		at := strings.Index(lines[0], "SUBJECT")
		if i := strings.Index(lines[2], "Short"); i < 0 || terminal.Width(lines[2][:i]) != at {
			t.Errorf("columns are not in line:\n%s", &b)
		}
		if i := strings.Index(lines[1], "来週"); i < 0 || terminal.Width(lines[1][:i]) != at {
			t.Errorf("wide columns are not in line:\n%s", &b)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 9949: "9.9 kB", 9950: "10 kB", 99_900: "100 kB",
		999_499: "999 kB", 999_999: "1.0 MB", 5_200_000: "5.2 MB", 7_000_000_000_000: "7.0 TB", 1 << 60: "1152922 TB"} {
		if got := Size(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
