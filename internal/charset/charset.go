// Package charset turns the text of real mail into UTF-8: character sets by their MIME names,
// encoded words of header fields (RFC 2047) and encoded parameters (RFC 2231). It never gives up
// on text: what is not labelled, or labelled wrongly, is guessed.
package charset

import (
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
	"golang.org/x/text/transform"
)

// decoder makes a fresh transformer to UTF-8.
type decoder func() transform.Transformer

func of(e encoding.Encoding) decoder {
	return func() transform.Transformer { return e.NewDecoder().Transformer }
}

// guess decodes text whose character set is not known, and the two that are most often claimed
// for something else.
func guess() transform.Transformer { return guesser{} }

// aliases holds names that the two indexes of x/text do not know, or resolve to something that
// loses text (htmlindex maps hz-gb-2312 and iso-2022-kr to U+FFFD, utf-16 to little endian).
var aliases = map[string]decoder{
	"us-ascii":          guess,
	"ascii":             guess,
	"ansi_x3.4-1968":    guess,
	"iso646-us":         guess,
	"646":               guess,
	"utf-8":             guess,
	"utf8":              guess,
	"unicode-1-1-utf-8": guess,
	"utf8mb4":           guess,

	"utf-7":               newUTF7,
	"utf7":                newUTF7,
	"unicode-1-1-utf-7":   newUTF7,
	"x-unicode-2-0-utf-7": newUTF7,

	"utf-16":          of(unicode.UTF16(unicode.BigEndian, unicode.UseBOM)),
	"utf16":           of(unicode.UTF16(unicode.BigEndian, unicode.UseBOM)),
	"iso-10646-ucs-2": of(unicode.UTF16(unicode.BigEndian, unicode.UseBOM)),
	"ucs-2":           of(unicode.UTF16(unicode.BigEndian, unicode.UseBOM)),
	"utf-16be":        of(unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)),
	"utf-16le":        of(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)),
	"utf-32":          of(utf32.UTF32(utf32.BigEndian, utf32.UseBOM)),
	"utf-32be":        of(utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)),
	"utf-32le":        of(utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)),

	"cp932":          of(japanese.ShiftJIS),
	"ms932":          of(japanese.ShiftJIS),
	"x-sjis-jp":      of(japanese.ShiftJIS),
	"sjis":           of(japanese.ShiftJIS),
	"iso-2022-jp-1":  of(japanese.ISO2022JP),
	"iso-2022-jp-2":  of(japanese.ISO2022JP),
	"iso-2022-jp-3":  of(japanese.ISO2022JP),
	"iso-2022-jp-ms": of(japanese.ISO2022JP),
	"cp50220":        of(japanese.ISO2022JP),
	"cp50221":        of(japanese.ISO2022JP),
	"eucjp":          of(japanese.EUCJP),
	"eucjp-ms":       of(japanese.EUCJP),
	"cp51932":        of(japanese.EUCJP),

	"gb2312":         of(simplifiedchinese.GBK),
	"gb_2312":        of(simplifiedchinese.GBK),
	"gb_2312-80":     of(simplifiedchinese.GBK),
	"gb2312_charset": of(simplifiedchinese.GBK),
	"x-gbk":          of(simplifiedchinese.GBK),
	"cp936":          of(simplifiedchinese.GBK),
	"ms936":          of(simplifiedchinese.GBK),
	"euc-cn":         of(simplifiedchinese.GBK),
	"euccn":          of(simplifiedchinese.GBK),
	"gb18030-2000":   of(simplifiedchinese.GB18030),
	"hz-gb-2312":     of(simplifiedchinese.HZGB2312),
	"hz":             of(simplifiedchinese.HZGB2312),
	"cp950":          of(traditionalchinese.Big5),
	"ms950":          of(traditionalchinese.Big5),
	"big-5":          of(traditionalchinese.Big5),
	"big5hkscs":      of(traditionalchinese.Big5),
	"chinesebig5":    of(traditionalchinese.Big5),

	"ks_c_5601":     of(korean.EUCKR),
	"ks_c_5601-1":   of(korean.EUCKR),
	"ksc5601":       of(korean.EUCKR),
	"ks-c-5601":     of(korean.EUCKR),
	"cp949":         of(korean.EUCKR),
	"ms949":         of(korean.EUCKR),
	"uhc":           of(korean.EUCKR),
	"x-windows-949": of(korean.EUCKR),
	"euckr":         of(korean.EUCKR),
	"iso-2022-kr":   newISO2022KR,

	"cp874":       of(charmap.Windows874),
	"x-ansi":      of(charmap.Windows1252),
	"ansi":        of(charmap.Windows1252),
	"iso8859_1":   of(charmap.Windows1252),
	"8859_1":      of(charmap.Windows1252),
	"cp437":       of(charmap.CodePage437),
	"ibm437":      of(charmap.CodePage437),
	"cp850":       of(charmap.CodePage850),
	"ibm850":      of(charmap.CodePage850),
	"cp852":       of(charmap.CodePage852),
	"cp866":       of(charmap.CodePage866),
	"x-mac-roman": of(charmap.Macintosh),
	"macroman":    of(charmap.Macintosh),
	"koi":         of(charmap.KOI8R),
}

// lookup returns the decoder for a label, nil for one that nobody knows.
func lookup(label string) decoder {
	label = strings.ToLower(strings.Trim(label, " \t\r\n\"'"))
	if d, ok := aliases[label]; ok {
		return d
	}
	if len(label) > 40 {
		return nil // no charset has such a name; keeps hostile labels out of the indexes
	}
	if e, err := htmlindex.Get(label); err == nil && e != encoding.Replacement {
		return of(e)
	}
	if e, err := ianaindex.MIME.Encoding(label); err == nil && e != nil {
		return of(e)
	}
	// "cp1252", "ibm-1252", "win-1252", "windows1252", "iso8859_15" and the like.
	for _, p := range [...]struct{ from, to string }{
		{"cp", "windows-"}, {"ibm-", "windows-"}, {"ms", "windows-"}, {"win-", "windows-"}, {"win", "windows-"},
		{"windows", "windows-"}, {"windows_", "windows-"}, {"cp-", "windows-"},
		{"iso8859_", "iso-8859-"}, {"iso_8859_", "iso-8859-"}, {"iso-8859_", "iso-8859-"},
		{"iso-8859", "iso-8859-"}, {"8859-", "iso-8859-"}, {"8859_", "iso-8859-"}, {"latin-", "latin"},
	} {
		if rest, ok := strings.CutPrefix(label, p.from); ok {
			if e, err := htmlindex.Get(p.to + rest); err == nil && e != encoding.Replacement {
				return of(e)
			}
		}
	}
	return nil
}

// Known reports whether the label names a character set that can be decoded.
func Known(label string) bool { return lookup(label) != nil }

// Reader returns a reader that yields the UTF-8 of text in the named character set. For an unknown
// name it returns a usable reader too, which guesses as Decode does but octet by octet, and
// ErrUnknown, which the caller may ignore.
func Reader(label string, r io.Reader) (io.Reader, error) {
	d := lookup(label)
	if d == nil {
		return transform.NewReader(r, guess()), ErrUnknown
	}
	return transform.NewReader(r, d()), nil
}

// Decode returns the UTF-8 of text in the named character set, and whether the name is known. Text
// in an unknown one, or in one that is often claimed falsely (US-ASCII, UTF-8), stays as it is
// when it is valid UTF-8 and is read as windows-1252 otherwise. The result is always valid UTF-8.
func Decode(label string, b []byte) (string, bool) {
	d := lookup(label)
	if d == nil {
		return Guess(string(b)), false
	}
	out, _, err := transform.Bytes(d(), b)
	if err != nil { // an incomplete sequence at the end; the decoders replace it, ours do not fail
		return Guess(string(b)), true
	}
	return string(out), true
}

// Guess returns text without a known character set as UTF-8: unchanged when it is valid UTF-8,
// else read as windows-1252, which every octet sequence is.
func Guess(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	out, _, err := transform.String(guess(), s)
	if err != nil {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return out
}
