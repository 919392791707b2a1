package lmtp

import (
	"bufio"
	"bytes"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"restante/internal/spool"
	"restante/message"
)

func TestParsePath(t *testing.T) {
	for _, tt := range []struct{ in, local, domain, rest string }{
		{"<a@b>", "a", "b", ""},
		{" <Jones@[IPv6:::1]> SIZE=1", "Jones", "[IPv6:::1]", " SIZE=1"},
		{`<"a b\"@c"@d>`, `a b"@c`, "d", ""},
		{"<@x,@y:joe@z>", "joe", "z", ""},
		{"<postmaster>", "postmaster", "", ""},
		{"<>", "", "", ""},
		{"<a..b.@c>", "a..b.", "c", ""},
	} {
		a, rest, err := parsePath(tt.in)
		if err != nil || a.local != tt.local || a.domain != tt.domain || rest != tt.rest {
			t.Errorf("%s: got %+v %q %v", tt.in, a, rest, err)
		}
	}
	for _, in := range []string{"", "<", "a@b", "<a@b", "<a@b>x", "<a@>", "<@b>", `<"a@b>`, `<""@b>`, "<a b@c>", "<a@b c>", "<a@b@c>", "<a@[b>", "<a\x00@b>", "<\xff@b>"} {
		if a, rest, err := parsePath(in); err == nil {
			t.Errorf("%q: got %+v %q", in, a, rest)
		}
	}
}

func FuzzParsePath(f *testing.F) {
	// The examples of RFC 5321 and RFC 6531.
	for _, s := range []string{"<Smith@bar.com>", "<@hosta.int,@jkl.org:userc@d.bar.org>", `<"Joe Q. Public"@x>`,
		"<userx@y.foo.org> BODY=8BITMIME", "<Postmaster>", "<>", "<用户@例え.example>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, rest, err := parsePath(s)
		if err != nil {
			return
		}
		if !strings.HasSuffix(s, a.raw+">"+rest) {
			t.Fatalf("%q: %+v %q", s, a, rest)
		}
		// What goes into header fields and replies is one line, and means the same there.
		if strings.ContainsAny(a.raw, "\r\n\x00") {
			t.Fatalf("%q: control characters in %q", s, a.raw)
		}
		again, rest, err := parsePath("<" + a.raw + ">")
		if err != nil || rest != "" || again != a {
			t.Fatalf("%q: %+v then %+v %v", s, a, again, err)
		}
	})
}

// receive runs what a client sends after DATA through everything that a message goes through.
func receive(r io.Reader, buffer int) (string, string, error) {
	br := bufio.NewReaderSize(r, buffer)
	s := &spool.Spool{Limit: 1 << 20}
	filter := headerFilter{w: s}
	fixer := lineFixer{w: &filter}
	if _, err := io.Copy(&fixer, struct{ io.Reader }{newDotReader(br)}); err != nil {
		return "", "", err
	}
	fixer.finish()
	filter.finish()
	rest, _ := io.ReadAll(br)
	got, _ := io.ReadAll(s.Reader())
	return string(got), string(rest), nil
}

func FuzzReceive(f *testing.F) {
	for _, s := range []string{"", ".\r\n", "a: b\r\n\r\nc\r\n.\r\nQUIT\r\n", "Return-Path: x\r\n y\r\nReturn-Path\t: z\r\n\r\n..\r\n.\r\n",
		"a\n.\nb\r.\r\n\r\r\n.\r\nNOOP\r\n", "x\x00y\r\n.\r\n", "return-path\r\nreturn-pat: h\r\n.\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, rest, err := receive(bytes.NewReader(b), 4096)
		slow, slowRest, slowErr := receive(iotest.OneByteReader(bytes.NewReader(b)), 16)
		if got != slow || rest != slowRest || (err == nil) != (slowErr == nil) {
			t.Fatalf("%q: %q %q %v, octet by octet %q %q %v", b, got, rest, err, slow, slowRest, slowErr)
		}
		// The reference: the end is found by looking for it.
		at := bytes.Index(append([]byte("\r\n"), b...), []byte("\r\n.\r\n"))
		if (at < 0) != (err != nil) {
			t.Fatalf("%q: end at %d, err %v", b, at, err)
		}
		if err != nil {
			return
		}
		if want := string(b[min(at+3, len(b)):]); rest != want {
			t.Fatalf("%q: left %q, want %q", b, rest, want)
		}
		e, err := message.EncodeBinary(strings.NewReader(got), int64(len(got)))
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(e.Reader()); err != nil || bytes.IndexByte(text, 0) >= 0 {
			t.Fatalf("%q: delivered as %q, %v", b, text, err)
		}
		if regexp.MustCompile(`(^|[^\r])\n`).MatchString(got) || strings.Contains(got, "\r\r\n") {
			t.Fatalf("%q: bad lines in %q", b, got)
		}
		if strings.HasPrefix(got, "\r\n") {
			return // no header
		}
		header, _, _ := strings.Cut(got, "\r\n\r\n")
		for line := range strings.SplitSeq(header, "\r\n") {
			name, _, field := strings.Cut(line, ":")
			if field && len(name) < 100 && strings.EqualFold(strings.TrimRight(name, " \t"), returnPath) {
				t.Fatalf("%q: Return-Path stayed in %q", b, got)
			}
		}
	})
}
