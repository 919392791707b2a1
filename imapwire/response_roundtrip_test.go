package imapwire

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"restante/imap"
	"restante/internal/maildate"
)

// generator makes random values that the grammar can carry.
type generator struct{ *rand.Rand }

func (g generator) text() string {
	switch g.IntN(8) {
	case 0:
		return ""
	case 1: // anything but NUL
		b := make([]byte, g.IntN(400))
		for i := range b {
			b[i] = byte(1 + g.IntN(255))
		}
		return string(b)
	case 2:
		return strings.Repeat(`long "text" `, g.IntN(600))
	case 3:
		return []string{"NIL", `\`, `"`, `a\`, `\"`, "{3}", "{3}\r\nabc", "(", ")", "=?utf-8?q?a?=", "é"}[g.IntN(11)]
	}
	b := make([]byte, 1+g.IntN(20))
	for i := range b {
		b[i] = ` abcdefghijklmnop()"\%*[]{}<>@.,=?+-0123456789`[g.IntN(46)]
	}
	return string(b)
}

func (g generator) word() string { return fmt.Sprintf("w%d", g.IntN(100)) }

func (g generator) name() string {
	return []string{"INBOX", "Sent", "a/b", "Entwürfe", "&", "a&b", "日本語", "x y", `q"u\o`, "NIL", "100%", "*", "\U0001F600", "(x)"}[g.IntN(14)]
}

func pick[T any](g generator, n int, f func() T) []T {
	var out []T
	for range g.IntN(n) {
		out = append(out, f())
	}
	return out
}

func (g generator) flags() []imap.Flag {
	out := pick(g, 5, func() imap.Flag {
		return []imap.Flag{imap.Seen, imap.Deleted, imap.Recent, imap.AnyKeyword, "$Forwarded", `\Odd`, "k]"}[g.IntN(7)]
	})
	if out == nil {
		out = []imap.Flag{}
	}
	return out
}

func (g generator) addresses() []imap.Address {
	var out []imap.Address
	for range g.IntN(4) {
		if g.IntN(6) == 0 {
			out = append(out, imap.Address{Mailbox: g.text(), Group: imap.GroupStart})
			for range g.IntN(3) {
				out = append(out, g.address())
			}
			out = append(out, imap.Address{Group: imap.GroupEnd})
			continue
		}
		out = append(out, g.address())
	}
	return out
}

func (g generator) address() imap.Address {
	a := imap.Address{RawName: g.text(), Route: g.text()}
	a.Name = a.RawName
	// Angle brackets at the ends are taken for the remains of a header.
	a.Mailbox = strings.TrimLeft(g.text(), "<")
	a.Host = strings.TrimRight(g.text(), ">")
	return a
}

func (g generator) envelope() *imap.Envelope {
	e := &imap.Envelope{RawDate: g.text(), InReplyTo: g.text(), MessageID: g.text(),
		From: g.addresses(), To: g.addresses(), Cc: g.addresses(), Bcc: g.addresses()}
	if g.IntN(2) == 0 {
		e.RawDate = "Mon, 6 May 2024 10:00:00 +0200"
	}
	e.Date, _ = maildate.Parse(e.RawDate)
	e.RawSubject = g.text()
	e.HasSubject = e.RawSubject != "" || g.IntN(2) == 0
	e.Subject = e.RawSubject
	e.Sender, e.ReplyTo = e.From, e.From
	if g.IntN(2) == 0 {
		e.Sender = g.addresses()
	}
	return e
}

func (g generator) params() imap.Params {
	return pick(g, 3, func() imap.Param { return imap.Param{Name: g.text(), Value: g.text()} })
}

// part makes a part as it comes back from BODYSTRUCTURE when extended, from BODY otherwise.
func (g generator) part(depth int, extended bool) *imap.Part {
	p := &imap.Part{Size: -1, Lines: -1}
	if depth < 4 && g.IntN(3) == 0 {
		p.Type, p.Subtype = "multipart", "mixed"
		for range 1 + g.IntN(4) {
			p.Parts = append(p.Parts, g.part(depth+1, extended))
		}
	} else {
		p.Type, p.Subtype = "x"+g.text(), "y"+g.text()
		p.Size, p.ContentID, p.Description, p.Encoding = g.Int64N(1<<40), g.text(), g.text(), "z"+g.text()
		p.Params = g.params()
		switch g.IntN(4) {
		case 0:
			p.Type, p.Lines = "TEXT", g.Int64N(1000)
		case 1:
			p.Type, p.Subtype, p.Lines = "message", []string{"rfc822", "GLOBAL"}[g.IntN(2)], g.Int64N(1000)
			p.Envelope = g.envelope()
			p.Parts = []*imap.Part{g.part(depth+1, extended)}
		}
	}
	if extended {
		if p.Multipart() {
			p.Params = g.params()
		} else {
			p.MD5 = g.text()
		}
		if g.IntN(2) == 0 {
			p.Disposition, p.DispParams = g.text(), g.params()
		}
		p.Language, p.Location = pick(g, 4, g.text), g.text()
	}
	return p
}

func (g generator) status() imap.Status {
	s := imap.Status{Mailbox: g.name(), Items: imap.StatusItems(g.IntN(256))}
	for _, x := range statusItems.all {
		if !s.Items.Has(x.row.item) {
			continue
		}
		switch n := g.Uint32(); x.row.item {
		case imap.StatusMessages:
			s.Messages = n
		case imap.StatusRecent:
			s.Recent = n
		case imap.StatusUnseen:
			s.Unseen = n
		case imap.StatusDeleted:
			s.Deleted = n
		case imap.StatusUIDNext:
			s.UIDNext = imap.UID(n)
		case imap.StatusUIDValidity:
			s.UIDValidity = n
		case imap.StatusHighestModSeq:
			s.HighestModSeq = imap.ModSeq(g.Uint64N(1 << 63))
		case imap.StatusSize:
			s.Size = g.Int64()
		}
	}
	return s
}

func (g generator) uids() (s imap.UIDSet) {
	for range 1 + g.IntN(5) {
		a := imap.UID(1 + g.Uint32N(1<<31))
		s.AddRange(a, a+imap.UID(g.IntN(10)))
	}
	return s
}

func (g generator) delim() rune { return []rune{0, '/', '.', '\\', '"', '|', 'é'}[g.IntN(7)] }

func (g generator) namespace() []imap.NamespaceDesc {
	return pick(g, 3, func() imap.NamespaceDesc { return imap.NamespaceDesc{Prefix: g.name(), Delim: g.delim()} })
}

// response returns a random response; appendResponse writes it.
func (g generator) response(names8 bool) Response {
	switch g.IntN(17) {
	case 0:
		r := &StatusResponse{Tag: []string{"*", "a1"}[g.IntN(2)], Status: []string{"OK", "NO", "BAD", "BYE", "PREAUTH"}[g.IntN(5)], Text: "some [text]"}
		if g.IntN(2) == 0 {
			r.Code, r.Args = "X-CODE", []string{"", "1 2", `(\Seen [x])`, `"a]" b`, "a[b]c"}[g.IntN(5)]
		}
		return r
	case 1:
		return &Continuation{g.word()}
	case 2:
		return &CapabilityData{pick(g, 5, func() imap.Cap { return imap.Cap(g.word()) })}
	case 3:
		return &EnabledData{pick(g, 5, func() imap.Cap { return imap.Cap(g.word()) })}
	case 4:
		d := &IDData{}
		if g.IntN(4) > 0 {
			d.Params = append(imap.Params{}, g.params()...)
		}
		return d
	case 5:
		d := &ListData{Name: []string{"LIST", "LSUB"}[g.IntN(2)]}
		m := &d.Info
		m.Name, m.Delim = g.name(), g.delim()
		if m.Raw = m.Name; !names8 {
			m.Raw = EncodeUTF7(m.Name)
		}
		all := []imap.MailboxAttr{imap.AttrHasChildren, imap.AttrSent, `\Odd`, imap.AttrMarked, imap.AttrNoselect}
		g.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		m.Attrs = append(m.Attrs, all[:g.IntN(len(all))]...)
		m.Subscribed = d.Name == "LSUB"
		if d.Name == "LIST" {
			m.ChildInfo = pick(g, 3, g.text)
			if g.IntN(2) == 0 {
				m.OldName = g.name()
			}
		}
		return d
	case 6:
		return &NamespaceData{imap.Namespace{Personal: g.namespace(), Other: g.namespace(), Shared: g.namespace()}}
	case 7:
		return &StatusData{Status: g.status()}
	case 8:
		return &FlagsData{g.flags()}
	case 9:
		return &SearchData{Name: "SEARCH", Nums: pick(g, 9, func() uint32 { return 1 + g.Uint32N(1<<32-1) })}
	case 10:
		d := &ESearchData{Tag: g.text(), UID: g.IntN(2) == 0, Items: ESearchItems(g.IntN(32))}
		if d.Items&ESearchMin != 0 {
			d.Min = g.Uint32()
		}
		if d.Items&ESearchMax != 0 {
			d.Max = g.Uint32()
		}
		if d.Items&ESearchCount != 0 {
			d.Count = g.Uint32()
		}
		if d.Items&ESearchModSeq != 0 {
			d.ModSeq = 1 + imap.ModSeq(g.Uint64N(1<<62))
		}
		if d.Items&ESearchAll != 0 {
			if d.All = g.uids(); !d.UID {
				d.All = convert[imap.SeqNum](g.uids())
			}
		}
		if g.IntN(3) == 0 {
			d.Extra = []imap.RawItem{{Name: "X-MORE", Value: `(1 "2" (3))`}}
		}
		return d
	case 11:
		return &ExistsData{g.Uint32()}
	case 12:
		return &RecentData{g.Uint32()}
	case 13:
		return &ExpungeData{imap.SeqNum(1 + g.IntN(1000))}
	case 14:
		return &VanishedData{Earlier: g.IntN(2) == 0, UIDs: g.uids()}
	case 15:
		if g.IntN(2) == 0 {
			return &MetadataData{Mailbox: g.name(), Changed: []string{"/shared/comment", "/private/" + g.text()}}
		}
		value := g.text() + "\r\n\x00"
		return &MetadataData{Mailbox: g.name(), Entries: []imap.MetadataEntry{{Name: "/shared/comment", Value: &value}, {Name: "/private/x"}}}
	}
	d := &FetchData{}
	d.Seq = imap.SeqNum(1 + g.IntN(1000))
	if g.IntN(2) == 0 {
		d.UID, d.Items = imap.UID(1+g.IntN(1000)), d.Items|imap.ItemUID
	}
	if g.IntN(2) == 0 {
		d.Flags, d.Items = g.flags(), d.Items|imap.ItemFlags
	}
	if g.IntN(2) == 0 {
		d.Envelope, d.Items = g.envelope(), d.Items|imap.ItemEnvelope
	}
	switch g.IntN(3) {
	case 0:
		d.Structure, d.Items = g.part(0, true), d.Items|imap.ItemStructure
	case 1:
		d.Structure, d.Items = g.part(0, false), d.Items|imap.ItemBody
	}
	if d.Structure != nil {
		numberParts(d.Structure)
	}
	if g.IntN(2) == 0 {
		d.Size, d.Items = g.Int64(), d.Items|imap.ItemSize
	}
	for i := range g.IntN(3) {
		b := imap.NewBody([]string{"", "1.2", "HEADER.FIELDS (From To)"}[i], []byte(strings.Repeat(g.text(), 3)))
		if g.IntN(3) == 0 {
			b.Origin = g.Int64N(1000)
		}
		b.Binary = b.Section == "1.2"
		d.Bodies = append(d.Bodies, b)
	}
	return d
}

// appendResponse writes what the append functions of this package can write.
func appendResponse(dst []byte, r Response, names8 bool) []byte {
	switch d := r.(type) {
	case *StatusResponse:
		return AppendStatusResponse(dst, d.Tag, d.Status, d.Code, d.Args, d.Text)
	case *Continuation:
		return AppendContinuation(dst, d.Text)
	case *CapabilityData:
		return AppendCapability(dst, d.Caps)
	case *EnabledData:
		return AppendEnabled(dst, d.Caps)
	case *IDData:
		return AppendID(dst, d.Params)
	case *ListData:
		if d.Name == "LSUB" {
			return AppendLSub(dst, &d.Info, names8)
		}
		return AppendList(dst, &d.Info, names8)
	case *NamespaceData:
		return AppendNamespace(dst, &d.Namespace, names8)
	case *StatusData:
		return AppendStatus(dst, &d.Status, names8)
	case *FlagsData:
		return AppendFlagsResponse(dst, d.Flags)
	case *SearchData:
		return AppendSearch(dst, d.Nums)
	case *ESearchData:
		return AppendESearch(dst, d)
	case *ExistsData:
		return AppendExists(dst, d.Num)
	case *RecentData:
		return AppendRecent(dst, d.Num)
	case *ExpungeData:
		return AppendExpunge(dst, d.Seq)
	case *VanishedData:
		return AppendVanished(dst, d.UIDs, d.Earlier)
	case *MetadataData:
		if len(d.Changed) > 0 {
			return AppendMetadataChanged(dst, d.Mailbox, d.Changed, names8)
		}
		return AppendMetadata(dst, d.Mailbox, d.Entries, names8)
	case *FetchData:
		return appendFetch(dst, d)
	}
	panic(fmt.Sprintf("%T", r))
}

func appendFetch(dst []byte, d *FetchData) []byte {
	dst = AppendNumber(append(dst, "* "...), d.Seq)
	dst = append(dst, " FETCH ("...)
	sep := ""
	item := func(name string) {
		dst = append(append(dst, sep...), name...)
		sep = " "
	}
	if d.Items&imap.ItemUID != 0 {
		item("UID ")
		dst = AppendNumber(dst, d.UID)
	}
	if d.Items&imap.ItemFlags != 0 {
		item("FLAGS ")
		dst = AppendFlags(dst, d.Flags)
	}
	if d.Items&imap.ItemEnvelope != 0 {
		item("ENVELOPE ")
		dst = AppendEnvelope(dst, d.Envelope)
	}
	if d.Items&imap.ItemStructure != 0 {
		item("BODYSTRUCTURE ")
		dst = AppendBodyStructure(dst, d.Structure, true)
	} else if d.Items&imap.ItemBody != 0 {
		item("BODY ")
		dst = AppendBodyStructure(dst, d.Structure, false)
	}
	if d.Items&imap.ItemSize != 0 {
		item("RFC822.SIZE ")
		dst = AppendNumber(dst, d.Size)
	}
	for _, b := range d.Bodies {
		name := "BODY["
		if b.Binary {
			name = "BINARY["
		}
		item(name + b.Section + "]")
		if b.Origin >= 0 {
			dst = fmt.Appendf(dst, "<%d>", b.Origin)
		}
		dst = fmt.Appendf(dst, " {%d}\r\n%s", b.Len(), b.String())
	}
	return append(dst, ")\r\n"...)
}

func identity(s string) string { return s }

// plain returns r as something that DeepEqual can look at: bodies by their content.
func plain(r Response) Response {
	d, ok := r.(*FetchData)
	if !ok {
		return r
	}
	c := *d
	c.Bodies = nil
	for _, b := range d.Bodies {
		x := imap.NewBody(b.Section, []byte(b.String()))
		x.Origin, x.Binary, x.Nil = b.Origin, b.Binary, b.Nil
		c.Bodies = append(c.Bodies, x)
	}
	return &c
}

// Random values survive writing and reading.
func TestResponseRoundTrip(t *testing.T) {
	seed := rand.Uint64()
	g := generator{rand.New(rand.NewPCG(seed, 1))}
	for i := range 20_000 {
		names8 := g.IntN(2) == 0
		want := g.response(names8)
		wire := appendResponse(nil, want, names8)
		got, err := ParseResponse(wire, &ResponseOptions{UTF8: names8, Strict: true, Decode: identity})
		if err != nil {
			t.Fatalf("seed %d, %d: %q: %v", seed, i, wire, err)
		}
		if !reflect.DeepEqual(plain(got), plain(want)) {
			t.Fatalf("seed %d, %d: %q\ngot  %#v\nwant %#v", seed, i, wire, got, want)
		}
	}
}

// nameable reports whether a mailbox can have the name.
func nameable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// writable reports whether everything that r says has a form that the server side writes.
func writable(r Response) bool {
	switch d := r.(type) {
	case *RawData:
		return false
	case *StatusResponse:
		return d.Text != "" && d.Tag != "" && (d.Code != "" || d.Text[0] != '[')
	case *Continuation:
		return d.Text == "" || d.Text != " "
	case *ListData:
		return d.Name != "XLIST" && nameable(d.Info.Name) && d.Info.OldName == ""
	case *NamespaceData:
		for _, list := range [][]imap.NamespaceDesc{d.Personal, d.Other, d.Shared} {
			for _, x := range list {
				if !nameable(x.Prefix) {
					return false
				}
			}
		}
	case *StatusData:
		return len(d.Extra) == 0 && nameable(d.Mailbox)
	case *SearchData:
		return d.ModSeq == 0 && d.Name == "SEARCH"
	case *FetchData:
		if d.Open || len(d.Extra)+len(d.BinarySizes) > 0 {
			return false
		}
		for _, b := range d.Bodies {
			if b.Nil || strings.ContainsAny(b.Section, "\r\n]") {
				return false
			}
		}
		return d.Items&^(imap.ItemUID|imap.ItemFlags|imap.ItemEnvelope|imap.ItemStructure|imap.ItemBody|imap.ItemSize) == 0 &&
			d.Items&(imap.ItemBody|imap.ItemStructure) != imap.ItemBody|imap.ItemStructure
	}
	return true
}

// checkStable makes sure that a conforming response can be written again and reads as before.
func checkStable(t *testing.T, frame []byte) {
	t.Helper()
	o := &ResponseOptions{Strict: true, Decode: identity}
	first, err := ParseResponse(frame, o)
	if err != nil || !writable(first) {
		return
	}
	wire := appendResponse(nil, first, false)
	second, err := ParseResponse(wire, &ResponseOptions{Decode: identity})
	if err != nil {
		t.Fatalf("%q written as %q: %v", frame, wire, err)
	}
	again := appendResponse(nil, second, false)
	if string(wire) != string(again) {
		t.Fatalf("%q\nwritten as      %q\nand, read again, %q", frame, wire, again)
	}
}

func TestResponseStable(t *testing.T) {
	for _, s := range seeds(t, "responses") {
		checkStable(t, []byte(s))
	}
}

func TestAppendEmpty(t *testing.T) {
	for want, got := range map[string][]byte{
		"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)":               AppendEnvelope(nil, nil),
		`(NIL "" NIL NIL NIL NIL NIL NIL NIL NIL)`:                AppendEnvelope(nil, &imap.Envelope{HasSubject: true}),
		`(NIL NIL ((NIL NIL "" "")) NIL NIL NIL NIL NIL NIL NIL)`: AppendEnvelope(nil, &imap.Envelope{From: []imap.Address{{}}}),
		`("application" "octet-stream" NIL NIL NIL "7bit" 0)`:     AppendBodyStructure(nil, nil, false),
		`("text" "plain" NIL NIL NIL "7bit" 0 0)`:                 AppendBodyStructure(nil, &imap.Part{Type: "text", Size: -1, Lines: -1}, false),
		`(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0) "mixed")`: AppendBodyStructure(nil,
			&imap.Part{Type: "Multipart"}, false),
		`(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL) "digest" ("boundary" "b") NIL NIL NIL)`: AppendBodyStructure(nil,
			&imap.Part{Type: "multipart", Subtype: "digest", Params: imap.Params{{Name: "boundary", Value: "b"}}}, true),
		`("message" "rfc822" NIL NIL NIL "7bit" 9 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0) 0)`: AppendBodyStructure(nil,
			&imap.Part{Type: "message", Subtype: "rfc822", Size: 9}, false),
		`("message" "delivery-status" NIL NIL NIL "7bit" 9)`: AppendBodyStructure(nil, &imap.Part{Type: "message", Subtype: "delivery-status", Size: 9}, false),
		"* OK .\r\n":                                  AppendStatusResponse(nil, "*", "OK", "", "", ""),
		"a1 NO [TRYCREATE] no such mailbox\r\n":       AppendStatusResponse(nil, "a1", "NO", "TRYCREATE", "", "no such mailbox"),
		"* OK - [x] is no code\r\n":                   AppendStatusResponse(nil, "*", "OK", "", "", "[x] is no code"),
		"* OK two  lines\r\n":                         AppendStatusResponse(nil, "*", "OK", "", "", "two\r\nlines"),
		"* SEARCH\r\n":                                AppendSearch[imap.UID](nil, nil),
		"* ESEARCH (TAG \"a\") UID COUNT 0\r\n":       AppendESearch(nil, &ESearchData{Tag: "a", UID: true, Items: ESearchAll | ESearchCount, All: imap.UIDSet{}}),
		"* ID NIL\r\n":                                AppendID(nil, nil),
		"* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n":      AppendNamespace(nil, &imap.Namespace{Personal: []imap.NamespaceDesc{{Delim: '/'}}}, false),
		"* LIST (\\Noselect) \"\\\\\" &AOk-\r\n":      AppendList(nil, &imap.MailboxInfo{Name: "é", Delim: '\\', Attrs: []imap.MailboxAttr{imap.AttrNoselect}}, false),
		"* STATUS a (MESSAGES 1 HIGHESTMODSEQ 5)\r\n": AppendStatus(nil, &imap.Status{Mailbox: "a", Messages: 1, HighestModSeq: 5, Items: imap.StatusMessages | imap.StatusHighestModSeq}, false),
	} {
		if string(got) != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

// Every octet comes back from an envelope, alone and among others, but NUL, which no string can
// carry.
func TestTextOctets(t *testing.T) {
	for c := range 256 {
		for _, s := range []string{string([]byte{byte(c)}), "a" + string([]byte{byte(c)}) + `" b`} {
			want := s
			if c == 0 {
				want = strings.ReplaceAll(s, "\x00", "\x80")
			}
			wire := AppendEnvelope(nil, &imap.Envelope{RawSubject: s})
			quoted := wire[len("(NIL ")] == '"'
			if quoted != (c >= ' ' && c < 0x7f) {
				t.Errorf("%q is sent as %q", s, wire)
			}
			d := mustFetch(t, []byte("* 1 FETCH (ENVELOPE "+string(wire)+")\r\n"))
			if d.Envelope.RawSubject != want {
				t.Errorf("%q came back as %q", s, d.Envelope.RawSubject)
			}
		}
	}
}
