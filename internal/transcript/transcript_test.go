package transcript

import (
	"bufio"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"restante/imap"
)

// fake is a server that answers each line with what a test says. Lines are compared without
// their tag; T in an answer stands for it. Logging in always works.
type fake struct {
	answers  map[string]string
	received []string
	limit    time.Duration // for tests of silence
}

func (f *fake) target(t *testing.T) Target {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var conns []net.Conn
	go func() {
		defer close(done)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			conns = append(conns, nc)
			f.serve(nc)
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return Target{
		Dial:     func() (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) },
		User:     "ann",
		Password: "secret",
		Limit:    f.limit,
		Seed:     func(string, []byte, []imap.Flag, time.Time) error { return nil },
	}
}

// serve answers one connection, and then the next, as tests use one session at a time.
func (f *fake) serve(nc net.Conn) {
	defer nc.Close()
	greeting := "* OK hello\r\n"
	if g, ok := f.answers["greeting"]; ok {
		greeting = g
	}
	nc.Write([]byte(greeting))
	r := bufio.NewReader(nc)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSuffix(line, "\r\n")
		f.received = append(f.received, line)
		tag, command, _ := strings.Cut(line, " ")
		answer, ok := f.answers[command]
		switch {
		case !ok && strings.HasPrefix(command, "LOGIN") || strings.HasPrefix(command, "ENABLE"):
			answer = "T OK\r\n"
		case !ok:
			answer = f.answers[line]
		}
		if answer == "close" {
			return
		}
		for part := range strings.SplitAfterSeq(answer, "\r\n") {
			if rest, ok := strings.CutPrefix(part, "T "); ok {
				part = tag + " " + rest
			}
			nc.Write([]byte(part))
		}
	}
}

const head = "# RFC 9051 §6.4.7: a test\n"

// run runs a transcript against a fake server.
func run(t *testing.T, f *fake, text string, labels ...string) error {
	t.Helper()
	sc, err := parse("testdata/x.imap", head+text)
	if err != nil {
		t.Fatal(err)
	}
	r := &runner{sc: sc, labels: labels, target: f.target(t), vars: vars{}}
	defer r.close()
	return r.run()
}

func TestAccepted(t *testing.T) {
	sel3 := "A: SELECT INBOX\nA* ...\nA= OK\n"
	selected := "* 3 EXISTS\r\n* FLAGS (\\Seen \\Deleted)\r\n* OK [UIDVALIDITY 77] fine {3}\r\nT OK [READ-WRITE] done\r\n"
	for _, tt := range []struct {
		name, text string
		answers    map[string]string
	}{
		{"any order", "A: SELECT INBOX\nA* OK [UIDVALIDITY {v}]\nA* FLAGS (\\deleted \\Seen)\nA* 3 EXISTS\nA= OK [READ-WRITE]\nA: STATUS X\nA* STATUS X (UIDVALIDITY {v} MESSAGES 3)\nA= OK",
			map[string]string{"SELECT INBOX": selected, "STATUS X": "* STATUS \"X\" (MESSAGES 3 UIDVALIDITY 77)\r\nT OK\r\n"}},
		{"rest", "A: SELECT INBOX\nA* 3 EXISTS\nA* ...\nA= OK", map[string]string{"SELECT INBOX": selected}},
		{"optional", "A: SELECT INBOX\nA* 3 EXISTS\nA? FLAGS {}\nA? OK\nA= OK", map[string]string{"SELECT INBOX": selected}},
		{"literal", "A: SELECT INBOX\nA* ...\nA= OK\nA: FETCH 1 BODY[]\nA* 1 FETCH (BODY[] \"a \\\"\\r\\n\\x00{b}\" FLAGS ())\nA= OK",
			map[string]string{"SELECT INBOX": selected, "FETCH 1 BODY[]": "* 1 FETCH (FLAGS (\\Recent) BODY[] ~{9}\r\na \"\r\n\x00{b})\r\nT OK\r\n"}},
		{"append", "A: APPEND INBOX (\\Seen) {}\nA+\nA< ab\\r\\n\nA< c\nA>\nA= OK [APPENDUID {} 4]",
			map[string]string{"APPEND INBOX (\\Seen) {5}": "+ go on\r\n", "ab": "", "c": "A2 OK [APPENDUID 7 4]\r\n"}},
		{"idle", "A: SELECT INBOX\nA* ...\nA= OK\nA: IDLE\nA+\nA* 4 EXISTS\nA> DONE\nA= OK",
			map[string]string{"SELECT INBOX": selected, "IDLE": "+ idling\r\n* 4 EXISTS\r\n", "DONE": "A3 OK\r\n"}},
		{"pipeline", "A: NOOP\nA: CHECK\nA= OK\nA= NO", map[string]string{"NOOP": "T OK\r\n", "CHECK": "T NO\r\n"}},
		{"sets", "A: UID COPY 1:3 X\nA= OK [COPYUID {} 1,2,3 7:9]", map[string]string{"UID COPY 1:3 X": "T OK [COPYUID 4 1:3 7,8:9] ok\r\n"}},
		{"closed", "A: LOGOUT\nA* BYE\nA= OK\nA$", map[string]string{"LOGOUT": "* BYE\r\nT OK\r\n", "": "close"}},
		{"raw", "connect A raw\nA* OK\nA: LOGIN {user} {+}\nA< {password}\nA>\nA= OK", map[string]string{"LOGIN ann {6+}": "", "secret": "A1 OK\r\n"}},
		{"alternatives", "A: X\nA= {NO|BAD} ![TRYCREATE]", map[string]string{"X": "T BAD [CLIENTBUG] no\r\n"}},
		{"result", "A: SEARCH ALL\nA* RESULT 2 1\nA= OK", map[string]string{"SEARCH ALL": "* SEARCH 1 2\r\nT OK\r\n"}},
		{"nothing found", "A: SEARCH ALL\nA* RESULT\nA= OK", map[string]string{"SEARCH ALL": "* SEARCH\r\nT OK\r\n"}},
		{"expunged", sel3 + "A: EXPUNGE\nA* EXPUNGED 1 3\nA= OK", map[string]string{"SELECT INBOX": selected, "EXPUNGE": "* 3 EXPUNGE\r\n* 2 RECENT\r\n* 1 EXPUNGE\r\nT OK\r\n"}},
		{"expunged ascending", sel3 + "A: EXPUNGE\nA* EXPUNGED 1 3\nA= OK", map[string]string{"SELECT INBOX": selected, "EXPUNGE": "* 1 EXPUNGE\r\n* 2 EXPUNGE\r\nT OK\r\n"}},
		{"inbox", "A: X\nA* STATUS INBOX ()\nA= OK", map[string]string{"X": "* STATUS \"inBox\" ()\r\nT OK\r\n"}},
		{"days", sel3 + "A: X\nA* 1 FETCH (INTERNALDATE \" 1-Jan-2024 10:00:00 +0000\")\nA= OK", map[string]string{"SELECT INBOX": selected, "X": "* 1 FETCH (INTERNALDATE \"01-Jan-2024 10:00:00 +0000\")\r\nT OK\r\n"}},
		{"part of an atom", "A: X\nA* CAPABILITY AUTH={mech} AUTH={} IMAP4rev1\nA= OK\nA: {mech}\nA= OK", map[string]string{"X": "* CAPABILITY IMAP4rev1 AUTH=A AUTH=B\r\nT OK\r\n", "A": "T OK\r\n"}},
		{"two literals", "A: X {}\nA+\nA< a\nA>  {}\nA+\nA< bc\nA>\nA= OK", map[string]string{"X {1}": "+\r\n", "a {2}": "+\r\n", "bc": "A2 OK\r\n"}},
		{"conditions", "[rev2] A: NOPE\n[!rev2] A: NOOP\nA= OK", map[string]string{"NOOP": "T OK\r\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "closed" { // the fake closes by itself after LOGOUT
				tt.text = strings.Replace(tt.text, "A$", "A>\nA$", 1)
			}
			if err := run(t, &fake{answers: tt.answers}, tt.text+"\n", "rev1", "plain"); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRejected shows that wrong answers are found, and where and how they are reported.
func TestRejected(t *testing.T) {
	sel := "A: SELECT INBOX\nA* 3 EXISTS\nA= OK\n"
	selected := "* 3 EXISTS\r\nT OK done\r\n"
	for _, tt := range []struct {
		name, text, command, answer string
		want                        []string
	}{
		{"missing", "A: X\nA* 3 EXISTS\nA= OK", "X", "T OK\r\n", []string{"testdata/x.imap:3: rev1", "- A* 3 EXISTS   (line 3)", "S: A2 OK"}},
		{"other", "A: X\nA* FLAGS (a b)\nA= OK", "X", "* FLAGS (a)\r\nT OK\r\n", []string{"- A* FLAGS (a b)", "+ A* FLAGS (a)"}},
		{"unlisted", "A: X\nA= OK", "X", "* 3 EXISTS\r\nT OK\r\n", []string{"x.imap:3", "+ A* 3 EXISTS"}},
		{"twice", "A: X\nA* 3 EXISTS\nA= OK", "X", "* 3 EXISTS\r\n* 3 EXISTS\r\nT OK\r\n", []string{"+ A* 3 EXISTS"}},
		{"forbidden", "A: X\nA! {} EXISTS\nA* ...\nA= OK", "X", "* 3 EXISTS\r\nT OK\r\n", []string{"! A! {} EXISTS   (line 3)", "+ A* 3 EXISTS"}},
		{"result", "A: X\nA= NO [TRYCREATE]", "X", "T NO [NONEXISTENT] gone\r\n", []string{"- A= NO [TRYCREATE]   (line 3)", "+ A= NO [NONEXISTENT]"}},
		{"no code", "A: X\nA= NO [TRYCREATE]", "X", "T NO gone\r\n", []string{"+ A= NO"}},
		{"forbidden code", "A: X\nA= NO ![TRYCREATE]", "X", "T NO [TRYCREATE] gone\r\n", []string{"+ A= NO [TRYCREATE]"}},
		{"wrong tag", "A: X\nA= OK", "X", "Z9 OK\r\n", []string{"tagged Z9, not A2"}},
		{"silence", "A: X\nA= OK", "X", "* 1 EXISTS\r\n", []string{"nothing more came within 250ms", "- A= OK"}},
		{"closed", "A: X\nA= OK", "X", "close", []string{"the server closed the connection"}},
		{"not closed", "A: X\nA= OK\nA$", "X", "T OK\r\n", []string{"- A$", "nothing more came"}},
		{"continuation", "A: X\nA+\nA= OK", "X", "T OK\r\n", []string{"- A+", "+ A= OK"}},
		{"unexpected continuation", "A: X\nA= OK", "X", "+ go\r\n", []string{"+ A+ go"}},
		{"capture", "A: X\nA* 1 FETCH (UID {n} MODSEQ {n})\nA= OK", "X", "* 1 EXISTS\r\n* 1 FETCH (UID 3 MODSEQ 4)\r\nT OK\r\n", []string{"- A* 1 FETCH (UID {n}"}},
		{"forbidden element", "A: X\nA* FLAGS (!a ...)\nA= OK", "X", "* FLAGS (b A a)\r\nT OK\r\n", []string{"- A* FLAGS (!a ...)"}},
		{"quotes", "A: X\nA* 1 FETCH (X \"1\")\nA= OK", "X", "* 1 EXISTS\r\n* 1 FETCH (X 1)\r\nT OK\r\n", []string{"- A* 1 FETCH"}},
		{"nil", "A: X\nA* LIST () NIL x\nA= OK", "X", "* LIST () \"NIL\" x\r\nT OK\r\n", []string{"- A* LIST"}},
		{"literal8", "A: X\nA* LIST ~\"a\"\nA= OK", "X", "* LIST {1}\r\na\r\nT OK\r\n", []string{`+ A* LIST "a"`}},
		{"recent", "A: X\nA* FLAGS (a !\\Recent)\nA= OK", "X", "* FLAGS (a \\Recent)\r\nT OK\r\n", []string{"- A* FLAGS"}},
		{"unasked result", "A: X\nA= OK\nA= OK", "X", "T OK\r\n", []string{"x.imap:4: no command is waiting"}},
		{"unused result", "A: X", "X", "T OK\r\n", []string{"x.imap:2", "ends without the result of A2 X"}},
		{"expunge in FETCH", sel + "A: FETCH 1 FLAGS\nA* ...\nA= OK", "FETCH 1 FLAGS", "* 1 EXPUNGE\r\nT OK\r\n", []string{"* 1 EXPUNGE", "§7.5.1"}},
		{"expunge of nothing", sel + "A: NOOP\nA* ...\nA= OK", "NOOP", "* 4 EXPUNGE\r\nT OK\r\n", []string{"§7.5.1"}},
		{"expunge too often", sel + "A: NOOP\nA* ...\nA= OK", "NOOP", "* 3 EXPUNGE\r\n* 3 EXPUNGE\r\nT OK\r\n", []string{"§7.5.1"}},
		{"exists shrinks", sel + "A: NOOP\nA* ...\nA= OK", "NOOP", "* 2 EXISTS\r\nT OK\r\n", []string{"§7.4.1"}},
		{"fetch of nothing", sel + "A: NOOP\nA* ...\nA= OK", "NOOP", "* 4 FETCH (FLAGS ())\r\nT OK\r\n", []string{"§7.5.2"}},
		{"two spaces", "A: X\nA* ...\nA= OK", "X", "* FLAGS  ()\r\nT OK\r\n", []string{"malformed", "space too many"}},
		{"open list", "A: X\nA* ...\nA= OK", "X", "* FLAGS (a\r\nT OK\r\n", []string{"malformed"}},
		{"bare LF", "A: X\nA* ...\nA= OK", "X", "* FLAGS ()\nT OK\r\n", []string{"CRLF"}},
		{"eight bit", "A: X\nA* ...\nA= OK", "X", "* LIST () NIL \"\xc3\xa4\"\r\nT OK\r\n", []string{"above 127"}},
		{"expunged too few", sel + "A: EXPUNGE\nA* EXPUNGED 1 3\nA= OK", "EXPUNGE", "* 3 EXPUNGE\r\nT OK\r\n", []string{"- A* EXPUNGED 1 3"}},
		{"expunged others", sel + "A: EXPUNGE\nA* EXPUNGED 1\nA= OK", "EXPUNGE", "* 1 EXPUNGE\r\n* 1 EXPUNGE\r\nT OK\r\n", []string{"+ A* 1 EXPUNGE"}},
		{"recent counts where mentioned", sel + "A: X\nA* 2 RECENT\nA= OK", "X", "* 3 RECENT\r\nT OK\r\n", []string{"- A* 2 RECENT", "+ A* 3 RECENT"}},
		{"not the end of the line", "A: X {} y\nA< a\nA>\nA= OK", "X", "", []string{"announced at the end"}},
		{"not captured", "A: COPY {n} X\nA= OK", "X", "", []string{"x.imap:2", "{n} has not been captured"}},
		{"no literal", "A: X {}\nA= OK", "X", "", []string{"no A< line follows"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{answers: map[string]string{"SELECT INBOX": selected, tt.command: tt.answer}}
			if tt.name == "silence" || tt.name == "not closed" {
				f.limit = time.Second / 4
			}
			err := run(t, f, tt.text+"\n", "rev1", "plain")
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the report lacks %q:\n%v", want, err)
				}
			}
		})
	}
}

func TestRev2(t *testing.T) {
	f := &fake{answers: map[string]string{"X": "* FLAGS (\\Recent)\r\nT OK\r\n"}}
	if err := run(t, f, "A: X\nA* ...\nA= OK\n", "rev2"); err == nil || !strings.Contains(err.Error(), "Recent") {
		t.Error(err)
	}
	f.answers["SELECT INBOX"] = "* 3 EXISTS\r\nT OK\r\n"
	f.answers["NOOP"] = "* 1 FETCH (FLAGS ())\r\nT OK\r\n"
	if err := run(t, f, "A: SELECT INBOX\nA* ...\nA= OK\nA: NOOP\nA* ...\nA= OK\n", "rev2"); err == nil || !strings.Contains(err.Error(), "without UID") {
		t.Error(err)
	}
	f.answers["SEARCH ALL"] = "* ESEARCH (TAG \"A3\") ALL 1:2,4\r\nT OK\r\n"
	f.answers["UID SEARCH ALL"] = "* ESEARCH (TAG \"A4\") UID\r\nT OK\r\n"
	if err := run(t, f, "A: SEARCH ALL\nA* RESULT 1 2 4\nA= OK\nA: UID SEARCH ALL\nA* RESULT\nA= OK\n", "rev2"); err != nil {
		t.Error(err)
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"A: X\n", "x.imap:1: a transcript begins with a comment"},
		{head, "without steps"},
		{head + "sed INBOX 3\n", "x.imap:2: neither"},
		{head + "seed INBOX\n", "wrong number"},
		{head + "connect A rev3\n", "rev3"},
		{head + "A* (a\n", "missing"},
		{head + "A= 3 EXISTS\n", "tagged"},
		{head + "A= OK done\n", "not compared"},
		{head + "A< \\q\n", "escape"},
		{head + "A! ...\n", "behind A*"},
		{head + "[rev1 A: X\n", "condition"},
		{head + "A* {x\n", "placeholder"},
	} {
		if _, err := parse("x.imap", tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.text, err, tt.want)
		}
	}
	sc, err := parse("x.imap", head+"A: X\nA? 3 EXISTS\nA: Y\nA= OK\n")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sc.groups(nil); err == nil || !strings.Contains(err.Error(), "x.imap:3: nothing is expected") {
		t.Errorf("a group that reads nothing: %v", err)
	}
}

func TestApplies(t *testing.T) {
	sc, err := parse("x.imap", head+"only rev1\nskip tls remote\nclose A\n")
	if err != nil {
		t.Fatal(err)
	}
	for labels, want := range map[string]bool{"rev1 plain": true, "rev2 plain": false, "rev1 tls": false, "rev1 remote": false} {
		if sc.applies(strings.Fields(labels)) != want {
			t.Errorf("%s: not %v", labels, want)
		}
	}
}

func TestNeed(t *testing.T) {
	f := &fake{answers: map[string]string{"CAPABILITY": "* CAPABILITY IMAP4rev1 idle\r\nT OK\r\n", "NOOP": "T OK\r\n"}}
	if err := run(t, f, "need IDLE\nA: NOOP\nA= OK\n", "rev1"); err != nil {
		t.Error(err)
	}
	err := run(t, f, "need MOVE\nA: NOOP\nA= OK\n", "rev1")
	if err == nil || errors.As(err, new(lacks)) || !strings.Contains(err.Error(), "lacks MOVE") {
		t.Errorf("one of our own servers without a capability: %v", err)
	}
	sc, err := parse("x.imap", head+"need MOVE\nA: NOOP\nA= OK\n")
	if err != nil {
		t.Fatal(err)
	}
	r := &runner{sc: sc, labels: []string{"rev1"}, target: f.target(t), vars: vars{}}
	r.target.remote = true
	if err := r.run(); !errors.As(err, new(lacks)) {
		t.Errorf("another server without a capability: %v", err)
	}
}

func TestSeedThroughProtocol(t *testing.T) {
	text, date := message(1)
	if date.Format(time.DateOnly) != "2024-01-01" || !strings.HasPrefix(text, "Date: Mon, 01 Jan 2024 10:00:00 +0000\r\n") {
		t.Errorf("message 1 is of %v: %q", date, text)
	}
	appendLine := `APPEND "x" (\Seen) " 1-Jan-2024 10:00:00 +0000" {5}`
	f := &fake{answers: map[string]string{
		appendLine: "T NO [TRYCREATE]\r\n", `CREATE "x"`: "T OK\r\n", "hello": "Y4 OK\r\n",
	}}
	target := f.target(t)
	sc, err := parse("x.imap", head+`seed x "hello" (\Seen)`+"\n")
	if err != nil {
		t.Fatal(err)
	}
	target.Seed = nil
	r := &runner{sc: sc, labels: []string{"rev1"}, target: target, vars: vars{}}
	if err := r.run(); err == nil {
		t.Error("a mailbox that stays missing is accepted")
	}
	r.close()
	if n := len(slices.DeleteFunc(f.received, func(s string) bool { return !strings.Contains(s, "CREATE") })); n != 1 {
		t.Errorf("%d CREATEs", n)
	}
}

func TestUpdate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.imap")
	old := head + "A: X\nA* 3 EXISTS\nA* FLAGS {}\nA! 7 EXISTS\nA= OK [A]\nA: Y\nA= OK\n"
	want := head + "A: X\nA* FLAGS {}\nA* 4 EXISTS\nA* 7 EXISTS\nA= NO [B]\nA: Y\nA* 8 EXISTS\nA= OK\n"
	if err := os.WriteFile(path, []byte(old), 0o666); err != nil {
		t.Fatal(err)
	}
	sc, err := load(path)
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{answers: map[string]string{"X": "* 4 EXISTS\r\n* 7 EXISTS\r\n* FLAGS (a)\r\nT NO [B] no\r\n", "Y": "* 8 EXISTS\r\nT OK\r\n"}}
	up := new(updates)
	r := &runner{sc: sc, labels: []string{"rev1"}, target: f.target(t), vars: vars{}, updates: up}
	if err := r.run(); err != nil {
		t.Fatal(err)
	}
	r.close()
	up.write(t)
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
}

// FuzzResponse: whatever a server sends, it is read or refused, and what is read is written as a
// pattern that it matches.
func FuzzResponse(f *testing.F) {
	for _, seed := range []string{
		"* 1 FETCH (FLAGS (\\Seen) BODY[HEADER.FIELDS (\"a b\")]<0> {3}\r\nabc)", "* OK [UIDVALIDITY 3] x",
		`* LIST (\Noselect) "/" "a\"b" ("CHILDINFO" ("SUBSCRIBED"))`, "A1 NO [CAPABILITY A B] x", "* ESEARCH (TAG \"A\") UID ALL 1:3 COUNT 3",
		`* 12 FETCH (BODYSTRUCTURE (("TEXT" "PLAIN" NIL)("TEXT" "HTML" NIL) "MIXED"))`, "+ aGVsbG8=", "* SEARCH", "* BINARY[1.2] ~{1}\r\n\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := parseResponse(raw)
		if err != nil || r.tag == "+" || len(r.nodes) == 0 {
			return
		}
		text := join(r.nodes)
		if strings.ContainsAny(text, "{!") || strings.Contains(text, "...") || len(r.nodes) == 2 && r.nodes[0].is("ESEARCH") {
			return // means something else in a pattern
		}
		p, err := parsePattern(text, nil)
		if err != nil {
			t.Fatalf("%q is written as %q, which is no pattern: %v", raw, text, err)
		}
		if !(vars{}).matches(&p, &r) {
			t.Fatalf("%q is written as %q, which does not match it", raw, text)
		}
	})
}
