package message

import (
	"bytes"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestFold(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"abc XYZ 1", "ABC XYZ 1"},
		{"\u01c4", "Dz\u030c"}, // RFC 5051 §2, the example of step 2
		{"é", "E\u0301"},
		{"e\u0301", "E\u0301"},
		{"ﬁ", "fi"},     // no titlecase, a compatibility decomposition
		{"\u212a", "K"}, // Kelvin
		{"ß", "ß"},
		{"ſ", "S"},
		{"отпуск", "ОТПУСК"},
		{"\uff41\uff22", "\uff21"[:0] + "AB"}, // fullwidth letters
		{"가각", "\u1100\u1161\u1100\u1161\u11a8"},
		{"\xff\xfea", "\xff\xfeA"},
	} {
		if got := string(Fold(nil, []byte(c.in))); got != c.want {
			t.Errorf("Fold(%q) is %q, want %q", c.in, got, c.want)
		}
	}
}

func TestMatchString(t *testing.T) {
	for _, c := range []struct {
		needle, text string
		want         bool
	}{
		{"", "", true}, {"", "x", true}, {"x", "", false},
		{"HELLO", "say hello", true}, {"hello", "SAY HELLO", true}, {"hello", "hell o", false},
		{"müller", "MÜLLER", true}, {"mu\u0308ller", "Müller", true}, {"Mull", "müll", false},
		{"ΣΑΣ", "σας", true}, // final sigma
		{"strasse", "straße", false}, {"STRAßE", "straße", true},
		{"k", "\u212a", true}, {"拿", "加拿大", true}, {"大加", "加拿大", false},
		{"file", "ﬁle", false}, // U+FB01 has no titlecase, and step 2 does not case what it decomposes to
	} {
		if got := NewMatcher(c.needle).MatchString(c.text); got != c.want {
			t.Errorf("%q in %q: %v", c.needle, c.text, got)
		}
	}
}

// A stream gives the same answer as the whole, wherever it is cut.
func TestMatchStream(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	alphabet := []string{"a", "A", "b", "é", "E\u0301", "加", "ß", "\U0001F600", "\xff", " "}
	text := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteString(alphabet[rnd.IntN(len(alphabet))])
		}
		return b.String()
	}
	found := 0
	for range 5000 {
		hay, needle := text(rnd.IntN(60)), text(rnd.IntN(4))
		m := NewMatcher(needle)
		want := strings.Contains(string(Fold(nil, []byte(hay))), string(Fold(nil, []byte(needle))))
		got, err := m.Match(&pieces{hay, rnd.IntN(5) + 1})
		if got != want || err != nil || m.MatchString(hay) != want {
			t.Fatalf("%q in %q: %v, %v, want %v", needle, hay, got, err, want)
		}
		if want {
			found++
		}
	}
	if found < 500 || found > 4500 {
		t.Errorf("%d of 5000 matched: the test is blind", found)
	}
	long := strings.Repeat("x", 100_000) + "Needle" + strings.Repeat("y", 100_000)
	if ok, err := NewMatcher("nEEDLE").Match(strings.NewReader(long)); !ok || err != nil {
		t.Errorf("in a long text: %v, %v", ok, err)
	}
}

func texts(t *testing.T, msg string, header bool) []string {
	t.Helper()
	var out []string
	for r, err := range SearchText(strings.NewReader(msg), ParseBytes([]byte(msg)), header) {
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
	return out
}

func TestSearchText(t *testing.T) {
	msg := crlf(`
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= aus
 Wien
X-Plain: header
Content-Type: multipart/mixed; boundary=b

preamble
--b
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

sch=F6n=
er Tag
--b
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

PGI+ZsO8cjwvYj4=
--b
Content-Type: image/png; name=secret.png
Content-Transfer-Encoding: base64

c2VjcmV0
--b
Content-Type: message/rfc822

Subject: =?iso-8859-1?q?inn=E9r?=
Content-Type: text/plain; charset=koi8-r

` + "\xc1\xc2\xd7" + `
--b
Content-Type: text/plain; charset=x-nobody-knows
Content-Transfer-Encoding: x-unknown

` + "na\xefve" + `
--b--
`)
	if got, want := texts(t, msg, false), []string{"schöner Tag", "<b>für</b>", "абв", "naïve"}; !slices.Equal(got, want) {
		t.Errorf("BODY looks at %q, want %q", got, want)
	}
	if got, want := texts(t, msg, true), []string{
		"Subject: Grüße aus Wien\nX-Plain: header\nContent-Type: multipart/mixed; boundary=b\n",
		"Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n", "schöner Tag",
		"Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n", "<b>für</b>",
		"Content-Type: image/png; name=secret.png\nContent-Transfer-Encoding: base64\n",
		"Content-Type: message/rfc822\n",
		"Subject: innér\nContent-Type: text/plain; charset=koi8-r\n", "абв",
		"Content-Type: text/plain; charset=x-nobody-knows\nContent-Transfer-Encoding: x-unknown\n", "naïve",
	}; !slices.Equal(got, want) {
		t.Errorf("TEXT looks at %q, want %q", got, want)
	}
	st := ParseBytes([]byte(msg))
	for _, c := range []struct {
		needle     string
		text, body bool
	}{
		{"SCHÖNER", true, true}, {"grüße", true, false}, {"aus wien", true, false}, {"INNÉR", true, false},
		{"SECRET.png", true, false}, {"secret\n", false, false}, {"preamble", false, false}, {"АБВ", true, true}, {"Tag<b>", false, false}, {"", true, true},
	} {
		for header, want := range map[bool]bool{true: c.text, false: c.body} {
			got, err := NewMatcher(c.needle).Matches(strings.NewReader(msg), st, header)
			if got != want || err != nil {
				t.Errorf("%q (header: %v): %v, %v, want %v", c.needle, header, got, err, want)
			}
		}
	}
	if _, err := NewMatcher("absent").Matches(strings.NewReader(msg[:20]), st, true); err != io.ErrUnexpectedEOF {
		t.Errorf("of a message that is cut off: %v", err)
	}
}

// RFC 6532 §3.7: message/global may be in base64. It is searched then, too.
func TestSearchEncodedMessage(t *testing.T) {
	msg := crlf("Content-Type: message/global\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogaGkNCg0KeA0K\n")
	if got := texts(t, msg, false); len(got) != 1 || got[0] != "Subject: hi\r\n\r\nx\r\n" {
		t.Errorf("got %q", got)
	}
}

func TestHeaderValues(t *testing.T) {
	const header = "To: a\r\nX: =?utf-8?b?w6Q=?=\r\nTO:\r\n b\r\nTo\r\n\r\nTo: body"
	if got := slices.Collect(HeaderValues(header, "to")); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("to: %q", got)
	}
	if got := slices.Collect(HeaderValues(header, "X")); !slices.Equal(got, []string{"ä"}) {
		t.Errorf("x: %q", got)
	}
}

func BenchmarkMatch(b *testing.B) {
	for name, unit := range map[string]string{"ascii": "The quick brown fox jumps over the lazy dog.\r\n", "cyrillic": "Съешь же ещё этих мягких булок\r\n"} {
		b.Run(name, func(b *testing.B) {
			text := bytes.Repeat([]byte(unit), 20_000)
			m := NewMatcher("not there at all")
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if ok, _ := m.Match(bytes.NewReader(text)); ok {
					b.Fatal("found")
				}
			}
		})
	}
}
