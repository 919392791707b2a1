package imapserver_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"restante/imap"
	"restante/message"
	"restante/store"
	"restante/store/memstore"
	"restante/summary"
)

// longSummary is a summary as it was stored before there was a limit: with everything.
func longSummary(msg []byte) []byte {
	s, st := summary.Build(message.ParseBytes(msg)), message.ParseBytes(msg)
	out := append([]byte{}, s[:2]...)
	rest := []byte(s[2:])
	for i := 0; len(rest) > 0; i++ {
		n, k := binary.Uvarint(rest)
		section := rest[k : k+int(n)]
		rest = rest[k+int(n):]
		switch i {
		case 1:
			section = summary.AppendEnvelope(nil, st)
		case 2:
			section = summary.AppendBody(nil, st)
		case 3:
			section = summary.AppendBodyStructure(nil, st)
		}
		out = append(binary.AppendUvarint(out, uint64(len(section))), section...)
	}
	return out
}

// TestLongSummaries fetches messages of ten thousand parts, with the summary that is stored now, with
// one that was stored before, and without: the answers are the same.
func TestLongSummaries(t *testing.T) {
	s := &counted{Store: memstore.New()}
	ts := startServer(t, s, nil)
	target := ts.target(t, false)
	account := ts.account(t, target.User)
	inbox, _ := account.Namespace().Lookup(imap.Inbox)
	msg := []byte("Subject: many parts\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\n", 10_000) + "--b--\n")
	long := longSummary(msg)
	short := summary.Build(message.ParseBytes(msg))
	if len(long) < 1<<20 || len(short) > 64<<10 || !summary.Summary(long).Valid() {
		t.Fatalf("summaries of %d and %d octets", len(long), len(short))
	}
	for _, sum := range [][]byte{short, long, nil} {
		if err := ts.append(store.Ref{Account: account.ID(), Mailbox: inbox.ID}, msg, store.NewMessage{Summary: sum}); err != nil {
			t.Fatal(err)
		}
	}
	w := dialUser(t, ts, target)
	w.ok("SELECT INBOX")
	for _, tt := range []struct {
		items string
		reads [2]bool // whether the first two messages are read
	}{
		{"ENVELOPE", [2]bool{}},
		{"BODY.PEEK[HEADER.FIELDS (Subject)]", [2]bool{}},
		{"BODYSTRUCTURE", [2]bool{true, false}},
		{"BODY", [2]bool{true, false}},
		{"(BODY BODYSTRUCTURE ENVELOPE BODY.PEEK[9000.MIME])", [2]bool{true, true}},
	} {
		var answers [3]string
		for i := range answers {
			s.octets.Store(0)
			answers[i] = strings.Join(w.ok("FETCH " + string(rune('1'+i)) + " " + tt.items)[0:1], "")[len("* 1 "):]
			read := s.octets.Load()
			if i < 2 && (read > 0) != tt.reads[i] || read > int64(len(msg)) {
				t.Errorf("FETCH %d %s: %d octets of the message were read", i+1, tt.items, read)
			}
		}
		if answers[0] != answers[1] || answers[1] != answers[2] || !strings.HasPrefix(answers[0], "FETCH (") {
			t.Errorf("FETCH %s differs with the summary: %d, %d and %d octets", tt.items, len(answers[0]), len(answers[1]), len(answers[2]))
		}
	}
	s.octets.Store(0)
	if got := w.ok("SEARCH 1 SUBJECT many SENTSINCE 1-Jan-1970")[0]; got != "* SEARCH" || s.octets.Load() > 0 {
		t.Errorf("%s after %d octets", got, s.octets.Load())
	}
}
