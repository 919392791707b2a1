package charset

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestDecodeHeader(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"plain", "plain"}, {"", ""},
		// RFC 2047 §8
		{"=?US-ASCII?Q?Keith_Moore?=", "Keith Moore"},
		{"=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=", "Keld Jørn Simonsen"},
		{"=?ISO-8859-1?Q?Andr=E9?= Pirard", "André Pirard"},
		{"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=", "If you can read this you understand the example."},
		{"=?ISO-8859-1?Q?Patrik_F=E4ltstr=F6m?=", "Patrik Fältström"},
		{"=?iso-8859-8?b?7eXs+SDv4SDo7Oj08A==?=", "\u05dd\u05d5\u05dc\u05e9 \u05df\u05d1 \u05d8\u05dc\u05d8\u05e4\u05e0"},
		{"=?ISO-8859-1?Q?a?=", "a"},
		{"=?ISO-8859-1?Q?a?= b", "a b"},
		{"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"},
		{"=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab"},
		{"=?ISO-8859-1?Q?a?=\r\n     =?ISO-8859-1?Q?b?=", "ab"},
		{"=?ISO-8859-1?Q?a_b?=", "a b"},
		{"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"},
		// RFC 2231 §5
		{"=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"},

		// A character that is split between two words.
		{"=?utf-8?B?R3LD?= =?utf-8?B?vMOfZQ==?=", "Grüße"},
		{"=?utf-8?Q?Gr=C3?= =?UTF-8?Q?=BC=C3=9Fe?=", "Grüße"},
		{"=?gb2312?B?xA==?=\r\n\t=?gb2312?B?4w==?=", "你"},
		// Bad padding, other charsets, raw octets, spaces and question marks.
		{"=?utf-8?B?R3LDvMOfZQ?=", "Grüße"}, {"=?utf-8?B?R3LDvMOfZQ====?=", "Grüße"}, {"=?utf-8?B? R3LD vMOfZQ==?=", "Grüße"},
		{"=?utf-8?q?a b c?=", "a b c"}, {"=?utf-8?q?what??=", "what?"}, {"=?utf-8?q?100=_=?= x", "100= = x"},
		{"Gr\xfc\xdfe", "Grüße"}, {"Grüße", "Grüße"}, {"Gr\xfc\xdfe =?utf-8?q?=C3=BC?=", "Grüße ü"},
		{"=?x-nobody?q?Gr=FC=DFe?=", "Grüße"}, {"=?us-ascii?q?Gr=FC=DFe?=", "Grüße"}, {"=??q?x?=", "=??q?x?="},
		{"a=?utf-8?q?=C3=BC?=b", "aüb"},
		{"=?utf-8?x?abc?=", "=?utf-8?x?abc?="}, {"=?utf-8?q?abc", "=?utf-8?q?abc"}, {"=?", "=?"}, {"=?=", "=?="}, {"?=", "?="},
		{"=?a b?q?c?= =?utf-8?q?d?=", "=?a b?q?c?= d"},
		{"=?utf-8?q??=", ""},
		{"folded\r\n\t  twice\r\n here \r\n", "folded twice here"},
		{"=?utf-8?q?a=0D=0AX:_b=00c?=", "a X: b c"}, // nobody smuggles lines in
	} {
		if got := DecodeHeader(c.in); got != c.want {
			t.Errorf("DecodeHeader(%q) is %q, want %q", c.in, got, c.want)
		}
	}
}

func FuzzDecodeHeader(f *testing.F) {
	for _, s := range []string{
		"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
		"=?US-ASCII*EN?Q?Keith_Moore?=", "=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "=?utf-7?Q?+AGE-?=", "Gr\xfc\xdfe", "=?=?=?q?=?=",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := DecodeHeader(s)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00") {
			t.Fatalf("DecodeHeader(%q) is %q", s, got)
		}
		if !strings.Contains(s, "=?") && len(got) > 3*len(s) {
			t.Fatalf("DecodeHeader(%q) grew to %q", s, got)
		}
	})
}

func TestDecodeHeaderLinear(t *testing.T) {
	for _, unit := range []string{"=?", "=?a ", "=?utf-8?q?", "=?utf-8?q?x?= ", "?=", "=?a?b?c", "\r\n ", "\xe4"} {
		for _, tail := range []string{"", "?="} {
			start := time.Now()
			DecodeHeader(strings.Repeat(unit, 300_000) + tail)
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("%q... %q takes %v", unit, tail, d)
			}
		}
	}
}

type nameValue struct{ Name, Value string }

func TestDecodeParams(t *testing.T) {
	for _, c := range []struct {
		in   []nameValue
		want string
	}{
		{nil, "[]"},
		{[]nameValue{{"charset", "utf-8"}}, "[{charset utf-8}]"},
		// RFC 2231 §3, §4 and §4.1
		{[]nameValue{{"access-type", "URL"}, {"URL*0", "ftp://"}, {"URL*1", "cs.utk.edu/x"}}, "[{access-type URL} {URL ftp://cs.utk.edu/x}]"},
		{[]nameValue{{"title*", "us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A"}}, "[{title This is ***fun***}]"},
		{[]nameValue{{"title*0*", "us-ascii'en'This%20is%20even%20more%20"}, {"title*1*", "%2A%2A%2Afun%2A%2A%2A%20"}, {"title*2", "isn't it!"}}, "[{title This is even more ***fun*** isn't it!}]"},
		// Out of order, twice, with a gap, in another charset, a character split.
		{[]nameValue{{"n*1", "b"}, {"x", "y"}, {"N*0", "a"}}, "[{n ab} {x y}]"},
		{[]nameValue{{"n*0", "a"}, {"n*0", "b"}, {"n*2", "c"}}, "[{n ac}]"},
		{[]nameValue{{"f*0*", "utf-8''Gr%C3"}, {"f*1*", "%BC%C3%9Fe"}}, "[{f Grüße}]"},
		{[]nameValue{{"f*0*", "gb2312''%C4%E3"}, {"f*1*", "%BA%C3"}}, "[{f 你好}]"},
		{[]nameValue{{"f*", "iso-8859-1''na%EFve"}}, "[{f naïve}]"},
		// The encoded form is meant when both are there.
		{[]nameValue{{"f", "naive"}, {"f*", "utf-8''na%C3%AFve"}}, "[{f naïve}]"},
		{[]nameValue{{"f*", "utf-8''na%C3%AFve"}, {"f", "naive"}}, "[{f naïve}]"},
		// RFC 2047 where it does not belong, raw octets, a missing charset.
		{[]nameValue{{"f", "=?utf-8?q?na=C3=AFve?="}}, "[{f naïve}]"},
		{[]nameValue{{"f", "na\xefve"}}, "[{f naïve}]"},
		{[]nameValue{{"f*", "na%C3%AFve"}}, "[{f naïve}]"}, {[]nameValue{{"f*", "''%41"}}, "[{f A}]"}, {[]nameValue{{"f*", "100%"}}, "[{f 100%}]"},
		// No continuations.
		{[]nameValue{{"f*x", "1"}, {"*", "2"}, {"f*00", "3"}, {"f*99999", "4"}}, "[{f*x 1} { 2} {f*00 3} {f*99999 4}]"},
	} {
		if got := fmt.Sprint(DecodeParams(c.in)); got != c.want {
			t.Errorf("DecodeParams(%q) is %s, want %s", c.in, got, c.want)
		}
	}
}

// What JoinParams makes of continuations is what DecodeParams reads.
func FuzzParams(f *testing.F) {
	f.Add("us-ascii'en'This%20is%20even%20more%20", "%2A%2A%2Afun%2A%2A%2A%20", "isn't it!")
	f.Add("utf-8''Gr%C3", "%BC", "\xdf")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		in := []nameValue{{"x*0*", a}, {"x*1*", b}, {"x*2", c}}
		joined := JoinParams(in)
		if len(joined) != 1 || joined[0].Name != "x*" {
			t.Fatalf("JoinParams(%q) is %q", in, joined)
		}
		for i := range len(joined[0].Value) {
			if c := joined[0].Value[i]; c >= 0x7f || c < ' ' {
				if _, lang, _ := splitExtended(a); !strings.ContainsRune(lang, rune(c)) && !strings.Contains(lang, string([]byte{c})) {
					t.Fatalf("JoinParams(%q) is %q", in, joined)
				}
			}
		}
		if got, want := fmt.Sprint(DecodeParams(joined)), fmt.Sprint(DecodeParams(in)); got != want {
			t.Fatalf("%q: decoded from the joined form %s, directly %s", in, got, want)
		}
	})
}
