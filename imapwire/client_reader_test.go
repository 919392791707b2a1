package imapwire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

var smallClientLimits = ResponseReaderOptions{StreamOver: 10, MaxLine: 100, MaxLiteral: 1000}

// responsesOf reads the input to its end and tells what came of it. read says how much of a
// literal that is handed over is read; the rest is skipped.
func responsesOf(src io.Reader, o ResponseReaderOptions, read func(size int64) int64) (events []string) {
	r := NewResponseReader(src, o)
	add := func(format string, args ...any) { events = append(events, fmt.Sprintf(format, args...)) }
	frame, lit, err := r.ReadResponse()
	for err == nil {
		add("frame %q", frame)
		if lit == nil {
			frame, lit, err = r.ReadResponse()
			continue
		}
		b, err2 := io.ReadAll(io.LimitReader(lit, read(lit.Size)))
		add("literal %d: %q %v", lit.Size, b, err2)
		if err2 != nil {
			return events
		}
		if lit.Size%7 == 6 {
			frame, lit, err = r.ReadResponse()
		} else {
			frame, lit, err = r.Next()
		}
	}
	add("%v", err)
	return events
}

func readAll(n int64) int64 { return n }

func TestResponseReader(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"lines", "* OK hi\r\n+ \n\x00\x00a1 OK done\r\n\r\n", "frame \"* OK hi\"\nframe \"+ \"\nframe \"a1 OK done\"\nframe \"\"\nEOF"},
		{"NULs only", "\x00\x00\x00", "EOF"},
		{"literals", "* 1 FETCH (A {3}\r\nabc B ~{2}\n\r\n C {0}\r\n)\r\na OK x\r\n",
			"frame \"* 1 FETCH (A {3}\\r\\nabc B ~{2}\\n\\r\\n C {0}\\r\\n)\"\nframe \"a OK x\"\nEOF"},
		{"big literals", "* 1 FETCH (A {11}\r\nhello world B {12}\r\nhello again! C {1}\r\nx)\r\na OK x\r\n",
			"frame \"* 1 FETCH (A {11}\\r\\n\"\nliteral 11: \"hello world\" <nil>\nframe \" B {12}\\r\\n\"\nliteral 12: \"hello again!\" <nil>\nframe \" C {1}\\r\\nx)\"\nframe \"a OK x\"\nEOF"},
		{"response left", "* 1 FETCH (A {13}\r\nhello world!! B {12}\r\nhello again! C {1}\r\nx)\r\na OK x\r\n",
			"frame \"* 1 FETCH (A {13}\\r\\n\"\nliteral 13: \"hello world!!\" <nil>\nframe \"a OK x\"\nEOF"},
		{"many literals", strings.Repeat("* 1 {9}\r\n123456789", 1) + strings.Repeat("{9}\r\n123456789", 18) + "\r\n* 2 {9}\r\n123456789\r\n",
			"frame " + fmt.Sprintf("%q", "* 1 {9}\r\n123456789"+strings.Repeat("{9}\r\n123456789", 16)+"{9}\r\n") +
				"\nliteral 9: \"123456789\" <nil>\nframe \"{9}\\r\\n\"\nliteral 9: \"123456789\" <nil>\nframe \"\"\nframe \"* 2 {9}\\r\\n123456789\"\nEOF"},
		{"text that looks like a literal", "* OK {3}\r\n* no {3}\r\n* BYE {99999}\r\n* preauth {3}\r\n* BAD {3}\r\na OK {3}\r\n+ {3}\r\nx {3}\r\n",
			"frame \"* OK {3}\"\nframe \"* no {3}\"\nframe \"* BYE {99999}\"\nframe \"* preauth {3}\"\nframe \"* BAD {3}\"\nframe \"a OK {3}\"\nframe \"+ {3}\"\nframe \"x {3}\"\nEOF"},
		{"not at the end of the line", "* X {3} y\r\n* X {3}} \r\n", "frame \"* X {3} y\"\nframe \"* X {3}} \"\nEOF"},
		{"literal over the limit", "* X {1001}\r\n", "imapwire: literal of 1001 octets is too big"},
		{"line of the limit", "* " + strings.Repeat("x", 98) + "\r\n", "frame \"* " + strings.Repeat("x", 98) + "\"\nEOF"},
		{"line over the limit", "* " + strings.Repeat("x", 99) + "\r\n", "imapwire: line too long"},
		{"cut in a line", "* 1 EXISTS\r\n* 2", "frame \"* 1 EXISTS\"\nunexpected EOF"},
		{"cut in a literal", "* X {3}\r\na", "unexpected EOF"},
		{"cut in a big literal", "* X {20}\r\na", "frame \"* X {20}\\r\\n\"\nliteral 20: \"a\" unexpected EOF"},
	} {
		for i, src := range readers([]byte(c.in)) {
			if got := strings.Join(responsesOf(src, smallClientLimits, readAll), "\n"); got != c.want {
				t.Errorf("%s: reader %d: %q:\ngot:\n%s\nwant:\n%s", c.name, i, c.in, got, c.want)
			}
		}
	}
}

// What the caller does not read of a literal is skipped.
func TestResponseReaderSkips(t *testing.T) {
	const in = "* 1 FETCH (A {11}\r\nhello world B {12}\r\nhello again!)\r\na OK x\r\n"
	for n := range int64(12) {
		for _, src := range readers([]byte(in)) {
			got := responsesOf(src, smallClientLimits, func(int64) int64 { return n })
			if len(got) != 7 || got[4] != `frame ")"` || got[5] != `frame "a OK x"` {
				t.Fatalf("after %d octets: %q", n, got)
			}
		}
	}
}

func FuzzClientFramer(f *testing.F) {
	for _, s := range seeds(f, "responses") {
		f.Add([]byte(s + "\r\n"))
	}
	f.Add([]byte("* 1 FETCH (A {13}\r\nhello world!! B {12}\r\nhello again! C {1}\r\nx)\r\na OK x\r\n\x00* OK {3}\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var want []string
		for i, src := range readers(in) {
			got := responsesOf(src, smallClientLimits, func(n int64) int64 { return n % 15 })
			if i == 0 {
				want = got
			}
			if !slices.Equal(got, want) {
				t.Fatalf("reader %d:\ngot:\n%s\nwant:\n%s", i, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
		if len(want) > 2*len(in)+2 {
			t.Fatalf("%d events from %d octets", len(want), len(in))
		}
	})
}

// Frames far above the size of the buffer, among small ones, with literals of all sizes.
func TestResponseReaderSizes(t *testing.T) {
	var in bytes.Buffer
	var want []string
	for i := range 60 {
		n := 1 << (i % 20)
		line := fmt.Sprintf("* %d X %s", i, strings.Repeat("x", n))
		lit := strings.Repeat("y", (n+i)%(32<<10))
		frame := fmt.Sprintf("%s {%d}\r\n%s)", line, len(lit), lit)
		want = append(want, frame, "a OK")
		in.WriteString(frame + "\r\na OK\r\n")
	}
	for _, src := range []io.Reader{bytes.NewReader(in.Bytes()), iotest.HalfReader(bytes.NewReader(in.Bytes()))} {
		r := NewResponseReader(src, ResponseReaderOptions{})
		for i, w := range want {
			frame, lit, err := r.ReadResponse()
			if err != nil || lit != nil || string(frame) != w {
				t.Fatalf("frame %d: %d octets, want %d, %v", i, len(frame), len(w), err)
			}
		}
		if _, _, err := r.ReadResponse(); err != io.EOF {
			t.Fatal(err)
		}
	}
}

// A long SEARCH comes in pieces that each can be parsed, and needs no buffer of its own. Its length is
// limited as a whole.
func TestResponseReaderSearch(t *testing.T) {
	for _, tail := range []string{"", " (MODSEQ 917162500)", " ", " x"} {
		in := []byte("* OK\r\n* SEARCH")
		for n := range uint32(200000) {
			in = fmt.Append(in, " ", 1+n*7%999983)
		}
		in = append(in, tail+"\r\n* 1 EXISTS\r\n"...)
		for _, src := range []io.Reader{bytes.NewReader(in), iotest.HalfReader(bytes.NewReader(in)), iotest.DataErrReader(bytes.NewReader(in))} {
			r := NewResponseReader(src, ResponseReaderOptions{})
			n, pieces := uint32(0), 0
			for {
				frame, _, err := r.ReadResponse()
				if err != nil {
					t.Fatal(err)
				}
				resp, err := ParseResponse(frame, nil)
				if err != nil {
					t.Fatal(err)
				}
				if pieces%3 == 1 {
					r.Detach()
				}
				if _, ok := resp.(*ExistsData); ok {
					break
				}
				d, ok := resp.(*SearchData)
				if !ok {
					if raw, ok := resp.(*RawData); ok && tail != " x" {
						t.Fatalf("%q: %.100q", tail, raw.Text)
					}
					continue
				}
				pieces++
				if len(r.buf) > clientBufferSize {
					t.Fatalf("a buffer of %d octets", len(r.buf))
				}
				for _, got := range d.Nums {
					if got != 1+n*7%999983 {
						t.Fatalf("%q: number %d is %d", tail, n, got)
					}
					n++
				}
				if d.ModSeq != 0 && (d.ModSeq != 917162500 || n != 200000) {
					t.Errorf("MODSEQ %d after %d numbers", d.ModSeq, n)
				}
			}
			if n != 200000 && tail != " x" || pieces < 5 {
				t.Errorf("%q: %d numbers in %d pieces", tail, n, pieces)
			}
		}
		for limit, want := range map[int]error{len(in): nil, len(in) / 2: ErrLineTooLong} {
			r := NewResponseReader(bytes.NewReader(in), ResponseReaderOptions{MaxLine: limit})
			err := error(nil)
			for err == nil {
				_, _, err = r.ReadResponse()
			}
			if want == nil {
				want = io.EOF
			}
			if err != want {
				t.Errorf("limit %d: %v", limit, err)
			}
		}
	}
}

func TestResponseLiteralWriteTo(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789abcdef"), 50000)
	in := fmt.Sprintf("* 1 FETCH (BODY[] {%d}\r\n%s UID 7)\r\n", len(body), body)
	for _, src := range []io.Reader{strings.NewReader(in), iotest.HalfReader(strings.NewReader(in)), iotest.DataErrReader(strings.NewReader(in))} {
		r := NewResponseReader(src, ResponseReaderOptions{})
		_, lit, err := r.ReadResponse()
		if err != nil || lit.Size != int64(len(body)) {
			t.Fatal(lit, err)
		}
		var out bytes.Buffer
		head := make([]byte, 20000) // goes past the buffer when it can
		if _, err := io.ReadFull(lit, head); err != nil {
			t.Fatal(err)
		}
		out.Write(head)
		if lit.Remaining() != int64(len(body)-len(head)) {
			t.Errorf("%d remain", lit.Remaining())
		}
		if n, err := lit.WriteTo(&out); err != nil || n != int64(len(body)-len(head)) || !bytes.Equal(out.Bytes(), body) {
			t.Fatalf("%d octets, %v", n, err)
		}
		if frame, lit, err := r.Next(); string(frame) != " UID 7)" || lit != nil || err != nil {
			t.Fatalf("%q %v %v", frame, lit, err)
		}
	}
	// An error of the writer leaves the rest to be skipped.
	r := NewResponseReader(strings.NewReader(in+"a OK\r\n"), ResponseReaderOptions{})
	_, lit, _ := r.ReadResponse()
	full := errors.New("disk full")
	if _, err := lit.WriteTo(failing{full}); err != full {
		t.Fatal(err)
	}
	if frame, _, err := r.ReadResponse(); string(frame) != "a OK" || err != nil {
		t.Fatalf("%q %v", frame, err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// A deadline between two responses loses nothing.
func TestResponseReaderTimeout(t *testing.T) {
	r := NewResponseReader(io.MultiReader(strings.NewReader("* 1 EXISTS\r\n"), iotest.ErrReader(os.ErrDeadlineExceeded)), ResponseReaderOptions{})
	if frame, _, err := r.ReadResponse(); string(frame) != "* 1 EXISTS" || err != nil {
		t.Fatalf("%q %v", frame, err)
	}
	if _, _, err := r.ReadResponse(); err != os.ErrDeadlineExceeded {
		t.Fatal(err)
	}
	if r.slab != nil {
		t.Error("an idle reader holds a buffer")
	}
	r.src = strings.NewReader("* 2 EXISTS\r\n")
	if frame, _, err := r.ReadResponse(); string(frame) != "* 2 EXISTS" || err != nil {
		t.Fatalf("%q %v", frame, err)
	}
}

func BenchmarkResponseReader(b *testing.B) {
	envelope := `* 4711 FETCH (UID 123456 FLAGS (\Seen) ENVELOPE ("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev2 WG mtg summary and minutes" ` +
		`(("Terry Gray" NIL "gray" "cac.washington.example")) (("Terry Gray" NIL "gray" "cac.washington.example")) (("Terry Gray" NIL "gray" ` +
		`"cac.washington.example")) ((NIL NIL "imap" "cac.washington.example")) ((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) ` +
		`NIL NIL "<B27397-0100000@cac.washington.example>"))` + "\r\n"
	body := func(n int) string {
		return fmt.Sprintf("* 1 FETCH (UID 1 BODY[] {%d}\r\n%s)\r\n", n, strings.Repeat("0123456789abcd\r\n", n/16))
	}
	for _, c := range []struct {
		name, in string
		copies   int
	}{{"envelope", envelope, 2000}, {"body 16 KiB", body(16 << 10), 100}, {"body 1 MiB", body(1 << 20), 4}, {"small", "* 1 FETCH (FLAGS ())\r\n", 10000}} {
		b.Run(c.name, func(b *testing.B) {
			r := NewResponseReader(&forever{data: bytes.Repeat([]byte(c.in), c.copies)}, ResponseReaderOptions{})
			b.SetBytes(int64(len(c.in)))
			b.ReportAllocs()
			for b.Loop() {
				_, lit, err := r.ReadResponse()
				if lit != nil {
					if _, err := lit.WriteTo(discard{}); err != nil {
						b.Fatal(err)
					}
					_, _, err = r.Next()
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
