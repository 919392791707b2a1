package imapwire

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"restante/imap"
)

// This file is an extension that nobody needs: messages and mailboxes have colours. It adds to every
// table, and nothing outside of it knows.

func init() {
	commands.add("XPAINT", command{parse: parsePaint, uid: true})
	commands.add("XSCAN", command{parse: parseScan, uid: true, message: 2})
	fetchItems.add("X-COLOUR", fetchItem{ask: askColour, value: (*scanner).colour})
	statusItems.add("X-COLOURS", statusItem{item: statusColours, parse: parseStatusColours, append: appendStatusColours})
	searchKeys.add("X-COLOUR", textArg)
	searchKeys.add("X-PALE", keysArg(1))
	responses.add("XPALETTE", (*scanner).palette)
	numberedResponses.add("XFADED", func(_ *scanner, n uint32) Response { return &FadedData{n} })
	codes.add("XCOLOURBLIND", errColourBlind)
	listItems.add("X-COLOUR", func(p *scanner, m *imap.MailboxInfo) bool {
		v, ok := p.astring()
		m.ChildInfo = append(m.ChildInfo, "colour "+v)
		return ok
	})
	esearchItems.add("X-HUE", func(p *scanner, d *ESearchData) bool {
		n, ok := p.number32()
		d.Values.Set("X-HUE", n)
		return ok
	})
	for _, t := range []*optionTable{&selectParams, &createParams, &fetchModifiers, &storeModifiers, &searchReturns, &listSelects, &listReturns} {
		t.add("X-SHADES", parseShades)
	}

	shades := []Option{&Shades{7}}
	goodCommands = append(goodCommands, []struct {
		in   string
		want Command
	}{
		{"XPAINT 1:2 red", &Paint{Set: seqs("1:2"), Colour: "red"}},
		{`UID xpaint 7 "light blue"`, &Paint{UID: true, Set: uids("7"), Colour: "light blue"}},
		{"FETCH 1 X-COLOUR", &Fetch{Set: seqs("1"), Items: []imap.FetchItem{{Name: "X-COLOUR"}}}},
		{"FETCH 1 (x-colour (deep) FLAGS)", &Fetch{Set: seqs("1"), Items: []imap.FetchItem{{Name: "X-COLOUR (DEEP)"}, imap.FetchFlags}}},
		{"STATUS x (X-COLOURS MESSAGES)", &Status{"x", imap.StatusMessages | statusColours}},
		{"SEARCH X-COLOUR red", &Search{Key: imap.SearchKey{Op: "X-COLOUR", Text: "red"}}},
		{"SEARCH NOT X-PALE X-COLOUR red", &Search{Key: imap.Not(imap.SearchKey{Op: "X-PALE",
			Keys: []imap.SearchKey{{Op: "X-COLOUR", Text: "red"}}})}},
		{"SELECT x (CONDSTORE X-SHADES 7)", &Select{Mailbox: "x", Params: []Option{CondStore{}, &Shades{7}}}},
		{"CREATE x (X-SHADES 7)", &Create{Mailbox: "x", Params: shades}},
		{`CREATE x (USE (\Junk) X-SHADES 7)`, &Create{Mailbox: "x", Use: []imap.MailboxAttr{imap.AttrJunk}, Params: shades}},
		{"FETCH 1 FLAGS (X-SHADES 7)", &Fetch{Set: seqs("1"), Items: []imap.FetchItem{imap.FetchFlags}, Modifiers: shades}},
		{"UID FETCH 1 FAST (x-shades 7)", &Fetch{UID: true, Set: uids("1"), Items: fetchMacros["FAST"], Modifiers: shades}},
		{"STORE 1 (X-SHADES 7) FLAGS ()", &Store{Set: seqs("1"), Modifiers: shades}},
		{"SEARCH RETURN (MIN X-SHADES 7) ALL", &Search{Return: &SearchReturn{Min: true}, ReturnOptions: shades, Key: imap.All}},
		{`LIST (REMOTE X-SHADES 7) "" * RETURN (CHILDREN STATUS (SIZE) X-SHADES 7)`, &List{Patterns: []string{"*"}, Extended: true,
			Select: ListSelect{Remote: true}, SelectOptions: shades,
			Return: ListReturn{Children: true, Status: imap.StatusSize}, ReturnOptions: shades}},
		{"XSCAN 4 x {5}\r\n", &Scan{Set: seqs("4"), Mailbox: "x", Size: 5}},
	}...)
	badCommands = append(badCommands, []struct{ production, in string }{
		{"fetch-modifier", "a FETCH 1 FLAGS (|FOO)"}, {"store-modifier", "a STORE 1 (|FOO) FLAGS ()"},
		{"create-param", "a CREATE x (X-SHADES 7 |FOO)"}, {"create-param", `a CREATE x (USE (\A) |USE (\B))`},
		{"shades", "a SELECT x (X-SHADES |y)"}, {"fetch-att", "a FETCH 1 |X-COLOUR[]"},
	}...)
}

var errColourBlind = errors.New("the server sees no colours")

// Paint is a command with a set.
type Paint struct {
	UID    bool
	Set    imap.NumSet
	Colour string
}

func (c *Paint) Name() string { return uidName(c.UID, "XPAINT") }

func (c *Paint) AppendArgs(e *Encoder) {
	e.SP()
	e.NumSet(c.Set)
	e.SP()
	e.AString(c.Colour)
}

func parsePaint(l *lexer, uid bool) Command {
	c := &Paint{UID: uid}
	l.sp("paint")
	c.Set = l.numSet(uid, "sequence-set")
	l.sp("paint")
	c.Colour = string(l.astring("colour"))
	return c
}

// Scan is a command that ends in a message, behind two arguments.
type Scan struct {
	UID     bool
	Set     imap.NumSet
	Mailbox string
	Size    int64
}

func (c *Scan) Name() string    { return uidName(c.UID, "XSCAN") }
func (c *Scan) Trailer() string { return "\r\n" }

func (c *Scan) AppendArgs(e *Encoder) {
	e.SP()
	e.NumSet(c.Set)
	e.SP()
	e.Mailbox(c.Mailbox)
	(&Append{Size: c.Size}).AppendMessage(e)
}

func parseScan(l *lexer, uid bool) Command {
	c := &Scan{UID: uid}
	l.sp("scan")
	c.Set = l.numSet(uid, "sequence-set")
	l.sp("scan")
	c.Mailbox = l.mailbox("mailbox")
	var a Append
	l.appendMessage(&a)
	c.Size = a.Size
	return c
}

// Shades is an option with a value.
type Shades struct{ N int64 }

func (*Shades) Name() string { return "X-SHADES" }

func (o *Shades) AppendValue(e *Encoder) {
	e.SP()
	e.Number(o.N)
}

func parseShades(l *lexer) Option {
	l.sp("shades")
	return &Shades{l.number64("shades")}
}

// Colour is the value of the data item.
type Colour struct{ Name string }

func askColour(l *lexer, name string) imap.FetchItem {
	f := plainItem(l, name)
	if l.err == nil && string(l.buf[l.pos:min(len(l.buf), l.pos+2)]) == " (" {
		l.pos += 2
		f.Name += " (" + l.word("colour-modifier") + ")"
		l.expect(')', "colour-modifier")
	}
	return f
}

func (p *scanner) colour(d *FetchData, name string) bool {
	v, _, ok := p.nstring()
	if ok {
		d.Values.Set(name, Colour{v})
	}
	return ok
}

const statusColours imap.StatusItems = 1 << 31

func parseStatusColours(p *scanner, s *imap.Status) bool {
	v, ok := p.astring()
	if ok {
		s.Values.Set("X-COLOURS", Colour{v})
		s.Items |= statusColours
	}
	return ok
}

func appendStatusColours(dst []byte, s *imap.Status) []byte {
	return AppendAString(dst, s.Values["X-COLOURS"].(Colour).Name)
}

// PaletteData is an untagged response.
type PaletteData struct{ Colours []string }

func (*PaletteData) response() {}

func (p *scanner) palette(string) Response {
	d := &PaletteData{}
	for p.space(); !p.atEnd(); p.space() {
		v, ok := p.astring()
		if !ok {
			return nil
		}
		d.Colours = append(d.Colours, v)
	}
	return d
}

// FadedData is an untagged response with a number.
type FadedData struct{ Num uint32 }

func (*FadedData) response() {}

// Blind returns the argument of XCOLOURBLIND.
func (r *StatusResponse) Blind() (uint64, bool) { return r.num("XCOLOURBLIND", 32) }

func TestExtensionResponses(t *testing.T) {
	red := imap.Values{"X-COLOUR": Colour{"red"}}
	for in, want := range map[string]Response{
		`* XPALETTE red "light blue"`: &PaletteData{[]string{"red", "light blue"}},
		"* XPALETTE (":                &RawData{Name: "XPALETTE", Text: "("},
		"* 3 XFADED":                  &FadedData{3},
		"* 3 XPALE a":                 &RawData{Num: 3, Name: "XPALE", Text: "a"},
		"* 1 FETCH (X-COLOUR red)":    nil, // not a string: see below
		`* 1 FETCH (UID 5 X-COLOUR "red" X-OTHER (1))`: &FetchData{Message: imap.Message{Seq: 1, UID: 5,
			Items: imap.ItemUID, Values: red, Extra: []imap.RawItem{{Name: "X-OTHER", Value: "(1)"}}}},
		"* STATUS x (MESSAGES 2 X-COLOURS red X-OTHER 1)": &StatusData{
			Status: imap.Status{Mailbox: "x", Items: imap.StatusMessages | statusColours, Messages: 2,
				Values: imap.Values{"X-COLOURS": Colour{"red"}}},
			Extra: []imap.RawItem{{Name: "X-OTHER", Value: "1"}}},
		`* LIST () "/" x (X-OTHER 1 X-COLOUR red)`: &ListData{Name: "LIST",
			Info: imap.MailboxInfo{Name: "x", Raw: "x", Delim: '/', ChildInfo: []string{"colour red"}}},
		"* ESEARCH X-HUE 7 COUNT 1 X-OTHER 2": &ESearchData{Items: ESearchCount, Count: 1,
			Values: imap.Values{"X-HUE": uint32(7)}, Extra: []imap.RawItem{{Name: "X-OTHER", Value: "2"}}},
	} {
		got, err := ParseResponse([]byte(in), nil)
		if err != nil || want != nil && !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %#v, %v; want %#v", in, got, err, want)
		}
	}
	// A value that cannot be parsed is there as text.
	got, err := ParseResponse([]byte("* 1 FETCH (X-COLOUR red FLAGS ())"), nil)
	m := got.(*FetchData)
	if err != nil || len(m.Values) != 0 || len(m.Extra) != 1 || m.Extra[0].Value != "red" || m.Items != imap.ItemFlags {
		t.Errorf("got %#v, %v", m, err)
	}

	got, _ = ParseResponse([]byte("a NO [XCOLOURBLIND 3] no"), nil)
	status := got.(*StatusResponse)
	if n, ok := status.Blind(); n != 3 || !ok {
		t.Errorf("argument of the code: %d, %v", n, ok)
	}
	if !errors.Is(NewError("XPAINT", "x", status), errColourBlind) {
		t.Errorf("%v is not of the kind that the code stands for", NewError("XPAINT", "x", status))
	}
}

// What is of an extension is sent back in the order in which it was registered, behind the rest.
func TestExtensionStatus(t *testing.T) {
	s := &imap.Status{Mailbox: "x", Items: imap.StatusMessages | statusColours, Messages: 2, Values: imap.Values{"X-COLOURS": Colour{"red"}}}
	if got := string(AppendStatus(nil, s, false)); got != "* STATUS x (MESSAGES 2 X-COLOURS red)\r\n" {
		t.Errorf("got %q", got)
	}
}

// The message at the end of a command stays in the stream; a literal in front of it does not.
func TestExtensionMessage(t *testing.T) {
	for _, in := range []string{"a XSCAN 4 x {5}\r\n", "a XSCAN 4 {1}\r\nx {5}\r\n", "a UID XSCAN 4 {1}\r\nx {5}\r\n"} {
		asked := 0
		r := NewReader(strings.NewReader(in+"hello\r\nb NOOP\r\n"), ReaderOptions{})
		frame, lit, err := r.ReadCommand(func() error { asked++; return nil })
		if err != nil || lit == nil || lit.Size != 5 || asked != strings.Count(in, "{")-1 {
			t.Errorf("%q: %q, %v, %v, asked %d times", in, frame, lit, err, asked)
			continue
		}
		if _, cmd, err := ParseCommand(frame, ParseOptions{}); err != nil || cmd.(*Scan).Size != 5 || cmd.(*Scan).Mailbox != "x" {
			t.Errorf("%q: %#v, %v", in, cmd, err)
		}
		if b, err := io.ReadAll(lit); string(b) != "hello" || err != nil {
			t.Errorf("%q: message %q, %v", in, b, err)
		}
		if rest, _, err := r.ReadRest(nil); len(rest) != 0 || err != nil {
			t.Errorf("%q: rest %q, %v", in, rest, err)
		}
	}
}

// A command that has no form with UID is none behind it.
func TestNoMessage(t *testing.T) {
	frame, lit, err := NewReader(strings.NewReader("a UID APPEND x {5}\r\nhello\r\n"), ReaderOptions{}).ReadCommand(nil)
	if lit != nil || err != nil || !strings.HasSuffix(string(frame), "hello") {
		t.Errorf("got %q, %v, %v", frame, lit, err)
	}
}

func TestValuesOfMessage(t *testing.T) {
	m := &imap.Message{Values: imap.Values{"X-COLOUR": Colour{"red"}, "X-HUE": 1}}
	m.Merge(&imap.Message{Values: imap.Values{"X-COLOUR": Colour{"blue"}}})
	if want := (imap.Values{"X-COLOUR": Colour{"blue"}, "X-HUE": 1}); !reflect.DeepEqual(m.Values, want) {
		t.Errorf("merged into %v", m.Values)
	}
	if !m.Has(imap.RawFetch("x-colour (deep)")) || m.Has(imap.RawFetch("X-OTHER")) {
		t.Error("Has does not know which items there are")
	}
}

// A name belongs to one file.
func TestRegisteredTwice(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a second XPAINT was taken")
		}
	}()
	commands.add("XPAINT", command{})
}
