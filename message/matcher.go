package message

import (
	"bytes"
	"io"
	"slices"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Fold appends s prepared for comparison by i;unicode-casemap (RFC 5051 §2): every character in
// its simple titlecase, then fully decomposed. Two texts are equal, or one contains the other, when
// their prepared forms do so octet by octet. Octets that are not UTF-8 stay as they are.
func Fold(dst, s []byte) []byte {
	dst = slices.Grow(dst, len(s))
	for len(s) > 0 {
		n := 0
		for n < len(s) && s[n] < utf8.RuneSelf {
			n++
		}
		if n > 0 {
			run := dst[len(dst) : len(dst)+n : cap(dst)]
			for i, c := range s[:n] {
				run[i] = upper[c]
			}
			dst = dst[:len(dst)+n]
			if s = s[n:]; len(s) == 0 {
				break
			}
		}
		r, n := utf8.DecodeRune(s)
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(dst, s[0])
		case r < twoOctets:
			dst = append(dst, folded()[r]...)
		case r >= 0x4E00 && r <= 0x9FFF: // CJK ideographs have neither case nor decomposition
			dst = append(dst, s[:n]...)
		default:
			dst = appendFolded(dst, r)
		}
		s = s[n:]
		dst = slices.Grow(dst, len(s))
	}
	return dst
}

// upper is simple titlecase in the ASCII range.
var upper = func() (t [utf8.RuneSelf]byte) {
	for i := range t {
		t[i] = byte(unicode.ToTitle(rune(i)))
	}
	return t
}()

// twoOctets is behind the last character of two octets in UTF-8: Latin, Greek, Cyrillic, Hebrew
// and Arabic are before it.
const twoOctets = 0x800

// folded holds those prepared.
var folded = sync.OnceValue(func() *[twoOctets]string {
	var t [twoOctets]string
	for r := range t {
		t[r] = string(appendFolded(nil, rune(r)))
	}
	return &t
})

func appendFolded(dst []byte, r rune) []byte {
	r = unicode.ToTitle(r)
	if r >= hangulFirst && r <= hangulLast {
		return appendJamo(dst, r)
	}
	var buf [utf8.UTFMax]byte
	enc := buf[:utf8.EncodeRune(buf[:], r)]
	if d := norm.NFKD.Properties(enc).Decomposition(); d != nil {
		return append(dst, d...) // decomposed to the end already
	}
	return append(dst, enc...)
}

// Hangul syllables decompose by arithmetic (Unicode Standard, section 3.12).
const (
	hangulFirst, hangulLast = 0xAC00, 0xD7A3
	jamoL, jamoV, jamoT     = 0x1100, 0x1161, 0x11A7
	countV, countT          = 21, 28
)

func appendJamo(dst []byte, r rune) []byte {
	i := r - hangulFirst
	dst = utf8.AppendRune(dst, jamoL+i/(countV*countT))
	dst = utf8.AppendRune(dst, jamoV+i%(countV*countT)/countT)
	if t := i % countT; t != 0 {
		dst = utf8.AppendRune(dst, jamoT+t)
	}
	return dst
}

// Matcher finds a text in other texts, without regard to case, as SEARCH does. It keeps no state
// between calls and may be used by several goroutines at once.
type Matcher struct{ needle []byte }

// NewMatcher returns a Matcher for a UTF-8 text. The empty text is found everywhere.
func NewMatcher(needle string) *Matcher {
	return &Matcher{Fold(nil, []byte(needle))}
}

// MatchString reports whether the UTF-8 text s contains the needle.
func (m *Matcher) MatchString(s string) bool {
	var w window
	return w.match(m.needle, []byte(s), true)
}

// Match reports whether the UTF-8 text that r yields contains the needle. It stops reading when it
// has found it. The error is r's.
func (m *Matcher) Match(r io.Reader) (bool, error) {
	if len(m.needle) == 0 {
		return true, nil
	}
	var (
		w   window
		buf = make([]byte, 32<<10)
		n   int
	)
	for {
		k, err := r.Read(buf[n:])
		n += k
		whole := n
		if err == nil {
			whole -= partialRune(buf[:n])
		}
		if w.match(m.needle, buf[:whole], err != nil) {
			return true, nil
		}
		n = copy(buf, buf[whole:n])
		if err == io.EOF {
			return false, nil
		} else if err != nil {
			return false, err
		}
	}
}

// partialRune returns how many octets at the end of b start a character that is not complete.
func partialRune(b []byte) int {
	for k := 1; k <= min(len(b), utf8.UTFMax-1); k++ {
		if c := b[len(b)-k]; utf8.RuneStart(c) {
			if !utf8.FullRune(b[len(b)-k:]) {
				return k
			}
			break
		}
	}
	return 0
}

// window is the prepared text that a needle may start in.
type window struct{ folded []byte }

func (w *window) match(needle, text []byte, last bool) bool {
	w.folded = Fold(w.folded, text)
	if bytes.Contains(w.folded, needle) {
		return true
	}
	if keep := len(needle) - 1; !last && len(w.folded) > keep {
		w.folded = w.folded[:copy(w.folded, w.folded[len(w.folded)-keep:])]
	}
	return false
}
