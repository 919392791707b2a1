package summary

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"restante/imap"
	"restante/imapwire"
	"restante/message"
)

var update = flag.Bool("update", false, "rewrite testdata/nasty.txt")

// nasty returns the names and contents of the messages that package message is tested with.
func nasty(t testing.TB) (names []string, msgs map[string][]byte) {
	t.Helper()
	files, err := filepath.Glob("../message/testdata/nasty/*.eml")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d messages, %v", len(files), err)
	}
	msgs = make(map[string][]byte)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(f), ".eml")
		names, msgs[name] = append(names, name), b
	}
	return names, msgs
}

func build(msg []byte) Summary {
	w, finish := NewBuilder()
	for len(msg) > 0 {
		n := min(len(msg), 1000)
		w.Write(msg[:n])
		msg = msg[n:]
	}
	return finish()
}

// What is sent for each of the nasty messages. A change here changes what clients see.
func TestRendered(t *testing.T) {
	const file = "testdata/nasty.txt"
	var got bytes.Buffer
	names, msgs := nasty(t)
	for _, name := range names {
		s := build(msgs[name])
		fmt.Fprintf(&got, "%s\n%q\n%q\n%q\n\n", name, s.Envelope(), s.BodyStructure(), s.Body())
	}
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	wants := strings.Split(string(want), "\n\n")
	for i, g := range strings.Split(got.String(), "\n\n") {
		if i >= len(wants) || g != wants[i] {
			t.Errorf("got  %s\nwant %s", g, append(wants, "nothing")[min(i, len(wants))])
		}
	}
}

// A summary answers as the message does.
func TestSummaryNasty(t *testing.T) {
	names, msgs := nasty(t)
	for _, name := range names {
		msg := msgs[name]
		s, st := build(msg), message.ParseBytes(msg)
		if !s.Valid() {
			t.Errorf("%s: not valid", name)
			continue
		}
		if got, want := string(s.Envelope()), string(imapwire.AppendEnvelope(nil, st.Envelope)); got != want {
			t.Errorf("%s: envelope %s, want %s", name, got, want)
		}
		if got, want := string(s.Body()), string(imapwire.AppendBodyStructure(nil, st.Root.Part, false)); got != want {
			t.Errorf("%s: body %s, want %s", name, got, want)
		}
		if got, want := string(s.BodyStructure()), string(imapwire.AppendBodyStructure(nil, st.Root.Part, true)); got != want {
			t.Errorf("%s: body structure %s, want %s", name, got, want)
		}
		if s.HeaderLen() != st.Root.BodyStart {
			t.Errorf("%s: header of %d, want %d", name, s.HeaderLen(), st.Root.BodyStart)
		}
		header := msg[:s.HeaderLen()]
		for _, fields := range [][]string{{"subject"}, {"FROM", "To", "Content-Type"}, {"X-Not-There"}, {"x-not-there", "date"}, {"content-language"}, {}} {
			got, ok := s.HeaderFields([]byte("before"), fields, false)
			want := "before" + string(message.FilterHeader(nil, header, fields, false))
			present := slices.Contains(fields, "content-language") && strings.Contains(string(header), "Content-Language")
			if ok == present || (ok && string(got) != want) {
				t.Errorf("%s: fields %q are %q, %v, want %q", name, fields, got, ok, want)
			}
		}
		if got, ok := s.HeaderFields(nil, []string{"subject"}, true); ok || len(got) > 0 {
			t.Errorf("%s: HEADER.FIELDS.NOT is %q, %v", name, got, ok)
		}
		same(t, name, s.Structure(), st)
	}
}

// same compares a structure from a summary with that of the scan.
func same(t *testing.T, name string, got, want *message.Structure) {
	t.Helper()
	if got == nil || got.Size != want.Size {
		t.Errorf("%s: structure %v", name, got)
		return
	}
	var visit func(a, b *message.Node)
	visit = func(a, b *message.Node) {
		p, q := a.Part, b.Part
		if a.HeaderStart != b.HeaderStart || a.BodyStart != b.BodyStart || a.End != b.End || p.ID != q.ID || p.Type != q.Type ||
			p.Subtype != q.Subtype || p.Encoding != q.Encoding || p.Size != q.Size || p.Lines != q.Lines ||
			p.Params.Get("charset") != q.Params.Get("charset") || len(a.Children) != len(b.Children) || len(p.Parts) != len(q.Parts) {
			t.Errorf("%s: got %+v %+v, want %+v %+v", name, *a, *p, *b, *q)
			return
		}
		for i := range a.Children {
			visit(a.Children[i], b.Children[i])
		}
	}
	visit(got.Root, want.Root)
}

func TestSent(t *testing.T) {
	for _, c := range []struct{ date, sent, day string }{
		{"Mon, 23 Nov 2026 00:30:00 +0200", "2026-11-22T22:30:00Z", "2026-11-23"}, // RFC 9051 §6.4.4: disregarding the zone
		{"1 Jan 1960 23:00:00 -0500", "1960-01-02T04:00:00Z", "1960-01-01"},
		{"no date", "", ""}, {"", "", ""},
	} {
		s := build([]byte("Date: " + c.date + "\r\n\r\n"))
		sent, ok := s.Sent()
		day, ok2 := s.SentDay()
		if ok != (c.sent != "") || ok2 != ok {
			t.Errorf("%q: %v, %v", c.date, ok, ok2)
		} else if ok && (sent.Format(time.RFC3339) != c.sent || day.Format(time.RFC3339) != c.day+"T00:00:00Z") {
			t.Errorf("%q: sent %v, day %v", c.date, sent, day)
		}
	}
	if _, ok := build([]byte("Subject: x\r\n\r\n")).SentDay(); ok {
		t.Error("a message without Date has a day")
	}
}

func TestHeaderFieldsLimits(t *testing.T) {
	long := build([]byte("Subject: x\r\nReferences: " + strings.Repeat("<a@example.org>\r\n ", maxFields/10) + "\r\n\r\nbody"))
	if _, ok := long.HeaderFields(nil, []string{"subject"}, false); ok || !long.Valid() || long.Structure() == nil {
		t.Error("fields beyond the limit are there")
	}
	var b strings.Builder
	for i := range maxNames {
		fmt.Fprintf(&b, "X-Field-%d: x\r\n", i)
	}
	if _, ok := build([]byte(b.String()+"\r\n")).HeaderFields(nil, []string{"subject"}, false); ok {
		t.Error("the names of more other fields than there is room for are known")
	}
	huge := build([]byte("Subject: x\r\nX-Huge: " + strings.Repeat("x", message.MaxHeader) + "\r\nTo: y\r\n\r\nbody"))
	if _, ok := huge.HeaderFields(nil, []string{"to"}, false); ok || huge.HeaderLen() < message.MaxHeader {
		t.Error("fields beyond what is parsed are known")
	}
	many := build([]byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\nx\r\n", maxStructure/8) + "--b--\r\n"))
	if many.Structure() != nil || !many.Valid() {
		t.Error("the structure is longer than the limit")
	}
}

// The accessors do not allocate.
func TestAllocations(t *testing.T) {
	s := build(typical(t))
	names := []string{"From", "To", "Subject", "Date", "X-Not-There"}
	dst := make([]byte, 0, 4096)
	n := testing.AllocsPerRun(100, func() {
		if len(s.Envelope()) == 0 || len(s.BodyStructure()) == 0 || len(s.Body()) == 0 || s.HeaderLen() == 0 || !s.Valid() {
			t.Fatal("something is missing")
		}
		if _, ok := s.SentDay(); !ok {
			t.Fatal("no day")
		}
		if out, ok := s.HeaderFields(dst, names, false); !ok || !bytes.HasSuffix(out, []byte("\r\n\r\n")) {
			t.Fatal("no fields")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BODY[1] of a structure from a summary reads what it sends and nothing else.
func TestOpenFromSummary(t *testing.T) {
	msg := typical(t)
	st := build(msg).Structure()
	r, ok, err := st.Open(bytes.NewReader(msg), &imap.Section{Part: []uint32{1}})
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	b, err := io.ReadAll(r)
	if err != nil || !bytes.HasPrefix(b, []byte("Wir treffen uns")) || bytes.Contains(b, []byte("--")) {
		t.Errorf("%q, %v", b, err)
	}
	if ok, err := message.NewMatcher("UNTERLAGEN").Matches(bytes.NewReader(msg), st, false); !ok || err != nil {
		t.Errorf("search: %v, %v", ok, err)
	}
}

func TestNotValid(t *testing.T) {
	good := build(typical(t))
	for name, s := range map[string]Summary{
		"nil": nil, "empty": {}, "version only": {version}, "other version": append(Summary{version + 1}, good[1:]...),
		"cut off": good[:len(good)-1], "too long": append(slices.Clone(good), 0),
	} {
		if s.Valid() {
			t.Errorf("%s: valid", name)
		}
	}
}

// Damaged summaries give nonsense or nothing, and no panic.
func FuzzSummary(f *testing.F) {
	f.Add([]byte(build(typical(f))))
	_, msgs := nasty(f)
	for _, msg := range msgs {
		f.Add([]byte(build(msg)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := Summary(b)
		s.Envelope()
		s.Body()
		s.BodyStructure()
		s.HeaderFields(nil, []string{"subject", "x-other"}, false)
		s.SentDay()
		s.Sent()
		st := s.Structure()
		if st == nil {
			return
		}
		var visit func(n *message.Node)
		visit = func(n *message.Node) {
			if n.HeaderStart < 0 || n.BodyStart < n.HeaderStart || n.End < n.BodyStart || n.End > st.Size {
				t.Fatalf("part at %d..%d..%d of %d", n.HeaderStart, n.BodyStart, n.End, st.Size)
			}
			for _, c := range n.Children {
				visit(c)
			}
		}
		visit(st.Root)
		st.Section(&imap.Section{Part: []uint32{1, 1}, Text: "MIME"})
	})
}

func FuzzBuild(f *testing.F) {
	_, msgs := nasty(f)
	for _, msg := range msgs {
		f.Add(msg)
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		s := build(msg)
		if !s.Valid() {
			t.Fatal("not valid")
		}
		st := message.ParseBytes(msg)
		same(t, "fuzz", s.Structure(), st)
		fields := []string{"subject", "to", "x", "content-type"}
		if got, ok := s.HeaderFields(nil, fields, false); ok {
			if want := message.FilterHeader(nil, msg[:s.HeaderLen()], fields, false); !bytes.Equal(got, want) {
				t.Fatalf("fields %q, want %q", got, want)
			}
		}
	})
}

// typical returns a message as most are: 4 KB, two alternatives, the headers of three relays.
func typical(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/typical.eml")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func BenchmarkBuild(b *testing.B) {
	msg := typical(b)
	b.ReportAllocs()
	b.SetBytes(int64(len(msg)))
	n := 0
	for b.Loop() {
		w, finish := NewBuilder()
		w.Write(msg)
		n = len(finish())
	}
	b.ReportMetric(float64(n), "octets")
}

func BenchmarkHeaderFields(b *testing.B) {
	s := build(typical(b))
	names := strings.Fields("From To Cc Bcc Subject Date Message-ID Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To")
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := s.HeaderFields(dst, names, false); !ok {
			b.Fatal("not kept")
		}
	}
}

func BenchmarkStructure(b *testing.B) {
	s := build(typical(b))
	b.ReportAllocs()
	for b.Loop() {
		if s.Structure() == nil {
			b.Fatal("no structure")
		}
	}
}
