package message

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"math/rand/v2"
	"mime/quotedprintable"
	"strings"
	"testing"
	"testing/iotest"

	"restante/imap"
)

func decodeAll(t testing.TB, encoding string, r io.Reader) string {
	t.Helper()
	d, err := DecodeTransfer(encoding, r)
	if err != nil {
		t.Fatalf("%s: %v", encoding, err)
	}
	b, err := io.ReadAll(d)
	if err != nil {
		t.Fatalf("%s: %v", encoding, err)
	}
	return string(b)
}

func TestDecodeTransfer(t *testing.T) {
	for _, c := range []struct{ encoding, in, want string }{
		{"7bit", "a=3Db\r\n", "a=3Db\r\n"},
		{"", "x", "x"},
		{" Base64 ", "SGVsbG8=\r\n", "Hello"},
		{"base64", "SGVs\r\n!!! bG8", "Hello"},
		{"base64", "SGVsbG8", "Hello"},
		{"base64", "SGVsbG8===\r\nSGVsbG8=", "HelloHello"},
		{"base64", "SGV=sbG8=", "He\xb1\xb1\xbc"},
		{"base64", "S", ""},
		{"base64", "", ""},
		{"Quoted-Printable", "a=3Db", "a=b"},
		{"quoted-printable", "a=3d=3D \t\r\nb=\r\nc= \r\nd\r\n", "a==\r\nbcd\r\n"},
		{"quoted-printable", "a=\nb\nc", "ab\nc"},
		{"quoted-printable", "100% = x =zz =4", "100% = x =zz =4"},
		{"quoted-printable", "end=", "end"},
		{"quoted-printable", "end  ", "end"},
		{"quoted-printable", "=FC=ff\x80", "\xfc\xff\x80"},
		// RFC 2045 §6.7: rule 5's example.
		{"quoted-printable", "Now's the time =\r\nfor all folk to come=\r\n to the aid of their country.", "Now's the time for all folk to come to the aid of their country."},
	} {
		if got := decodeAll(t, c.encoding, strings.NewReader(c.in)); got != c.want {
			t.Errorf("%s of %q is %q, want %q", c.encoding, c.in, got, c.want)
		}
		if got := decodeAll(t, c.encoding, iotest.OneByteReader(strings.NewReader(c.in))); got != c.want {
			t.Errorf("%s of %q octet by octet is %q, want %q", c.encoding, c.in, got, c.want)
		}
	}
	if _, err := DecodeTransfer("x-uuencode", nil); !errors.Is(err, ErrUnknownEncoding) {
		t.Errorf("x-uuencode: %v", err)
	}
	broken := errors.New("broken")
	d, _ := DecodeTransfer("base64", io.MultiReader(strings.NewReader("SGVsbG8="), iotest.ErrReader(broken)))
	if b, err := io.ReadAll(d); string(b) != "Hello" || err != broken {
		t.Errorf("a broken reader: %q, %v", b, err)
	}
}

// What the standard library encodes comes back, in chunks of any size.
func TestDecodeTransferRandom(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for i := range 60 {
		data := make([]byte, rnd.IntN(60_000))
		for i := range data {
			data[i] = byte(rnd.Uint32())
		}
		if i%3 == 0 {
			data = bytes.ReplaceAll(bytes.ToValidUTF8(data, []byte("= \t")), []byte{'\n'}, []byte("\r\n"))
		}
		var b64 strings.Builder
		for s := base64.StdEncoding.EncodeToString(data); s != ""; s = s[min(len(s), 76):] {
			b64.WriteString(s[:min(len(s), 76)] + "\r\n")
		}
		var qp strings.Builder
		w := quotedprintable.NewWriter(&qp)
		w.Binary = true
		w.Write(data)
		w.Close()
		for encoding, text := range map[string]string{"base64": b64.String(), "quoted-printable": qp.String()} {
			r := io.Reader(strings.NewReader(text))
			if i%2 == 0 {
				r = iotest.HalfReader(iotest.DataErrReader(r))
			}
			if got := decodeAll(t, encoding, r); got != string(data) {
				t.Fatalf("%s of %d octets is wrong", encoding, len(data))
			}
		}
	}
}

// RFC 9051 §7.5.2: text is sent with CRLF, and BINARY.SIZE is the size of what BINARY sends.
func TestDecodePart(t *testing.T) {
	for _, c := range []struct{ typ, encoding, in, want string }{
		{"text", "7bit", "a\nb\r\nc", "a\r\nb\r\nc"},
		{"text", "quoted-printable", "a=\nb\n\n=0A", "ab\r\n\r\n\r\n"},
		{"text", "base64", "YQpi", "a\nb"},
		{"image", "8bit", "a\nb", "a\nb"},
	} {
		p := &imap.Part{Type: c.typ, Encoding: c.encoding}
		for name, r := range map[string]io.Reader{
			"at once": strings.NewReader(c.in), "octet by octet": iotest.OneByteReader(strings.NewReader(c.in)),
		} {
			d, err := DecodePart(p, r)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(d)
			if string(got) != c.want || err != nil {
				t.Errorf("%s %s %q %s is %q, %v, want %q", c.typ, c.encoding, c.in, name, got, err, c.want)
			}
		}
	}
	if _, err := DecodePart(&imap.Part{Encoding: "x-other"}, nil); !errors.Is(err, ErrUnknownEncoding) {
		t.Errorf("x-other: %v", err)
	}
}

func FuzzDecodeTransfer(f *testing.F) {
	f.Add("SGVs\r\nbG8=", uint8(3))
	f.Add("a=3D=\r\n b \r\n=zz=", uint8(1))
	f.Fuzz(func(t *testing.T, s string, chunk uint8) {
		for _, encoding := range []string{"base64", "quoted-printable"} {
			want := decodeAll(t, encoding, strings.NewReader(s))
			got := decodeAll(t, encoding, &pieces{s, int(chunk)%9 + 1})
			if got != want || len(want) > len(s) {
				t.Fatalf("%s of %q is %q in pieces and %q at once", encoding, s, got, want)
			}
		}
	})
}

// pieces is a reader of n octets at a time.
type pieces struct {
	s string
	n int
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.s == "" {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.n)], p.s)
	p.s = p.s[n:]
	return n, nil
}

func BenchmarkDecodeBase64(b *testing.B) {
	text := strings.Repeat(strings.Repeat("QUJD", 19)+"\r\n", 20_000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		d, _ := DecodeTransfer("base64", strings.NewReader(text))
		io.Copy(io.Discard, d)
	}
}
