package message

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"restante/imap"
)

// complexMessage is the example of RFC 9051 §6.4.5.1 (and RFC 3501 §6.4.5) with a body for every
// part that says which it is.
var complexMessage = crlf(`
Subject: outer
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="one"

preamble
--one
Content-Type: text/plain

body of 1
--one
Content-Type: application/octet-stream

body of 2
--one
Content-Type: message/rfc822

Subject: in 3
Content-Type: multipart/mixed; boundary="three"

--three
Content-Type: text/plain

body of 3.1
--three
Content-Type: application/octet-stream

body of 3.2
--three--
--one
Content-Type: multipart/mixed; boundary="four"

--four
Content-Type: image/gif
Content-ID: <4.1@example.org>

body of 4.1
--four
Content-Type: message/rfc822

Subject: in 4.2
Content-Type: multipart/mixed; boundary="fourtwo"

--fourtwo
Content-Type: text/plain

body of 4.2.1
--fourtwo
Content-Type: multipart/alternative; boundary="fourtwotwo"

--fourtwotwo
Content-Type: text/plain

body of 4.2.2.1
--fourtwotwo
Content-Type: text/richtext

body of 4.2.2.2
--fourtwotwo--
--fourtwo--
--four--
--one--
epilogue
`)

// section parses the few forms of a section that these tests use.
func section(s string) *imap.Section {
	sec := &imap.Section{}
	for s != "" {
		first, rest, _ := strings.Cut(s, ".")
		n, err := strconv.ParseUint(first, 10, 32)
		if err != nil {
			sec.Text = s
			break
		}
		sec.Part = append(sec.Part, uint32(n))
		s = rest
	}
	return sec
}

// The part specifiers of RFC 9051 §6.4.5.1, literally.
func TestPartSpecifiers(t *testing.T) {
	msg := complexMessage
	st := ParseBytes([]byte(msg))
	for _, line := range strings.Split(strings.Trim(`
HEADER     ([RFC5322] header of the message)
TEXT       ([RFC5322] text body of the message) MULTIPART/MIXED
1          TEXT/PLAIN
2          APPLICATION/OCTET-STREAM
3          MESSAGE/RFC822
3.HEADER   ([RFC5322] header of the message)
3.TEXT     ([RFC5322] text body of the message) MULTIPART/MIXED
3.1        TEXT/PLAIN
3.2        APPLICATION/OCTET-STREAM
4          MULTIPART/MIXED
4.1        IMAGE/GIF
4.1.MIME   ([MIME-IMB] header for the IMAGE/GIF)
4.2        MESSAGE/RFC822
4.2.HEADER ([RFC5322] header of the message)
4.2.TEXT   ([RFC5322] text body of the message) MULTIPART/MIXED
4.2.1      TEXT/PLAIN
4.2.2      MULTIPART/ALTERNATIVE
4.2.2.1    TEXT/PLAIN
4.2.2.2    TEXT/RICHTEXT
`, "\n"), "\n") {
		spec, what, _ := strings.Cut(line, " ")
		sec := section(spec)
		r, ok := st.Section(sec)
		if !ok {
			t.Errorf("%s: no such section", spec)
			continue
		}
		got := msg[r.Off : r.Off+r.Len]
		n := st.Part(sec.Part...)
		typ := strings.TrimSpace(what[strings.LastIndexByte(what, ')')+1:])
		if n.Message() && sec.Text == "TEXT" {
			n = n.Children[0]
		}
		if typ != "" && !strings.EqualFold(typ, n.Part.Type+"/"+n.Part.Subtype) {
			t.Errorf("%s is %s/%s, want %s", spec, n.Part.Type, n.Part.Subtype, typ)
		}
		var want string
		switch spec {
		case "HEADER":
			want, _, _ = strings.Cut(msg, "preamble")
		case "TEXT":
			want = msg[strings.Index(msg, "preamble"):]
		case "3.HEADER":
			want = "Subject: in 3\r\nContent-Type: multipart/mixed; boundary=\"three\"\r\n\r\n"
		case "3.TEXT":
			want = "--three\r\nContent-Type: text/plain\r\n\r\nbody of 3.1\r\n--three\r\nContent-Type: application/octet-stream\r\n\r\nbody of 3.2\r\n--three--"
		case "3", "4.2":
			h, _ := st.Section(section(spec + ".HEADER"))
			b, _ := st.Section(section(spec + ".TEXT"))
			want = msg[h.Off:h.Off+h.Len] + msg[b.Off:b.Off+b.Len]
		case "4.1.MIME":
			want = "Content-Type: image/gif\r\nContent-ID: <4.1@example.org>\r\n\r\n"
		case "4.2.HEADER":
			want = "Subject: in 4.2\r\nContent-Type: multipart/mixed; boundary=\"fourtwo\"\r\n\r\n"
		case "4", "4.2.2", "4.2.TEXT":
			b := n.Part.Params.Get("boundary")
			if !strings.HasPrefix(got, "--"+b+"\r\n") || !strings.HasSuffix(got, "--"+b+"--") {
				t.Errorf("%s is %q", spec, got)
			}
			continue
		default:
			want = "body of " + spec
		}
		if got != want {
			t.Errorf("%s is %q, want %q", spec, got, want)
		}
	}
	for _, spec := range []string{"0", "5", "1.1", "1.HEADER", "1.TEXT", "3.3", "3.0", "4.HEADER", "4.1.TEXT", "4.2.2.3", "4.2.2.1.1", "MIME", "1.2.3.4.5.6", "4294967295"} {
		if r, ok := st.Section(section(spec)); ok {
			t.Errorf("%s is at %v, want no such section", spec, r)
		}
	}
	if r, ok := st.Section(&imap.Section{}); !ok || r != (Range{0, int64(len(msg))}) {
		t.Errorf("the message is at %v, %v", r, ok)
	}
}

func TestPartIDs(t *testing.T) {
	var ids []string
	for p := range ParseBytes([]byte(complexMessage)).Root.Part.Walk() {
		ids = append(ids, fmt.Sprintf("%s=%s", p.ID, strings.ToLower(p.Subtype)))
	}
	want := "=mixed 1=plain 2=octet-stream 3=rfc822 =mixed 3.1=plain 3.2=octet-stream 4=mixed 4.1=gif 4.2=rfc822 =mixed 4.2.1=plain 4.2.2=alternative 4.2.2.1=plain 4.2.2.2=richtext"
	if got := strings.Join(ids, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Every part is found by the number it has.
func TestPartByID(t *testing.T) {
	msgs := nasty(t)
	msgs["complex"] = []byte(complexMessage)
	for name, msg := range msgs {
		st := ParseBytes(msg)
		var visit func(n *Node)
		visit = func(n *Node) {
			if id := n.Part.ID; id != "" {
				sec := section(id)
				got := st.Part(sec.Part...)
				// A message of one part has the number of that part.
				if got != n && !(got != nil && got.Part.ID == id) {
					t.Errorf("%s: part %q is found as %v", name, id, got)
				}
				if r, ok := st.Section(sec); !ok || r != got.body() {
					t.Errorf("%s: section %s at %v, %v", name, id, r, ok)
				}
			}
			for _, c := range n.Children {
				visit(c)
			}
		}
		visit(st.Root)
		h, _ := st.Section(section("HEADER"))
		b, _ := st.Section(section("TEXT"))
		if h.Off != 0 || b.Off != h.Len || b.Off+b.Len != int64(len(msg)) {
			t.Errorf("%s: header at %v and text at %v of %d", name, h, b, len(msg))
		}
	}
}

// RFC 9051 §6.4.5.1: a message that is not multipart has a part 1 only; one inside message/rfc822
// too.
func TestSinglePart(t *testing.T) {
	msg := crlf("Subject: one\nContent-Type: message/rfc822\n\nSubject: two\n\ntext\n")
	st := ParseBytes([]byte(msg))
	for spec, want := range map[string]string{
		"1":        "Subject: two\r\n\r\ntext\r\n",
		"1.MIME":   "Subject: one\r\nContent-Type: message/rfc822\r\n\r\n",
		"1.HEADER": "Subject: two\r\n\r\n",
		"1.TEXT":   "text\r\n",
		"1.1":      "text\r\n",
		"1.1.MIME": "Subject: two\r\n\r\n",
		"TEXT":     "Subject: two\r\n\r\ntext\r\n",
	} {
		r, ok := st.Section(section(spec))
		if got := msg[r.Off : r.Off+r.Len]; !ok || got != want {
			t.Errorf("%s is %q, %v, want %q", spec, got, ok, want)
		}
	}
	if _, ok := st.Section(section("1.1.1")); ok {
		t.Error("1.1.1 is there")
	}
}

// TestFilterHeaderManyNames asks for many names, some of which a long header has.
func TestFilterHeaderManyNames(t *testing.T) {
	var header, want, rest strings.Builder
	names := []string{"X-\u212a"}
	for i := range 50_000 {
		field := fmt.Sprintf("X-%d: value\r\n", i)
		header.WriteString(field)
		if i%3 == 0 {
			names = append(names, fmt.Sprintf("x-%d", i))
			want.WriteString(field)
		} else {
			rest.WriteString(field)
		}
	}
	for _, field := range []string{"no field\r\n", "X-K: not that of Kelvin\r\n"} {
		header.WriteString(field)
		rest.WriteString(field)
	}
	for not, b := range map[bool]*strings.Builder{false: &want, true: &rest} {
		got := FilterHeader(nil, []byte(header.String()+"\r\n"), names, not)
		if string(got) != b.String()+"\r\n" {
			t.Errorf("with not %v: %d octets, want %d", not, len(got), b.Len()+2)
		}
	}
}

func TestFilterHeader(t *testing.T) {
	const header = "Subject: one\r\n two\r\nX-Other : x\r\nno field\r\nsubject: again\r\nSubjects: no\r\nTo: bob@example.org\r\n\tcontinued\r\n\r\n"
	for _, c := range []struct {
		header, fields string
		not            bool
		want           string
	}{
		{header, "SUBJECT", false, "Subject: one\r\n two\r\nsubject: again\r\n\r\n"},
		{header, "to Subject", false, "Subject: one\r\n two\r\nsubject: again\r\nTo: bob@example.org\r\n\tcontinued\r\n\r\n"},
		{header, "x-other", false, "X-Other : x\r\n\r\n"},
		{header, "From", false, "\r\n"},
		{header, "subject to", true, "X-Other : x\r\nno field\r\nSubjects: no\r\n\r\n"},
		{header, "", true, header},
		{"Subject: x\r\n", "Subject", false, "Subject: x\r\n"}, // RFC 9051 §7.5.2: no body and no blank line
		{"Subject: x\r\nTo: y", "To", false, "To: y"},
		{"Subject: x\nTo: y\n z\n\n", "To", false, "To: y\n z\n\n"},
		{"\r\n", "To", false, "\r\n"},
		{"", "To", false, ""},
		{" folded first line\r\nTo: y\r\n\r\n", "To", false, "To: y\r\n\r\n"},
	} {
		got := FilterHeader(nil, []byte(c.header), strings.Fields(c.fields), c.not)
		if string(got) != c.want {
			t.Errorf("%q of %q (not: %v) is %q, want %q", c.fields, c.header, c.not, got, c.want)
		}
	}
	// U+212A, the Kelvin sign, is a K to Unicode but not to RFC 9051 §6.4.5.1.
	if got := FilterHeader(nil, []byte("K: x\r\n\r\n"), []string{"\u212a"}, false); string(got) != "\r\n" {
		t.Errorf("Kelvin: %q", got)
	}
}

func TestOpen(t *testing.T) {
	msg := []byte(complexMessage)
	st := ParseBytes(msg)
	for spec, want := range map[string]string{
		"3.HEADER.FIELDS":     "Subject: in 3\r\n\r\n",
		"3.HEADER.FIELDS.NOT": "Content-Type: multipart/mixed; boundary=\"three\"\r\n\r\n",
		"HEADER.FIELDS":       "Subject: outer\r\n\r\n",
		"4.1":                 "body of 4.1",
	} {
		sec := section(spec)
		sec.Fields = []string{"subject"}
		r, ok, err := st.Open(bytes.NewReader(msg), sec)
		if !ok || err != nil {
			t.Fatalf("%s: %v, %v", spec, ok, err)
		}
		got, err := io.ReadAll(r)
		if string(got) != want || r.Size() != int64(len(want)) || err != nil {
			t.Errorf("%s is %q (%d), %v, want %q", spec, got, r.Size(), err, want)
		}
	}
	if _, ok, err := st.Open(bytes.NewReader(msg), section("9")); ok || err != nil {
		t.Errorf("9: %v, %v", ok, err)
	}
	sec := section("HEADER.FIELDS")
	if _, ok, err := st.Open(bytes.NewReader(msg[:10]), sec); !ok || err != io.ErrUnexpectedEOF {
		t.Errorf("of a message that is cut off: %v, %v", ok, err)
	}
}
