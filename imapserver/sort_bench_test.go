package imapserver_test

import (
	"fmt"
	"testing"
	"time"
)

// sortMessage is a message of a mailbox with threads and dates that are not quite in order.
func sortMessage(i int) []byte {
	date := time.Unix(1.7e9+int64(i)*60+int64(i*7919%3600), 0).UTC().Format(time.RFC1123Z)
	refs := ""
	if i%3 != 0 {
		refs = fmt.Sprintf("References: <%d@example.org> <%d@example.org>\r\n", i-i%3, i-1)
	}
	return fmt.Appendf(nil, "From: Ann <ann%d@example.org>\r\nTo: Bob <bob@example.org>\r\nSubject: Re: [list] number %d of what there is to say\r\nDate: %s\r\nMessage-Id: <%d@example.org>\r\n%s\r\nSome words of a message.\r\n",
		i%97, i*7919%10007, date, i, refs)
}

// BenchmarkSort is SORT and THREAD of 100,000 messages, without a disk.
func BenchmarkSort(b *testing.B) {
	const messages = 100_000
	w := benchSession(b, messages, sortMessage)
	for _, bench := range []struct{ name, command string }{
		{"arrival", "SORT (REVERSE ARRIVAL) UTF-8 ALL"},
		{"date", "SORT (DATE) UTF-8 ALL"},
		{"subject", "SORT (SUBJECT) UTF-8 ALL"},
		{"from", "SORT (FROM DATE) UTF-8 ALL"},
		{"references", "THREAD REFERENCES UTF-8 ALL"},
		{"subjects", "THREAD ORDEREDSUBJECT UTF-8 ALL"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w.long(bench.command)
			}
			b.ReportMetric(float64(messages)*float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

// long sends a command whose answer is one line of any length, and reads past it.
func (w *wire) long(command string) {
	w.send("x %s\r\n", command)
	for range 2 {
		for {
			_, err := w.r.ReadSlice('\n')
			if err == nil {
				break
			}
			if err.Error() != "bufio: buffer full" {
				w.t.Fatal(err)
			}
		}
	}
}
