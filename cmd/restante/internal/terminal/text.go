// Package terminal makes what others wrote fit for a terminal, without what could change the
// terminal, and measures it in cells; and it asks for passwords.
package terminal

import (
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

// Clean makes text from a server or from mail safe to print on one line: what could move the
// cursor, change colours, ring, or turn the direction of what follows is gone, and line breaks are
// spaces.
func Clean(s string) string {
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

// NewCleanWriter returns a writer that makes UTF-8 text safe to print, of any length. It has to be
// closed.
func NewCleanWriter(w io.Writer) io.WriteCloser {
	return transform.NewWriter(w, transform.Chain(
		runes.ReplaceIllFormed(),
		runes.Remove(runes.Predicate(func(r rune) bool { return cleanRune(r) < 0 })),
		runes.Map(cleanRune),
	))
}

// cells measures text as terminals show it: wide characters of East Asia take two cells.
var cells = &runewidth.Condition{StrictEmojiNeutral: true}

// Width returns how many cells a text takes.
func Width(s string) int { return cells.StringWidth(s) }

// Pad fills a text up to n cells.
func Pad(s string, n int) string { return s + strings.Repeat(" ", max(0, n-Width(s))) }

// Truncate cuts a text to n cells.
func Truncate(s string, n int) string {
	if Width(s) <= n {
		return s
	}
	return cells.Truncate(s, n, "…")
}

// LineWidth returns the cells of a line when w is a terminal, else 0.
func LineWidth(w io.Writer) int {
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
