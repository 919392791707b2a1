package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
	"golang.org/x/term"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
)

// clean makes text from a server or from mail safe to print on one line: what could move the
// cursor, change colours, ring, or turn the direction of what follows is gone, and line breaks are
// spaces.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return cleanRune(r)
	}, s)
}

// cleanRune returns what is printed of a character of some text, -1 for nothing.
func cleanRune(r rune) rune {
	switch {
	case r == '\n' || r == '\t':
		return r
	case r == '\r', r == '\ufeff', r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
		return -1 // marks and overrides of direction reach beyond their text
	case unicode.IsControl(r):
		return unicode.ReplacementChar
	}
	return r
}

// cleanWriter returns a writer that makes UTF-8 text safe to print, of any length. It has to be
// closed.
func cleanWriter(w io.Writer) io.WriteCloser {
	return transform.NewWriter(w, transform.Chain(
		runes.ReplaceIllFormed(),
		runes.Remove(runes.Predicate(func(r rune) bool { return cleanRune(r) < 0 })),
		runes.Map(cleanRune),
	))
}

// cells measures text as terminals show it: wide characters of East Asia take two cells.
var cells = &runewidth.Condition{StrictEmojiNeutral: true}

// width returns how many cells a text takes.
func width(s string) int { return cells.StringWidth(s) }

// pad fills a text up to n cells.
func pad(s string, n int) string { return s + strings.Repeat(" ", max(0, n-width(s))) }

// fit cuts a text to n cells.
func fit(s string, n int) string {
	if width(s) <= n {
		return s
	}
	return cells.Truncate(s, n, "…")
}

// terminalWidth returns the cells of a line when w is a terminal, else 0.
func terminalWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
		return n
	}
	return 80
}

// humanSize writes a number of octets for people.
func humanSize(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	v, unit := float64(n)/1000, 0
	for v >= 999.5 && unit < 3 {
		v /= 1000
		unit++
	}
	if v < 9.95 {
		return fmt.Sprintf("%.1f %cB", v, "kMGT"[unit])
	}
	return fmt.Sprintf("%.0f %cB", v, "kMGT"[unit])
}

// plural returns "1 message" or "5 messages".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
