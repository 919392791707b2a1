package imapserver_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"restante/imap"
	"restante/internal/transcript"
)

// TestRandomNotify changes mailboxes at random, in several sessions, while another session listens with NOTIFY
// and says nothing: in the end it must know what there is, in every mailbox that it watches.
func TestRandomNotify(t *testing.T) {
	for name, open := range stores() {
		t.Run(name, func(t *testing.T) { randomNotify(t, startServer(t, open(t), nil)) })
	}
}

func randomNotify(t *testing.T, ts *testServer) {
	for range 3 {
		seed := rand.Uint64()
		if err := notifyOnce(t, ts, rand.New(rand.NewPCG(seed, 0))); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// listener is a session that believes what it is told without asking.
type listener struct {
	*wire
	boxes    map[string]string   // the items of STATUS, by name
	selected []map[string]string // the items of FETCH, by number
}

var (
	statusLine = regexp.MustCompile(`^\* STATUS (\S+) \((.*)\)$`)
	fetchLine  = regexp.MustCompile(`^\* (\d+) FETCH \(UID (\d+) FLAGS (\(.*?\)) MODSEQ \((\d+)\)\)$`)
	listLine   = regexp.MustCompile(`^\* LIST \((.*?)\) "/" (\S+)(?: \("OLDNAME" \((\S+)\)\))?$`)
)

// hear believes one line.
func (l *listener) hear(line string) error {
	words := strings.Fields(line)
	n := 0
	if len(words) > 2 {
		n, _ = strconv.Atoi(words[1])
	}
	switch m := listLine.FindStringSubmatch(line); {
	case m != nil && strings.Contains(m[1], `\NonExistent`):
		delete(l.boxes, m[2])
	case m != nil && m[3] != "":
		for name := range maps.Clone(l.boxes) { // a new name may be below the old one
			if below, ok := strings.CutPrefix(name, m[3]); ok && (below == "" || below[0] == '/') {
				if _, told := l.boxes[m[2]+below]; !told {
					l.boxes[m[2]+below] = l.boxes[name]
				}
				delete(l.boxes, name)
			}
		}
	case m != nil:
	case statusLine.MatchString(line):
		m := statusLine.FindStringSubmatch(line)
		l.boxes[m[1]] = m[2]
	case fetchLine.MatchString(line):
		m := fetchLine.FindStringSubmatch(line)
		if n < 1 || n > len(l.selected) {
			return fmt.Errorf("there is no message %d", n)
		}
		l.selected[n-1] = map[string]string{"UID": m[2], "FLAGS": m[3], "MODSEQ": m[4]}
	case len(words) == 3 && words[2] == "EXISTS":
		if n < len(l.selected) {
			return fmt.Errorf("%d messages of %d", n, len(l.selected))
		}
		l.selected = append(l.selected, make([]map[string]string, n-len(l.selected))...)
	case len(words) == 3 && words[2] == "EXPUNGE":
		if n < 1 || n > len(l.selected) {
			return fmt.Errorf("there is no message %d", n)
		}
		l.selected = append(l.selected[:n-1:n-1], l.selected[n:]...)
	case len(words) == 3 && words[2] == "RECENT", strings.HasPrefix(line, "* FLAGS "), strings.HasPrefix(line, "* OK [PERMANENTFLAGS "):
	default:
		return fmt.Errorf("what is %q?", line)
	}
	return nil
}

func notifyOnce(t *testing.T, ts *testServer, rnd *rand.Rand) error {
	user := ts.target(t, false)
	dial := func() *wire {
		nc, err := user.Dial()
		if err != nil {
			t.Fatal(err)
		}
		w := newWire(t, nc)
		w.ok("LOGIN " + user.User + " " + user.Password)
		return w
	}
	l := &listener{wire: dial(), boxes: map[string]string{}}
	for _, name := range []string{"a", "a/b", "c", "end"} {
		l.ok("CREATE " + name)
	}
	l.ok("NOTIFY SET STATUS (SELECTED (MessageNew (UID FLAGS MODSEQ) MessageExpunge FlagChange)) (PERSONAL (MessageNew MessageExpunge FlagChange MailboxName))")
	l.ok("SELECT INBOX")
	for _, name := range []string{"a", "a/b", "c", "end"} {
		l.boxes[name] = ""
	}
	changers := []*wire{dial(), dial(), dial()}
	for range 150 {
		w := changers[rnd.IntN(len(changers))]
		for _, command := range randomChange(rnd) {
			w.cmd(command) // it may fail
		}
	}
	if user.Settle != nil {
		if err := user.Settle(); err != nil {
			return err
		}
	}
	// What comes last says that everything before it has been heard of, when there is one machine. With more,
	// they hear of the last change, and everything was heard of before that.
	if err := lastNews(user); err != nil {
		return err
	}
	for heard, line := 0, ""; ; {
		if line = l.line(); strings.HasPrefix(line, "x BAD ") {
			break
		}
		if err := l.hear(line); err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
		if strings.HasPrefix(line, "* STATUS end (MESSAGES 1") || strings.Contains(line, "$Last") && strings.Contains(line, " FETCH ") {
			// What is told together with that comes before the answer, which tells nothing itself.
			if heard++; heard == 2 {
				l.send("x NONSENSE\r\n")
			}
		}
	}
	return l.check(dial())
}

// lastNews appends a message to the mailbox that nobody else touches, and one that is marked to INBOX.
func lastNews(user transcript.Target) error {
	for _, name := range []string{imap.Inbox, "end"} {
		if err := user.Seed(name, []byte("Subject: end\r\n\r\n"), []imap.Flag{"$Last"}, time.Unix(1700000000, 0)); err != nil {
			return err
		}
	}
	return nil
}

// randomChange is what one session does next.
func randomChange(rnd *rand.Rand) []string {
	boxes := []string{"INBOX", "INBOX", "a", "a/b", "c", "d", "d/b"}
	box, other := boxes[rnd.IntN(len(boxes))], boxes[rnd.IntN(len(boxes))]
	flag := []string{`\Seen`, `\Deleted`, `\Flagged`, "$Key"}[rnd.IntN(4)]
	set := fmt.Sprintf("%d:%d", 1+rnd.IntN(20), 1+rnd.IntN(20))
	switch rnd.IntN(14) {
	case 0:
		return []string{"CREATE " + box}
	case 1:
		return []string{"DELETE " + box}
	case 2:
		if box == "INBOX" || other == "INBOX" {
			return nil
		}
		return []string{"RENAME " + box + " " + other}
	case 3, 4, 5, 6:
		return []string{"APPEND " + box + " (" + flag + ") {4+}\r\nX: y"}
	case 7, 8, 9:
		return []string{"SELECT " + box, "UID STORE " + set + " FLAGS (" + flag + ")"}
	case 10, 11:
		return []string{"SELECT " + box, "UID STORE " + set + ` +FLAGS (\Deleted)`, "UID EXPUNGE " + set}
	case 12:
		return []string{"SELECT " + box, "UID COPY " + set + " " + other}
	}
	return []string{"SELECT " + box, "UID MOVE " + set + " " + other}
}

// check compares what the listener believes with what a new session finds.
func (l *listener) check(w *wire) error {
	names := w.ok(`LIST "" *`)
	known := 0
	for _, line := range names[:len(names)-1] {
		m := listLine.FindStringSubmatch(line)
		if m == nil || strings.Contains(m[1], `\No`) {
			continue
		}
		name := m[2]
		if name == imap.Inbox {
			continue
		}
		known++
		told, ok := l.boxes[name]
		if !ok {
			return fmt.Errorf("%s is not known", name)
		}
		lines := w.ok("STATUS " + name + " (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ)")
		now := statusLine.FindStringSubmatch(lines[0])[2]
		if told != now && !(told == "" && strings.HasPrefix(now, "MESSAGES 0 UIDNEXT 1 ")) {
			return fmt.Errorf("%s is believed to have %q, and has %q", name, told, now)
		}
	}
	if known != len(l.boxes) {
		return fmt.Errorf("%d mailboxes are believed to be there, and %d are: %v", len(l.boxes), known, l.boxes)
	}
	w.ok("SELECT INBOX")
	lines := w.ok("UID FETCH 1:* (FLAGS MODSEQ)")
	if len(lines)-1 != len(l.selected) {
		return fmt.Errorf("INBOX is believed to have %d messages, and has %d", len(l.selected), len(lines)-1)
	}
	for i, line := range lines[:len(lines)-1] {
		m := fetchLine.FindStringSubmatch(line)
		if m == nil {
			return fmt.Errorf("what is %q?", line)
		}
		b := l.selected[i]
		recent := strings.NewReplacer(`\Recent `, "", `\Recent`, "")
		if b["UID"] != m[2] || b["MODSEQ"] != m[4] || recent.Replace(b["FLAGS"]) != recent.Replace(m[3]) {
			return fmt.Errorf("message %d is believed to be %v, and is %s", i+1, b, line)
		}
	}
	return nil
}
