package imapwire

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"restante/imap"
)

// summarize tells in a line what was understood of a message.
func summarize(m *FetchData) string {
	out := []string{m.Items.String()}
	add := func(what string, v any) { out = append(out, fmt.Sprintf("%s %v", what, v)) }
	if len(m.Flags) > 0 {
		add("flags", string(AppendFlags(nil, m.Flags)))
	}
	if e := m.Envelope; e != nil {
		add("subject", e.Subject)
		add("from", e.From)
		add("to", e.To)
		add("id", e.MessageID)
	}
	if s := m.Structure; s != nil {
		add("part", s.Type+"/"+s.Subtype)
		for p := range s.Walk() {
			if p != s {
				add("in it", p.Type+"/"+p.Subtype)
			}
		}
		for _, x := range s.Params {
			add(x.Name, x.Value)
		}
	}
	for _, b := range m.Bodies {
		add("body", fmt.Sprintf("%q %v", b.String(), b.Nil))
	}
	if !m.InternalDate.IsZero() {
		add("date", m.InternalDate.Format("2006-01-02 15:04:05 -0700"))
	}
	for _, x := range m.Extra {
		add("extra", x)
	}
	if m.Open {
		out = append(out, "open")
	}
	for _, d := range m.Defects {
		out = append(out, "!"+d.Quirk)
	}
	return strings.Join(out, "; ")
}

// A message is not lost for what is wrong in one of its values: the value is repaired as far as can be
// guessed, the others are as they are, and a defect tells.
func TestRepairs(t *testing.T) {
	const ann = `(("Ann" NIL "ann" "x.org"))`
	const date = `"Mon, 06 May 2024 10:00:00 +0200"`
	env := func(date, subject, from, id string) string {
		return "ENVELOPE (" + strings.Join([]string{date, subject, from, ann, ann, ann, "NIL NIL NIL", id}, " ") + ")"
	}
	part := func(params, rest string) string {
		return `BODYSTRUCTURE ("text" "plain" ` + params + ` NIL NIL "7bit" 10 1` + rest + `)`
	}
	const (
		enveloped  = "UID FLAGS ENVELOPE; flags (\\Seen); "
		structured = "UID FLAGS BODYSTRUCTURE; flags (\\Seen); "
		fromAnn    = "from [Ann <ann@x.org>]; to [Ann <ann@x.org>]; id <m>; "
		none       = "UID FLAGS; flags (\\Seen); !no value"
	)
	for name, c := range map[string]struct{ item, want string }{
		"characters in subject":   {env(date, "{5}\r\nH\u00e4llo", ann, `"<m>"`), enveloped + "subject H\u00e4llo; " + fromAnn + "!literal counted in characters"},
		"characters, parenthesis": {env(date, "{9}\r\nGr\u00fc\u00dfe an)", ann, `"<m>"`), enveloped + "subject Gr\u00fc\u00dfe an); " + fromAnn + "!literal counted in characters"},
		"characters, space":       {env(date, "{5}\r\nH\u00e4l o", ann, `"<m>"`), enveloped + "subject H\u00e4l o; " + fromAnn + "!literal counted in characters"},
		"characters in name":      {env(date, `"s"`, "(({5}\r\nH\u00e4llo NIL \"ann\" \"x.org\"))", `"<m>"`), enveloped + "subject s; from [H\u00e4llo <ann@x.org>]; to [Ann <ann@x.org>]; id <m>; !literal counted in characters"},
		"characters, long":        {env(date, "{500}\r\n"+strings.Repeat("\u00e4", 500), ann, `"<m>"`), enveloped + "subject " + strings.Repeat("\u00e4", 500) + "; " + fromAnn + "!literal counted in characters"},
		"characters in body":      {"BODY[] {5}\r\nH\u00e4llo", "UID FLAGS; flags (\\Seen); body \"H\u00e4llo\" false; !literal counted in characters"},

		"atom for a subject":    {env(date, "Hello", ann, `"<m>"`), enveloped + "subject Hello; " + fromAnn + "!string without quotes"},
		"atoms for a subject":   {env(date, "Hello World", ann, `"<m>"`), enveloped + "subject Hello World; " + fromAnn + "!string without quotes"},
		"atom for an id":        {env(date, `"s"`, ann, "<m>"), enveloped + "subject s; " + fromAnn + "!string without quotes"},
		"atom for a name":       {env(date, `"s"`, `((Ann NIL "ann" "x.org"))`, `"<m>"`), enveloped + "subject s; " + fromAnn + "!string without quotes"},
		"atoms for an address":  {env(date, `"s"`, `((NIL NIL ann x.org))`, `"<m>"`), enveloped + "subject s; from [ann@x.org]; to [Ann <ann@x.org>]; id <m>; !string without quotes; !string without quotes"},
		"atom for a list":       {env(date, `"s"`, `ann@x.org`, `"<m>"`), enveloped + "subject s; from [ann@x.org]; to [Ann <ann@x.org>]; id <m>; !string without quotes; !string for addresses"},
		"string for a list":     {env(date, `"s"`, `"<ann@x.org>"`, `"<m>"`), enveloped + "subject s; from [ann@x.org]; to [Ann <ann@x.org>]; id <m>; !string for addresses"},
		"empty for a list":      {env(date, `"s"`, `""`, `"<m>"`), enveloped + "subject s; from []; to [Ann <ann@x.org>]; id <m>; !string for addresses"},
		"address without list":  {env(date, `"s"`, `("Ann" NIL "ann" "x.org")`, `"<m>"`), enveloped + "subject s; " + fromAnn + "!address without a list"},
		"empty before a list":   {env(date, `"s"`, `"" `+ann, `"<m>"`), enveloped + "subject s; " + fromAnn + "!empty string in front of a list"},
		"empty before envelope": {`ENVELOPE "" (NIL "s" NIL NIL NIL NIL NIL NIL NIL "<m>")`, enveloped + "subject s; from []; to []; id <m>; !empty string in front of a list"},

		"empty before structure":  {`BODYSTRUCTURE "" ("text" "plain" NIL NIL NIL "7bit" 10 1)`, structured + "part text/plain; !empty string in front of a list"},
		"empty before parameters": {part(`"" ("charset" "utf-8")`, ""), structured + "part text/plain; charset utf-8; !empty string in front of a list"},
		"empty before a part":     {`BODYSTRUCTURE ("" ("text" "plain" NIL NIL NIL "7bit" 10 1) "mixed")`, structured + "part multipart/mixed; in it text/plain; !empty string in front of a list"},
		"empty between parts":     {`BODYSTRUCTURE (("text" "plain" NIL NIL NIL "7bit" 10 1) "" ("text" "html" NIL NIL NIL "7bit" 10 1) "mixed")`, structured + "part multipart/mixed; in it text/plain; in it text/html; !empty string in front of a list"},
		"empty for an envelope":   {`BODYSTRUCTURE ("message" "rfc822" NIL NIL NIL "7bit" 10 "" ("text" "plain" NIL NIL NIL "7bit" 10 1) 1)`, structured + "part message/rfc822; in it text/plain; !empty string in front of a list; !message without an envelope"},
		"no value of a parameter": {part(`("charset" )`, ""), structured + "part text/plain; charset ; !parameter without a value"},

		"no size":      {"RFC822.SIZE ", none},
		"no date":      {"INTERNALDATE ", none},
		"no envelope":  {"ENVELOPE ", none},
		"no structure": {"BODYSTRUCTURE ", none},
		"no modseq":    {"MODSEQ ()", "UID FLAGS; flags (\\Seen); !empty list for NIL"},
		"no body":      {"BODY[] ", "UID FLAGS; flags (\\Seen); body \"\" true; !no value"},

		"dots in a time": {`INTERNALDATE "26-Nov-2025 10.30.00 +0100"`, "UID FLAGS INTERNALDATE; flags (\\Seen); date 2025-11-26 10:30:00 +0100; !dots in a time"},
		"dots in a date": {`INTERNALDATE "26.11.2025 10:30:00 +0100"`, "UID FLAGS INTERNALDATE; flags (\\Seen); !not a date"},
		"NIL for a flag": {`FLAGS (\Seen NIL nil)`, "UID FLAGS; flags (\\Seen); !NIL for a flag; !NIL for a flag"},
	} {
		r, err := ParseResponse([]byte(`* 1 FETCH (UID 11 FLAGS (\Seen) `+c.item+")"), nil)
		if err != nil {
			t.Fatal(name, err)
		}
		if got := summarize(r.(*FetchData)); got != c.want {
			t.Errorf("%s: %s\ngot  %s\nwant %s", name, c.item, got, c.want)
		}
	}
	r, _ := ParseResponse([]byte(`* 1 FETCH (FLAGS (NIL) UID 11)`), nil)
	if m := r.(*FetchData); m.UID != 11 || len(m.Flags) != 0 || !slices.ContainsFunc(m.Defects, func(d imap.Defect) bool { return d.Raw == "NIL" }) {
		t.Errorf("%+v", m)
	}
	// A dotted time in a Date header is the sender's, not the server's: no defect, and not midnight.
	r, _ = ParseResponse([]byte(`* 1 FETCH (ENVELOPE ("Tue, 1 Jul 2003 10.52.37 +0200" "s" NIL NIL NIL NIL NIL NIL NIL NIL))`), nil)
	if m := r.(*FetchData); m.Envelope.Date.Hour() != 10 || len(m.Defects) != 0 {
		t.Errorf("%v %v", m.Envelope.Date, m.Defects)
	}
}
