package imapwire

import (
	"strings"
	"testing"
)

// The classes again, in the words of RFC 9051 §9, on every octet.
func TestCharClasses(t *testing.T) {
	ctl := func(c int) bool { return c < 0x20 || c == 0x7f }
	char := func(c int) bool { return c >= 1 && c <= 0x7f }
	in := func(set string) func(int) bool {
		return func(c int) bool { return c < 0x80 && strings.IndexByte(set, byte(c)) >= 0 }
	}
	wildcards, quotedSpecials, respSpecials := in("%*"), in("\"\\"), in("]")
	atomSpecials := func(c int) bool {
		return in("({) ")(c) || ctl(c) || wildcards(c) || quotedSpecials(c) || respSpecials(c)
	}
	atom := func(c int) bool { return char(c) && !atomSpecials(c) }
	astring := func(c int) bool { return atom(c) || respSpecials(c) }
	text := func(c int) bool { return char(c) && c != '\r' && c != '\n' }
	quoted := func(c int) bool { return text(c) && !quotedSpecials(c) }
	alnum := in("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
	for _, k := range []struct {
		name string
		k    class
		want func(int) bool
	}{
		{"ATOM-CHAR", atomChar, atom},
		{"ASTRING-CHAR", astringChar, astring},
		{"list-char", listChar, func(c int) bool { return astring(c) || wildcards(c) }},
		{"tag", tagChar, func(c int) bool { return astring(c) && c != '+' }},
		{"TEXT-CHAR", textChar, text},
		{"quoted", quotedChar, quoted},
		{"quoted or UTF-8", quotedByte, func(c int) bool { return quoted(c) || c >= 0x80 }},
		{"DIGIT", digitChar, in("0123456789")},
		{"sequence-set", setChar, in("0123456789:,*$")},
		{"base64-char", base64Char, func(c int) bool { return alnum(c) || c == '+' || c == '/' }},
	} {
		for c := range 256 {
			if got, want := is(byte(c), k.k), k.want(c); got != want {
				t.Errorf("%s: octet %#02x: got %v, want %v", k.name, c, got, want)
			}
		}
	}
}
