//go:build !race

package imapclient

import (
	"bytes"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"restante/imap"
)

// mallocs returns how many allocations f makes.
func mallocs(f func()) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs - before.Mallocs)
}

// A message of a list of mail, with flags, date and size, costs at most four allocations on average in
// all of the client, also when a third of the subjects have to be decoded.
func TestEnvelopeAllocations(t *testing.T) {
	const count = 5000
	var b bytes.Buffer
	for i := 1; i <= count; i++ {
		subject := "Re: the quarterly report"
		if i%3 == 0 { // as in real mail
			subject = "Re: =?utf-8?q?der_Vierteljahresbericht_f=C3=BCr?="
		}
		fmt.Fprintf(&b, `* %d FETCH (UID %d FLAGS (\Seen $Junk) INTERNALDATE "06-May-2024 10:00:00 +0200" RFC822.SIZE %d ENVELOPE ("Mon, 6 May 2024 10:%02d:00 +0200" "%s, number %d, with some more words" (("Ann Lee" NIL "ann" "example.org")) (("Ann Lee" NIL "ann" "example.org")) (("Ann Lee" NIL "ann" "example.org")) (("Bob" NIL "bob" "example.org")("Carol Miller" NIL "carol.miller" "corp.example.org")) ((NIL NIL "team" "lists.example.org")) NIL "<20240506.%d@mail.example.org>" "<20240506.%d.reply@mail.example.org>"))`+"\r\n",
			i, i+1000, 4000+i, i%60, subject, i, i, i)
	}
	k := cannedConn(t, b.Bytes())
	n := 0
	got := mallocs(func() {
		for m, err := range k.Fetch(t.Context(), imap.UIDRange(1, 0), imap.FetchFlags, imap.FetchDate, imap.FetchSize, imap.FetchEnvelope).All() {
			if err != nil {
				t.Fatal(err)
			}
			if m.Envelope != nil {
				n++
			}
		}
	})
	if got /= count; n != count || got > 4 {
		t.Errorf("%d messages, %.2f allocations each", n, got)
	}
}

// A SEARCH of half a million numbers is read in a few allocations that are in proportion to it, mostly of
// the set that comes out, whether it comes as numbers, which are decoded while they arrive, or as one
// ESEARCH, which is not: to hold it costs a third more.
func TestSearchAllocations(t *testing.T) {
	const count = 500000
	numbers := make([]string, count)
	for i := range numbers {
		numbers[i] = strconv.Itoa(2*i + 1)
	}
	for _, c := range []struct{ begin, between string }{{"* SEARCH ", " "}, {`* ESEARCH (TAG "R1") UID ALL `, ","}} {
		line := c.begin + strings.Join(numbers, c.between) + "\r\n"
		k := cannedConn(t, []byte(line))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		d, err := k.Search(t.Context(), imap.All, nil).Wait()
		runtime.ReadMemStats(&after)
		if err != nil || d.UIDs.Len() != count {
			t.Fatal(d.UIDs.Len(), err)
		}
		octets, n := after.TotalAlloc-before.TotalAlloc, after.Mallocs-before.Mallocs
		if octets > 10*uint64(len(line)) || n > 1000 {
			t.Errorf("%s: %d octets in %d allocations for %d octets", c.begin, octets, n, len(line))
		}
	}
}
