package charset

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		label, in, want string
		known           bool
	}{
		{"utf-8", "Grüße", "Grüße", true},
		{"UTF8", "Gr\xfc\xdfe", "Grüße", true}, // labelled falsely
		{"us-ascii", "plain", "plain", true},
		{"us-ascii", "Gr\xfc\xdfe", "Grüße", true},
		{"US-ASCII", "Grüße", "Grüße", true},
		{"", "\x93quoted\x94", "“quoted”", false},
		{"x-unknown", "Grüße", "Grüße", false},
		{"unknown-8bit", "Gr\xfc\xdfe", "Grüße", false},
		{"default", "x", "x", false},
		{strings.Repeat("x", 1000), "\xe4", "ä", false},
		{"iso-8859-1", "Gr\xfc\xdfe", "Grüße", true},
		{"ISO-8859-15", "\xa4", "€", true},
		{" \"iso-8859-2\" ", "\xb1", "ą", true},
		{"iso8859_2", "\xb1", "ą", true},
		{"windows-1252", "\x80", "€", true},
		{"cp1252", "\x80", "€", true}, {"CP-1252", "\x80", "€", true}, {"win1251", "\xcf", "П", true}, {"ibm-1250", "\x8a", "Š", true},
		{"windows-874", "\xa1", "ก", true}, {"cp874", "\xa1", "ก", true}, {"tis-620", "\xa1", "ก", true},
		{"koi8-r", "\xd0\xd2\xc9", "при", true},
		{"cp437", "\x81", "ü", true}, {"ibm850", "\x81", "ü", true}, {"cp866", "\x8f", "П", true},
		{"macintosh", "\x9f", "ü", true}, {"x-mac-roman", "\x9f", "ü", true},
		{"gb2312", "\xc4\xe3\xba\xc3", "你好", true}, {"gbk", "\x90\x48", "怘", true}, {"GB_2312-80", "\xc4\xe3", "你", true}, {"cp936", "\xc4\xe3", "你", true},
		{"gb18030", "\x81\x30\x84\x36", "¥", true},
		{"hz-gb-2312", "~{<:Ky2;S{#,NpJ)l6HK!#~} x", "己所不欲，勿施於人。 x", true}, // RFC 1843
		{"big5", "\xa7\x41\xa6\x6e", "你好", true}, {"cp950", "\xa7\x41", "你", true},
		{"shift_jis", "\x93\xfa\x96\x7b", "日本", true}, {"cp932", "\x93\xfa\x96\x7b", "日本", true}, {"windows-31j", "\x87\x40", "①", true},
		{"euc-jp", "\xc6\xfc\xcb\xdc", "日本", true},
		{"iso-2022-jp", "\x1b$BF|K\\\x1b(B", "日本", true}, {"cp50221", "\x1b$BF|K\\\x1b(B", "日本", true},
		{"ks_c_5601-1987", "\xc7\xd1", "한", true}, {"euc-kr", "\xc7\xd1", "한", true}, {"cp949", "\xc7\xd1", "한", true},
		{"iso-2022-kr", "\x1b$)C\x0eGQ1[\x0f ok", "한글 ok", true},
		{"utf-16", "\xfe\xff\x00a\x00\xe4", "aä", true}, {"utf-16", "\x00a", "a", true}, {"utf-16le", "a\x00\xe4\x00", "aä", true},
		{"utf-32be", "\x00\x01\xf6\x00", "😀", true},
		// RFC 2152, the examples of its section "Examples".
		{"utf-7", "A+ImIDkQ.", "A≢Α.", true},
		{"UTF-7", "Hi Mom -+Jjo--!", "Hi Mom -☺-!", true},
		{"unicode-1-1-utf-7", "+ZeVnLIqe-", "日本語", true},
		{"utf-7", "Item 3 is +AKM-1.", "Item 3 is £1.", true},
		{"utf-7", "1 +- 1 = 2", "1 + 1 = 2", true},
		{"utf-7", "+2D3eAA-", "😀", true},
		{"utf-7", "+2D0-x", "\uFFFDx", true}, {"utf-7", "+2D0", "\uFFFD", true}, {"utf-7", "\xff", "\uFFFD", true},
	} {
		got, known := Decode(c.label, []byte(c.in))
		if got != c.want || known != c.known {
			t.Errorf("Decode(%q, %q) is %q, %v, want %q, %v", c.label, c.in, got, known, c.want, c.known)
		}
		r, err := Reader(c.label, iotest.OneByteReader(strings.NewReader(c.in)))
		if (err == nil) != c.known || Known(c.label) != c.known {
			t.Errorf("Reader(%q): %v", c.label, err)
		}
		if b, err := io.ReadAll(r); string(b) != c.want || err != nil {
			t.Errorf("Reader(%q, %q) yields %q, %v, want %q", c.label, c.in, b, err, c.want)
		}
	}
}

// Whatever the label and the octets, the result is valid UTF-8 and nothing is lost without a mark.
func FuzzDecode(f *testing.F) {
	for _, label := range []string{"utf-7", "iso-2022-kr", "iso-2022-jp", "gb2312", "us-ascii", "x", "utf-16", "hz-gb-2312"} {
		f.Add(label, []byte("a+AGE-\x1b$)C\x0eGQ\x0f~{<:~}\xe4\xc4\xe3\x00"))
	}
	f.Fuzz(func(t *testing.T, label string, b []byte) {
		got, known := Decode(label, b)
		if !utf8.ValidString(got) {
			t.Fatalf("Decode(%q, %q) is %q", label, b, got)
		}
		if len(b) > 0 && got == "" && !known {
			t.Fatalf("Decode(%q, %q) lost everything", label, b)
		}
		r, _ := Reader(label, strings.NewReader(string(b)))
		s, err := io.ReadAll(r)
		if !utf8.Valid(s) || err != nil {
			t.Fatalf("Reader(%q, %q) yields %q, %v", label, b, s, err)
		}
	})
}
