package imapclient

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"restante/imap"
)

// takesAppends answers APPEND on a connection and hands over the messages; at most so many.
func (p *peer) takesAppends(got chan<- string, n int) {
	for ; n != 0; n-- {
		line := p.line()
		if line == "" || strings.HasSuffix(line, "LOGOUT") {
			return
		}
		var mailbox string
		var size int
		if _, err := fmt.Sscanf(line, "%s APPEND %s {%d+}", &p.tag, &mailbox, &size); err != nil {
			p.t.Errorf("%q: %v", line, err)
			return
		}
		data := make([]byte, size)
		io.ReadFull(p.r, data)
		p.line()
		got <- string(data)
		p.say("$T OK [APPENDUID 1 7] done")
	}
}

// Messages that are being fetched can be appended through the same client, however long they are and
// however many. The second connection ends when it is not used any more.
func TestAppendWhatIsFetched(t *testing.T) {
	sizes := []int{100, 20000, 300000, 50, 200000}
	body := func(n int) string { return strings.Repeat(string(rune('a'+n)), sizes[n]) }
	for _, limit := range []int{2, 1} {
		synctest.Test(t, func(t *testing.T) {
			got := make(chan string, len(sizes))
			var last, ended time.Time
			o := piped(t, func(p *peer) {
				p.say("* PREAUTH [CAPABILITY IMAP4rev1 LITERAL+] hello")
				if p.num == 1 {
					p.takesAppends(got, -1)
					ended = time.Now()
					return
				}
				p.selects(len(sizes), 7)
				p.expect("UID FETCH 1:5 ")
				tag := p.tag
				for n := range sizes {
					p.say(fetchLine(n+1, imap.UID(n+1), body(n)))
				}
				p.tag = tag
				p.say("$T OK done")
				p.takesAppends(got, -1)
			})
			o.MaxConnections = limit
			c, mb := dialPiped(t, o)
			for m, err := range mb.Fetch(t.Context(), imap.UIDRange(1, 5), imap.Peek) {
				if err != nil {
					t.Fatal(err)
				}
				n := int(m.UID - 1)
				res, err := c.Append(t.Context(), "Archive", m.Body(), m.Body().Len(), nil)
				if err != nil || res.UIDs.Len() != 1 {
					t.Fatalf("limit %d, message %d: %+v, %v", limit, n, res, err)
				}
				if s := <-got; s != body(n) {
					t.Errorf("limit %d, message %d: %d other octets", limit, n, len(s))
				}
				last = time.Now()
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			if d := ended.Sub(last); limit == 2 && (d < time.Second || d > 30*time.Second) {
				t.Errorf("second connection ended after %v", d)
			}
		})
	}
}

// Where only one connection is to be had and memory does not suffice either, the client says so and is
// of use afterwards.
func TestAppendWithoutSpare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := strings.Repeat("x", 200000)
		o := piped(t, func(p *peer) {
			switch p.num {
			case 1:
				p.say("* BYE Too many connections")
				return
			case 2:
				p.say("* PREAUTH [CAPABILITY IMAP4rev1 LITERAL+] hello")
				p.selects(2, 7)
				p.expect("UID FETCH 2 ")
				p.say(fetchLine(2, 2, "short"), "$T OK done")
				p.drain()
				return
			}
			p.say("* PREAUTH [CAPABILITY IMAP4rev1 LITERAL+] hello")
			p.selects(2, 7)
			p.expect("UID FETCH 1:2 ")
			p.say(fetchLine(1, 1, long), fetchLine(2, 2, long), "$T OK done")
			p.drain()
		})
		o.BufferLimit = 100000
		c, mb := dialPiped(t, o)
		n := 0
		for m, err := range mb.Fetch(t.Context(), imap.UIDRange(1, 2), imap.Peek) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 1 {
				if _, err := c.Append(t.Context(), "Archive", m.Body(), m.Body().Len(), nil); !errors.Is(err, imap.ErrWouldBlock) {
					t.Fatal(err)
				}
			} else if m.Body().String() != "short" {
				t.Error(m.Body())
			}
		}
		if n != 2 {
			t.Errorf("%d messages", n)
		}
	})
}
