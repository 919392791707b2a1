package imapclient

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// asked reads a partial FETCH, and returns what is asked for.
func (p *peer) asked() (at, count int, ok bool) {
	cmd := p.line()
	tag, cmd, _ := strings.Cut(cmd, " ")
	if p.tag = tag; cmd == "" {
		return 0, 0, false
	}
	if strings.Contains(cmd, "RFC822.SIZE") {
		p.say("* 1 FETCH (UID 1 RFC822.SIZE 1000000)", "$T OK done")
		return p.asked()
	}
	if _, err := fmt.Sscanf(cmd, "UID FETCH 1 BODY.PEEK[]<%d.%d>", &at, &count); err != nil {
		p.t.Errorf("%q: %v", cmd, err)
	}
	return at, count, true
}

// What arrived of a chunk before the connection was lost is not fetched again.
func TestDownloadKeepsParts(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 50000)[:790000]
	synctest.Test(t, func(t *testing.T) {
		var offsets []int
		_, mb := dialPiped(t, piped(t, func(p *peer) {
			p.say("* PREAUTH [CAPABILITY IMAP4rev1] hello")
			p.selects(1, 7)
			at, count, ok := p.asked()
			if !ok {
				return
			}
			offsets = append(offsets, at)
			rest := content[at:]
			if len(rest) > count {
				fmt.Fprintf(p.nc, "* 1 FETCH (UID 1 BODY[]<%d> {%d}\r\n%s", at, count, rest[:count/2])
				return // in the middle of it
			}
			p.say(fmt.Sprintf("* 1 FETCH (UID 1 BODY[]<%d> %s)", at, literal(rest)), "$T OK done")
			p.drain()
		}))
		var b bytes.Buffer
		n, err := mb.Download(t.Context(), 1, "", &b, &DownloadOptions{Chunk: 200000})
		if err != nil || int(n) != len(content) || b.String() != content {
			t.Errorf("%d octets of %d, %v", n, len(content), err)
		}
		if want := []int{0, 100000, 200000, 300000, 400000, 500000, 600000}; !slices.Equal(offsets, want) {
			t.Errorf("asked for %v", offsets)
		}
	})
}

// Two chunks are under way: the server is asked for the next one before it has sent the last. A server
// that does not fetch parts is asked once.
func TestDownloadPipelines(t *testing.T) {
	content := strings.Repeat("0123456789abcdef", 50000)
	for _, parts := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			_, mb := dialPiped(t, piped(t, func(p *peer) {
				p.say("* PREAUTH [CAPABILITY IMAP4rev1] hello")
				p.selects(1, 7)
				at, count, _ := p.asked()
				tag := p.tag
				for asked++; ; asked++ {
					next, nextTag := -1, ""
					if at > 0 && at+count < len(content) { // the rule, once the first has come
						next, _, _ = p.asked()
						if nextTag = p.tag; next != at+count {
							t.Errorf("asked for %d behind %d", next, at)
						}
					}
					p.tag = tag
					if parts {
						p.say(fmt.Sprintf("* 1 FETCH (UID 1 BODY[]<%d> %s)", at, literal(content[min(at, len(content)):min(at+count, len(content))])), "$T OK done")
					} else {
						p.say(fmt.Sprintf("* 1 FETCH (UID 1 BODY[] %s)", literal(content)), "$T OK done")
					}
					if at, tag = next, nextTag; at < 0 {
						var ok bool
						if at, count, ok = p.asked(); !ok {
							return
						}
						tag = p.tag
					}
				}
			}))
			var b bytes.Buffer
			n, err := mb.Download(t.Context(), 1, "", io.Writer(&b), &DownloadOptions{Chunk: 100000})
			if err != nil || int(n) != len(content) || b.String() != content {
				t.Errorf("%d octets of %d, %v", n, len(content), err)
			}
			if !parts && asked != 1 {
				t.Errorf("asked %d times", asked)
			}
		})
	}
}
