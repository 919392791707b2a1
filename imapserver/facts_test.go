package imapserver_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"restante/store/memstore"
)

// TestFactsKept sorts and threads a mailbox in which messages come and go, and some of it, again and
// again. The answers are those of a server that has kept nothing.
func TestFactsKept(t *testing.T) {
	s := memstore.New()
	ts := startServer(t, s, nil)
	user := ts.target(t, false)
	w := dialUser(t, ts, user)
	r := rand.New(rand.NewPCG(1, 2))
	commands := []string{
		"SORT (SUBJECT) UTF-8 ALL", "SORT (REVERSE SUBJECT FROM) UTF-8 ALL", "SORT (DATE) UTF-8 ALL", "SORT (REVERSE DATE SIZE) UTF-8 UNSEEN",
		"SORT (TO DISPLAYFROM REVERSE ARRIVAL) UTF-8 ALL", "SORT (SUBJECT) UTF-8 SMALLER 150", "SORT (CC SUBJECT) UTF-8 2,4,6:*",
		"UID THREAD REFERENCES UTF-8 ALL", "THREAD ORDEREDSUBJECT UTF-8 ALL", "THREAD REFS UTF-8 3:*",
	}
	sent := 0
	for round := range 30 {
		for range []int{40, 0, 1, 1, 7}[round%5] {
			msg := fmt.Appendf(nil, "From: N%d <n%d@x>\r\nTo: t%d@x\r\nSubject: %ssubject of many %d\r\nDate: %d Jan 2026 00:00:00 +0000\r\nMessage-ID: <%d@x>\r\nReferences: <%d@x>\r\n\r\n%0*d",
				r.IntN(5), r.IntN(5), r.IntN(3), []string{"", "Re: "}[r.IntN(2)], r.IntN(9), 1+r.IntN(28), sent, r.IntN(sent+1), 1+r.IntN(50), 0)
			if err := user.Seed("INBOX", msg, nil, time.Time{}); err != nil {
				t.Fatal(err)
			}
			sent++
		}
		w.ok("SELECT INBOX")
		if round%3 == 2 {
			w.ok(fmt.Sprintf("STORE %d,%d FLAGS.SILENT (\\Deleted)", 1+r.IntN(5), 6+r.IntN(5)))
			w.ok("EXPUNGE")
		}
		fresh := dialUser(t, startServer(t, s, nil), user)
		fresh.ok("EXAMINE INBOX")
		for range 3 {
			command := commands[r.IntN(len(commands))]
			if got, want := w.ok(command)[0], fresh.ok(command)[0]; got != want {
				t.Fatalf("round %d, %s:\n%s\nwant\n%s", round, command, got, want)
			}
		}
	}
}
