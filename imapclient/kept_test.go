package imapclient

import (
	"errors"
	"strings"
	"testing"

	"restante/imap"
)

// Messages that are kept without Keep have their own octets or none: small ones are copied, the
// others are ErrStale. Octets that Bytes has returned stay what they are.
func TestKeptMessages(t *testing.T) {
	sizes := []int{10, 100, 4 << 10, 5000, 8000, 20000, 32 << 10, 33 << 10, 200000}
	const rounds = 6
	body := func(n int) string { return strings.Repeat(string(rune('a'+n%26)), sizes[n%len(sizes)]) }
	f := serve(t, func(p *peer) {
		p.login()
		p.expect("UID FETCH")
		for n := range rounds * len(sizes) {
			p.say(fetchLine(n+1, imap.UID(n+1), body(n)))
		}
		p.say("$T OK done")
		p.drain()
	})
	k := login(t, f)
	var kept []*imap.Message
	var octets [][]byte
	for m, err := range k.Fetch(testCtx(t), imap.UIDRange(1, 0), imap.Peek).All() {
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, m)
		if len(kept)%2 == 0 {
			b, err := m.Body().Bytes()
			if err != nil {
				t.Fatal(err)
			}
			octets = append(octets, b)
		}
	}
	if len(kept) != rounds*len(sizes) {
		t.Fatalf("%d messages", len(kept))
	}
	for n, m := range kept {
		b, err := m.Body().Bytes()
		switch read := n%2 == 1; {
		case errors.Is(err, imap.ErrStale) && !read && sizes[n%len(sizes)] > keepUnder:
		case err != nil || string(b) != body(n):
			t.Errorf("message %d of %d octets: %d other octets, %v", n, len(body(n)), len(b), err)
		}
	}
	for n, b := range octets {
		if string(b) != body(2*n+1) {
			t.Errorf("octets of message %d have changed", 2*n+1)
		}
	}
}

// A body that another goroutine is reading while the loop goes on keeps its octets.
func TestReadWhileLoopGoesOn(t *testing.T) {
	const count = 40
	f := serve(t, func(p *peer) {
		p.login()
		p.expect("UID FETCH")
		for n := range count {
			p.say(fetchLine(n+1, imap.UID(n+1), strings.Repeat(string(rune('a'+n%26)), 9000)))
		}
		p.say("$T OK done")
		p.drain()
	})
	k := login(t, f)
	going, read := make(chan struct{}), make(chan string, 1)
	for m, err := range k.Fetch(testCtx(t), imap.UIDRange(1, 0), imap.Peek).All() {
		if err != nil {
			t.Fatal(err)
		}
		if m.UID == 1 {
			begun := make(chan struct{})
			go func() {
				var w strings.Builder
				_, err := m.Body().WriteTo(&slow{w: &w, begun: begun, going: going})
				read <- w.String() + errText(err)
			}()
			<-begun
		}
		if m.UID == count {
			close(going)
		}
	}
	if got := <-read; got != strings.Repeat("a", 9000) {
		t.Errorf("%d octets, or others", len(got))
	}
}

// slow copies what it is given only when going is closed.
type slow struct {
	w            *strings.Builder
	begun, going chan struct{}
}

func (s *slow) Write(p []byte) (int, error) {
	close(s.begun)
	<-s.going
	return s.w.Write(p)
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// login returns a connection to a fake that lets its client in.
func login(t testing.TB, f *fake) *Conn {
	t.Helper()
	k := connect(t, f, nil)
	if err := k.Auth(testCtx(t), password); err != nil {
		t.Fatal(err)
	}
	return k
}
