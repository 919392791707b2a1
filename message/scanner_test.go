package message

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// nasty returns the messages of testdata/nasty by name.
func nasty(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/nasty/*.eml")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d messages in testdata/nasty, %v", len(files), err)
	}
	out := make(map[string][]byte)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(f), ".eml")] = b
	}
	return out
}

// dump writes all that a scan found, offsets relative to the first.
func dump(n *Node, env any) string {
	var b strings.Builder
	var visit func(n *Node, depth int)
	base := n.HeaderStart
	visit = func(n *Node, depth int) {
		p := n.Part
		fmt.Fprintf(&b, "%*s%s/%s %v %s %d %d %s %s %d..%d..%d\n", depth, "", p.Type, p.Subtype, p.Params, p.Encoding,
			p.Size, p.Lines, p.Disposition, p.DispParams, n.HeaderStart-base, n.BodyStart-base, n.End-base)
		if p.Envelope != nil {
			fmt.Fprintf(&b, "%+v\n", *p.Envelope)
		}
		for _, c := range n.Children {
			visit(c, depth+1)
		}
	}
	visit(n, 0)
	fmt.Fprintf(&b, "%+v\n", env)
	return b.String()
}

// scanSplit scans a message written in pieces of random sizes up to longest.
func scanSplit(b []byte, longest int, seed uint64) *Structure {
	rnd := rand.New(rand.NewPCG(seed, 1))
	s := NewScanner()
	for len(b) > 0 {
		n := min(len(b), rnd.IntN(longest)+1)
		s.Write(b[:n])
		b = b[n:]
	}
	return s.Result()
}

// check tests what must be true of every structure. alone also takes every part out of the message
// and scans it alone, which comes to the same as long as no limit is reached.
func check(t *testing.T, msg []byte, st *Structure, alone bool) {
	t.Helper()
	if st.Size != int64(len(msg)) || st.Root.HeaderStart != 0 || st.Root.End != st.Size || st.Envelope == nil {
		t.Fatalf("size %d, root %+v of %d octets", st.Size, st.Root, len(msg))
	}
	if st.Root.BodyStart <= MaxHeader && st.Header != string(msg[:st.Root.BodyStart]) {
		t.Fatalf("header %q, want %q", st.Header, msg[:st.Root.BodyStart])
	}
	parts := 0
	var visit func(n *Node, digest bool, depth int)
	visit = func(n *Node, digest bool, depth int) {
		parts++
		p := n.Part
		if n.HeaderStart < 0 || n.BodyStart < n.HeaderStart || n.End < n.BodyStart || n.End > st.Size || p.Size != n.End-n.BodyStart {
			t.Fatalf("part %q at %d..%d..%d, size %d", p.ID, n.HeaderStart, n.BodyStart, n.End, p.Size)
		}
		if p.Type == "" || p.Subtype == "" || p.Encoding == "" {
			t.Fatalf("part %q is %q/%q in %q", p.ID, p.Type, p.Subtype, p.Encoding)
		}
		feeds := int64(bytes.Count(msg[n.BodyStart:n.End], lineFeed))
		if (p.Is("text", "") || n.Message()) && p.Lines != feeds {
			t.Fatalf("part %q has %d lines, want %d", p.ID, p.Lines, feeds)
		}
		if (p.Multipart() || n.Message()) != (len(n.Children) > 0) || n.Message() && (len(n.Children) != 1 || p.Envelope == nil) {
			t.Fatalf("part %q of type %s/%s has %d children, envelope %v", p.ID, p.Type, p.Subtype, len(n.Children), p.Envelope)
		}
		if len(n.Children) != len(p.Parts) || depth > MaxDepth+1 {
			t.Fatalf("part %q: %d nodes, %d parts, depth %d", p.ID, len(n.Children), len(p.Parts), depth)
		}
		// Taken out of the message and read alone, a part is the same. A part of a digest has another
		// default type; a part that stands in for what is not there has no header of its own.
		if alone && !digest && n.HeaderStart < n.BodyStart && depth < 5 && parts < 50 {
			st := ParseBytes(msg[n.HeaderStart:n.End])
			if got, want := dump(st.Root, 0), dump(n, 0); got != want {
				t.Fatalf("part %q alone:\n%.4000s\nin the message:\n%.4000s", p.ID, got, want)
			}
		}
		at := n.BodyStart
		for i, c := range n.Children {
			if c.Part != p.Parts[i] || c.HeaderStart < at || c.End > n.End {
				t.Fatalf("part %q at %d..%d is not within %q at %d..%d", c.Part.ID, c.HeaderStart, c.End, p.ID, at, n.End)
			}
			at = c.End
			visit(c, p.Is("multipart", "digest"), depth+1)
		}
	}
	visit(st.Root, false, 1)
	if parts > 2*MaxParts {
		t.Fatalf("%d parts", parts)
	}
}

func checkSplits(t *testing.T, msg []byte) {
	t.Helper()
	st := ParseBytes(msg)
	check(t, msg, st, true)
	want := dump(st.Root, *st.Envelope)
	for i, longest := range []int{1, 2, 7, 60, 1000} {
		got := scanSplit(msg, longest, uint64(len(msg)+i))
		if s := dump(got.Root, *got.Envelope); s != want {
			t.Fatalf("in pieces of up to %d octets:\n%s\nat once:\n%s", longest, s, want)
		}
	}
}

func TestScannerNasty(t *testing.T) {
	for name, msg := range nasty(t) {
		t.Run(name, func(t *testing.T) {
			checkSplits(t, msg)
			checkSplits(t, bytes.ReplaceAll(msg, []byte("\r\n"), []byte("\n")))
			for i := range len(msg) { // cut off anywhere
				st := ParseBytes(msg[:i])
				check(t, msg[:i], st, true)
			}
		})
	}
}

func FuzzScanner(f *testing.F) {
	for _, msg := range nasty(f) {
		f.Add(msg)
	}
	for _, msg := range rfcMessages {
		f.Add([]byte(crlf(msg)))
	}
	f.Fuzz(func(t *testing.T, msg []byte) { checkSplits(t, msg) })
}

// crlf returns a text of this file with the line breaks of a message.
func crlf(s string) string { return strings.ReplaceAll(strings.TrimPrefix(s, "\n"), "\n", "\r\n") }

// rfcMessages are the complex example of RFC 2046 §5.1.1, the nested one of RFC 2049 appendix A and
// RFC 5322 appendix A.1.3.
var rfcMessages = []string{`
From: Nathaniel Borenstein <nsb@bellcore.com>
To: Ned Freed <ned@innosoft.com>
Date: Sun, 21 Mar 1993 23:56:48 -0800 (PST)
Subject: Sample message
MIME-Version: 1.0
Content-type: multipart/mixed; boundary="simple boundary"

This is the preamble.  It is to be ignored, though it
is a handy place for composition agents to include an
explanatory note to non-MIME conformant readers.

--simple boundary

This is implicitly typed plain US-ASCII text.
It does NOT end with a linebreak.
--simple boundary
Content-type: text/plain; charset=us-ascii

This is explicitly typed plain US-ASCII text.
It DOES end with a linebreak.

--simple boundary--

This is the epilogue.  It is also to be ignored.
`, `
MIME-Version: 1.0
From: Nathaniel Borenstein <nsb@nsb.fv.com>
To: Ned Freed <ned@innosoft.com>
Date: Fri, 07 Oct 1994 16:15:05 -0700 (PDT)
Subject: A multipart example
Content-Type: multipart/mixed;
             boundary=unique-boundary-1

This is the preamble area of a multipart message.
--unique-boundary-1

  ... Some text appears here ...
--unique-boundary-1
Content-type: text/plain; charset=US-ASCII

This could have been part of the previous part, but
illustrates explicit versus implicit typing of body parts.
--unique-boundary-1
Content-Type: multipart/parallel; boundary=unique-boundary-2

--unique-boundary-2
Content-Type: audio/basic
Content-Transfer-Encoding: base64

  ... base64-encoded 8000 Hz single-channel
      mu-law-format audio data goes here ...
--unique-boundary-2
Content-Type: image/jpeg
Content-Transfer-Encoding: base64

  ... base64-encoded image data goes here ...
--unique-boundary-2--

--unique-boundary-1
Content-type: text/enriched

This is <bold><italic>enriched.</italic></bold>
--unique-boundary-1
Content-Type: message/rfc822

From: (mailbox in US-ASCII)
To: (address in US-ASCII)
Subject: (subject in US-ASCII)
Content-Type: Text/plain; charset=ISO-8859-1
Content-Transfer-Encoding: Quoted-printable

  ... Additional text in ISO-8859-1 goes here ...
--unique-boundary-1--
`, `
From: Pete <pete@silly.example>
To: A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;
Cc: Undisclosed recipients:;
Date: Thu, 13 Feb 1969 23:32:54 -0330
Message-ID: <testabcd.1234@silly.example>

Testing.
`}

// RFC 2046 §5.1.1: the line break before a boundary belongs to the boundary.
func TestBoundaryLineBreak(t *testing.T) {
	msg := crlf(rfcMessages[0])
	st := ParseBytes([]byte(msg))
	for i, want := range []string{
		"This is implicitly typed plain US-ASCII text.\r\nIt does NOT end with a linebreak.",
		"This is explicitly typed plain US-ASCII text.\r\nIt DOES end with a linebreak.\r\n",
	} {
		n := st.Root.Children[i]
		if got := msg[n.BodyStart:n.End]; got != want {
			t.Errorf("part %d is %q, want %q", i+1, got, want)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Run("depth", func(t *testing.T) {
		var b strings.Builder
		for i := range 3 * MaxDepth {
			fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d.\r\n\r\n--b%d.\r\n", i, i)
		}
		st := ParseBytes([]byte(b.String()))
		check(t, []byte(b.String()), st, false)
		depth, n := 1, st.Root
		for ; len(n.Children) > 0; n = n.Children[0] {
			depth++
		}
		if depth != MaxDepth+1 || n.End != st.Size { // the last stands in for what is not taken apart
			t.Errorf("depth %d, the last ends at %d of %d", depth, n.End, st.Size)
		}
	})
	t.Run("messages in messages", func(t *testing.T) {
		msg := []byte(strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 3*MaxDepth))
		check(t, msg, ParseBytes(msg), false)
	})
	t.Run("parts", func(t *testing.T) {
		msg := []byte("Content-Type: multipart/digest; boundary=b\n\n" + strings.Repeat("--b\n\n\nx\n", 2*MaxParts) + "--b--\n")
		st := ParseBytes(msg)
		check(t, msg, st, false)
		if n := len(st.Root.Children); n < MaxParts/2-1 || n > MaxParts {
			t.Errorf("%d parts", n)
		}
	})
	t.Run("header", func(t *testing.T) {
		msg := []byte("Subject: first\r\nX-Long: " + strings.Repeat("x", 2*MaxHeader) + "\r\nTo: bob@example.org\r\n\r\nbody\r\n")
		st := ParseBytes(msg)
		check(t, msg, st, false)
		if st.Envelope.RawSubject != "first" || len(st.Header) != MaxHeader || string(msg[st.Root.BodyStart:]) != "body\r\n" {
			t.Errorf("%q, header of %d, body at %d", st.Envelope.RawSubject, len(st.Header), st.Root.BodyStart)
		}
	})
	t.Run("headers", func(t *testing.T) {
		part := "--b\r\nContent-Type: text/html; x=" + strings.Repeat("x", 100<<10) + "\r\nContent-Id: <1>\r\n\r\n"
		msg := []byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat(part, 30))
		st := ParseBytes(msg)
		check(t, msg, st, false)
		kept := 0
		for _, p := range st.Root.Part.Parts {
			kept += len(p.Params.Get("x"))
			if !p.Is("text", "html") {
				t.Errorf("part %s is %s/%s", p.ID, p.Type, p.Subtype)
			}
		}
		if kept > maxAllHeaders+30*restHeader {
			t.Errorf("%d octets of headers kept", kept)
		}
	})
	t.Run("addresses", func(t *testing.T) {
		msg := []byte("From: " + strings.Repeat("a,", 100<<10) + "\r\nTo: bob@example.org\r\n\r\n")
		if st := ParseBytes(msg); len(st.Envelope.From) != maxAddresses || len(st.Envelope.To) != 0 {
			t.Errorf("%d and %d addresses", len(st.Envelope.From), len(st.Envelope.To))
		}
	})
	t.Run("boundary", func(t *testing.T) {
		long := strings.Repeat("b", maxBoundary)
		msg := []byte("Content-Type: multipart/mixed; boundary=" + long + "\r\n\r\n--" + long + "\r\n\r\none\r\n--" + long + "--\r\n")
		checkSplits(t, msg)
		if n := len(ParseBytes(msg).Root.Children); n != 1 || ParseBytes(msg).Root.Children[0].Part.Size != 3 {
			t.Errorf("%d parts", n)
		}
	})
}

func TestScannerReset(t *testing.T) {
	s := NewScanner()
	for name, msg := range nasty(t) {
		s.Reset()
		s.Write(msg)
		st := s.Result()
		want := ParseBytes(msg)
		if dump(st.Root, *st.Envelope) != dump(want.Root, *want.Envelope) {
			t.Errorf("%s: a used scanner finds something else", name)
		}
		if s.Result() != st {
			t.Errorf("%s: the second Result differs", name)
		}
	}
}

// typical is a message as most are: 4 KB, two alternatives, the headers of three relays.
var typical = []byte(crlf(`
Return-Path: <ann@example.org>
Delivered-To: bob@example.org
Received: from mx.example.org (mx.example.org [192.0.2.25])
	by mail.example.org with ESMTPS id 4F2C91A0E3
	for <bob@example.org>; Mon, 23 Nov 2026 10:00:05 +0100 (CET)
Received: from relay.example.com (relay.example.com [198.51.100.7])
	by mx.example.org with ESMTPS id 9A8B7C6D5E
	for <bob@example.org>; Mon, 23 Nov 2026 10:00:03 +0100 (CET)
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=2026;
	h=from:to:subject:date:message-id:mime-version:content-type;
	bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;
	b=dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSbav+yuU4zGeeruD00lszZVoG4ZHRNiYzR
	 dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSbav+yuU4zGeeruD00lszZVoG4ZHRNiYzR
	 dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSbav+yuU4zGeeruD00lszZVoG4ZHRNiYzR
Message-ID: <20261123090001.4711@example.com>
Date: Mon, 23 Nov 2026 10:00:01 +0100
MIME-Version: 1.0
User-Agent: Mozilla Thunderbird
Subject: Re: =?UTF-8?Q?Einladung_f=C3=BCr_den?= 24. November
To: Bob <bob@example.org>, "Carol, the other" <carol@example.org>
References: <a1@example.org> <a2@example.com> <a3@example.org>
 <a4@example.com>
In-Reply-To: <a4@example.com>
From: =?UTF-8?B?QW5uIE3DvGxsZXI=?= <ann@example.org>
Content-Type: multipart/alternative; boundary="------------0A1B2C3D4E5F60718293A4B5"

This is a multi-part message in MIME format.
--------------0A1B2C3D4E5F60718293A4B5
Content-Type: text/plain; charset=UTF-8; format=flowed
Content-Transfer-Encoding: quoted-printable

` + strings.Repeat("Wir treffen uns wie besprochen um zehn, bringt bitte die Unterlagen mit.\n", 15) + `
--------------0A1B2C3D4E5F60718293A4B5
Content-Type: text/html; charset=UTF-8
Content-Transfer-Encoding: quoted-printable

<html><body>
` + strings.Repeat("<p>Wir treffen uns wie besprochen um zehn, bringt die Unterlagen mit.</p>\n", 15) + `
</body></html>

--------------0A1B2C3D4E5F60718293A4B5--
`))

func BenchmarkScanTypical(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(typical)))
	s := NewScanner()
	for b.Loop() {
		s.Reset()
		s.Write(typical)
		s.Result()
	}
}

func BenchmarkScanAttachment(b *testing.B) {
	line := strings.Repeat("QUJD", 19) + "\r\n"
	msg := []byte("Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: application/pdf\r\n" +
		"Content-Transfer-Encoding: base64\r\n\r\n" + strings.Repeat(line, 8<<20/len(line)) + "--b--\r\n")
	b.SetBytes(int64(len(msg)))
	s := NewScanner()
	for b.Loop() {
		s.Reset()
		for p := msg; len(p) > 0; p = p[min(len(p), 32<<10):] {
			s.Write(p[:min(len(p), 32<<10)])
		}
		s.Result()
	}
}
