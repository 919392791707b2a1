package imapwire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// smallLimits are limits that short inputs reach.
var smallLimits = ReaderOptions{MaxLine: 100, MaxLiteral: 50, MaxReply: 20, MaxSkip: 200}

// frameAll reads the input to its end and tells what came of it, one string for each thing that
// happened. take says which messages are accepted.
func frameAll(src io.Reader, o ReaderOptions, take func(size int64) bool) (events []string) {
	r := NewReader(src, o)
	add := func(format string, args ...any) { events = append(events, fmt.Sprintf(format, args...)) }
	cont := func() error { add("+"); return nil }
	for {
		frame, lit, err := r.ReadCommand(cont)
		for {
			add("frame %q", frame)
			var big *LiteralTooBig
			switch {
			case errors.As(err, &big):
				add("too big: tag %q, %d, %v, %v", big.Tag, big.Size, big.NonSync, big.Fatal)
				if big.Fatal {
					return events
				}
			case err == ErrLineTooLong:
				add("too long: tag %q", Tag(frame))
			case err != nil:
				add("%v", err)
				return events
			}
			if lit == nil {
				break
			}
			add("literal %d nonsync=%v binary=%v", lit.Size, lit.NonSync, lit.Binary)
			if !take(lit.Size) {
				add("refused")
				break
			}
			body, err2 := io.ReadAll(r.ReadLiteral(lit.Size))
			add("message %q %v", body, err2)
			if err2 != nil {
				return events
			}
			frame, lit, err = r.ReadRest(cont)
		}
	}
}

func takeAll(int64) bool    { return true }
func takeEven(n int64) bool { return n%2 == 0 }

func TestReadCommand(t *testing.T) {
	const eof = "frame \"\"\nEOF"
	for _, c := range []struct{ name, in, want string }{
		{"crlf and lf", "a NOOP\r\nb NOOP\n\r\nc \r\r\n", "frame \"a NOOP\"\nframe \"b NOOP\"\nframe \"\"\nframe \"c \\r\"\n" + eof},
		{"literals", "a LOGIN {3}\r\nann {2+}\n\r\n x\r\n",
			"+\nframe \"a LOGIN {3}\\r\\nann {2+}\\r\\n\\r\\n x\"\n" + eof},
		{"empty literal", "a X {0}\r\n\r\n", "+\nframe \"a X {0}\\r\\n\"\n" + eof},
		{"line end in a literal", "a X {3+}\r\n\n{4}\r\nb Y\r\n", "frame \"a X {3+}\\r\\n\\n{4}\"\nframe \"b Y\"\n" + eof},
		{"not a literal", "a X {}\r\nb {+}\r\nc {x1}\r\nd 1}\r\ne {1 }\r\nf {1}}\r\n",
			`frame "a X {}"` + "\n" + `frame "b {+}"` + "\n" + `frame "c {x1}"` + "\n" + `frame "d 1}"` + "\n" +
				`frame "e {1 }"` + "\n" + `frame "f {1}}"` + "\n" + eof},
		{"append", "a append x {4}\r\nmail\r\nb NOOP\r\n", "frame \"a append x {4}\"\nliteral 4 nonsync=false binary=false\n" +
			"message \"mail\" <nil>\nframe \"\"\nframe \"b NOOP\"\n" + eof},
		{"append, literal name", "a APPEND {1}\r\nx (\\Seen) ~{2+}\r\nma\r\n", "+\nframe \"a APPEND {1}\\r\\nx (\\\\Seen) ~{2+}\"\n" +
			"literal 2 nonsync=true binary=true\nmessage \"ma\" <nil>\nframe \"\"\n" + eof},
		{"append, utf8", "a APPEND x UTF8 (~{2}\r\nma)\r\n", "frame \"a APPEND x UTF8 (~{2}\"\n" +
			"literal 2 nonsync=false binary=true\nmessage \"ma\" <nil>\nframe \")\"\n" + eof},
		{"multiappend", "a APPEND x {2}\r\nma (\\Seen) {4+}\r\nmore\r\n", "frame \"a APPEND x {2}\"\n" +
			"literal 2 nonsync=false binary=false\nmessage \"ma\" <nil>\nframe \" (\\\\Seen) {4+}\"\n" +
			"literal 4 nonsync=true binary=false\nmessage \"more\" <nil>\nframe \"\"\n" + eof},
		{"append refused", "a APPEND x {5}\r\nb NOOP\r\n", "frame \"a APPEND x {5}\"\nliteral 5 nonsync=false binary=false\n" +
			"refused\nframe \"b NOOP\"\n" + eof},
		{"append refused, sent all the same", "a APPEND x {9+}\r\nb LOGOUT\n {7+}\r\nc X\r\n\r\n\r\nd NOOP\r\n",
			"frame \"a APPEND x {9+}\"\nliteral 9 nonsync=true binary=false\nrefused\nframe \"d NOOP\"\n" + eof},
		{"append refused, far too big", "a APPEND x {201+}\r\nb LOGOUT\n", "frame \"a APPEND x {201+}\"\n" +
			"literal 201 nonsync=true binary=false\nrefused\nframe \"\"\ntoo big: tag \"a\", 201, true, true"},
		{"another append refused", "a APPEND x {2}\r\nma {3+}\r\nb X\r\nc NOOP\r\n", "frame \"a APPEND x {2}\"\n" +
			"literal 2 nonsync=false binary=false\nmessage \"ma\" <nil>\nframe \" {3+}\"\n" +
			"literal 3 nonsync=true binary=false\nrefused\nframe \"c NOOP\"\n" + eof},
		{"literal too big", "a X {51}\r\nb NOOP\r\n", "frame \"a X {51}\"\ntoo big: tag \"a\", 51, false, false\nframe \"b NOOP\"\n" + eof},
		{"literals too big together", "a X {25+}\r\n" + strings.Repeat("x", 25) + " {26+}\r\n" + strings.Repeat("y", 26) + "\r\nb NOOP\r\n",
			"frame \"a X {25+}\\r\\n" + strings.Repeat("x", 25) + " {26+}\"\ntoo big: tag \"a\", 26, true, false\nframe \"b NOOP\"\n" + eof},
		{"literal far too big", "a X {10000000000+}\r\nb NOOP\r\n", "frame \"a X {10000000000+}\"\ntoo big: tag \"a\", 10000000000, true, true"},
		{"a size above all sizes", "a X {99999999999999999999}\r\nb NOOP\r\n",
			"frame \"a X {99999999999999999999}\"\ntoo big: tag \"a\", 9223372036854775807, false, false\nframe \"b NOOP\"\n" + eof},
		{"line of the limit", "a " + strings.Repeat("x", 98) + "\r\n", "frame \"a " + strings.Repeat("x", 98) + "\"\n" + eof},
		{"line too long", "a " + strings.Repeat("x", 99) + "\r\nb NOOP\r\n",
			"frame \"a " + strings.Repeat("x", 62) + "\"\ntoo long: tag \"a\"\nframe \"b NOOP\"\n" + eof},
		{"long lines together", "a {0+}\r\n" + strings.Repeat("x", 95) + "\r\nb NOOP\r\n",
			"frame \"a {0+}\\r\\n" + strings.Repeat("x", 64) + "\"\ntoo long: tag \"a\"\nframe \"b NOOP\"\n" + eof},
		{"line too long with literals", "a " + strings.Repeat("x", 200) + "{8+}\r\nb NOOP\r\n" + strings.Repeat("x", 200) + "{3+}\r\n\r\n\n\r\nc NOOP\r\n",
			"frame \"a " + strings.Repeat("x", 62) + "\"\ntoo long: tag \"a\"\nframe \"c NOOP\"\n" + eof},
		{"endless line", "a " + strings.Repeat("x", 2<<20) + "\r\nb NOOP\r\n", "frame \"\"\nimapwire: line without end"},
		{"endless line behind a literal", "a X {51+}\r\n" + strings.Repeat("y", 51) + strings.Repeat("x", 2<<20) + "\r\nb NOOP\r\n",
			"frame \"a X {51+}\"\nimapwire: line without end"},
		{"cut in a line", "a NOOP", "frame \"\"\nunexpected EOF"},
		{"cut in a literal", "a X {3+}\r\nx", "frame \"\"\nunexpected EOF"},
		{"cut in a message", "a APPEND x {4}\r\nma", "frame \"a APPEND x {4}\"\nliteral 4 nonsync=false binary=false\nmessage \"ma\" unexpected EOF"},
	} {
		take := takeAll
		if strings.Contains(c.name, "refused") {
			take = takeEven
		}
		for _, src := range readers([]byte(c.in)) {
			if got := strings.Join(frameAll(src, smallLimits, take), "\n"); got != c.want {
				t.Errorf("%s: %q:\ngot:\n%s\nwant:\n%s", c.name, c.in, got, c.want)
			}
		}
	}
}

// readers are several ways to deliver the same octets.
func readers(in []byte) []io.Reader {
	return []io.Reader{
		bytes.NewReader(in),
		iotest.OneByteReader(bytes.NewReader(in)),
		iotest.DataErrReader(bytes.NewReader(in)),
		&chunks{in: in, rnd: rand.New(rand.NewPCG(uint64(len(in)), 7))},
	}
}

// chunks delivers octets in pieces of any size, sometimes none.
type chunks struct {
	in  []byte
	rnd *rand.Rand
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.in) == 0 {
		return 0, io.EOF
	}
	n := min(c.rnd.IntN(9), len(p), len(c.in))
	copy(p, c.in[:n])
	c.in = c.in[n:]
	return n, nil
}

func FuzzServerFramer(f *testing.F) {
	for _, s := range seeds(f, "commands") {
		f.Add([]byte(s))
	}
	f.Add([]byte("a APPEND {1}\r\nx (\\Seen) ~{2+}\r\nma {3}\r\nabc\r\nb LOGIN {3}\r\nann {2+}\r\nxy\r\n"))
	f.Add([]byte("a " + strings.Repeat("x", 200) + "{8+}\r\nb NOOP\r\n{3+}\r\n\r\n\n\r\nc X {51}\r\nd NOOP\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var want []string
		for i, src := range readers(in) {
			got := frameAll(src, smallLimits, takeEven)
			if i == 0 {
				want = got
			}
			if !slices.Equal(got, want) {
				t.Fatalf("reader %d:\ngot:\n%s\nwant:\n%s", i, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
		if len(want) > 4*len(in)+4 {
			t.Fatalf("%d events from %d octets", len(want), len(in))
		}
	})
}

func TestReadLine(t *testing.T) {
	for _, src := range readers([]byte("a IDLE\r\nDONE\r\n" + strings.Repeat("x", 21) + "\r\n" + strings.Repeat("y", 20) + "\r\n{3}\r\nb NOOP\r\nc")) {
		r := NewReader(src, smallLimits)
		if frame, _, err := r.ReadCommand(nil); string(frame) != "a IDLE" || err != nil {
			t.Fatalf("got %q, %v", frame, err)
		}
		if line, err := r.ReadLine(); string(line) != "DONE" || err != nil {
			t.Fatalf("got %q, %v", line, err)
		}
		if line, err := r.ReadLine(); err != ErrLineTooLong {
			t.Fatalf("got %q, %v, want ErrLineTooLong", line, err)
		}
		if line, err := r.ReadLine(); len(line) != 20 || err != nil {
			t.Fatalf("got %q, %v", line, err)
		}
		if line, err := r.ReadLine(); string(line) != "{3}" || err != nil {
			t.Fatalf("got %q, %v", line, err)
		}
		if frame, _, err := r.ReadCommand(nil); string(frame) != "b NOOP" || err != nil {
			t.Fatalf("got %q, %v", frame, err)
		}
		if _, err := r.ReadLine(); err != io.ErrUnexpectedEOF && err != io.EOF {
			t.Fatalf("got %v", err)
		}
	}
}

func TestReaderRest(t *testing.T) {
	const mail = "0123456789"
	in := "a APPEND x {10}\r\n" + mail + "\r\nb APPEND x {10+}\r\n" + mail + "\r\nc NOOP\r\n"
	for _, src := range readers([]byte(in)) {
		r := NewReader(src, ReaderOptions{})
		if _, lit, err := r.ReadCommand(nil); lit == nil || err != nil {
			t.Fatal(lit, err)
		}
		var p [4]byte
		if _, err := io.ReadFull(r.ReadLiteral(10), p[:]); string(p[:]) != "0123" || err != nil {
			t.Fatal(string(p[:]), err)
		}
		// A store that gave up leaves the rest of the message to ReadRest, or to ReadCommand.
		if rest, lit, err := r.ReadRest(nil); len(rest) > 0 || lit != nil || err != nil {
			t.Fatalf("%q %v %v", rest, lit, err)
		}
		if frame, lit, err := r.ReadCommand(nil); string(frame) != "b APPEND x {10+}" || lit == nil || err != nil {
			t.Fatalf("%q %v %v", frame, lit, err)
		}
		if _, err := io.ReadFull(r.ReadLiteral(10), p[:]); err != nil {
			t.Fatal(err)
		}
		if frame, lit, err := r.ReadCommand(nil); string(frame) != "c NOOP" || lit != nil || err != nil {
			t.Fatalf("%q %v %v", frame, lit, err)
		}
	}
}

func TestReaderContinuationError(t *testing.T) {
	broken := errors.New("broken pipe")
	r := NewReader(strings.NewReader("a LOGIN {3}\r\nann {2}\r\nxy\r\n"), ReaderOptions{})
	if _, _, err := r.ReadCommand(func() error { return broken }); err != broken {
		t.Errorf("got %v", err)
	}
}

// A deadline between two commands loses nothing.
func TestReaderTimeout(t *testing.T) {
	r := NewReader(io.MultiReader(strings.NewReader("a NOOP\r\n"), iotest.ErrReader(os.ErrDeadlineExceeded)), ReaderOptions{})
	if frame, _, err := r.ReadCommand(nil); string(frame) != "a NOOP" || err != nil {
		t.Fatalf("%q %v", frame, err)
	}
	if _, _, err := r.ReadCommand(nil); err != os.ErrDeadlineExceeded {
		t.Fatal(err)
	}
	r.src = strings.NewReader("b NOOP\r\n")
	if frame, _, err := r.ReadCommand(nil); string(frame) != "b NOOP" || err != nil {
		t.Fatalf("%q %v", frame, err)
	}
}

// Wait takes nothing from what is read behind it, and skips a message that nobody wants.
func TestReaderWait(t *testing.T) {
	long := "c " + strings.Repeat("x", 2*idleSize)
	r := NewReader(iotest.OneByteReader(strings.NewReader("a APPEND x {3+}\r\nabc\r\nb NOOP\r\n"+long+"\r\nDONE\r\n")), ReaderOptions{})
	if _, lit, err := r.ReadCommand(nil); lit == nil || err != nil {
		t.Fatal(lit, err)
	}
	for _, want := range []string{"b NOOP", long, "DONE"} {
		for range 2 {
			if err := r.Wait(); err != nil || r.Buffered() == 0 {
				t.Fatal(err)
			}
		}
		read := r.ReadLine
		if want != "DONE" {
			read = func() ([]byte, error) {
				frame, _, err := r.ReadCommand(nil)
				return frame, err
			}
		}
		if line, err := read(); string(line) != want || err != nil {
			t.Fatalf("%q %v", line, err)
		}
	}
	if err := r.Wait(); err != io.EOF {
		t.Fatal(err)
	}
}

// stuck blocks for ever, once its octets are read, and tells when it starts to.
type stuck struct {
	io.Reader
	blocked chan struct{}
	release chan struct{}
}

func (s *stuck) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err == io.EOF {
		s.blocked <- struct{}{}
		<-s.release
	}
	return n, err
}

// Readers that wait for a command hold next to nothing, whatever came before.
func TestReaderIdleMemory(t *testing.T) {
	const n = 500
	release, blocked, ended := make(chan struct{}), make(chan struct{}), make(chan error)
	in := "a X {60}\r\n" + strings.Repeat("x", 60) + " y\r\nb FETCH 1:* (" + strings.Repeat("FLAGS ", 50) + "UID)\r\n"
	keep := make([]*Reader, 0, n)
	base := heap()
	for range n {
		r := NewReader(&stuck{strings.NewReader(in), blocked, release}, ReaderOptions{})
		keep = append(keep, r)
		go func() {
			for {
				if _, _, err := r.ReadCommand(func() error { return nil }); err != nil {
					ended <- err
					return
				}
			}
		}()
		<-blocked
	}
	for _, r := range keep {
		if r.slab != nil || r.frame != nil || r.line != nil {
			t.Fatal("an idle reader holds a buffer")
		}
	}
	if per := (heap() - base) / n; per > 1000 {
		t.Errorf("%d octets for an idle reader", per)
	}
	close(release)
	for range n {
		if err := <-ended; err != io.EOF {
			t.Error(err)
		}
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A literal that is announced and never sent costs nothing.
func TestReaderAnnouncedOnly(t *testing.T) {
	base := heap()
	var keep []*Reader
	for range 100 {
		r := NewReader(strings.NewReader("a LOGIN {1000000+}\r\nx"), ReaderOptions{})
		if _, _, err := r.ReadCommand(nil); err != io.ErrUnexpectedEOF {
			t.Fatal(err)
		}
		keep = append(keep, r)
	}
	if per := (heap() - base) / 100; per > 50<<10 {
		t.Errorf("%d octets for a literal that did not come", per)
	}
	runtime.KeepAlive(keep)
}

func BenchmarkReader(b *testing.B) {
	for _, c := range []struct{ name, in string }{
		{"FETCH", "A0001 UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)\r\n"},
		{"NOOP", "a NOOP\r\n"},
		{"LOGIN literal", "a LOGIN {3+}\r\nann {6+}\r\nsecret\r\n"},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := NewReader(&forever{data: bytes.Repeat([]byte(c.in), 1000)}, ReaderOptions{})
			b.SetBytes(int64(len(c.in)))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := r.ReadCommand(nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("APPEND 1 MB", func(b *testing.B) {
		in := append([]byte("a APPEND x {1000000+}\r\n"), make([]byte, 1000000)...)
		r := NewReader(&forever{data: append(in, "\r\n"...)}, ReaderOptions{})
		b.SetBytes(int64(len(in)))
		b.ReportAllocs()
		for b.Loop() {
			_, lit, err := r.ReadCommand(nil)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(discard{}, r.ReadLiteral(lit.Size)); err != nil {
				b.Fatal(err)
			}
			if _, _, err := r.ReadRest(nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// forever delivers data again and again.
type forever struct {
	data []byte
	at   int
}

func (f *forever) Read(p []byte) (int, error) {
	n := copy(p, f.data[f.at:])
	if f.at += n; f.at == len(f.data) {
		f.at = 0
	}
	return n, nil
}

// Longer is asked once in each command, with its start, when a line or a literal goes over the limits.
func TestReaderLonger(t *testing.T) {
	long := strings.Repeat("x", 101)
	for _, c := range []struct {
		in     string
		asked  int
		events []string
	}{
		{"a ID " + long[:94] + "\r\n", 0, []string{`frame "a ID ` + long[:94] + `"`}},
		{"a ID " + long + "\r\n", 1, []string{`frame "a ID ` + long + `"`}},
		{"a ID {60+}\r\n" + long[:60] + " {60+}\r\n" + long[:60] + "\r\n", 1,
			[]string{`frame "a ID {60+}\r\n` + long[:60] + ` {60+}\r\n` + long[:60] + `"`}},
		{"a ID {200}\r\n", 1, []string{`frame "a ID {200}"`, `too big: tag "a", 200, false, false`}},
		{"a ID " + long + long + "\r\n", 1, []string{`frame "` + ("a ID " + long)[:64] + `"`, `too long: tag "a"`}},
		{"a NOOP " + long + "\r\n", 1, []string{`frame "` + ("a NOOP " + long)[:64] + `"`, `too long: tag "a"`}},
	} {
		for _, src := range []io.Reader{strings.NewReader(c.in + "b NOOP\r\n"), iotest.OneByteReader(strings.NewReader(c.in + "b NOOP\r\n"))} {
			o, asked := smallLimits, 0
			o.Longer = func(start []byte) (int, int64) {
				asked++
				if !bytes.HasPrefix(start, []byte("a ID ")) {
					return o.MaxLine, o.MaxLiteral
				}
				return 200, 150
			}
			want := append(slices.Clone(c.events), `frame "b NOOP"`, `frame ""`, "EOF")
			if got := frameAll(src, o, takeAll); !slices.Equal(got, want) || asked != c.asked {
				t.Errorf("%q: asked %d times, got %q, want %q", c.in, asked, got, want)
			}
		}
	}
}
