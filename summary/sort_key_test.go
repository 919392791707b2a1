package summary

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"restante/message"
)

func TestBaseSubject(t *testing.T) {
	for _, c := range []struct {
		subject, base string
		reply         bool
	}{
		{"", "", false}, {"  lunch\t \t today  ", "lunch today", false},
		{"Re: lunch", "lunch", true}, {"re : RE[2]: Fwd: lunch", "lunch", true}, {"fw: lunch (fwd) (FWD)", "lunch", true},
		{"[list] lunch", "lunch", false}, {"[a] [b]re [c] : [d] lunch", "lunch", true}, {"[list]", "[list]", false},
		{"[a][b]", "[b]", false}, {"Re: [a]", "[a]", true}, {"[fwd: lunch]", "lunch", true}, {"[FWD:[fwd: Re: x (fwd)] ]", "x", true},
		{"[fwd:", "[fwd:", false}, {"[x[y] re: z", "[x[y] re: z", false}, {"rex: y", "rex: y", false}, {"Re:", "", true},
		{"AW: lunch", "AW: lunch", false}, {"re", "re", false}, {"(fwd)", "", true}, {"[", "[", false}, {"fwd[: x", "fwd[: x", false},
	} {
		if base, reply := BaseSubject(c.subject); base != c.base || reply != c.reply {
			t.Errorf("%q: %q, %v; want %q, %v", c.subject, base, reply, c.base, c.reply)
		}
	}
}

// TestBaseSubjectOfHostileSubjects ends: of a megabyte none of these is looked at twice.
func TestBaseSubjectOfHostileSubjects(t *testing.T) {
	const n = 1 << 20
	for _, part := range []string{"[a]", "[", "]", "re:", "[a]re", "re[a]", "[fwd:", "(fwd)", " ", "[a] re[b]:", "[]", "re [", "fwd"} {
		for _, end := range []string{"", "]", "x", ":", "(fwd)]"} {
			BaseSubject(strings.Repeat(part, n/len(part)) + end)
		}
	}
	BaseSubject(strings.Repeat("[fwd:", n/6) + "x" + strings.Repeat("]", n/6))
}

// The keys of an envelope as it is sent: quoted, literal, NIL, groups.
func TestSortKeys(t *testing.T) {
	for _, c := range []struct{ header, subject, from, display string }{
		{"Subject: Re: [x] =?utf-8?q?=C3=A4b?=\r\nFrom: \"A \\\"b\\\" c\" <Ann@x>, Bob <bob@y>\r\n", "A\u0308B", "ANN", `A "B" C`},
		{"Subject: a\"b\\c\r\nFrom: ann@x\r\n", `A"B\C`, "ANN", "ANN@X"},
		{"From: Friends: ann@x, bob@y;\r\n", "", "FRIENDS", "FRIENDS"},
		{"Subject: \xe4\r\nFrom: =?utf-8?q?=C3=84?= <\"a b\"@x>\r\n", "A\u0308", "A B", "A\u0308"},
		{"", "", "", ""},
	} {
		s := build([]byte(c.header + "\r\n"))
		subject, _ := AppendSubject(nil, s.Envelope())
		from, display := AppendMailbox(nil, s.Envelope(), From), AppendDisplay(nil, s.Envelope(), From)
		if string(subject) != c.subject || string(from) != c.from || string(display) != c.display {
			t.Errorf("%q: %q, %q, %q", c.header, subject, from, display)
		}
		if to := AppendMailbox(nil, s.Envelope(), To); len(to) > 0 {
			t.Errorf("%q: to %q", c.header, to)
		}
	}
	_, msgs := nasty(t)
	for name, msg := range msgs {
		envelope := build(msg).Envelope()
		for n := range envelope { // damage reads as absence
			AppendSubject(nil, envelope[:n])
			AppendDisplay(nil, envelope[:n], Cc)
		}
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

func TestMessageIDs(t *testing.T) {
	for field, want := range map[string]string{
		"References: <a@x> <b@x>\r\n <c@x>":      "a@x b@x c@x",
		"References: <\"a\"@x><\"b\\c\"@x>":      "a@x bc@x",
		"In-Reply-To: mail of x <a@x> (b) <c>":   "a@x",
		"References: <a @ x> <a<b@x> <@x> <x@>":  "a@x b@x",
		"References: <a\r\n @x> <\"a>b\"@x> <c@": "a@x a>b@x",
		"References: nothing":                    "",
		"":                                       "",
	} {
		var got []string
		scratch := make([]byte, 0, 64)
		for id, rest := NextMessageID([]byte(field), scratch); id != nil; id, rest = NextMessageID(rest, scratch) {
			got = append(got, string(id))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", field, got, want)
		}
	}
	s := build([]byte("Message-ID: <a@x>\r\nSubject: y\r\nReferences: <b@x>\r\nreferences: <c@x>\r\n\r\n"))
	if f, ok := s.ThreadFields(); !ok || string(f.MessageID) != "Message-ID: <a@x>\r\n" || f.InReplyTo != nil || string(f.References) != "References: <b@x>\r\n" {
		t.Errorf("%q %v", f, ok)
	}
	if f := HeaderThreadFields([]byte("in-reply-to: <a@x>\r\n\r\nReferences: <b@x>\r\n")); string(f.InReplyTo) != "in-reply-to: <a@x>\r\n" || f.References != nil {
		t.Errorf("%q", f)
	}
}

// versionOne is a summary as version 1 wrote it.
func versionOne(s Summary) Summary {
	rest, n := []byte(s[2:]), 2
	for range versions[1] {
		size, k := binary.Uvarint(rest)
		rest, n = rest[k+int(size):], n+k+int(size)
	}
	one := bytes.Clone(s[:n])
	one[0], one[1] = 1, one[1]&^hasPreview
	return one
}

// A summary of version 1 serves, but for the preview.
func TestVersionOne(t *testing.T) {
	msg := typical(t)
	two := build(msg)
	one := versionOne(two)
	if !one.Valid() || !bytes.Equal(one.Envelope(), two.Envelope()) || !bytes.Equal(one.BodyStructure(), two.BodyStructure()) {
		t.Error("version 1 does not serve")
	}
	if _, ok := one.ThreadFields(); !ok || one.Structure() == nil {
		t.Error("version 1 has no fields or no structure")
	}
	if text, ok := one.Preview(); ok || text != "" {
		t.Errorf("version 1 has a preview, %q", text)
	}
	kept, ok := two.Preview()
	if made, err := Preview(bytes.NewReader(msg), one.Structure()); err != nil || !ok || made != kept || kept == "" {
		t.Errorf("made %q, kept %q", made, kept)
	}
}

func TestPreviewLimits(t *testing.T) {
	long := strings.Repeat("ä ", 100_000)
	for name, c := range map[string]struct {
		body string
		kept bool
	}{
		"long":   {"\r\n" + long, true},
		"short":  {"\r\nhello", true},
		"behind": {"X: " + strings.Repeat("x", maxHead) + "\r\n\r\nhello", false},
		"spaces": {"\r\n" + strings.Repeat(" ", 2*maxPreviewed) + "hello", false},
		"html":   {"Content-Type: text/html\r\n\r\n<!--" + strings.Repeat("-", 2*maxPreviewed), false},
	} {
		s := build([]byte(c.body))
		text, ok := s.Preview()
		if ok != c.kept || len([]rune(text)) > maxPreview {
			t.Errorf("%s: %d characters, %v", name, len([]rune(text)), ok)
		}
		made, err := Preview(strings.NewReader(c.body), message.ParseBytes([]byte(c.body)))
		if err != nil || ok && made != text {
			t.Errorf("%s: made %q, kept %q, %v", name, made, text, err)
		}
	}
}

func BenchmarkSortKeys(b *testing.B) {
	s := build(typical(b))
	dst, scratch := make([]byte, 0, 256), make([]byte, 0, 256)
	for name, f := range map[string]func(){
		"subject": func() { AppendSubject(dst, s.Envelope()) },
		"from":    func() { AppendMailbox(dst, s.Envelope(), From) },
		"display": func() { AppendDisplay(dst, s.Envelope(), From) },
		"ids": func() {
			f, _ := s.ThreadFields()
			for id, rest := NextMessageID(f.References, scratch); id != nil; id, rest = NextMessageID(rest, scratch) {
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f()
			}
		})
	}
}
