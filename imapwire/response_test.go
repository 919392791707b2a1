package imapwire

import (
	"bytes"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"restante/imap"
)

func parse[T Response](t *testing.T, frame string) T {
	t.Helper()
	r, err := ParseResponse([]byte(frame), nil)
	if err != nil {
		t.Fatal(err)
	}
	d, ok := r.(T)
	if !ok {
		t.Fatalf("%q parsed as %T", frame, r)
	}
	return d
}

// The examples of the RFCs are read without a defect, and what this package has types for is not
// kept raw.
func TestResponseSeeds(t *testing.T) {
	odd := map[string]bool{ // mistakes in the examples
		`* LIST () "" INBOX`: true,
		`* 1 FETCH (FLAGS (\Seen)) ANNOTATION (/comment))`: true,
	}
	raw := map[string]bool{"ACL": true, "COMPARATOR": true, "CONVERSION": true, "CONVERTED": true,
		"EXISTS": true, "GENURLAUTH": true, "LANGUAGE": true, "LISTRIGHTS": true, "METADATA": true,
		"MYRIGHTS": true, "QUOTA": true, "QUOTAROOT": true, "THREAD": true, "UIDFETCH": true,
		"URLFETCH": true, "XPIG-LATIN": true}
	types := map[reflect.Type]int{}
	for _, s := range seeds(t, "responses") {
		r, err := ParseResponse([]byte(s), &ResponseOptions{Strict: true})
		if (err != nil) != odd[s] {
			t.Errorf("%q: %v", s, err)
			continue
		}
		if d, ok := r.(*RawData); ok && !raw[d.Name] {
			t.Errorf("%q is kept raw", s)
		}
		types[reflect.TypeOf(r)]++
	}
	if len(types) < 15 {
		t.Errorf("seeds of %d types only: %v", len(types), types)
	}
}

func TestParseFetchExample(t *testing.T) { // RFC 9051 §8
	d := parse[*FetchData](t, `* 12 FETCH (FLAGS (\Seen) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 4286 ENVELOPE (`+
		`"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev2 WG mtg summary and minutes" (("Terry Gray" NIL "gray" "cac.washington.edu")) `+
		`(("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) `+
		`((NIL NIL "imap" "cac.washington.edu")) ((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) `+
		`NIL NIL "<B27397-0100000@cac.washington.edu>") BODYSTRUCTURE ("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 3028 92))`)
	gray := []imap.Address{{Name: "Terry Gray", RawName: "Terry Gray", Mailbox: "gray", Host: "cac.washington.edu"}}
	pdt := time.FixedZone("", -7*3600)
	want := imap.Message{Seq: 12, Flags: []imap.Flag{imap.Seen}, Size: 4286,
		Items:        imap.ItemFlags | imap.ItemDate | imap.ItemSize | imap.ItemEnvelope | imap.ItemStructure,
		InternalDate: time.Date(1996, 7, 17, 2, 44, 25, 0, pdt),
		Envelope: &imap.Envelope{Date: time.Date(1996, 7, 17, 2, 23, 25, 0, pdt), RawDate: "Wed, 17 Jul 1996 02:23:25 -0700 (PDT)",
			Subject: "IMAP4rev2 WG mtg summary and minutes", RawSubject: "IMAP4rev2 WG mtg summary and minutes", HasSubject: true,
			From: gray, Sender: gray, ReplyTo: gray, To: []imap.Address{{Mailbox: "imap", Host: "cac.washington.edu"}},
			Cc: []imap.Address{{Mailbox: "minutes", Host: "CNRI.Reston.VA.US"},
				{Name: "John Klensin", RawName: "John Klensin", Mailbox: "KLENSIN", Host: "MIT.EDU"}},
			MessageID: "<B27397-0100000@cac.washington.edu>"},
		Structure: &imap.Part{ID: "1", Type: "TEXT", Subtype: "PLAIN", Params: imap.Params{{Name: "CHARSET", Value: "US-ASCII"}},
			Encoding: "7BIT", Size: 3028, Lines: 92},
	}
	if !d.InternalDate.Equal(want.InternalDate) || !d.Envelope.Date.Equal(want.Envelope.Date) {
		t.Errorf("dates %v, %v", d.InternalDate, d.Envelope.Date)
	}
	want.InternalDate, want.Envelope.Date = d.InternalDate, d.Envelope.Date
	if !reflect.DeepEqual(d.Message, want) {
		t.Errorf("got  %+v\nwant %+v", d.Message, want)
	}
}

// RFC 9051 §6.4.5.1 numbers the parts of this message.
func TestPartNumbers(t *testing.T) {
	leaf := func(typ string) string { return `("application" "` + typ + `" NIL NIL NIL "7bit" 1)` }
	text := `("text" "plain" NIL NIL NIL "7bit" 1 1)`
	message := func(body string) string {
		return `("message" "rfc822" NIL NIL NIL "7bit" 1 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) ` + body + ` 1)`
	}
	d := parse[*FetchData](t, `* 1 FETCH (BODY (`+text+leaf("octet-stream")+message(`(`+text+leaf("octet-stream")+` "mixed")`)+
		`(`+leaf("gif")+message(`(`+text+`(`+text+leaf("richtext")+` "alternative") "mixed")`)+` "mixed")`+message(text)+` "mixed"))`)
	var got []string
	var walk func(p *imap.Part)
	walk = func(p *imap.Part) {
		got = append(got, p.ID+":"+p.Subtype)
		for _, c := range p.Parts {
			walk(c)
		}
	}
	walk(d.Structure)
	want := ":mixed 1:plain 2:octet-stream 3:rfc822 3:mixed 3.1:plain 3.2:octet-stream 4:mixed 4.1:gif 4.2:rfc822 4.2:mixed " +
		"4.2.1:plain 4.2.2:alternative 4.2.2.1:plain 4.2.2.2:richtext 5:rfc822 5.1:plain"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}

// fetchParts parses a response whose literals arrive apart from it, as a client with limits of n
// octets does.
func fetchParts(t *testing.T, stream string, n int64) (*FetchData, error) {
	t.Helper()
	r := NewResponseReader(strings.NewReader(stream), ResponseReaderOptions{StreamOver: n})
	var d *FetchData
	frame, lit, err := r.ReadResponse()
	for {
		if err != nil {
			t.Fatal(err)
		}
		var kept []byte
		for lit != nil && !Streamable(frame) {
			kept = append(kept, frame...)
			data, err := io.ReadAll(lit)
			if err != nil {
				t.Fatal(err)
			}
			kept = append(kept, data...)
			if frame, lit, err = r.Next(); err != nil {
				t.Fatal(err)
			}
		}
		frame = append(kept, frame...)
		if d == nil {
			resp, err := ParseResponse(frame, nil)
			if err != nil {
				return nil, err
			}
			d = resp.(*FetchData)
		} else if err := d.Resume(frame, nil); err != nil {
			return nil, err
		}
		if lit == nil {
			return d, d.Keep()
		}
		if !d.Open || d.Pending == nil || d.Pending.Len() != lit.Size {
			t.Fatalf("%q: open %v, pending %+v", frame, d.Open, d.Pending)
		}
		d.Pending.Stream(lit.Size, lit)
		if err := d.Keep(); err != nil {
			t.Fatal(err)
		}
		frame, lit, err = r.Next()
	}
}

// A response reads the same, whether its literals are in the frame or come by themselves.
func TestFetchStreamed(t *testing.T) {
	big := strings.Repeat("0123456789abcde\n", 1000)
	for _, s := range append(seeds(t, "responses"),
		"* 1 FETCH (UID 11 BODY[] {16000}\r\n"+big+" FLAGS (\\Seen))",
		"* 1 FETCH (BODY[HEADER] {3}\r\nabc BODY[TEXT]<5> {16000}\r\n"+big+" UID 11)",
		"* 1 FETCH (BINARY[1] ~{16000}\r\n"+big+" BODY[2] {0}\r\n BODY[3] \"x\" RFC822.TEXT {16000}\r\n"+big+")",
		"* 1 FETCH (ENVELOPE (NIL {16000}\r\n"+big+" NIL NIL NIL NIL NIL NIL NIL {3}\r\na@b) BODY[] {5}\r\nHello UID 11)",
		"* 1 FETCH (BODY[HEADER.FIELDS (\"From\" To)] {4}\r\n\r\n\r\n BODYSTRUCTURE (\"text\" {5}\r\nplain NIL NIL NIL \"7bit\" 1 1) UID 7)",
	) {
		whole, err := ParseResponse([]byte(s), nil)
		if _, ok := whole.(*FetchData); !ok || err != nil {
			continue
		}
		want := plain(whole).(*FetchData)
		for _, n := range []int64{1, 4, 100, 20000} {
			got, err := fetchParts(t, s+"\r\n", n)
			if err != nil {
				t.Fatalf("%q by %d: %v", s, n, err)
			}
			if got := plain(got); !reflect.DeepEqual(got, Response(want)) {
				t.Errorf("%.200q by %d:\ngot  %+v\nwant %+v", s, n, got, want)
			}
		}
	}
}

func TestStreamable(t *testing.T) {
	for frame, want := range map[string]bool{
		"* 1 FETCH (UID 1 BODY[] {5}\r\n":             true,
		"* 1 FETCH (UID 1 BODY[] {5}\n":               true,
		"* 1 FETCH (body[1.2]<0> {5}\r\n":             true,
		"* 1 FETCH (BINARY[1] ~{5}\r\n":               true,
		"* 1 FETCH (RFC822 {5}\r\n":                   true,
		"* 1 FETCH (rfc822.text {5}\r\n":              true,
		" BODY[2] {5}\r\n":                            true,
		"* 1 FETCH (BODY[1] {1}\r\na BODY[2] {5}\r\n": true,
		"* 1 FETCH (ENVELOPE (NIL {5}\r\n":            false,
		"* LIST () \"/\" {5}\r\n":                     false,
		"* 1 FETCH (BODY[] \"a\")\r\n":                false,
		"":                                            false,
	} {
		if got := Streamable([]byte(frame)); got != want {
			t.Errorf("Streamable(%q) = %v", frame, got)
		}
	}
}

// The body of a message that lies in the frame is not copied until Keep.
func TestBodyAliasesFrame(t *testing.T) {
	frame := []byte("* 1 FETCH (BODY[] {5}\r\nhello)")
	r, err := ParseResponse(frame, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := r.(*FetchData).Body()
	copy(frame[bytes.Index(frame, []byte("hello")):], "HELLO")
	if b.String() != "HELLO" {
		t.Errorf("body was copied: %q", b)
	}
	if err := r.(*FetchData).Keep(); err != nil {
		t.Fatal(err)
	}
	copy(frame[bytes.Index(frame, []byte("HELLO")):], "again")
	if b.String() != "HELLO" {
		t.Errorf("Keep did not copy: %q", b)
	}
}

// Items that are beyond repair cost themselves, not the message.
func TestOpaqueItems(t *testing.T) {
	for _, s := range []string{
		`* 1 FETCH (ENVELOPE (((( UID 11 FLAGS (\Seen))`,
		`* 1 FETCH (ENVELOPE ("a" "b" "c" "d") UID 11 FLAGS (\Seen))`,
		`* 1 FETCH (BODYSTRUCTURE "nothing" UID 11 FLAGS (\Seen))`,
		`* 1 FETCH (BODYSTRUCTURE ("text UID 11 FLAGS (\Seen))`,
		`* 1 FETCH (RFC822.SIZE big UID 11 FLAGS (\Seen))`,
		`* 1 FETCH (UID 11 INTERNALDATE (yesterday) FLAGS (\Seen))`,
		`* 1 FETCH (UID 11 MODSEQ "x" FLAGS (\Seen))`,
		`* 1 FETCH (UID 11 BODY[ FLAGS (\Seen))`,
		`* 1 FETCH (UID 11 BODY[1] (a) FLAGS (\Seen))`,
		`* 1 FETCH (UID 11 "stray" FLAGS (\Seen))`,
	} {
		d := parse[*FetchData](t, s)
		if d.UID != 11 || len(d.Flags) != 1 || len(d.Defects) == 0 {
			t.Errorf("%s: %+v", s, d.Message)
		}
		if _, err := ParseResponse([]byte(s), &ResponseOptions{Strict: true}); err == nil {
			t.Errorf("%s: strict parser is content", s)
		}
	}
}

// Only the part that is wrong becomes opaque.
func TestOpaquePart(t *testing.T) {
	d := parse[*FetchData](t, `* 1 FETCH (BODYSTRUCTURE (("text" "plain" NIL NIL NIL "7bit" 3 1)`+
		`("image" "png" ((x)) NIL NIL "base64" 10)("text" "html" NIL NIL NIL "7bit" 9 1) "mixed" ("boundary" "b") NIL NIL NIL))`)
	p := d.Structure
	if p == nil || len(p.Parts) != 3 || p.Subtype != "mixed" {
		t.Fatalf("%+v", p)
	}
	if x := p.Parts[1]; !x.Opaque || x.ID != "2" || x.Raw != `("image" "png" ((x)) NIL NIL "base64" 10)` {
		t.Errorf("opaque part %+v", x)
	}
	if x := p.Parts[2]; x.Opaque || x.ID != "3" || x.Size != 9 {
		t.Errorf("part behind it %+v", x)
	}
}

func TestRepairedQuotes(t *testing.T) {
	for in, want := range map[string]string{
		`"the "best" offer"`:            `the "best" offer`,
		`""quoted""`:                    `"quoted"`,
		`"a \"right\" and "wrong" one"`: `a "right" and "wrong" one`,
		`"C:\temp\x "y" z"`:             `C:\temp\x "y" z`,
		`"7" monitor"`:                  `7" monitor`,
		`bare`:                          `bare`,
	} {
		d := parse[*FetchData](t, `* 1 FETCH (ENVELOPE (NIL `+in+` (("Ann" NIL "ann" "example.com")) NIL NIL NIL NIL NIL NIL "<m@example.com>") UID 11)`)
		if e := d.Envelope; e == nil || e.Subject != want || e.From[0].Name != "Ann" || e.MessageID != "<m@example.com>" || d.UID != 11 {
			t.Errorf("%s: %+v", in, d.Message)
		}
		if len(d.Defects) == 0 {
			t.Errorf("%s: no defect", in)
		}
	}
}

func TestGroups(t *testing.T) {
	list := func(s string) []imap.Address {
		e := parse[*FetchData](t, `* 1 FETCH (ENVELOPE (NIL NIL NIL NIL NIL (`+s+`) NIL NIL NIL NIL))`).Envelope
		if e == nil {
			t.Fatalf("%s: no envelope", s)
		}
		return e.To
	}
	for s, want := range map[string][]imap.Address{
		`(NIL NIL "friends" NIL)(NIL NIL "bob" "example.org")(NIL NIL NIL NIL)`: {
			{Mailbox: "friends", Group: imap.GroupStart}, {Mailbox: "bob", Host: "example.org"}, {Group: imap.GroupEnd}},
		`(NIL NIL "root" NIL)`:                              {{Mailbox: "root"}},
		`(NIL NIL "root" NIL)(NIL NIL "bob" "example.org")`: {{Mailbox: "root"}, {Mailbox: "bob", Host: "example.org"}},
		`(NIL NIL NIL NIL)`:                                 nil,
		`("a" NIL "b")`:                                     {{Name: "a", RawName: "a", Mailbox: "b"}},
	} {
		if got := list(s); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v", s, got)
		}
	}
}

func TestDecodedNames(t *testing.T) {
	e := parse[*FetchData](t, `* 1 FETCH (ENVELOPE (NIL "=?utf-8?q?Gr=C3=BC=C3=9Fe?=" (("=?iso-8859-1?q?J=F6rg?=" NIL "j" "example.org")) NIL NIL NIL NIL NIL NIL NIL))`).Envelope
	if e.Subject != "Grüße" || e.RawSubject != "=?utf-8?q?Gr=C3=BC=C3=9Fe?=" || e.From[0].Name != "Jörg" {
		t.Errorf("%+v", e)
	}
	calls := 0
	_, err := ParseResponse([]byte(`* 1 FETCH (ENVELOPE (NIL "plain = text?" (("=?x" NIL "j" "example.org")) NIL NIL NIL NIL NIL NIL NIL))`),
		&ResponseOptions{Decode: func(s string) string { calls++; return s }})
	if err != nil || calls != 1 {
		t.Errorf("decoder called %d times, %v", calls, err)
	}
}

func TestExtensionItems(t *testing.T) {
	d := parse[*FetchData](t, `* 1 FETCH (MODSEQ (65402) EMAILID (M1) THREADID NIL PREVIEW "hi" SAVEDATE "01-Jan-2015 18:50:53 +0100" `+
		`X-GM-MSGID 5 BINARY.SIZE[1.2] 77 BODY[HEADER.FIELDS ("Subject")] NIL BODY[]<0> NIL)`)
	if d.ModSeq != 65402 || d.EmailID != "M1" || d.ThreadID != "" || d.Preview != "hi" || d.SaveDate.Unix() != 1420134653 {
		t.Errorf("%+v", d.Message)
	}
	if len(d.BinarySizes) != 1 || d.BinarySizes[0] != (imap.BinarySize{Section: "1.2", Size: 77}) {
		t.Errorf("%+v", d.BinarySizes)
	}
	if !d.Has(imap.HeaderFields("SUBJECT")) || d.Has(imap.RFC822.WithPartial(5, 1)) || !d.Has(imap.RFC822.WithPartial(0, 1)) {
		t.Errorf("%+v", d.Bodies)
	}
}

func TestStatusResponse(t *testing.T) {
	s := func(code string) *StatusResponse { return parse[*StatusResponse](t, "* OK ["+code+"] x") }
	if n, ok := s("UIDNEXT 7").UIDNext(); n != 7 || !ok {
		t.Error("UIDNEXT")
	}
	if n, ok := s("UIDVALIDITY 7").UIDValidity(); n != 7 || !ok {
		t.Error("UIDVALIDITY")
	}
	if n, ok := s("UNSEEN 7").Unseen(); n != 7 || !ok {
		t.Error("UNSEEN")
	}
	if n, ok := s("HIGHESTMODSEQ 18446744073709551615").HighestModSeq(); n != 1<<64-1 || !ok {
		t.Error("HIGHESTMODSEQ")
	}
	if _, ok := s("UIDNEXT 4294967296").UIDNext(); ok {
		t.Error("UIDNEXT too big")
	}
	if _, ok := s("UIDNEXT 7").UIDValidity(); ok {
		t.Error("UIDVALIDITY of UIDNEXT")
	}
	if c, ok := s("CAPABILITY IMAP4rev1 AUTH=PLAIN").Capabilities(); !ok || len(c) != 2 || c[1] != "AUTH=PLAIN" {
		t.Error("CAPABILITY")
	}
	if c, ok := s(`BADCHARSET (UTF-8 "US-ASCII")`).BadCharset(); !ok || strings.Join(c, " ") != "UTF-8 US-ASCII" {
		t.Error("BADCHARSET")
	}
	if c, ok := s("BADCHARSET").BadCharset(); !ok || c != nil {
		t.Error("BADCHARSET without arguments")
	}
	a := imap.AppendResult{UIDValidity: 9, UIDs: imap.UIDRange(3, 5)}
	if got, ok := s("APPENDUID " + AppendUIDArgs(a)).AppendUID(); !ok || got.UIDValidity != 9 || !got.UIDs.Equal(a.UIDs) {
		t.Errorf("APPENDUID %+v", got)
	}
	c := imap.CopyResult{UIDValidity: 9, Source: []imap.Range[imap.UID]{{First: 304, Last: 304}, {First: 319, Last: 320}},
		Dest: []imap.Range[imap.UID]{{First: 3956, Last: 3958}}}
	if got, ok := s("COPYUID " + CopyUIDArgs(c)).CopyUID(); !ok || !reflect.DeepEqual(got, c) {
		t.Errorf("COPYUID %+v", got)
	}
	for _, bad := range []string{"COPYUID 9 1:3 5", "COPYUID 0 1 1", "COPYUID 9 1:* 5:*", "COPYUID x 1 1", "COPYUID 9 1"} {
		if got, ok := s(bad).CopyUID(); ok {
			t.Errorf("%s: %+v", bad, got)
		}
	}
	for _, bad := range []string{"APPENDUID 9", "APPENDUID 0 1", "APPENDUID 9 *", "APPENDUID"} {
		if got, ok := s(bad).AppendUID(); ok {
			t.Errorf("%s: %+v", bad, got)
		}
	}
	if r := s(`PERMANENTFLAGS (\Seen "quoted" a]b \*)`); r.Code != imap.CodePermanentFlags || r.Text != "x" {
		t.Errorf("%+v", r)
	} else if f, _ := r.PermanentFlags(); len(f) != 4 {
		t.Errorf("%q", f)
	}
	if r := parse[*StatusResponse](t, "a OK[read-write]done"); r.Code != imap.CodeReadWrite || r.Text != "done" {
		t.Errorf("%+v", r)
	}
}

func TestErrorKind(t *testing.T) {
	for _, x := range []struct {
		line string
		kind error
		wait time.Duration
	}{
		{"a NO [AUTHENTICATIONFAILED] no", imap.ErrAuth, 0},
		{"a NO [NONEXISTENT] no", imap.ErrNotFound, 0},
		{"a NO [TRYCREATE] no", imap.ErrNotFound, 0},
		{"a NO [ALREADYEXISTS] no", imap.ErrExists, 0},
		{"a NO [OVERQUOTA] no", imap.ErrOverQuota, 0},
		{"a NO [TOOBIG] no", imap.ErrTooBig, 0},
		{"a NO [UNAVAILABLE] no", imap.ErrUnavailable, 0},
		{"a NO [INUSE] no", imap.ErrUnavailable, 0},
		{"a NO [EXPUNGEISSUED] no", imap.ErrExpunged, 0},
		{"a NO [THROTTLED 30] slow down", imap.ErrThrottled, 30 * time.Second},
		{"a NO [PRIVACYREQUIRED] TLS first", imap.ErrInsecure, 0},
		{"a NO [X-OTHER] what", nil, 0},
		{"a NO what", nil, 0},
		{"a NO Mailbox doesn't exist: x", imap.ErrNotFound, 0},
		{"a NO SELECT Unsafe Login. Please contact kefu@188.com for help", imap.ErrAuth, 0},
		{"* BYE Too many simultaneous connections. (Failure)", imap.ErrTooMany, 0},
		{"a NO Rate limit hit, try again in 2 minutes", imap.ErrThrottled, 2 * time.Minute},
		{"a BAD Request is throttled. Suggested Backoff Time: 92415 milliseconds", imap.ErrThrottled, 92415 * time.Millisecond},
	} {
		e := NewError("SELECT", "x", parse[*StatusResponse](t, x.line))
		if e.Kind != x.kind || e.RetryAfter != x.wait {
			t.Errorf("%s: %v, %v", x.line, e.Kind, e.RetryAfter)
		}
	}
	if e := NewError("SELECT", "x", parse[*StatusResponse](t, "a NO [CODE args] text")); e.Error() != "SELECT x: NO [CODE] text" || e.Args != "args" {
		t.Errorf("%v", e)
	}
}

func TestMailboxData(t *testing.T) {
	l := parse[*ListData](t, `* XLIST (\HasNoChildren \AllMail) "/" "[Gmail]/Alle"`)
	if l.Name != "XLIST" || !l.Info.HasAttr(imap.AttrAll) {
		t.Errorf("%+v", l)
	}
	l = parse[*ListData](t, `* LIST (\HasNoChildren) "/" Deleted Items`)
	if l.Info.Name != "Deleted Items" {
		t.Errorf("%+v", l)
	}
	l = parse[*ListData](t, `* LIST (\Subscribed) "\" "a\\b" ("X-EXT" (1 "2") "CHILDINFO" ("SUBSCRIBED") "OLDNAME" ("old"))`)
	if m := l.Info; m.Delim != '\\' || m.Name != `a\b` || !m.Subscribed || len(m.ChildInfo) != 1 || m.OldName != "old" {
		t.Errorf("%+v", m)
	}
	s := parse[*StatusData](t, `* STATUS Deleted Items (MESSAGES 3 UNSEEN -1 MAILBOXID (F1) X-COLOUR (red) UIDNEXT 99999999999)`)
	if s.Mailbox != "Deleted Items" || s.Items != imap.StatusMessages|imap.StatusMailboxID || s.MailboxID != "F1" ||
		s.Extra[0] != (imap.RawItem{Name: "X-COLOUR", Value: "(red)"}) {
		t.Errorf("%+v", s)
	}
	s = parse[*StatusData](t, "* STATUS {3}\r\na b (SIZE 5000000000)")
	if s.Mailbox != "a b" || s.Size != 5000000000 {
		t.Errorf("%+v", s)
	}
	n := parse[*SearchData](t, "* SEARCH 1 0 2 99999999999 (MODSEQ 917162500)")
	if !reflect.DeepEqual(n.Nums, []uint32{1, 2}) || n.ModSeq != 917162500 {
		t.Errorf("%+v", n)
	}
	e := parse[*ESearchData](t, `* ESEARCH (TAG "a") UID COUNT 3 ALL 1:2,x,4294967296,9 PARTIAL (1:2 7)`)
	if e.Tag != "a" || e.Count != 3 || e.UIDs().String() != "1:2,9" || e.Seqs().String() != "1:2,9" || len(e.Extra) != 1 {
		t.Errorf("%+v", e)
	}
	v := parse[*VanishedData](t, "* VANISHED (EARLIER) 1:3,5")
	if !v.Earlier || v.UIDs.Len() != 4 {
		t.Errorf("%+v", v)
	}
	r := parse[*RawData](t, "* 5 XTHING {3}\r\n(a) more")
	if *r != (RawData{5, "XTHING", "{3}\r\n(a) more"}) {
		t.Errorf("%+v", r)
	}
	long := strings.Repeat("x", 1000)
	if r = parse[*RawData](t, "* XDATA INBOX (/a {1000}\r\n"+long+")"); r.Text != "INBOX (/a {1000}\r\n"+long+")" {
		t.Errorf("%+v", r)
	}
}

func TestNotAResponse(t *testing.T) {
	for _, s := range []string{"", "\r\n", "+OK POP3 server ready", "220 smtp ready", "HTTP/1.1 400 Bad Request", "\x16\x03\x01", "hello"} {
		if r, err := ParseResponse([]byte(s), nil); err == nil {
			t.Errorf("%q is %+v", s, r)
		} else if s != "" && s[0] >= ' ' && !strings.Contains(err.Error(), s) {
			t.Errorf("%q is not in %q", s, err)
		}
	}
}

// Hostile input takes time in proportion to its length.
func TestHostile(t *testing.T) {
	const n = 1 << 17
	for _, unit := range []string{"(", "((", `"`, `\"`, `"(`, "ENVELOPE (", "ENVELOPE ((", "BODYSTRUCTURE (", `BODYSTRUCTURE (("a" `,
		"BODY[", "UID ", "UID x ", "{0}\r\n", "~", "NIL ", "((NIL NIL ", `("a" NIL "b" NIL)`, `("message" "rfc822" `, "BODY[] ", "1.", " ) ", "X (", "X[ "} {
		for _, prefix := range []string{"* 1 FETCH (", "* 1 FETCH (ENVELOPE (NIL NIL ", "* 1 FETCH (BODYSTRUCTURE ", "* LIST ", "* STATUS ", "* ESEARCH ", "* NAMESPACE ", "* OK ["} {
			frame := []byte(prefix + strings.Repeat(unit, n/len(unit)))
			start := time.Now()
			ParseResponse(frame, nil)
			if d := time.Since(start); d > 2*time.Second {
				t.Errorf("%s%s...: %v", prefix, unit, d)
			}
		}
	}
}

func FuzzParseResponse(f *testing.F) {
	for _, s := range seeds(f, "responses") {
		f.Add([]byte(s), false)
	}
	for _, q := range quirks(f) {
		r := NewResponseReader(strings.NewReader(q.stream()), ResponseReaderOptions{})
		for {
			frame, _, err := r.ReadResponse()
			if err != nil {
				break
			}
			f.Add(bytes.Clone(frame), true)
		}
	}
	f.Fuzz(func(t *testing.T, frame []byte, names8 bool) {
		before := bytes.Clone(frame)
		var defects []imap.Defect
		tolerant, err := ParseResponse(frame, &ResponseOptions{UTF8: names8, Decode: identity,
			Defect: func(d imap.Defect) { defects = append(defects, d) }})
		strict, strictErr := ParseResponse(frame, &ResponseOptions{UTF8: names8, Decode: identity, Strict: true})
		if strictErr == nil {
			if err != nil || len(defects) > 0 {
				t.Fatalf("strict is content, tolerant is not: %v %+v", err, defects)
			}
			if !reflect.DeepEqual(plain(strict), plain(tolerant)) {
				t.Fatalf("strict   %+v\ntolerant %+v", strict, tolerant)
			}
		} else if err == nil && len(defects) == 0 {
			t.Fatalf("strict: %v, but no defect", strictErr)
		}
		if d, ok := tolerant.(*FetchData); ok {
			if d.Seq == 0 || d.Items&imap.ItemUID != 0 && d.UID == 0 {
				t.Fatalf("zero for a number: %+v", d)
			}
			d.Resume([]byte(` FLAGS (\Seen))`), nil)
		}
		checkStable(t, frame)
		if !bytes.Equal(frame, before) {
			t.Fatal("the frame was changed")
		}
	})
}
