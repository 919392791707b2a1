package main

import (
	"regexp"
	"slices"
	"strconv"
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
		path := number(m[1])
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

// letters is where appendices begin, behind every section's number.
const letters = 1000

// number turns 6.4.1 and A.1 into comparable numbers.
func number(s string) (path []int) {
	for part := range strings.SplitSeq(s, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			n = letters + int(part[0]-'A')
		}
		path = append(path, n)
	}
	return path
}

// follows reports whether a section can come after another: as its first part, or next to it or
// to what it is part of; one may be missing in between. A first appendix can follow everything.
// An RFC begins with section 0 or 1, or, as amendments do, deeper.
func follows(last, path []int) bool {
	if last == nil {
		return slices.Equal(path, []int{1}) || slices.Equal(path, []int{0}) || len(path) > 2
	}
	if slices.Equal(path, append(slices.Clone(last), 1)) || slices.Equal(path, []int{letters}) && last[0] < letters {
		return true
	}
	n := len(path)
	return n <= len(last) && slices.Equal(path[:n-1], last[:n-1]) && path[n-1] > last[n-1] && path[n-1] <= last[n-1]+2
}
