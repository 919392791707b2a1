package message

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// encodeBinary returns the message as EncodeBinary makes it, and how many NULs are lost.
func encodeBinary(t *testing.T, message string) (string, int64) {
	t.Helper()
	e, err := EncodeBinary(strings.NewReader(message), int64(len(message)))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(iotest.OneByteReader(e.Reader()))
	if err != nil {
		t.Fatal(err)
	}
	again, err := io.ReadAll(e.Reader())
	if err != nil || !bytes.Equal(again, out) {
		t.Fatalf("a second reader has %q, %v", again, err)
	}
	if e.Size() != int64(len(out)) || bytes.IndexByte(out, 0) >= 0 {
		t.Fatalf("%q\nbecame %q, of %d octets; %d were announced", message, out, len(out), e.Size())
	}
	return string(out), e.Replaced()
}

func TestEncodeBinary(t *testing.T) {
	const b64 = "Content-Transfer-Encoding: base64\r\n"
	for _, c := range []struct {
		name, in, want string
		lost           int64
	}{
		{"no NUL", "Content-Transfer-Encoding: binary\r\n\r\na\rb\nc\xff", "Content-Transfer-Encoding: binary\r\n\r\na\rb\nc\xff", 0},
		{"binary", "MIME-Version: 1.0\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\na\x00b",
			b64 + "MIME-Version: 1.0\r\nContent-Type: image/png\r\n\r\nYQBi\r\n", 0},
		{"mbox line, folds", "From ann Mon\r\nContent-Transfer-Encoding:\r\n binary\r\nX: y\r\ncontent-transfer-encoding: 8bit\r\nMime-Version: 1.0\r\n\r\n\x00",
			"From ann Mon\r\n" + b64 + "X: y\r\nMime-Version: 1.0\r\n\r\nAA==\r\n", 0},
		{"no MIME", "Subject: x\r\n\r\na\x00b", "MIME-Version: 1.0\r\n" + b64 + "Subject: x\r\n\r\nYQBi\r\n", 0},
		{"no header", "\r\na\x00b", "MIME-Version: 1.0\r\n" + b64 + "\r\nYQBi\r\n", 0},
		{"lines", "MIME-Version: 1.0\n\n" + strings.Repeat("\x00", 58),
			b64 + "MIME-Version: 1.0\n\n" + strings.Repeat("A", 76) + "\r\nAA==\r\n", 0},
		{"multipart", "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: binary\r\n\r\n--b\r\n\r\ntext\r\n" +
			"--b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\x00\r\n--b\r\nContent-Type: a/b\r\nContent-Transfer-Encoding: Binary\r\n\r\nxyz\r\n--b--\r\n",
			"Content-Transfer-Encoding: 8bit\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n" +
				"--b\r\n" + b64 + "\r\nAA==\r\n--b\r\n" + b64 + "Content-Type: a/b\r\n\r\neHl6\r\n--b--\r\n", 0},
		{"message inside", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n\x00\r\n--b--\r\n",
			"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nMIME-Version: 1.0\r\n" + b64 +
				"Subject: x\r\n\r\nAA==\r\n--b--\r\n", 0},
		{"quoted-printable", "Content-Transfer-Encoding: quoted-printable\r\n\r\na\x00=\r\n=3D",
			"Content-Transfer-Encoding: quoted-printable\r\n\r\na=00=\r\n=3D", 0},
		{"base64", "Content-Transfer-Encoding: base64\r\n\r\nYQ\x00Bi", "Content-Transfer-Encoding: base64\r\n\r\nYQ\uFFFDBi", 1},
		{"unknown", "Content-Transfer-Encoding: x-uuencode\r\n\r\n\x00", "Content-Transfer-Encoding: x-uuencode\r\n\r\n\uFFFD", 1},
		{"header", "Subject: a\x00b\r\n\r\nx", "Subject: a\uFFFDb\r\n\r\nx", 1},
		{"only a header", "a\x00b", "a\uFFFDb", 1},
		{"around parts", "Content-Type: multipart/mixed; boundary=b\r\n\r\n\x00\r\n--b\r\n\r\n\x00\r\n--b--\r\n\x00\x00",
			"Content-Type: multipart/mixed; boundary=b\r\n\r\n\uFFFD\r\n--b\r\n" + b64 + "\r\nAA==\r\n--b--\r\n\uFFFD\uFFFD", 3},
		{"multipart without parts", "Content-Type: multipart/mixed; boundary=b\r\n\r\n\x00", "Content-Type: multipart/mixed; boundary=b\r\n\r\n\uFFFD", 1},
	} {
		if got, lost := encodeBinary(t, c.in); got != c.want || lost != c.lost {
			t.Errorf("%s: got %q and %d lost, want %q and %d", c.name, got, lost, c.want, c.lost)
		}
	}
}

func TestEncodeBinaryError(t *testing.T) {
	want := errors.New("broken")
	if _, err := EncodeBinary(brokenReader{want}, 10); err != want {
		t.Error(err)
	}
	e, err := EncodeBinary(strings.NewReader("a: b\r\n\r\n\x00"), 9)
	if err != nil {
		t.Fatal(err)
	}
	e.ra = brokenReader{want}
	if _, err := io.ReadAll(e.Reader()); err != want {
		t.Error(err)
	}
}

type brokenReader struct{ err error }

func (b brokenReader) ReadAt([]byte, int64) (int, error) { return 0, b.err }

// Whatever the message, its parts are the same ones afterwards, and where no NUL is lost their contents
// are what they were.
func FuzzEncodeBinary(f *testing.F) {
	pieces := []string{"Content-Type: multipart/mixed; boundary=b\r\n", "Content-Type: message/rfc822\r\n", "Content-Transfer-Encoding: binary\r\n",
		"Content-Transfer-Encoding: quoted-printable\r\n", "Subject: x\r\n y\r\n", "\r\n", "\r\n", "--b\r\n", "--b--\r\n", "a\x00b", "text\n", "=\r\n", "\xff"}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var b strings.Builder
		for range 1 + rnd.IntN(30) {
			b.WriteString(pieces[rnd.IntN(len(pieces))])
		}
		f.Add(b.String())
	}
	f.Fuzz(func(t *testing.T, in string) {
		out, lost := encodeBinary(t, in)
		if strings.IndexByte(in, 0) < 0 && out != in {
			t.Fatalf("%q became %q", in, out)
		}
		if lost > 0 {
			return
		}
		was, is := ParseBytes([]byte(in)), ParseBytes([]byte(out))
		compareParts(t, in, out, was.Root, is.Root)
	})
}

func compareParts(t *testing.T, in, out string, was, is *Node) {
	t.Helper()
	if was.Part.ID != is.Part.ID || was.Part.Type != is.Part.Type || len(was.Children) != len(is.Children) {
		t.Fatalf("%q\nbecame %q\n%+v\n%+v", in, out, was.Part, is.Part)
	}
	for i := range was.Children {
		compareParts(t, in, out, was.Children[i], is.Children[i])
	}
	if len(was.Children) > 0 {
		return
	}
	contents := func(n *Node, message string) string {
		r, err := DecodeTransfer(n.Part.Encoding, n.Open(strings.NewReader(message)))
		if err != nil {
			r = n.Open(strings.NewReader(message))
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if a, b := contents(was, in), contents(is, out); a != b {
		t.Fatalf("%q\nbecame %q\npart %q was %q, is %q", in, out, was.Part.ID, a, b)
	}
}
