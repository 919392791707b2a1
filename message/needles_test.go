package message

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestNeedles compares many texts at once with each of them alone.
func TestNeedles(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	alphabet := []string{"a", "A", "b", "é", "e\u0301", "加", "ß", "\xff", " "}
	word := func(most int) string {
		var b strings.Builder
		for range rnd.IntN(most + 1) {
			b.WriteString(alphabet[rnd.IntN(len(alphabet))])
		}
		return b.String()
	}
	for round := range 1000 {
		var n Needles
		type key struct {
			text    string
			headers bool
			number  int
		}
		keys := make([]key, 1+rnd.IntN(12))
		for i := range keys {
			k := &keys[i]
			k.text, k.headers = word(5), rnd.IntN(2) == 0
			k.number = n.Add(k.text, k.headers)
		}
		msg := fmt.Sprintf("Subject: %s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"+
			"--x\r\nContent-Description: %s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n--x\r\n\r\n%s\r\n--x--\r\n",
			word(20), word(20), word(40), word(10))
		st, ra := ParseBytes([]byte(msg)), strings.NewReader(msg)
		for range 2 {
			n.Reset()
			if err := n.SearchMessage(ra, st); err != nil {
				t.Fatal(err)
			}
			for _, k := range keys {
				if want, _ := NewMatcher(k.text).Matches(ra, st, k.headers); n.Found(k.number) != want {
					t.Fatalf("round %d: %q, with headers %v, of %d texts in %q: %v", round, k.text, k.headers, len(keys), msg, !want)
				}
			}
		}
		n.Reset()
		values := []string{word(20), word(20)}
		for _, v := range values {
			n.SearchString(v)
		}
		for _, k := range keys {
			m := NewMatcher(k.text)
			if want := m.MatchString(values[0]) || m.MatchString(values[1]); k.headers && n.Found(k.number) != want {
				t.Fatalf("round %d: %q in %q: %v", round, k.text, values, !want)
			}
		}
	}
}

// TestNeedlesAreCut has texts that lie across the pieces in which a body is read.
func TestNeedlesAreCut(t *testing.T) {
	for _, more := range []int{0, 100} {
		var n Needles
		first, last := n.Add(strings.Repeat("needle", 20), false), n.Add("enough", false)
		for i := range more {
			n.Add(fmt.Sprintf("other %d", i), false)
		}
		for before := 32<<10 - 130; before < 32<<10+5; before++ {
			msg := "Subject: x\r\n\r\n" + strings.Repeat("x", before) + strings.Repeat("Needle", 20) + strings.Repeat("x", before) + "Enough"
			n.Reset()
			if err := n.SearchMessage(strings.NewReader(msg), ParseBytes([]byte(msg))); err != nil || !n.Found(first) || !n.Found(last) {
				t.Fatalf("%d more, %d octets before: %v %v %v", more, before, n.Found(first), n.Found(last), err)
			}
		}
	}
}

// countedReads counts what is read.
type countedReads struct {
	io.ReaderAt
	octets int
}

func (c *countedReads) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.octets += n
	return n, err
}

// TestNeedlesReadOnce looks for many texts, which are the ends of one another, in a long message.
func TestNeedlesReadOnce(t *testing.T) {
	var n Needles
	for i := range 300 {
		n.Add(strings.Repeat("a", i+1)+"b", i%2 == 0)
		n.Add(strings.Repeat("a", i+1), false)
	}
	if n.Len() != 600 || n.Add("AAB", false) != n.Add("aab", false) || n.Len() != 600 {
		t.Errorf("%d texts", n.Len())
	}
	msg := []byte("Subject: x\r\n\r\n" + strings.Repeat(strings.Repeat("a", 99)+"c", 2000))
	ra, st := &countedReads{ReaderAt: bytes.NewReader(msg)}, ParseBytes(msg)
	n.Reset()
	if err := n.SearchMessage(ra, st); err != nil || ra.octets > len(msg) {
		t.Errorf("%d octets were read of %d, %v", ra.octets, len(msg), err)
	}
	nodes := 0
	for _, seen := range n.seen[place(false)] {
		if seen == n.reading {
			nodes++
		}
	}
	if nodes == 0 || nodes > len(n.auto.label) {
		t.Errorf("%d nodes were passed", nodes)
	}
	n.Reset()
	if allocs := testing.AllocsPerRun(10, func() { n.Reset(); n.SearchMessage(ra, st) }); allocs > 20 {
		t.Errorf("searching a message takes %v allocations", allocs)
	}
}

// TestAutomatonIsSmall makes one of as many octets as a command may have.
func TestAutomatonIsSmall(t *testing.T) {
	var n Needles
	rnd := rand.New(rand.NewPCG(1, 2))
	for n.Octets() < 64<<10 {
		b := make([]byte, 8)
		for i := range b {
			b[i] = 'a' + byte(rnd.IntN(26))
		}
		n.Add(string(b), true)
	}
	n.Reset()
	if nodes := len(n.auto.label); nodes > 64<<10+1 || cap(n.auto.back) > 2*nodes {
		t.Errorf("%d nodes", nodes)
	}
}

func BenchmarkNeedles(b *testing.B) {
	msg := []byte("Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + strings.Repeat("Some words of a message that is not too short.\r\n", 20_000))
	st := ParseBytes(msg)
	for _, count := range []int{1, 4, 10, 100, 4000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			var n Needles
			for i := range count {
				n.Add(fmt.Sprintf("some word %d", i), false)
			}
			b.SetBytes(int64(len(msg)))
			b.ReportAllocs()
			for b.Loop() {
				n.Reset()
				n.SearchMessage(bytes.NewReader(msg), st)
			}
		})
	}
}
