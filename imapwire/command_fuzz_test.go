package imapwire

import (
	"bytes"
	"encoding/base64"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"restante/imap"
)

// What parses can be sent, and reads the same again.
func FuzzParseCommand(f *testing.F) {
	for _, kind := range []string{"commands", "commands_refused"} {
		for _, s := range seeds(f, kind) {
			f.Add([]byte(s), false)
			f.Add([]byte(s), true)
		}
	}
	for _, c := range goodCommands {
		in, rev2 := strings.CutPrefix(c.in, "rev2 ")
		f.Add([]byte("a "+in), rev2)
	}
	for _, c := range badCommands {
		f.Add([]byte(strings.Replace(c.in, "|", "", 1)), false)
	}
	f.Fuzz(func(t *testing.T, frame []byte, rev2 bool) {
		before := bytes.Clone(frame)
		tag, cmd, err := ParseCommand(frame, ParseOptions{UTF8: rev2})
		if !bytes.Equal(before, frame) {
			t.Fatal("the frame was changed")
		}
		if err != nil {
			var syntax *SyntaxError
			if errors.As(err, &syntax) && (syntax.Offset < 0 || syntax.Offset > len(frame)) || cmd != nil {
				t.Fatalf("%v of %d octets, %v", syntax, len(frame), cmd)
			}
			return
		}
		if tag == "" {
			t.Fatal("no tag")
		}
		checkRoundTrip(t, cmd, EncoderOptions{UTF8: rev2})
	})
}

// What goes on behind a literal of APPEND can be sent, and reads the same again.
func FuzzParseAppendNext(f *testing.F) {
	for _, in := range []string{"", ` (\Seen) "17-Jul-1996 02:44:25 -0700" {310}`, " UTF8 (~{3+}", ") {3}", ")", "))", ` URL "/a/;UID=1" TEXT {3}`,
		` URL /a/;UID=1 UTF8 (~{3}`, " URL {4}", `) CATENATE (URL /a) {2}`} {
		for catenate := range 2 {
			f.Add([]byte(in), false, catenate == 1)
			f.Add([]byte(in), true, catenate == 1)
		}
	}
	f.Fuzz(func(t *testing.T, frame []byte, utf8, catenate bool) {
		prev := &Append{Mailbox: "x", UTF8: utf8}
		if catenate {
			prev.Catenate = &Catenate{Announced: CatText}
		}
		next, err := ParseAppendNext(frame, prev)
		if err != nil || next == nil {
			return
		}
		if catenate { // what goes on is a message of its own here, when it has anything
			if len(next.Catenate.URLs) == 0 && next.isWhole() {
				next = next.Next
			}
			if next == nil {
				return
			}
		}
		checkRoundTrip(t, next, EncoderOptions{})
	})
}

// gen makes random commands.
type gen struct {
	*rand.Rand
	rev2 bool
}

func (g *gen) bool() bool { return g.IntN(2) == 0 }

func (g *gen) text() string {
	var b []byte
	for range g.IntN(12) {
		switch g.IntN(6) {
		case 0:
			b = append(b, byte(g.IntN(255)+1))
		case 1:
			b = utf8.AppendRune(b, rune(g.IntN(0x3000)+1))
		case 2:
			b = append(b, "\\\"\r\n{}+&~"[g.IntN(9)])
		default:
			b = append(b, byte(' '+g.IntN(95)))
		}
	}
	return string(b)
}

func (g *gen) atom() string {
	b := []byte{"abzABZ019-_.$&+"[g.IntN(15)]}
	for range g.IntN(6) {
		if c := byte(g.IntN(256)); is(c, atomChar) {
			b = append(b, c)
		}
	}
	return string(b)
}

func (g *gen) word() string { return strings.ToUpper("x" + g.atom()) }

func (g *gen) mailbox() string {
	if g.IntN(5) == 0 {
		return imap.Inbox
	}
	return imap.CanonicalName(strings.ToValidUTF8(g.text(), "ü"))
}

func (g *gen) set(uid bool) imap.NumSet {
	if g.IntN(6) == 0 {
		return imap.SearchResult{UID: uid}
	}
	var u imap.UIDSet
	var s imap.SeqSet
	for range 1 + g.IntN(4) {
		a, b := g.Uint32N(50), g.Uint32N(50)
		u.AddRange(imap.UID(a), imap.UID(b))
		s.AddRange(imap.SeqNum(a), imap.SeqNum(b))
	}
	if uid {
		return u
	}
	return s
}

func (g *gen) flags() (flags []imap.Flag) {
	for range g.IntN(4) {
		if g.bool() {
			flags = append(flags, systemFlags[g.IntN(len(systemFlags))])
		} else {
			flags = append(flags, imap.Flag(g.atom()))
		}
	}
	return flags
}

func (g *gen) day() time.Time { return date(g.IntN(10000), time.Month(1+g.IntN(12)), 1+g.IntN(28)) }

func (g *gen) time() time.Time {
	loc := time.UTC
	if zone := (g.IntN(48*60-1) - (24*60 - 1)) * 60; zone != 0 {
		loc = time.FixedZone("", zone)
	}
	d := g.day()
	return time.Date(max(2, d.Year()), d.Month(), d.Day(), g.IntN(24), g.IntN(60), g.IntN(60), 0, loc)
}

func (g *gen) statusItems() imap.StatusItems {
	var items imap.StatusItems
	for items == 0 {
		for _, x := range statusItems.all {
			if g.bool() {
				items |= x.row.item
			}
		}
	}
	return items
}

func (g *gen) section(binary bool) *imap.Section {
	s := new(imap.Section)
	for range g.IntN(4) {
		s.Part = append(s.Part, 1+g.Uint32N(1<<32-1))
	}
	if !binary {
		s.Text = []string{"", "HEADER", "TEXT", "HEADER.FIELDS", "HEADER.FIELDS.NOT", "MIME"}[g.IntN(5+min(1, len(s.Part)))]
		if strings.Contains(s.Text, "FIELDS") {
			for range 1 + g.IntN(3) {
				s.Fields = append(s.Fields, g.text())
			}
		}
	}
	return s
}

func (g *gen) fetchItem() imap.FetchItem {
	switch g.IntN(6) {
	case 0:
		return imap.FetchItem{Name: "BINARY.SIZE", Section: g.section(true)}
	case 1, 2:
		f := imap.FetchItem{Name: "BODY", Peek: g.bool(), Section: g.section(false)}
		if g.bool() {
			f.Name, f.Section = "BINARY", g.section(true)
		}
		if g.bool() {
			f = f.WithPartial(g.Int64(), 1+g.Int64N(1<<62))
		}
		return f
	}
	names := []string{"ENVELOPE", "FLAGS", "INTERNALDATE", "RFC822", "RFC822.HEADER", "RFC822.SIZE", "RFC822.TEXT", "BODY", "BODYSTRUCTURE", "UID"}
	return imap.FetchItem{Name: names[g.IntN(len(names))]}
}

func (g *gen) searchKey(depth int) imap.SearchKey {
	switch n := g.IntN(10); {
	case depth < 4 && n == 0:
		return imap.Not(g.searchKey(depth + 1))
	case depth < 4 && n == 1:
		return imap.Or(g.searchKey(depth+1), g.searchKey(depth+1))
	case depth < 4 && n == 2:
		k := imap.And(g.searchKey(depth+1), g.searchKey(depth+1))
		for range g.IntN(3) {
			k.Keys = append(k.Keys, g.searchKey(depth+1))
		}
		return k
	case n == 3:
		return imap.SearchKey{Op: imap.SearchSeq, Set: g.set(false)}
	}
	k := imap.SearchKey{Op: imap.SearchOp(searchKeys.all[g.IntN(len(searchKeys.all))].name)}
	if strings.HasPrefix(string(k.Op), "X-") {
		return imap.All // extensions have tests of their own
	}
	switch k.Op {
	case imap.SearchBcc, imap.SearchBody, imap.SearchCc, imap.SearchFrom, imap.SearchSubject, imap.SearchText, imap.SearchTo:
		k.Text = g.text()
	case imap.SearchHeader:
		k.Name, k.Text = g.text(), g.text()
	case imap.SearchBefore, imap.SearchOn, imap.SearchSince, imap.SearchSentBefore, imap.SearchSentOn, imap.SearchSentSince,
		imap.SearchSavedBefore, imap.SearchSavedOn, imap.SearchSavedSince:
		k.Date = g.day()
	case imap.SearchLarger, imap.SearchSmaller:
		k.Size = g.Int64()
	case imap.SearchOlder, imap.SearchYounger:
		k.Size = 1 + int64(g.Uint32N(math.MaxUint32))
	case imap.SearchKeyword, imap.SearchUnkeyword:
		k.Flag = imap.Flag(g.atom())
	case imap.SearchUID:
		k.Set = g.set(true)
	case imap.SearchEmailID, imap.SearchThreadID:
		k.Text = "M" + strconv.Itoa(g.IntN(1000))
	case imap.SearchNot, imap.SearchOr:
		return imap.All // which come above
	}
	return k
}

func (g *gen) notify() Command {
	c := &Notify{}
	for range g.IntN(3) {
		group := NotifyGroup{Filter: notifyFilters[g.IntN(len(notifyFilters))]}
		if group.Filter.named() {
			for range 1 + g.IntN(3) {
				group.Mailboxes = append(group.Mailboxes, g.mailbox())
			}
		}
		for range g.IntN(3) {
			group.Events = append(group.Events, NotifyEvent{Name: g.word()})
		}
		if g.bool() {
			group.Events = append(group.Events, NotifyEvent{Name: eventMessageNew, Items: []imap.FetchItem{g.fetchItem()}})
		}
		c.Groups, c.Status = append(c.Groups, group), g.bool()
	}
	return c
}

func (g *gen) command() Command {
	uid := g.bool()
	switch g.IntN(21) {
	case 20:
		return g.notify()
	case 0:
		c := &Authenticate{Mechanism: g.word(), HasInitial: g.bool()}
		if s := g.text(); c.HasInitial && s != "" {
			c.Initial = []byte(s)
		}
		return c
	case 1:
		return &Login{g.text(), g.text()}
	case 2:
		return &Enable{[]imap.Cap{imap.Cap(g.atom()), imap.Cap(g.atom())}}
	case 3:
		c := &Select{Mailbox: g.mailbox(), Examine: g.bool()}
		for range g.IntN(3) {
			c.Params = append(c.Params, &RawOption{Label: g.word()})
		}
		return c
	case 4:
		c := &Create{Mailbox: g.mailbox()}
		for range g.IntN(3) {
			c.Use = append(c.Use, imap.MailboxAttr(`\`+g.atom()))
		}
		return c
	case 5:
		return &Delete{g.mailbox()}
	case 6:
		return &Rename{g.mailbox(), g.mailbox()}
	case 7:
		return &Subscribe{g.mailbox()}
	case 8:
		return &Unsubscribe{g.mailbox()}
	case 9:
		c := &List{Ref: g.mailbox(), Return: ListReturn{g.bool(), g.bool(), g.bool(), 0}}
		if g.bool() {
			c.Return.Status = g.statusItems()
		}
		c.Select = ListSelect{Subscribed: g.bool(), Remote: g.bool(), SpecialUse: g.bool()}
		c.Select.RecursiveMatch = c.Select.Subscribed && g.bool()
		for range 1 + g.IntN(3) {
			c.Patterns = append(c.Patterns, strings.ToValidUTF8(g.text(), "%"))
		}
		c.Extended = len(c.Patterns) > 1 || c.Select != (ListSelect{}) || c.Return != (ListReturn{}) || g.bool()
		return c
	case 10:
		return &LSub{g.mailbox(), strings.ToValidUTF8(g.text(), "*")}
	case 11:
		return &Status{g.mailbox(), g.statusItems()}
	case 12:
		c := &Append{Mailbox: g.mailbox(), Flags: g.flags(), Size: g.Int64(), UTF8: g.bool(), NonSync: g.bool()}
		c.Binary = c.UTF8 || g.bool()
		if g.bool() {
			c.Date = g.time()
		}
		return c
	case 13:
		if uid {
			return &Expunge{UID: true, Set: g.set(true)}
		}
		return &Expunge{}
	case 14:
		c := &Search{UID: uid, Key: g.searchKey(0)}
		if g.bool() {
			c.Return = &SearchReturn{g.bool(), g.bool(), g.bool(), g.bool(), g.bool()}
			all := []Option{&Update{}, &Context{}, &Partial{1 + g.Uint32N(9), 1 + g.Uint32N(9), g.bool()}}
			c.ReturnOptions = all[:g.IntN(len(all)+1):len(all)]
			if len(c.ReturnOptions) == 0 {
				c.ReturnOptions = nil
			}
		}
		if g.bool() {
			c.Charset = "X" + g.text()
		}
		if c.Charset == "" || g.bool() {
			return c
		}
		if g.bool() {
			return &Thread{uid, "REFS", c.Charset, c.Key}
		}
		key := sortKeys.all[g.IntN(len(sortKeys.all))].name
		return &Sort{*c, []imap.SortCriterion{{Key: imap.SortKey(key), Reverse: g.bool()}, {Key: imap.SortDate}}}
	case 15:
		c := &Fetch{UID: uid, Set: g.set(uid)}
		for range 1 + g.IntN(4) {
			c.Items = append(c.Items, g.fetchItem())
		}
		return c
	case 16:
		return &Store{UID: uid, Set: g.set(uid), Op: imap.StoreOp(g.IntN(3)), Silent: g.bool(), Flags: g.flags()}
	case 17:
		return &Copy{uid, g.set(uid), g.mailbox()}
	case 18:
		return &Move{uid, g.set(uid), g.mailbox()}
	}
	if g.IntN(3) == 0 {
		return &CancelUpdate{[]string{g.atom(), g.atom()}}
	}
	if g.bool() {
		return &ID{}
	}
	c := &ID{[]imap.Param{}}
	for range g.IntN(4) {
		c.Params = append(c.Params, imap.Param{Name: g.text(), Value: g.text()})
	}
	return c
}

// Random values survive being sent, and being framed on the way.
func TestRandomCommands(t *testing.T) {
	g := &gen{Rand: rand.New(rand.NewPCG(1, 2))}
	kinds := map[string]bool{}
	for range 30000 {
		g.rev2 = g.bool()
		cmd := g.command()
		kinds[cmd.Name()] = true
		o := EncoderOptions{UTF8: g.rev2, LiteralPlus: g.bool(), LiteralMinus: g.bool()}
		checkRoundTrip(t, cmd, o)
		checkFraming(t, cmd, o)
		if t.Failed() {
			return
		}
	}
	if len(kinds) < 26 {
		t.Errorf("only %d kinds of commands were tried", len(kinds))
	}
}

// checkFraming sends a command to a Reader, with a continuation request for every wait.
func checkFraming(t *testing.T, cmd Command, o EncoderOptions) {
	t.Helper()
	e := Encoder{EncoderOptions: o}
	if err := e.Command("a1", cmd); err != nil {
		t.Fatal(err)
	}
	waits := len(e.Segments()) - 1
	if e.WaitAtEnd() {
		waits++
	}
	asked := 0
	frame, lit, err := NewReader(bytes.NewReader(e.Bytes()), ReaderOptions{}).ReadCommand(func() error { asked++; return nil })
	if lit != nil && !lit.NonSync {
		asked++
	}
	if _, isAppend := cmd.(*Append); err != nil || asked != waits || isAppend != (lit != nil) {
		t.Fatalf("%q: %v, asked %d times, the encoder waits %d times, %v", e.Bytes(), err, asked, waits, lit)
	}
	if a, ok := cmd.(*Append); ok && (lit.Size != a.Size || lit.Binary != a.Binary) {
		t.Fatalf("%q: literal %+v", e.Bytes(), lit)
	}
	if want := bytes.TrimSuffix(e.Bytes(), []byte("\r\n")); !bytes.Equal(frame, want) {
		t.Fatalf("%q is framed as %q", want, frame)
	}
}

func TestEncoderSegments(t *testing.T) {
	long := strings.Repeat("é", 2049) // 4098 octets
	for _, c := range []struct {
		o    EncoderOptions
		cmd  Command
		want []string
		wait bool
	}{
		{EncoderOptions{}, &Login{"ann", "pw"}, []string{"a1 LOGIN ann \"pw\"\r\n"}, false},
		{EncoderOptions{}, &Login{"é", "\r"}, []string{"a1 LOGIN {2}\r\n", "é {1}\r\n", "\r\r\n"}, false},
		{EncoderOptions{LiteralPlus: true}, &Login{"é", long}, []string{"a1 LOGIN {2+}\r\né {4098+}\r\n" + long + "\r\n"}, false},
		{EncoderOptions{LiteralMinus: true}, &Login{"é", long}, []string{"a1 LOGIN {2+}\r\né {4098}\r\n", long + "\r\n"}, false},
		{EncoderOptions{UTF8: true}, &Login{"é", "\xff"}, []string{"a1 LOGIN \"é\" {1}\r\n", "\xff\r\n"}, false},
		{EncoderOptions{}, &Delete{"é"}, []string{"a1 DELETE &AOk-\r\n"}, false},
		{EncoderOptions{UTF8: true}, &Delete{"é &"}, []string{"a1 DELETE \"é &\"\r\n"}, false},
		{EncoderOptions{}, &Delete{"nil"}, []string{"a1 DELETE \"nil\"\r\n"}, false},
		{EncoderOptions{}, &List{Ref: "", Patterns: []string{"a/%"}}, []string{"a1 LIST \"\" a/%\r\n"}, false},
		{EncoderOptions{RawName: func(s string) (string, bool) { return "&bad", s == "bad" }}, &Rename{"bad", "b"}, []string{"a1 RENAME &bad b\r\n"}, false},
		{EncoderOptions{}, &Append{Mailbox: "x", Size: 5}, []string{"a1 APPEND x {5}\r\n"}, true},
		{EncoderOptions{LiteralPlus: true}, &Append{Mailbox: "x", Size: 5000, UTF8: true}, []string{"a1 APPEND x UTF8 (~{5000+}\r\n"}, false},
		{EncoderOptions{LiteralMinus: true}, &Append{Mailbox: "x", Size: 5000}, []string{"a1 APPEND x {5000}\r\n"}, true},
	} {
		e := Encoder{EncoderOptions: c.o}
		if err := e.Command("a1", c.cmd); err != nil {
			t.Errorf("%#v: %v", c.cmd, err)
			continue
		}
		var got []string
		for _, s := range e.Segments() {
			got = append(got, string(s))
		}
		if !reflect.DeepEqual(got, c.want) || e.WaitAtEnd() != c.wait {
			t.Errorf("%#v: got %q, %v", c.cmd, got, e.WaitAtEnd())
		}
	}
	if got := (&Append{UTF8: true}).Trailer() + (&Append{}).Trailer(); got != ")\r\n\r\n" {
		t.Errorf("trailers %q", got)
	}
}

// No value that a program passes on can end a command and start another.
func TestEncoderRefuses(t *testing.T) {
	one := seqs("1")
	for _, cmd := range []Command{
		&Authenticate{Mechanism: "PLAIN\r\nb LOGOUT"}, &Enable{}, &Enable{[]imap.Cap{"a b"}}, &Login{"a\x00", "b"},
		&Select{Mailbox: "x", Params: []Option{&RawOption{"A", "\r\n"}}}, &Select{Mailbox: "x", Params: []Option{&RawOption{Label: "A\r\n"}}}, &Select{Mailbox: "a\x00b"}, &Delete{"\xff"},
		&Create{Mailbox: "x", Use: []imap.MailboxAttr{"Drafts"}}, &Create{Mailbox: "x", Use: []imap.MailboxAttr{`\A)`}},
		&List{Ref: "x"}, &Status{"x", 0}, &Append{Mailbox: "x", Size: -1}, &Append{Mailbox: "x", Flags: []imap.Flag{""}},
		&Append{Mailbox: "x", Date: date(10000, 1, 1)}, &Copy{Mailbox: "x"}, &Copy{Set: imap.SeqSet{}, Mailbox: "x"},
		&Expunge{UID: true}, &Store{Set: one, Flags: []imap.Flag{"a\r\nb"}}, &Store{Set: one, Flags: []imap.Flag{`\`}},
		&Fetch{Set: one}, &Fetch{Set: one, Items: []imap.FetchItem{{Name: "X\n"}}},
		&Fetch{Set: one, Items: []imap.FetchItem{{Name: "BODY", Section: &imap.Section{Text: "TEXT]\r\n"}}}},
		&Fetch{Set: one, Items: []imap.FetchItem{imap.RFC822.WithPartial(0, 0)}},
		&Sort{Search: Search{Charset: "x", Key: imap.All}}, &Thread{Algorithm: "REFS", Key: imap.All}, &Thread{Algorithm: "A B", Charset: "x", Key: imap.All},
		&Search{Key: imap.SearchKey{}}, &Search{Key: imap.RawQuery("ALL\r\nb LOGOUT")}, &Search{Key: imap.HasFlag("a b")},
		&Search{Key: imap.Larger(-1)}, &Search{Key: imap.SearchKey{Op: imap.SearchNot}}, &Search{Key: imap.Since(date(-1, 1, 1))},
		&Search{Key: imap.InSet(nil)}, &Search{Charset: "\x00", Key: imap.All}, &Search{Key: imap.SearchKey{Op: "ALL\r\n"}},
		&ID{[]imap.Param{{Name: "\x00"}}},
	} {
		var e Encoder
		if err := e.Command("a1", cmd); !errors.Is(err, ErrEncode) || e.Err() != err {
			t.Errorf("%#v: sent as %q, %v", cmd, e.Bytes(), err)
		}
		e.Reset()
		if err := e.Command("a1", &Noop{}); err != nil || string(e.Bytes()) != "a1 NOOP\r\n" {
			t.Errorf("after Reset: %q, %v", e.Bytes(), err)
		}
	}
	var e Encoder
	if err := e.Command("a\r\nb", &Noop{}); err == nil {
		t.Errorf("tag: sent as %q", e.Bytes())
	}
}

func encoded(f func(e *Encoder)) string {
	var e Encoder
	f(&e)
	return string(e.Bytes())
}

func TestAppendForms(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{string(AppendString(nil, `a"b\`)), `"a\"b\\"`},
		{string(AppendString(nil, "é")), "{2}\r\né"},
		{string(AppendString(nil, "a\x00b\r")), "{4}\r\na\x80b\r"},
		{string(AppendString(nil, []byte(""))), `""`},
		{string(AppendNString(nil, "", false)), "NIL"},
		{string(AppendNString(nil, "", true)), `""`},
		{string(AppendAString(nil, "a")), "a"},
		{string(AppendAString(nil, "")), `""`},
		{string(AppendAString(nil, "Nil")), `"Nil"`},
		{string(AppendAString(nil, "a b")), `"a b"`},
		{string(AppendMailbox(nil, "é&", false)), "&AOk-&-"},
		{string(AppendMailbox(nil, "é&", true)), `"é&"`},
		{string(AppendMailbox(nil, "a\rb", true)), "{3}\r\na\rb"},
		{string(AppendMailbox(nil, "a\rb", false)), "a&AA0-b"},
		{string(AppendMailbox(nil, "\xff", true)), "{1}\r\n\xff"},
		{string(AppendFlags(nil, []imap.Flag{imap.Seen, "x"})), `(\Seen x)`},
		{string(AppendFlags(nil, nil)), "()"},
		{string(AppendNumber(nil, int64(-1))), "0"},
		{string(AppendNumber(nil, uint32(7))), "7"},
		{string(AppendDate(nil, date(2026, 1, 1))), "1-Jan-2026"},
		{string(AppendDateTime(nil, date(2026, 1, 1).Add(10*time.Hour))), `" 1-Jan-2026 10:00:00 +0000"`},
		{string(AppendDateTime(nil, time.Date(996, 12, 31, 1, 2, 3, 4, time.FixedZone("", -(5*3600+30*60))))), `"31-Dec-0996 01:02:03 -0530"`},
		{string(AppendDateTime(nil, time.Date(1900, 1, 1, 0, 0, 0, 0, time.FixedZone("LMT", 1172)))), `"31-Dec-1899 23:59:28 +0019"`},
		{string(AppendStatusItems(nil, imap.StatusSize|imap.StatusMessages)), "(MESSAGES SIZE)"},
		{string(AppendSection(nil, imap.Headers.Section)), "[HEADER]"},
		{encoded(func(e *Encoder) { e.fetchItem(imap.HeaderFields("From", "é").WithPartial(1, 2)) }), "BODY.PEEK[HEADER.FIELDS (From {2}\r\né)]<1.2>"},
		{encoded(func(e *Encoder) {
			(&searchEncoder{Encoder: e}).key(new(imap.And(imap.From("é"), imap.Not(imap.Unseen()))))
		}), "(FROM {2}\r\né NOT UNSEEN)"},
		{encoded(func(e *Encoder) { (&searchEncoder{Encoder: e}).key(new(imap.And())) }), "ALL"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// What AUTHENTICATE carries is any octets.
func TestAuthenticateBase64(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for n := range 100 {
		b := make([]byte, n+1)
		for i := range b {
			b[i] = byte(rnd.IntN(256))
		}
		_, cmd, err := ParseCommand([]byte("a AUTHENTICATE X "+base64.StdEncoding.EncodeToString(b)), ParseOptions{})
		if err != nil || !bytes.Equal(cmd.(*Authenticate).Initial, b) || !cmd.(*Authenticate).HasInitial {
			t.Errorf("%x: got %#v, %v", b, cmd, err)
		}
	}
}
