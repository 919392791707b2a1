package imapwire

import (
	"bytes"
	"fmt"
	"testing"
)

var envelopeFrame = []byte(`* 1432 FETCH (UID 21007 ENVELOPE ("Mon, 06 May 2024 10:00:00 +0200" ` +
	`"Re: minutes of the meeting on Tuesday, second draft" (("Ann Lee" NIL "ann.lee" "example.com")) ` +
	`(("Ann Lee" NIL "ann.lee" "example.com")) (("Ann Lee" NIL "ann.lee" "example.com")) ` +
	`(("Bob Stone" NIL "bob" "example.org")("Carol White" NIL "carol.white" "mail.example.net")) ` +
	`((NIL NIL "team" "lists.example.org")) NIL "<20240505-1@mail.example.org>" "<20240506100000.1234.5678@mail.example.com>"))`)

var encodedFrame = []byte(`* 1432 FETCH (UID 21007 FLAGS (\Seen) ENVELOPE ("Mon, 06 May 2024 10:00:00 +0200" ` +
	`"Re: =?utf-8?q?h=C3=A4llo?=" (("Lee, \"Ann\"" NIL "ann.lee" "example.com")) (("Lee, \"Ann\"" NIL "ann.lee" "example.com")) ` +
	`(("Lee, \"Ann\"" NIL "ann.lee" "example.com")) (("Bob Stone" NIL "bob" "example.org")) NIL NIL NIL "<2@mail.example.com>"))`)

var structureFrame = []byte(`* 1432 FETCH (UID 21007 BODYSTRUCTURE ((("text" "plain" ("charset" "utf-8") NIL NIL "quoted-printable" 1243 31 NIL NIL NIL NIL)` +
	`("text" "html" ("charset" "utf-8") NIL NIL "quoted-printable" 5120 99 NIL NIL NIL NIL) "alternative" ("boundary" "b1_2222") NIL NIL NIL)` +
	`("application" "pdf" ("name" "minutes.pdf") NIL NIL "base64" 120332 NIL ("attachment" ("filename" "minutes.pdf")) NIL NIL) ` +
	`"mixed" ("boundary" "b1_1111") NIL NIL NIL))`)

var flagsFrame = []byte(`* 1432 FETCH (UID 21007 FLAGS (\Seen \Answered $Forwarded))`)

var bodyFrame = append(append([]byte("* 1432 FETCH (UID 21007 BODY[] {16384}\r\n"), bytes.Repeat([]byte("Lorem ipsum dol\n"), 1024)...), ')')

func benchmarkParse(b *testing.B, frame []byte) {
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseResponse(frame, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseEnvelope(b *testing.B)      { benchmarkParse(b, envelopeFrame) }
func BenchmarkParseBodyStructure(b *testing.B) { benchmarkParse(b, structureFrame) }
func BenchmarkParseFlags(b *testing.B)         { benchmarkParse(b, flagsFrame) }
func BenchmarkParseBody(b *testing.B)          { benchmarkParse(b, bodyFrame) }

func BenchmarkParseSearch(b *testing.B) {
	frame := []byte("* SEARCH")
	for n := range 1_000_000 {
		frame = fmt.Append(frame, " ", 1+n*3)
	}
	benchmarkParse(b, frame)
}

func BenchmarkAppendEnvelope(b *testing.B) {
	d := mustFetch(b, envelopeFrame)
	buf := AppendEnvelope(nil, d.Envelope)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendEnvelope(buf[:0], d.Envelope)
	}
}

func BenchmarkAppendBodyStructure(b *testing.B) {
	d := mustFetch(b, structureFrame)
	buf := AppendBodyStructure(nil, d.Structure, true)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendBodyStructure(buf[:0], d.Structure, true)
	}
}

func mustFetch(t testing.TB, frame []byte) *FetchData {
	t.Helper()
	r, err := ParseResponse(frame, &ResponseOptions{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	return r.(*FetchData)
}
