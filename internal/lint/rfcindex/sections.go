package main

import (
	"regexp"
	"slices"
	"strings"

	"restante/internal/lint"
)

var (
	heading = regexp.MustCompile(`^(?:Appendix )?((?:[A-Z]|[0-9]+)(?:\.[0-9]+)*)(?:\.|:| -)?\s+(\S.*)$`)
	// contents are lines of a table of contents: dots or a page number at the end.
	contents = regexp.MustCompile(`\.{3}|(\. ){3}|\s{3,}[0-9]+$`)
)

// parse returns the sections of an RFC. What looks like a heading is one if it stands at the
// margin and has a number that can follow the section before it.
func parse(rfc, text string) (out []lint.Section) {
	lines := strings.Split(text, "\n")
	var last []int
	for i, line := range lines {
		line = strings.TrimRight(line, " \r\f")
		m := heading.FindStringSubmatch(line)
		if m == nil || contents.MatchString(line) {
			continue
		}
		path := lint.Section{Number: m[1]}.Path()
		if !follows(last, path) {
			continue
		}
		last = path
		title := strings.TrimLeft(strings.TrimSpace(m[2]), "- ")
		if next := strings.TrimRight(at(lines, i+1), " \r"); strings.HasPrefix(next, "   ") && at(lines, i+2) == "" {
			if wrapped := strings.TrimSpace(next); len(line)+len(wrapped) > 60 && len(wrapped) < 60 {
				title += " " + wrapped
			}
		}
		out = append(out, lint.Section{RFC: rfc, Number: m[1], Title: strings.Join(strings.Fields(title), " ")})
	}
	return out
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return strings.TrimRight(lines[i], " \r\f")
	}
	return ""
}

var appendixA = lint.Section{Number: "A"}.Path()

// follows reports whether a section can come after another: as its first part, or next to it or
// to what it is part of; one may be missing in between. A first appendix can follow everything.
// An RFC begins with section 0 or 1, or, as amendments do, deeper.
func follows(last, path []int) bool {
	if last == nil {
		return slices.Equal(path, []int{1}) || slices.Equal(path, []int{0}) || len(path) > 2
	}
	if slices.Equal(path, append(slices.Clone(last), 1)) || slices.Equal(path, appendixA) && last[0] < appendixA[0] {
		return true
	}
	n := len(path)
	return n <= len(last) && slices.Equal(path[:n-1], last[:n-1]) && path[n-1] > last[n-1] && path[n-1] <= last[n-1]+2
}
