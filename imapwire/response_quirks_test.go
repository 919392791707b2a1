package imapwire

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"restante/imap"
)

// quirk is one misbehaviour of a real server. Lines end in CRLF, unless op starts with "raw-".
type quirk struct {
	ID, Title, Provider, Op, Policy, Note string
	Lines                                 []string
	N                                     *int
}

func quirks(t testing.TB) []quirk {
	data, err := os.ReadFile("testdata/quirks.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []quirk
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// stream returns what the server sends, and what it sends before and after DONE as one.
func (q quirk) stream() string {
	var b strings.Builder
	for _, l := range q.Lines {
		if l == "<DONE>" || l == "<CLOSE>" {
			continue
		}
		b.WriteString(strings.ReplaceAll(l, "$T", "a1"))
		if !strings.HasPrefix(q.Op, "raw-") {
			b.WriteString("\r\n")
		}
	}
	return b.String()
}

// reply is what a client makes of the responses to one command.
type reply struct {
	all      []Response
	status   *StatusResponse // the tagged one
	messages map[imap.SeqNum]*imap.Message
	defects  []imap.Defect
	failed   []string // frames that are no responses
}

func (q quirk) replay(t *testing.T) *reply {
	t.Helper()
	r := &reply{messages: map[imap.SeqNum]*imap.Message{}}
	o := &ResponseOptions{Defect: func(d imap.Defect) { r.defects = append(r.defects, d) }}
	reader := NewResponseReader(strings.NewReader(q.stream()), ResponseReaderOptions{})
	var open *FetchData
	for {
		frame, lit, err := reader.ReadResponse()
		if err == io.EOF {
			return r
		}
		if err != nil || lit != nil {
			t.Fatalf("framing: %v %v", lit, err)
		}
		resp, err := ParseResponse(frame, o)
		if err != nil {
			if open != nil {
				err = open.Resume(frame, o)
			}
			if open = nil; err != nil {
				r.failed = append(r.failed, string(frame))
			}
			continue
		}
		open = nil
		r.all = append(r.all, resp)
		switch d := resp.(type) {
		case *FetchData:
			if m := r.messages[d.Seq]; m != nil {
				m.Merge(&d.Message)
			} else {
				r.messages[d.Seq] = &d.Message
			}
			if err := d.Keep(); err != nil {
				t.Fatal(err)
			}
			if d.Open {
				open = d
			}
		case *StatusResponse:
			if d.Tag == "a1" {
				r.status = d
			}
		}
	}
}

func (r *reply) message(t *testing.T) *imap.Message {
	t.Helper()
	for _, m := range r.messages {
		return m
	}
	t.Fatal("no message")
	return nil
}

func first[T Response](t *testing.T, r *reply) T {
	t.Helper()
	for _, resp := range r.all {
		if d, ok := resp.(T); ok {
			return d
		}
	}
	var none T
	t.Fatalf("no %T", none)
	return none
}

// count is how many mailboxes, messages or numbers the caller gets.
func (r *reply) count(op string) int {
	n := 0
	set := map[uint32]bool{}
	for _, resp := range r.all {
		switch d := resp.(type) {
		case *ListData:
			n++
		case *SearchData:
			for _, x := range d.Nums {
				set[x] = true
			}
		case *ESearchData:
			for u := range d.UIDs().All() {
				set[uint32(u)] = true
			}
		}
	}
	switch op {
	case "list":
		return n
	case "search", "esearch":
		return len(set)
	}
	return len(r.messages)
}

// unparsable are the entries with lines that are no responses.
var unparsable = map[string]bool{"Q004": true, "Q020": true}

func TestQuirks(t *testing.T) {
	for _, q := range quirks(t) {
		if q.ID == "Q120" { // a literal that never ends: for a deadline, not for a parser
			continue
		}
		t.Run(q.ID, func(t *testing.T) {
			r := q.replay(t)
			if unparsable[q.ID] != (len(r.failed) > 0) {
				t.Fatalf("%s: frames that are no responses: %q", q.Title, r.failed)
			}
			if q.N != nil && r.count(q.Op) != *q.N {
				t.Errorf("%s: %d results, want %d: %+v", q.Title, r.count(q.Op), *q.N, r.all)
			}
			switch q.Op {
			case "env", "bs", "flags", "idate":
				if q.N == nil || *q.N == 0 || q.ID == "Q108" {
					break
				}
				m := r.message(t)
				if m.UID != 11 || len(m.Extra) > 0 && q.ID != "Q110" {
					t.Errorf("%s: message %+v", q.Title, m)
				}
				if q.Op == "env" && m.Envelope == nil || q.Op == "bs" && m.Structure == nil {
					t.Errorf("%s: %s is missing: %+v", q.Title, q.Op, m)
				}
			case "body":
				if m := r.message(t); m.UID != 11 || len(m.Bodies) != 1 {
					t.Errorf("%s: message %+v", q.Title, m)
				}
			}
			if check := quirkChecks[q.ID]; check != nil {
				check(t, r)
			}
		})
	}
	known := map[string]bool{}
	for _, q := range quirks(t) {
		known[q.ID] = true
	}
	for id := range quirkChecks {
		if !known[id] {
			t.Errorf("check for %s, which does not exist", id)
		}
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func checkStatus(i int, want StatusResponse) func(*testing.T, *reply) {
	return func(t *testing.T, r *reply) {
		if i >= len(r.all) {
			t.Fatalf("%d responses", len(r.all))
		}
		got, ok := r.all[i].(*StatusResponse)
		if !ok || *got != want {
			t.Errorf("got %+v, want %+v", r.all[i], want)
		}
	}
}

func checkKind(want error) func(*testing.T, *reply) {
	return func(t *testing.T, r *reply) {
		for _, resp := range r.all {
			s, ok := resp.(*StatusResponse)
			if ok && s.Status != "OK" {
				equal(t, "kind of "+s.Text, NewError("", "", s).Kind, want)
			}
		}
	}
}

func checkCopyUID(want bool) func(*testing.T, *reply) {
	return func(t *testing.T, r *reply) {
		for _, resp := range r.all {
			if s, ok := resp.(*StatusResponse); ok && s.Code == imap.CodeCopyUID {
				res, ok := s.CopyUID()
				equal(t, "known", ok, want)
				if ok && (len(res.Source) != 1 || len(res.Dest) != 1) {
					t.Errorf("result %+v", res)
				}
				return
			}
		}
		t.Error("no COPYUID")
	}
}

func checkFlags(want string) func(*testing.T, *reply) {
	return func(t *testing.T, r *reply) {
		equal(t, "flags", string(AppendFlags(nil, r.message(t).Flags)), want)
	}
}

func checkDate(want string) func(*testing.T, *reply) {
	return func(t *testing.T, r *reply) {
		m := r.message(t)
		if want != "" {
			equal(t, "date", m.InternalDate.Format(time.RFC3339), want)
			return
		}
		if !m.InternalDate.IsZero() || len(m.Defects) != 1 {
			t.Errorf("date %v, defects %+v", m.InternalDate, m.Defects)
		}
	}
}

func checkBody(want string) func(*testing.T, *reply) {
	return func(t *testing.T, r *reply) {
		equal(t, "body", r.message(t).Body("").String(), want)
	}
}

func checkEnvelope(f func(t *testing.T, e *imap.Envelope)) func(*testing.T, *reply) {
	return func(t *testing.T, r *reply) { f(t, r.message(t).Envelope) }
}

func checkStructure(f func(t *testing.T, p *imap.Part)) func(*testing.T, *reply) {
	return func(t *testing.T, r *reply) { f(t, r.message(t).Structure) }
}

func checkList(name, raw string) func(*testing.T, *reply) {
	return func(t *testing.T, r *reply) {
		m := first[*ListData](t, r).Info
		equal(t, "name", m.Name, name)
		equal(t, "raw name", m.Raw, raw)
	}
}

func checkPermanentFlags(want string) func(*testing.T, *reply) {
	return func(t *testing.T, r *reply) {
		for _, resp := range r.all {
			if s, ok := resp.(*StatusResponse); ok {
				if flags, ok := s.PermanentFlags(); ok {
					equal(t, "flags", string(AppendFlags(nil, flags)), want)
					return
				}
			}
		}
		t.Error("no PERMANENTFLAGS")
	}
}

const annLee = "Ann Lee <ann@example.com>"

// quirkChecks hold what the policies of the corpus demand beyond the number of results.
var quirkChecks = map[string]func(*testing.T, *reply){
	"Q001": checkStatus(0, StatusResponse{Tag: "*", Status: "OK"}),
	"Q002": checkStatus(0, StatusResponse{Tag: "*", Status: "OK",
		Text: "The Microsoft Exchange IMAP4 service is ready. [RABVADIAUAAxADkAMQAu]"}),
	"Q005": checkStatus(0, StatusResponse{Tag: "*", Status: "BYE", Code: "ALERT", Text: "Too many connections, try again later"}),
	"Q007": checkStatus(0, StatusResponse{Tag: "*", Status: "OK", Code: "CAPABILITY", Args: "IMAP4rev1", Text: "ready"}),
	"Q008": func(t *testing.T, r *reply) { equal(t, "caps", len(first[*CapabilityData](t, r).Caps), 2) },
	"Q009": func(t *testing.T, r *reply) {
		equal(t, "first", first[*CapabilityData](t, r).Caps[0], "st11p00mm-node009")
	},
	"Q011": func(t *testing.T, r *reply) { equal(t, "caps", len(first[*CapabilityData](t, r).Caps), 3) },
	"Q013": checkStatus(0, StatusResponse{Tag: "a1", Status: "OK"}),
	"Q014": func(t *testing.T, r *reply) {
		equal(t, "code", r.status.Code, "")
		equal(t, "text", r.status.Text[:7], `[Error=`)
	},
	"Q016": checkKind(imap.ErrAuth),
	"Q017": checkKind(imap.ErrAuth),
	"Q019": checkKind(imap.ErrTooMany),
	"Q022": checkStatus(0, StatusResponse{Status: "BAD", Text: "Command syntax error"}),
	"Q023": checkStatus(1, StatusResponse{Tag: "a1", Status: "BYE", Text: "logging out"}),
	"Q024": checkStatus(0, StatusResponse{Tag: "*", Status: "BYE"}),
	"Q025": checkKind(imap.ErrClosed),
	"Q027": checkKind(imap.ErrClosed),
	"Q028": func(t *testing.T, r *reply) {
		e := NewError("SEARCH", "", r.status)
		equal(t, "kind", e.Kind, imap.ErrThrottled)
		equal(t, "wait", e.RetryAfter, 92415*time.Millisecond)
	},
	"Q029": checkKind(imap.ErrThrottled),
	"Q031": checkKind(imap.ErrUnavailable),
	"Q033": checkStatus(5, StatusResponse{Tag: "a1", Status: "OK", Code: "READ-WRITE", Text: "done"}),
	"Q034": func(t *testing.T, r *reply) { equal(t, "exists", first[*ExistsData](t, r).Num, 522) },
	"Q036": func(t *testing.T, r *reply) {
		equal(t, "raw", *first[*RawData](t, r), RawData{Name: "X-VENDOR-THING", Text: `(a b (c)) "d"`})
	},
	"Q037": func(t *testing.T, r *reply) {
		equal(t, "raw", *first[*RawData](t, r), RawData{Name: "X-VENDOR-THING", Text: "{14}\r\na)\r\n* BYE fake tail"})
	},
	"Q039": func(t *testing.T, r *reply) { equal(t, "text", first[*Continuation](t, r).Text, "go ahead") },
	"Q040": checkStatus(4, StatusResponse{Tag: "*", Status: "OK", Code: "UIDNEXT", Args: "12"}),
	"Q042": checkCopyUID(true),
	"Q043": checkCopyUID(true),
	"Q045": checkStatus(1, StatusResponse{Tag: "a1", Status: "OK", Text: "Done"}),
	"Q046": checkCopyUID(false),
	"Q047": checkCopyUID(false),
	"Q049": checkCopyUID(true),
	"Q050": func(t *testing.T, r *reply) {
		for _, resp := range r.all {
			if s, ok := resp.(*StatusResponse); ok {
				_, valid := s.UIDValidity()
				_, next := s.UIDNext()
				_, unseen := s.Unseen()
				if valid || next || unseen {
					t.Errorf("zero taken for a number in %+v", s)
				}
			}
		}
	},
	"Q055": checkStatus(0, StatusResponse{Tag: "*", Status: "OK", Code: "X-VENDOR", Args: `"a b" (c d)`, Text: "text"}),
	"Q057": func(t *testing.T, r *reply) {
		equal(t, "flags", string(AppendFlags(nil, first[*FlagsData](t, r).Flags)),
			`(\Answered \Seen $Forwarded OIB-Seen-INBOX OIB-Seen-[Google Mail]/Alle Nachrichten)`)
		equal(t, "number", len(first[*FlagsData](t, r).Flags), 7)
	},
	"Q058": func(t *testing.T, r *reply) { equal(t, "last", first[*FlagsData](t, r).Flags[5], imap.AnyKeyword) },
	"Q060": checkPermanentFlags(`(\*)`),
	"Q061": checkPermanentFlags(`(\Answered \Deleted $Forwarded)`),
	"Q063": checkFlags(`(\Seen + TAG2 a)`),
	"Q064": func(t *testing.T, r *reply) { equal(t, "attributes", len(first[*ListData](t, r).Info.Attrs), 2) },
	"Q066": func(t *testing.T, r *reply) { equal(t, "delimiter", first[*ListData](t, r).Info.Delim, 0) },
	"Q067": checkList(`Odd "name"`, `Odd "name"`),
	"Q069": checkList("NIL", "NIL"),
	"Q070": checkList("20240506", "20240506"),
	"Q072": checkList("INBOX", "Inbox"),
	"Q073": checkList("/INBOX/x", "/INBOX/x"),
	"Q075": checkList("Entw&APw", "Entw&APw"),
	"Q078": func(t *testing.T, r *reply) { equal(t, "attributes", len(first[*ListData](t, r).Info.Attrs), 3) },
	"Q079": func(t *testing.T, r *reply) {
		equal(t, "no select", first[*ListData](t, r).Info.HasAttr(imap.AttrNoselect), true)
	},
	"Q082": func(t *testing.T, r *reply) {
		s := first[*StatusData](t, r)
		equal(t, "messages", s.Messages, 5)
		equal(t, "UIDNEXT", s.UIDNext, 12)
	},
	"Q083": func(t *testing.T, r *reply) { equal(t, "items", first[*StatusData](t, r).Items, 0) },
	"Q086": func(t *testing.T, r *reply) {
		equal(t, "items", first[*StatusData](t, r).Items, imap.StatusMessages) // NIL: there is no limit
	},
	"Q090": func(t *testing.T, r *reply) {
		equal(t, "vendor", first[*IDData](t, r).Params.Get("vendor"), "Proton Technologies AG")
	},
	"Q091": func(t *testing.T, r *reply) { equal(t, "name", first[*IDData](t, r).Params.Get("name"), "x") },
	"Q093": func(t *testing.T, r *reply) {
		n := first[*NamespaceData](t, r)
		equal(t, "personal", n.Personal[0], imap.NamespaceDesc{})
	},
	"Q094": checkKind(imap.ErrAuth),
	"Q105": func(t *testing.T, r *reply) { equal(t, "items", first[*ESearchData](t, r).Items, 0) },
	"Q107": checkFlags(`(\Seen)`),
	"Q110": func(t *testing.T, r *reply) {
		m := r.message(t)
		equal(t, "item", m.Extra[0], imap.RawItem{Name: "X-NEW-ITEM", Value: `(a "b" (c))`})
		equal(t, "flags", len(m.Flags), 1)
	},
	"Q111": func(t *testing.T, r *reply) {
		m := r.message(t)
		equal(t, "thread", m.ThreadID, "1266894439832287888")
		equal(t, "labels", strings.Join(m.Labels, "|"), `\Inbox|\Important|NIL|Muy Importante`)
	},
	"Q113": func(t *testing.T, r *reply) { equal(t, "has", r.message(t).Items&imap.ItemModSeq, 0) },
	"Q114": checkBody("Subject: x\r\n\r\nhi\r\n"),
	"Q116": checkBody("Subject: x\r\n\r\nhi\r\n"),
	"Q117": func(t *testing.T, r *reply) {
		checkBody("Subject: x\r\n\r\nhi")(t, r)
		checkFlags(`(\Seen)`)(t, r)
	},
	"Q119": checkEnvelope(func(t *testing.T, e *imap.Envelope) {
		equal(t, "subject", e.Subject, "hello")
		equal(t, "to", e.To[0].Addr(), "bob@example.org")
		equal(t, "id", e.MessageID, "<m1@example.com>")
	}),
	"Q122": checkBody("Subject: x"),
	"Q123": func(t *testing.T, r *reply) { equal(t, "nil", r.message(t).Body().Nil, true) },
	"Q125": checkBody("Subject: x\r\n\r\nhi\r\n"),
	"Q126": func(t *testing.T, r *reply) { equal(t, "origin", r.message(t).Body().Origin, 0) },
	"Q129": checkFlags(`(\Seen)`),
	"Q130": checkDate(""),
	"Q131": checkDate(""),
	"Q133": checkDate("2018-02-12T19:50:00+03:00"),
	"Q134": checkDate(""),
	"Q136": checkDate(""),
	"Q137": checkEnvelope(func(t *testing.T, e *imap.Envelope) { equal(t, "from", e.From[0].String(), annLee) }),
	"Q138": checkEnvelope(func(t *testing.T, e *imap.Envelope) { equal(t, "reply to", e.ReplyTo[0].String(), annLee) }),
	"Q140": checkEnvelope(func(t *testing.T, e *imap.Envelope) {
		equal(t, "from", e.From[0].Addr(), "ann@example.com")
		equal(t, "to", e.To[0].Addr(), "bob@example.org")
		equal(t, "number", len(e.From)+len(e.To), 2)
	}),
	"Q141": checkEnvelope(func(t *testing.T, e *imap.Envelope) {
		equal(t, "to", e.To[0].String(), annLee)
		equal(t, "id", e.MessageID, "<m@example.com>")
	}),
	"Q143": checkEnvelope(func(t *testing.T, e *imap.Envelope) {
		equal(t, "date", e.Date.IsZero(), true)
		equal(t, "raw date", e.RawDate, "wtf")
	}),
	"Q144": checkEnvelope(func(t *testing.T, e *imap.Envelope) {
		equal(t, "from", e.From[0].Addr(), "root")
		equal(t, "to", e.To[0].Host, "")
		equal(t, "name", e.To[0].Name, "Microsoft Exchange Server")
	}),
	"Q146": checkEnvelope(func(t *testing.T, e *imap.Envelope) {
		equal(t, "sender", e.Sender[0].String(), "Dummy <sender@example.com>")
	}),
	"Q147": checkEnvelope(func(t *testing.T, e *imap.Envelope) {
		equal(t, "from", e.From[0].Addr(), "members=example.com@members.example.com")
	}),
	"Q149": checkEnvelope(func(t *testing.T, e *imap.Envelope) {
		equal(t, "subject", e.Subject, `the "best" offer`)
		equal(t, "from", e.From[0].String(), annLee)
	}),
	"Q150": checkEnvelope(func(t *testing.T, e *imap.Envelope) { equal(t, "from", e.From[0].Addr(), "power@example.com") }),
	"Q152": checkEnvelope(func(t *testing.T, e *imap.Envelope) { equal(t, "from", e.From[0].Name, "Clémence Noël") }),
	"Q155": checkEnvelope(func(t *testing.T, e *imap.Envelope) { equal(t, "id", e.MessageID, "<m@example.com>") }),
	"Q156": checkStructure(func(t *testing.T, p *imap.Part) {
		equal(t, "parts", len(p.Parts), 2)
		equal(t, "multipart", p.Parts[1].Multipart(), true)
		equal(t, "size", p.Parts[1].Size, -1)
	}),
	"Q157": checkStructure(func(t *testing.T, p *imap.Part) { equal(t, "size", p.Size, 9373600) }),
	"Q159": checkStructure(func(t *testing.T, p *imap.Part) {
		equal(t, "lines", p.Lines, -1)
		equal(t, "disposition", p.Disposition, "INLINE")
	}),
	"Q160": checkStructure(func(t *testing.T, p *imap.Part) { equal(t, "encoding", p.Encoding, "") }),
	"Q162": checkStructure(func(t *testing.T, p *imap.Part) { equal(t, "size", p.Size, 120) }),
	"Q163": checkStructure(func(t *testing.T, p *imap.Part) {
		equal(t, "type", p.Parts[0].Type+"/"+p.Parts[0].Subtype, "multipart/ALTERNATIVE")
		equal(t, "boundary", p.Parts[0].Params.Get("boundary"), "b")
		equal(t, "second", p.Parts[1].Type, "TEXT")
	}),
	"Q165": checkStructure(func(t *testing.T, p *imap.Part) {
		equal(t, "type", p.Parts[1].Type+"/"+p.Parts[1].Subtype, "multipart/alternative")
	}),
	"Q166": checkStructure(func(t *testing.T, p *imap.Part) {
		equal(t, "type", p.Parts[0].Type+"/"+p.Parts[0].Subtype, "application/octet-stream")
		equal(t, "size", p.Parts[0].Size, 563)
	}),
	"Q168": checkStructure(func(t *testing.T, p *imap.Part) {
		equal(t, "parts", len(p.Parts[1].Parts), 0)
		equal(t, "lines", p.Parts[1].Lines, 0)
	}),
	"Q169": checkStructure(func(t *testing.T, p *imap.Part) {
		equal(t, "size", p.Parts[1].Size, 90000)
		equal(t, "file name", p.Parts[1].DispParams.Get("filename"), "a.eml")
	}),
	"Q171": checkStructure(func(t *testing.T, p *imap.Part) { equal(t, "disposition", p.Disposition, "inline") }),
	"Q172": checkStructure(func(t *testing.T, p *imap.Part) { equal(t, "disposition", p.Disposition, "") }),
	"Q174": checkStructure(func(t *testing.T, p *imap.Part) {
		equal(t, "type", p.Parts[1].Type+"/"+p.Parts[1].Subtype, "application/X-ZIP")
		equal(t, "size", p.Parts[1].Size, 4096)
	}),
	"Q175": checkStructure(func(t *testing.T, p *imap.Part) { equal(t, "languages", strings.Join(p.Language, " "), "en") }),
	"Q177": checkStructure(func(t *testing.T, p *imap.Part) { equal(t, "parts", len(p.Parts), 2) }),
	"Q178": checkStructure(func(t *testing.T, p *imap.Part) {
		equal(t, "description", p.Parts[1].Description, `""`)
		equal(t, "subtype", p.Subtype, "MIXED")
	}),
	"Q180": checkStructure(func(t *testing.T, p *imap.Part) {
		depth := 0
		for len(p.Parts) == 1 {
			depth, p = depth+1, p.Parts[0]
		}
		equal(t, "opaque", p.Opaque, true)
		equal(t, "depth", depth, maxPartDepth+1)
	}),
	"Q182": checkStatus(1, StatusResponse{Tag: "a1", Status: "OK", Text: "IDLE terminated (Success) [THROTTLED]"}),
	"Q184": checkKind(imap.ErrUnsupported),
	"Q185": checkKind(imap.ErrUnavailable),
}
