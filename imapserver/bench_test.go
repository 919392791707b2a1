package imapserver_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"restante/imap"
	"restante/store"
	"restante/store/memstore"
	"restante/summary"
)

// benchSession returns a session that has selected a mailbox of so many messages, without a disk.
func benchSession(b testing.TB, messages int, msg func(i int) []byte) *wire {
	b.Helper()
	ts := startServer(b, memstore.New(), nil)
	target := ts.target(b, false)
	account := ts.account(b, target.User)
	inbox, _ := account.Namespace().Lookup(imap.Inbox)
	for i := range messages {
		text := msg(i)
		builder, summarise := summary.NewBuilder()
		builder.Write(text)
		ref := store.Ref{Account: account.ID(), Mailbox: inbox.ID}
		if err := ts.append(ref, text, store.NewMessage{Flags: []imap.Flag{imap.Seen}, Summary: summarise()}); err != nil {
			b.Fatal(err)
		}
	}
	w := dialUser(b, ts, target)
	w.ok("SELECT INBOX")
	return w
}

// answered sends a command and reads past its answer, without looking at it.
func (w *wire) answered(command string) {
	w.send("x %s\r\n", command)
	for {
		line, err := w.r.ReadSlice('\n')
		if err != nil {
			w.t.Fatal(err)
		}
		if bytes.HasPrefix(line, []byte("x ")) {
			if !bytes.HasPrefix(line, []byte("x OK")) {
				w.t.Fatalf("%s: %s", command, line)
			}
			return
		}
	}
}

func benchMessage(i int) []byte {
	return fmt.Appendf(nil, "From: Ann <ann@example.org>\r\nTo: Bob <bob@example.org>\r\nSubject: number %d\r\nDate: Mon, 01 Jan 2024 10:00:00 +0000\r\nMessage-Id: <%d@example.org>\r\n\r\n%s",
		i, i, strings.Repeat("Some words of a message.\r\n", 40))
}

// BenchmarkStoreAll is STORE 1:* .SILENT on 100,000 messages, without a disk.
func BenchmarkStoreAll(b *testing.B) {
	w := benchSession(b, 100_000, func(int) []byte { return []byte("Subject: x\r\n\r\n") })
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.ok([]string{"STORE 1:* +FLAGS.SILENT (\\Flagged)", "STORE 1:* -FLAGS.SILENT (\\Flagged)"}[i%2])
	}
}

// BenchmarkFetch is FETCH 1:* of 10,000 messages: what a client asks for to synchronise, to list,
// and to read.
func BenchmarkFetch(b *testing.B) {
	w := benchSession(b, 10_000, benchMessage)
	for _, bench := range []struct{ name, items string }{
		{"flags", "(UID FLAGS)"},
		{"list", "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)"},
		{"fields", "(UID FLAGS BODY.PEEK[HEADER.FIELDS (From To Subject Date)])"},
		{"bodies", "(UID BODY.PEEK[])"},
		{"seen", "(UID BODY[])"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w.answered("FETCH 1:* " + bench.items)
			}
		})
	}
}

// BenchmarkFetchUnseen is FETCH 1:* BODY[] of 1,000 messages that it marks \Seen.
func BenchmarkFetchUnseen(b *testing.B) {
	w := benchSession(b, 1000, benchMessage)
	b.ReportAllocs()
	for b.Loop() {
		w.answered(`STORE 1:* -FLAGS.SILENT (\Seen)`)
		w.answered("FETCH 1:* BODY[]")
	}
}

// BenchmarkSearch is SEARCH of 10,000 messages: by flags, by header and by text.
func BenchmarkSearch(b *testing.B) {
	w := benchSession(b, 10_000, benchMessage)
	for _, bench := range []struct{ name, keys string }{
		{"flags", "SEEN UNDELETED LARGER 100"},
		{"header", "SUBJECT 77"},
		{"text", "BODY nowhere"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w.answered("UID SEARCH RETURN (COUNT) " + bench.keys)
			}
		})
	}
}
