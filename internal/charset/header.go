package charset

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// DecodeHeader returns the text of an unstructured header value or a display name: folds become
// one space, encoded words (RFC 2047 §2) are decoded, with what real mail gets wrong in them, and
// octets that are neither are guessed (RFC 6532 allows UTF-8). White space between encoded words
// is dropped (§6.2) and a character that is split between two is put together again. The result
// is valid UTF-8 without line breaks and NUL.
func DecodeHeader(s string) string {
	if strings.ContainsAny(s, "\r\n") {
		s = Unfold(s)
	}
	if !strings.Contains(s, "=?") || !strings.Contains(s, "?=") {
		return clean(Guess(s))
	}
	var room [256]byte
	var (
		out     = room[:0]
		from    = 0 // out[from:] are octets of encoded words in charset, not converted yet
		charset string
	)
	flush := func() {
		if pending := out[from:]; len(pending) > 0 && !(strings.EqualFold(charset, "utf-8") && utf8.Valid(pending)) {
			text, _ := Decode(charset, slices.Clone(pending)) // so that room stays on the stack
			out = append(out[:from], text...)
		}
		from = len(out)
	}
	write := func(text string) {
		out = append(out, Guess(text)...)
		from = len(out)
	}
	word := false                               // the last thing was an encoded word
	last := len(s) - strings.LastIndex(s, "?=") // from the end: no word ends behind it
	for len(s) > last {
		i := strings.Index(s, "=?")
		if i < 0 || len(s)-i-2 < last {
			break
		}
		w, n := parseWord(s[i:])
		if n == 0 {
			flush()
			write(s[:i+2])
			s, word = s[i+2:], false
			continue
		}
		if between := s[:i]; !word || strings.Trim(between, " \t") != "" {
			flush()
			write(between)
		}
		if !strings.EqualFold(w.charset, charset) {
			flush()
			charset = w.charset
		}
		if w.encoding == 'b' || w.encoding == 'B' {
			out = appendBase64(out, w.text)
		} else {
			out = appendQ(out, w.text)
		}
		s, word = s[i+n:], true
	}
	flush()
	write(s)
	return clean(string(out))
}

// clean replaces what must not be in a header value once it is decoded.
func clean(s string) string {
	if !strings.ContainsAny(s, "\r\n\x00") {
		return s
	}
	return strings.NewReplacer("\r\n", " ", "\r", " ", "\n", " ", "\x00", " ").Replace(s)
}

// Unfold returns a folded header value on one line (RFC 5322 §2.2.3): a line break and the white
// space around it become one space, since folding with tabs and deep indentation is common and
// means nothing.
func Unfold(s string) string {
	if strings.IndexByte(s, '\n') < 0 && strings.IndexByte(s, '\r') < 0 {
		return s // nearly always
	}
	i := strings.IndexAny(s, "\r\n")
	out := make([]byte, 0, len(s))
	for i >= 0 {
		out = append(out, strings.TrimRight(s[:i], " \t")...)
		s = strings.TrimLeft(s[i:], " \t\r\n")
		if s != "" && len(out) > 0 {
			out = append(out, ' ')
		}
		i = strings.IndexAny(s, "\r\n")
	}
	return string(append(out, s...))
}

type encodedWord struct {
	charset  string
	encoding byte
	text     string
}

// parseWord parses the encoded word that s starts with and returns its length, 0 when there is
// none:
//
//	encoded-word = "=?" charset ["*" language] "?" encoding "?" encoded-text "?="
//
// The text may hold spaces and question marks, which senders forget to encode.
func parseWord(s string) (w encodedWord, n int) {
	const maxCharset = 75 // RFC 2047 §2 limits the whole word to that
	i := strings.IndexByte(s[2:min(len(s), 2+maxCharset)], '?')
	if i <= 0 {
		return w, 0
	}
	w.charset = s[2 : 2+i]
	if strings.ContainsAny(w.charset, " \t=") {
		return w, 0
	}
	w.charset, _, _ = strings.Cut(w.charset, "*") // RFC 2231 §5
	i += 3
	if len(s) < i+2 || s[i+1] != '?' || !strings.ContainsRune("bBqQ", rune(s[i])) {
		return w, 0
	}
	w.encoding = s[i]
	i += 2
	end := strings.Index(s[i:], "?=")
	if end < 0 {
		return w, 0
	}
	w.text = s[i : i+end]
	return w, i + end + 2
}

// appendQ decodes the Q encoding (RFC 2047 §4.2). An "=" without two hexadecimal digits stays.
func appendQ(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '_':
			dst = append(dst, ' ')
		case c == '=' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0:
			dst = append(dst, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// appendBase64 decodes base64 with missing, misplaced or too much padding and with characters that
// do not belong there.
func appendBase64(dst []byte, s string) []byte {
	var bits uint32
	var n uint
	for i := 0; i < len(s); i++ {
		if s[i] == '=' {
			n = 0 // the rest of this quantum is padding; another may follow
			continue
		}
		v := base64Value(s[i])
		if v < 0 {
			continue
		}
		bits, n = bits<<6|uint32(v), n+6
		if n >= 8 {
			n -= 8
			dst = append(dst, byte(bits>>n))
		}
	}
	return dst
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}
