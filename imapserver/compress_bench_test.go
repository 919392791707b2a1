package imapserver

import (
	"bytes"
	stdflate "compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/flate"
)

// listingOf returns the answer to a FETCH of what a list of messages shows.
func listingOf(messages int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	words := []string{"meeting", "invoice", "report", "lunch", "project", "status", "update", "draft", "budget", "travel", "photos"}
	word := func() string { return words[r.IntN(len(words))] }
	var b bytes.Buffer
	for i := 1; i <= messages; i++ {
		who := r.IntN(200)
		fmt.Fprintf(&b, "* %d FETCH (UID %d FLAGS (\\Seen) INTERNALDATE \"%02d-Jan-2026 %02d:%02d:%02d +0000\" RFC822.SIZE %d "+
			"ENVELOPE (\"%02d Jan 2026 %02d:%02d:00 +0000\" \"%s %s %s\" ((\"Person %d\" NIL \"p%d\" \"example.com\")) "+
			"((\"Person %d\" NIL \"p%d\" \"example.com\")) ((NIL NIL \"me\" \"example.org\")) NIL NIL NIL NIL \"<%x@example.com>\"))\r\n",
			i, i*3+100, r.IntN(28)+1, r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(100000),
			r.IntN(28)+1, r.IntN(24), r.IntN(60), word(), word(), word(), who, who, who, who, r.Uint64())
	}
	return b.Bytes()
}

// smallAnswers are what a client gets that follows a mailbox.
func smallAnswers() (answers [][]byte) {
	for i := range 200 {
		answers = append(answers, fmt.Appendf(nil, []string{
			"A%[1]d OK NOOP completed\r\n",
			"* %[1]d EXISTS\r\n* %[1]d FETCH (UID %[2]d FLAGS ())\r\n",
			"* %[1]d FETCH (UID %[2]d MODSEQ (%[2]d) FLAGS (\\Seen))\r\nA%[1]d OK UID STORE completed\r\n",
			"* LIST (\\HasNoChildren) \"/\" \"Folder %[1]d\"\r\n* STATUS \"Folder %[1]d\" (MESSAGES %[2]d UNSEEN %[1]d)\r\nA%[1]d OK LIST completed\r\n",
		}[i%4], i, i*7+1000))
	}
	return answers
}

// BenchmarkDeflate compares what this server does with compressors that belong to a connection, as zlib
// has them: "%" is what is left of the octets.
func BenchmarkDeflate(b *testing.B) {
	var listing [][]byte
	for rest := listingOf(1000); len(rest) > 0; rest = rest[min(len(rest), deflateUnit):] {
		listing = append(listing, rest[:min(len(rest), deflateUnit)])
	}
	type compressor interface {
		Write([]byte) (int, error)
		Flush() error
		Reset(io.Writer)
	}
	for name, units := range map[string][][]byte{"listing": listing, "small": smallAnswers()} {
		octets := 0
		for _, unit := range units {
			octets += len(unit)
		}
		measure := func(name string, compress func(to *bytes.Buffer) error) {
			b.Run(name, func(b *testing.B) {
				b.SetBytes(int64(octets))
				b.ReportAllocs()
				var to bytes.Buffer
				for b.Loop() {
					to.Reset()
					if err := compress(&to); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(100*float64(to.Len())/float64(octets), "%")
			})
		}
		for _, history := range []int{0, sentHistory, inflateWindow} {
			measure(fmt.Sprintf("%s/history=%d", name, history), func(to *bytes.Buffer) error {
				var sent []byte
				for _, unit := range units {
					if err := deflate(to, unit, sent); err != nil {
						return err
					}
					sent = appendLast(sent, unit, history)
				}
				return nil
			})
		}
		for _, level := range []int{1, 6} {
			for library, open := range map[string]func(to *bytes.Buffer) (compressor, error){
				"klauspost": func(to *bytes.Buffer) (compressor, error) { return flate.NewWriter(to, level) },
				"standard":  func(to *bytes.Buffer) (compressor, error) { return stdflate.NewWriter(to, level) },
			} {
				w, err := open(new(bytes.Buffer))
				if err != nil {
					b.Fatal(err)
				}
				measure(fmt.Sprintf("%s/kept/%s-%d", name, library, level), func(to *bytes.Buffer) error {
					w.Reset(to)
					for _, unit := range units {
						if _, err := w.Write(unit); err != nil {
							return err
						}
						if err := w.Flush(); err != nil {
							return err
						}
					}
					return nil
				})
			}
		}
	}
}
