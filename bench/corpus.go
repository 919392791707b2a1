// Package bench measures the server beside Dovecot: the same messages, the same commands, the same
// raw client, alternately, in one run. 'bench/run' is the one command.
package bench

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// Corpus makes messages with a log-normal distribution of sizes around a median of 8 KB. The same
// seed makes the same messages.
type Corpus struct{ rnd *rand.Rand }

// NewCorpus returns a corpus for the seed.
func NewCorpus(seed uint64) *Corpus { return &Corpus{rand.New(rand.NewPCG(seed, 1))} }

var words = strings.Fields(`the of and to in is that for it as was with be by on not he his but at are this
have from or had an they which one you were all her she there would their we him been has when who will no
more if out so up said what its about than into them can only other time new some could these two may first
then do any like my now over such our man me even most made after also did many off before must well back
through years much where your way down should because long each just state those people too mister how little
good world make very year still see own work such men day get here old life both between being under never
another know us while last might great since against go came right used take three`)

// Next returns the n-th message and its date. Two thirds are plain text, the rest have an HTML
// alternative, one in ten an attachment.
func (c *Corpus) Next(n int) ([]byte, time.Time) {
	size := int(8192 * math.Exp(c.rnd.NormFloat64()))
	return c.Message(n, min(max(size, 700), 4<<20))
}

// Message returns a message of about size octets.
func (c *Corpus) Message(n, size int) ([]byte, time.Time) {
	var b bytes.Buffer
	date := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * 13 * time.Minute)
	fmt.Fprintf(&b, "Return-Path: <sender%d@example.org>\r\n", n%97)
	for i := range 3 {
		fmt.Fprintf(&b, "Received: from relay%d.example.net (relay%d.example.net [192.0.2.%d])\r\n\tby mx.example.org with ESMTPS id %08x\r\n\tfor <ann@example.org>; %s\r\n",
			i, i, n%250, n*7919+i, date.Format(time.RFC1123Z))
	}
	fmt.Fprintf(&b, "Date: %s\r\nFrom: =?UTF-8?Q?Sender_N=C2=BA?= %d <sender%d@example.org>\r\n", date.Format(time.RFC1123Z), n%97, n%97)
	fmt.Fprintf(&b, "To: Ann <ann@example.org>, Bob <bob%d@example.org>\r\nCc: list%d@lists.example.org\r\n", n%13, n%7)
	fmt.Fprintf(&b, "Subject: %s\r\nMessage-ID: <%d.%d@example.org>\r\n", c.text(6), n, n*31)
	if n > 0 && n%3 == 0 {
		fmt.Fprintf(&b, "In-Reply-To: <%d.%d@example.org>\r\nReferences: <%d.%d@example.org>\r\n", n-1, (n-1)*31, n-1, (n-1)*31)
	}
	b.WriteString("MIME-Version: 1.0\r\nUser-Agent: bench/1\r\n")
	boundary := fmt.Sprintf("=_%08x", n)
	switch {
	case n%10 == 0:
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n--%s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", boundary, boundary)
		c.body(&b, size/8)
		fmt.Fprintf(&b, "\r\n--%s\r\nContent-Type: application/pdf; name=\"report%d.pdf\"\r\nContent-Disposition: attachment; filename=\"report%d.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n", boundary, n, n)
		const line = "JVBERi0xLjQKJeLjz9MKMSAwIG9iago8PC9UeXBlL0NhdGFsb2cvUGFnZXMgMiAwIFI+PgplbmRv\r\n"
		for b.Len() < size {
			b.WriteString(line)
		}
		fmt.Fprintf(&b, "--%s--\r\n", boundary)
	case n%3 == 1:
		fmt.Fprintf(&b, "Content-Type: multipart/alternative; boundary=\"%s\"\r\n\r\n--%s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n", boundary, boundary)
		c.body(&b, size/3)
		fmt.Fprintf(&b, "\r\n--%s\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body>\r\n", boundary)
		for b.Len() < size-40 {
			b.WriteString("<p>")
			b.WriteString(c.text(12))
			b.WriteString("</p>\r\n")
		}
		fmt.Fprintf(&b, "</body></html>\r\n--%s--\r\n", boundary)
	default:
		b.WriteString("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n")
		c.body(&b, size-b.Len())
	}
	return b.Bytes(), date
}

func (c *Corpus) text(n int) string {
	out := make([]string, n)
	for i := range out {
		out[i] = words[c.rnd.IntN(len(words))]
	}
	return strings.Join(out, " ")
}

func (c *Corpus) body(b *bytes.Buffer, size int) {
	for end := b.Len() + size; b.Len() < end; {
		b.WriteString(c.text(11))
		b.WriteString("\r\n")
	}
}
