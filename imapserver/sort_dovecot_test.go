package imapserver_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"restante/internal/dovecottest"
	"restante/store/memstore"
)

// awkward are what subjects are made of: all that RFC 5256 §2.1 takes off, and what looks like it.
var awkward = []string{"re", "RE: ", "Re[2]:", "fw:", "Fwd :", "FWD[a] :", "[fwd:", "[Fwd: ", "]", "(fwd)", " (FWD) ", "[list]", "[list] ", "[]", "[",
	" ", "  ", "\t", ":", "a", "B", "lunch", "=?utf-8?q?=C3=A4?=", "=?utf-8?q?re=3A_?=", "ä", "é", "rE :", "re :re:", "x re: "}

// awkwardHeader makes a header of awkward subjects, addresses, dates and references. Messages refer to
// ones before them, behind them, to themselves and to none.
func awkwardHeader(r *rand.Rand, n, messages int) string {
	var b strings.Builder
	id := func() string {
		k := r.IntN(messages + messages/4)
		switch r.IntN(20) {
		case 0:
			return fmt.Sprintf("<\"%d\"@x>", k)
		case 1:
			return "<nothing>"
		case 2:
			return "broken"
		}
		return fmt.Sprintf("<%d@x>", k)
	}
	ids := func(max int) string {
		list := make([]string, 1+r.IntN(max))
		for i := range list {
			list[i] = id()
		}
		return strings.Join(list, []string{" ", "\r\n ", ""}[r.IntN(3)])
	}
	if r.IntN(10) > 0 {
		own := fmt.Sprintf("<%d@x>", n)
		if r.IntN(15) == 0 {
			own = id()
		}
		fmt.Fprintf(&b, "Message-ID: %s\r\n", own)
	}
	if r.IntN(3) > 0 {
		fmt.Fprintf(&b, "References: %s\r\n", ids(5))
	}
	if r.IntN(3) == 0 {
		fmt.Fprintf(&b, "In-Reply-To: %s\r\n", ids(2))
	}
	if r.IntN(12) > 0 {
		var subject strings.Builder
		for range r.IntN(6) {
			subject.WriteString(awkward[r.IntN(len(awkward))])
		}
		fmt.Fprintf(&b, "Subject: %s\r\n", subject.String())
	}
	if r.IntN(12) > 0 {
		fmt.Fprintf(&b, "Date: %s\r\n", time.Unix(1.7e9+int64(r.IntN(200))*60+int64(n), 0).In(time.FixedZone("", (r.IntN(25)-12)*3600)).Format(time.RFC1123Z))
	}
	for _, name := range []string{"From", "To", "Cc"} {
		addresses := []string{"ann@x.example", "Bob <BOB@y.example>", "\"C\\\"c\" <ann@z.example>", "=?utf-8?q?=C3=84nn?= <zed@x>", "Zed <a@b>, Ann <b@c>", "\"a.b\"@x", "Åsa <aasa@x>"}
		if k := r.IntN(len(addresses) + 1); k < len(addresses) {
			fmt.Fprintf(&b, "%s: %s\r\n", name, addresses[k])
		}
	}
	return b.String() + "\r\n" + strings.Repeat("x", r.IntN(20)) + "\r\n"
}

// TestSortAsDovecot compares the answers to SORT and THREAD with Dovecot's, on mailboxes of awkward
// messages. It prints its seed.
func TestSortAsDovecot(t *testing.T) {
	d := dovecottest.Start(t)
	ts := startServer(t, memstore.New(), nil)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	nc, err := net.Dial("tcp", d.IMAPAddr)
	if err != nil {
		t.Fatal(err)
	}
	theirs := newWire(t, nc)
	theirs.ok(fmt.Sprintf("LOGIN %q %q", d.User, d.Password))
	for round := range 8 {
		ours := dialUser(t, ts, ts.target(t, false))
		box := fmt.Sprintf("box%d", round)
		messages := 1 + r.IntN(40)
		headers := make([]string, messages)
		for i := range headers {
			headers[i] = awkwardHeader(r, i, messages)
		}
		for _, w := range []*wire{ours, theirs} {
			w.ok("CREATE " + box)
			for i, h := range headers {
				w.ok(fmt.Sprintf("APPEND %s \"%02d-Jan-2024 10:00:%02d +0000\" {%d+}\r\n%s", box, 1+(i*7)%28, i, len(h), h))
			}
			w.ok("SELECT " + box)
		}
		for _, command := range []string{"SORT (ARRIVAL)", "SORT (DATE)", "SORT (REVERSE DATE FROM)", "SORT (SUBJECT)", "SORT (REVERSE SUBJECT)",
			"SORT (FROM)", "SORT (TO SUBJECT)", "SORT (REVERSE CC SIZE)", "SORT (SIZE DATE)", "SORT (DISPLAYFROM)", "SORT (DISPLAYTO REVERSE ARRIVAL)",
			"THREAD REFERENCES", "THREAD ORDEREDSUBJECT", "THREAD REFS"} {
			command += " UTF-8 ALL"
			got, want := ours.ok(command)[0], theirs.ok(command)[0]
			if strings.TrimRight(got, " ") != strings.TrimRight(want, " ") {
				t.Errorf("round %d, %s:\nours:    %s\nDovecot: %s", round, command, got, want)
				if strings.Contains(command, "SUBJECT") {
					t.Log(headers)
				}
			}
		}
	}
}
