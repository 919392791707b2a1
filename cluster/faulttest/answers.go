package main

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
)

var (
	logMessage = regexp.MustCompile(`level=(\w+) msg=("[^"]*"|\S+)(?:.* err=("(?:[^"\\]|\\.)*"|\S+))?`)
	numbers    = regexp.MustCompile(`[0-9a-f]{8,}|\d+`)
)

// summarize counts the lines of logs that say the same.
func summarize(lines []string) map[string]int {
	counts := map[string]int{}
	for _, line := range lines {
		if m := logMessage.FindStringSubmatch(line); m != nil {
			line = m[1] + " " + m[2] + " " + m[3]
		}
		counts[withoutNumbers(line)]++
	}
	return counts
}

// withoutNumbers makes one text of those that differ in numbers and names made of digits only.
func withoutNumbers(text string) string { return numbers.ReplaceAllString(text, "N") }

// tellCounts prints what was said, and how often.
func tellCounts(out io.Writer, counts map[string]int) {
	for _, text := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(out, "    %5d  %.400s\n", counts[text], text)
	}
}
