package imapserver

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/iotest"
)

// syncFlushed returns a stream that is flushed behind each text.
func syncFlushed(t *testing.T, texts ...string) [][]byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	var pieces [][]byte
	for _, text := range texts {
		b.Reset()
		io.WriteString(w, text)
		w.Flush()
		pieces = append(pieces, bytes.Clone(b.Bytes()))
	}
	return pieces
}

// pieceReader returns a piece with each read, and calls waits before each.
type pieceReader struct {
	pieces [][]byte
	waits  func(left int)
}

func (r *pieceReader) Read(p []byte) (int, error) {
	r.waits(len(r.pieces))
	if len(r.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.pieces[0])
	if r.pieces[0] = r.pieces[0][n:]; len(r.pieces[0]) == 0 {
		r.pieces = r.pieces[1:]
	}
	return n, nil
}

// TestInflateIdle looks at what is held whenever the connection is read from: behind a flush nothing
// but the last octets.
func TestInflateIdle(t *testing.T) {
	texts := []string{"a NOOP\r\n", "b NOOP\r\n", "c SEL", "ECT INBOX\r\nd NOOP\r\n", string(bytes.Repeat([]byte("x"), 100_000)), "e NOOP\r\n", "f LOGOUT\r\n"}
	pieces := syncFlushed(t, texts...)
	in := inflateInput{state: compressed}
	idle := 0
	in.src = &pieceReader{pieces, func(int) {
		if in.inflater == nil {
			idle++
		}
		if len(in.window) > inflateWindow || cap(in.window) > inflateWindow {
			t.Errorf("%d octets of %d are held", len(in.window), cap(in.window))
		}
	}}
	got, err := io.ReadAll(readerFunc(in.read))
	if err != nil || string(got) != strings.Join(texts, "") {
		t.Errorf("got %d octets, %v", len(got), err)
	}
	if idle != len(texts)+1 {
		t.Errorf("%d reads without an inflater, of %d", idle, len(texts)+1)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestInflatePartialFlush reads what zlib writes with Z_PARTIAL_FLUSH, as mutt does: each piece ends
// within an octet, and all that was written must be readable.
func TestInflatePartialFlush(t *testing.T) {
	in := inflateInput{state: compressed}
	read := ""
	in.src = &pieceReader{partialFlushed, func(left int) {
		if want := []string{"a NOOP\r\nb NOOP\r\nc LOGOUT\r\n", "a NOOP\r\nb NOOP\r\n", "a NOOP\r\n", ""}[left]; read != want {
			t.Errorf("%q was read before piece %d, want %q", read, left, want)
		}
	}}
	p := make([]byte, 100)
	for {
		n, err := in.read(p)
		read += string(p[:n])
		if err != nil {
			if err != io.EOF {
				t.Error(err)
			}
			return
		}
	}
}

// TestInflateZlib reads what zlib 1.2.13 wrote: pieces of 8 to 90,000 octets, each seventh behind
// Z_SYNC_FLUSH and the others behind Z_PARTIAL_FLUSH. Each must be readable when its last octet is
// there, however its octets come. The file has for each piece its length, compressed and not, and
// what is compressed.
func TestInflateZlib(t *testing.T) {
	file, err := os.ReadFile("testdata/partial_flush.zlib")
	if err != nil {
		t.Fatal(err)
	}
	var pieces [][]byte
	var sizes []int
	for len(file) > 0 {
		compressed, n := binary.Uvarint(file)
		size, m := binary.Uvarint(file[n:])
		file = file[n+m:]
		pieces, sizes = append(pieces, file[:compressed]), append(sizes, int(size))
		file = file[compressed:]
	}
	want, _ := io.ReadAll(flate.NewReader(bytes.NewReader(bytes.Join(pieces, nil))))
	r := rand.New(rand.NewPCG(1, 2))
	for name, cut := range map[string]func(left int) int{
		"whole":    func(left int) int { return left },
		"segments": func(left int) int { return min(left, 1448) },
		"one":      func(int) int { return 1 },
		"random":   func(left int) int { return 1 + r.IntN(left) },
	} {
		t.Run(name, func(t *testing.T) {
			in := inflateInput{state: compressed}
			piece, due, idle := 0, 0, 0
			var left []byte
			read := 0
			in.src = readerFunc(func(p []byte) (int, error) {
				if len(left) == 0 {
					if read != due {
						t.Fatalf("%d octets were read before piece %d, want %d", read, piece, due)
					}
					if in.inflater == nil {
						idle++
					}
					if piece == len(pieces) {
						return 0, io.EOF
					}
					left, due, piece = pieces[piece], due+sizes[piece], piece+1
				}
				n := copy(p, left[:cut(len(left))])
				left = left[n:]
				return n, nil
			})
			for p := make([]byte, 5000); ; {
				n, err := in.read(p[:1+r.IntN(len(p))])
				if read+n > len(want) || !bytes.Equal(p[:n], want[read:read+n]) {
					t.Fatalf("other octets behind %d", read)
				}
				if read += n; err == io.EOF {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
			if read != len(want) || idle != len(pieces)+1 {
				t.Errorf("%d octets of %d were read; between %d pieces there was no inflater %d times", read, len(want), len(pieces), idle)
			}
		})
	}
}

// partialFlushed was written by zlib 1.2.13.
var partialFlushed = [][]byte{
	{0x4a, 0x54, 0xf0, 0xf3, 0xf7, 0x0f, 0xe0, 0xe5, 0x02, 0x08},
	{0xa0, 0x24, 0x28, 0x0d, 0x10},
	{0x40, 0xc9, 0x0a, 0x3e, 0xfe, 0xee, 0xfe, 0xa1, 0x21, 0xbc, 0x5c, 0x00, 0x01},
}

// TestInflateEnd goes back to octets that are not compressed, behind a flush or the end of the stream.
func TestInflateEnd(t *testing.T) {
	var final bytes.Buffer
	w, _ := flate.NewWriter(&final, 1)
	io.WriteString(w, "UNAUTHENTICATE\r\n")
	w.Close()
	for name, stream := range map[string][]byte{
		"flush": syncFlushed(t, "UNAUTHENTICATE\r\n")[0],
		"final": final.Bytes(),
	} {
		all := append(bytes.Clone(stream), "LOGIN\r\n"...)
		for how, src := range map[string]io.Reader{"at once": bytes.NewReader(all), "one by one": iotest.OneByteReader(bytes.NewReader(all))} {
			in := inflateInput{state: compressed, src: src}
			p := make([]byte, 100)
			n, err := in.read(p)
			for err == nil && n < len("UNAUTHENTICATE\r\n") {
				var k int
				k, err = in.read(p[n:])
				n += k
			}
			if err != nil || string(p[:n]) != "UNAUTHENTICATE\r\n" {
				t.Fatalf("%s, %s: %q, %v", name, how, p[:n], err)
			}
			in.end()
			rest, err := io.ReadAll(readerFunc(in.read))
			if err != nil || string(rest) != "LOGIN\r\n" {
				t.Errorf("%s, %s: behind the end %q, %v", name, how, rest, err)
			}
		}
	}
	in := inflateInput{state: compressed, src: bytes.NewReader(bytes.Join(syncFlushed(t, "ab"), nil))}
	if n, err := in.read(make([]byte, 1)); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	in.end()
	if n, err := in.read(make([]byte, 1)); n != 0 || err != errNotDeflate {
		t.Errorf("what is compressed behind the end is read: %d, %v", n, err)
	}
}

// FuzzInflate reads what a hostile client may send: it ends, and what is held is bounded.
func FuzzInflate(f *testing.F) {
	f.Add([]byte("a NOOP\r\n"), 3, false)
	for _, piece := range partialFlushed {
		f.Add(piece, 1, true)
	}
	f.Add([]byte{0, 0, 0, 0xff, 0xff, 0, 4, 0, 0xfb, 0xff, 0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff}, 64, true)
	f.Fuzz(func(t *testing.T, stream []byte, size int, ends bool) {
		in := inflateInput{state: compressed, src: bytes.NewReader(stream)}
		p := make([]byte, 1+uint(size)%70_000)
		for total := 0; total < 1<<20; {
			n, err := in.read(p)
			if total += n; n > 0 && ends && in.state == compressed {
				in.end()
			}
			if cap(in.window) > inflateWindow {
				t.Fatalf("%d octets are held", cap(in.window))
			}
			if err != nil {
				return
			}
		}
	})
}

// TestDeflateHistory decompresses what is written in units of any size.
func TestDeflateHistory(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var stream, want, b bytes.Buffer
	var sent []byte
	for range 300 {
		unit := make([]byte, 1+r.IntN([]int{5, 50, 500, 5000, deflateUnit}[r.IntN(5)]))
		for i := range unit {
			unit[i] = "abcd"[r.IntN(4)]
		}
		b.Reset()
		if err := deflate(&b, unit, sent); err != nil {
			t.Fatal(err)
		}
		sent = appendLast(sent, unit, sentHistory)
		stream.Write(b.Bytes())
		want.Write(unit)
	}
	got := make([]byte, want.Len())
	if _, err := io.ReadFull(flate.NewReader(&stream), got); err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Error("other octets come back", err)
	}
	if cap(sent) > sentHistory {
		t.Errorf("%d octets are held", cap(sent))
	}
}
