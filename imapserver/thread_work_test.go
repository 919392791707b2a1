package imapserver_test

import (
	"fmt"
	"strings"
	"testing"

	"restante/imap"
	"restante/store"
	"restante/store/memstore"
	"restante/summary"
)

// TestThreadOfHostileReferences threads 10,000 messages whose references are made to cost: chains, in
// both directions, that move below each other, and loops. Nothing is recursive and nothing takes the
// square of their number.
func TestThreadOfHostileReferences(t *testing.T) {
	const n = 10_000
	for name, header := range map[string]func(i int) string{
		"chain":     func(i int) string { return fmt.Sprintf("Message-ID: <%d@x>\r\nReferences: <%d@x>\r\n", i, i-1) },
		"backwards": func(i int) string { return fmt.Sprintf("Message-ID: <%d@x>\r\nReferences: <%d@x>\r\n", n-i, n-i-1) },
		"loops": func(i int) string {
			return fmt.Sprintf("Message-ID: <%d@x>\r\nReferences: <%d@x> <%d@x>\r\n", i, i+1, (i*7)%n)
		},
		"moves": func(i int) string {
			return fmt.Sprintf("Message-ID: <%d@x>\r\nReferences: <%d@x> <%d@x> <%d@y>\r\n", i, i+2, i+1, i/2)
		},
		"dummies": func(i int) string {
			return fmt.Sprintf("Message-ID: <%d@x>\r\nReferences: <%d@y> <%d@y> <%d@y>\r\n", i, i, i+1, i+2)
		},
		"one thread": func(i int) string {
			return fmt.Sprintf("Message-ID: <%d@x>\r\nReferences: <0@x>\r\nSubject: re: x\r\n", i)
		},
		"branches": func(i int) string { return fmt.Sprintf("Message-ID: <%d@x>\r\nReferences: <%d@x>\r\n", i, i-1-i%2) },
	} {
		w := benchSession(t, n, func(i int) []byte { return []byte(header(i) + "\r\n") })
		for _, algorithm := range []string{"REFERENCES", "REFS", "ORDEREDSUBJECT"} {
			w.send("t1 THREAD %s UTF-8 ALL\r\n", algorithm)
			answer, nesting, deepest := w.line(), 0, 0
			for _, c := range answer {
				switch c {
				case '(':
					nesting++
				case ')':
					nesting--
				}
				deepest = max(deepest, nesting)
			}
			numbers := len(strings.FieldsFunc(answer, func(c rune) bool { return strings.ContainsRune(" ()", c) })) - 2
			if !strings.HasPrefix(answer, "* THREAD (") || numbers != n || nesting != 0 || deepest > 1000 {
				t.Errorf("%s, %s: %d messages, nesting %d to %d", name, algorithm, numbers, nesting, deepest)
			}
			w.expect("t1 OK ")
		}
	}
}

// TestThreadRefersToTooMuch refuses what would take much more memory than the messages do.
func TestThreadRefersToTooMuch(t *testing.T) {
	w := benchSession(t, 60, func(i int) []byte {
		var refs strings.Builder
		for k := range 1200 {
			fmt.Fprintf(&refs, " <%d.%d@x>", i, k)
		}
		return []byte("References:" + refs.String() + "\r\n\r\n")
	})
	if got := w.cmd("THREAD REFS UTF-8 ALL"); !strings.Contains(got[0], " NO [LIMIT]") {
		t.Error(got[0])
	}
	if got := w.ok("THREAD REFS UTF-8 1:10")[0]; got != "* THREAD (1)(2)(3)(4)(5)(6)(7)(8)(9)(10)" {
		t.Error(got)
	}
}

// TestOlderSummaries sorts, threads and previews messages with a summary of version 1, and without: the
// answers are the same, and messages are read only for what the summary does not have.
func TestOlderSummaries(t *testing.T) {
	s := &counted{Store: memstore.New()}
	ts := startServer(t, s, nil)
	ts.bare = true
	target := ts.target(t, false)
	account := ts.account(t, target.User)
	inbox, _ := account.Namespace().Lookup(imap.Inbox)
	for i := range 3 {
		msg := sortMessage(i)
		builder, summarise := summary.NewBuilder()
		builder.Write(msg)
		sum := summarise()
		switch i {
		case 1: // as version 1 was: without the last section
			text, _ := summary.Summary(sum).Preview()
			sum = append([]byte{}, sum[:len(sum)-1-len(text)]...)
			sum[0], sum[1] = 1, sum[1]&^(1<<4)
			if !summary.Summary(sum).Valid() {
				t.Fatal("not a summary of version 1")
			}
		case 2:
			sum = nil
		}
		if err := ts.append(store.Ref{Account: account.ID(), Mailbox: inbox.ID}, msg, store.NewMessage{Summary: sum}); err != nil {
			t.Fatal(err)
		}
	}
	w := dialUser(t, ts, target)
	w.ok("SELECT INBOX")
	for _, c := range []struct {
		command, want string
		reads         bool
	}{
		{"SORT (SUBJECT FROM DATE) UTF-8 1:2", "* SORT 1 2", false},
		{"THREAD REFERENCES UTF-8 1:2", "* THREAD (1 2)", false},
		{"THREAD ORDEREDSUBJECT UTF-8 1:2", "* THREAD (1)(2)", false},
		{"FETCH 1 PREVIEW", `* 1 FETCH (PREVIEW "Some words of a message.")`, false},
		{"FETCH 2 PREVIEW (LAZY)", "* 2 FETCH (PREVIEW NIL)", false},
		{"FETCH 2 PREVIEW", `* 2 FETCH (PREVIEW "Some words of a message.")`, true},
		{"FETCH 3 PREVIEW (LAZY)", "* 3 FETCH (PREVIEW NIL)", false},
		{"FETCH 3 PREVIEW", `* 3 FETCH (PREVIEW "Some words of a message.")`, true},
		{"THREAD REFS UTF-8 ALL", "* THREAD (1 2 3)", true},
	} {
		s.octets.Store(0)
		if got := w.ok(c.command)[0]; got != c.want || s.octets.Load() > 0 != c.reads {
			t.Errorf("%s: %s after %d octets", c.command, got, s.octets.Load())
		}
	}
}
