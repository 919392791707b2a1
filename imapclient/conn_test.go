package imapclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"restante/auth/sasl"
	"restante/imap"
	"restante/imapwire"
)

func TestGreeting(t *testing.T) {
	for _, c := range []struct {
		line string
		kind error
		text string
	}{
		{"* OK", nil, ""},
		{"* OK The Microsoft Exchange IMAP4 service is ready. [RABVADIAUAAxADkAMQAu]", nil, ""},
		{"\x00\x00* OK [CAPABILITY IMAP4rev1] ready", nil, ""},
		{"* PREAUTH in already", nil, ""},
		{"+OK POP3 server ready", imap.ErrProtocol, "+OK POP3"},
		{"220 mail.example.org ESMTP", imap.ErrProtocol, "220 mail"},
		{"* BYE [ALERT] Too many connections, try again later", imap.ErrTooMany, "Too many connections"},
		{"* BYE", nil, "BYE"},
	} {
		f := serve(t, func(p *peer) {
			p.say(c.line)
			if p.expect("CAPABILITY") == "" && p.tag != "" {
				p.say("* CAPABILITY IMAP4rev1", "$T OK done")
			}
			p.drain()
		})
		k, err := DialConn(testCtx(t), f.url(), fast())
		switch {
		case c.text == "":
			if err != nil {
				t.Errorf("%q: %v", c.line, err)
				continue
			}
			if c.line[:3] != "\x00\x00*" && strings.Contains(c.line, "PREAUTH") != k.Authenticated() {
				t.Errorf("%q: authenticated %v", c.line, k.Authenticated())
			}
			k.Close()
		case err == nil || c.kind != nil && !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.text):
			t.Errorf("%q: %v", c.line, err)
		}
	}
}

func TestSilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := DialConn(t.Context(), "imap://pipe", piped(t, func(p *peer) { p.drain() }))
		if d := time.Since(began); err == nil || d != 30*time.Second {
			t.Errorf("no greeting: %v after %v", err, d)
		}
	})
	for name, c := range map[string]struct {
		answer string
		within time.Duration
	}{
		"nothing":        {"", 5 * time.Minute},
		"half a line":    {"* 1 FET", time.Minute},
		"half a body":    {"* 1 FETCH (UID 11 BODY[] {5000}\r\nSubject: x\r\n\r\nshort)\r\n", time.Minute},
		"half a big one": {"* 1 FETCH (UID 11 BODY[] {500000}\r\nSubject: x\r\n\r\nshort)\r\n", time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			k := connectPiped(t, piped(t, func(p *peer) {
				io.WriteString(p.nc, greeting)
				p.expect("UID FETCH")
				if c.answer != "" { // which a pipe would pass on
					io.WriteString(p.nc, c.answer)
				}
				p.drain()
			}))
			began := time.Now()
			var err error
			for m, e := range k.Fetch(t.Context(), imap.UIDs(11), imap.Peek).All() {
				if err = e; e == nil {
					_, err = m.Body().Bytes()
				}
				if err != nil {
					break
				}
			}
			if d := time.Since(began); !errors.Is(err, imap.ErrClosed) || k.Err() == nil || d != c.within {
				t.Errorf("%s: %v after %v; the connection: %v", name, err, d, k.Err())
			}
		})
	}
}

func TestSecurity(t *testing.T) {
	plain := serve(t, func(p *peer) {
		p.say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready")
		p.drain()
	})
	o := fast()
	o.AllowPlain = false
	if _, err := Dial(testCtx(t), plain.url(), sasl.Password("ann", "x"), o); !errors.Is(err, imap.ErrInsecure) {
		t.Fatalf("no STARTTLS: %v", err)
	}
	preauth := serve(t, func(p *peer) {
		p.say("* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hello")
		p.drain()
	})
	if _, err := Dial(testCtx(t), preauth.url(), sasl.Password("ann", "x"), o); !errors.Is(err, imap.ErrInsecure) {
		t.Fatalf("PREAUTH in the clear: %v", err)
	}
	injected := serve(t, func(p *peer) {
		p.say("* OK [CAPABILITY IMAP4rev1 STARTTLS] ready")
		p.expect("STARTTLS")
		p.say("$T OK go\r\n* PREAUTH gotcha")
		p.drain()
	})
	if _, err := Dial(testCtx(t), injected.url(), sasl.Password("ann", "x"), o); !errors.Is(err, imap.ErrProtocol) {
		t.Fatalf("data before the handshake: %v", err)
	}
}

// Neither trace nor log may show what logs in.
func TestSecrets(t *testing.T) {
	f := serve(t, func(p *peer) {
		switch p.num {
		case 0:
			p.login()
		case 1: // no initial response
			p.say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready")
			p.expect("AUTHENTICATE PLAIN")
			p.say("+ ")
			p.line()
			p.say("$T OK [CAPABILITY IMAP4rev1] in")
		case 2: // no mechanism
			p.say("* OK [CAPABILITY IMAP4rev1] ready")
			if got := p.expect("LOGIN "); got != `ann "tops3cret pass"` {
				t.Errorf("LOGIN %s", got)
			}
			p.say("$T OK [CAPABILITY IMAP4rev1] in")
		case 3: // offered and refused: once more without
			p.say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready")
			p.expect("AUTHENTICATE PLAIN ")
			p.say("$T BAD Request not ending with \\n")
			p.expect("AUTHENTICATE PLAIN")
			p.say("+ ")
			p.line()
			p.say("$T OK [CAPABILITY IMAP4rev1] in")
		}
		p.expect("LOGOUT")
		p.say("* BYE", "$T OK bye")
	})
	for n := range 4 {
		var sent, received bytes.Buffer
		o := fast()
		o.Trace = &Trace{Sent: func(b []byte) { sent.Write(b) }, Received: func(b []byte) { received.Write(b) }}
		c, err := Dial(testCtx(t), f.url(), sasl.Password("ann", "tops3cret pass"), o)
		if err != nil {
			t.Fatalf("%d: %v", n, err)
		}
		if err := c.Logout(testCtx(t)); err != nil {
			t.Fatalf("%d: %v", n, err)
		}
		if s := sent.String() + received.String(); strings.Contains(s, "s3cret") || strings.Contains(s, "AGFubgB0b3") || !strings.Contains(s, "***") || !strings.Contains(s, "LOGOUT") {
			t.Errorf("%d: %s", n, s)
		}
	}
}

func TestPipelining(t *testing.T) {
	const n = 200
	f := serve(t, func(p *peer) {
		io.WriteString(p.nc, greeting)
		// Nothing is answered before everything has arrived: a client that waits for an answer
		// anywhere in between waits for ever.
		var answers strings.Builder
		for i := range n {
			box := strings.Fields(p.expect("STATUS "))[0]
			fmt.Fprintf(&answers, "* STATUS %s (MESSAGES %d)\r\n%s OK done\r\n", box, i, p.tag)
		}
		io.WriteString(p.nc, answers.String())
		p.drain()
	})
	k := connect(t, f, nil)
	var ps []*Pending[*imap.Status]
	for i := range n {
		ps = append(ps, k.Status(testCtx(t), fmt.Sprintf("box%d", i), imap.StatusMessages))
	}
	for i, p := range ps {
		st, err := p.Wait()
		if err != nil || int(st.Messages) != i || st.Mailbox != fmt.Sprintf("box%d", i) {
			t.Fatalf("%d: %+v, %v", i, st, err)
		}
	}
}

// What the table of hazards forbids is held back until the reply is there.
func TestHazards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := piped(t, func(p *peer) {
			io.WriteString(p.nc, greeting)
			p.expect("NOOP")
			tag := p.tag
			p.nc.SetReadDeadline(time.Now().Add(time.Minute))
			if s := p.line(); s != "" {
				t.Errorf("%q was sent while EXPUNGE was possible", s)
			}
			p.nc.SetReadDeadline(time.Time{})
			p.r.Reset(p.nc)
			p.tag = tag
			p.say("* 3 EXPUNGE", "$T OK done")
			p.expect("STORE 2 +FLAGS.SILENT")
			p.say("$T OK done")
			p.drain()
		})
		k := connectPiped(t, o)
		noop := k.Noop(testCtx(t))
		store := k.StoreSilent(testCtx(t), imap.Seqs(2), imap.StoreAdd, imap.Seen)
		if _, err := store.Wait(); err != nil {
			t.Fatal(err)
		}
		if _, err := noop.Wait(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		o := piped(t, func(p *peer) {
			io.WriteString(p.nc, greeting)
			p.expect("STATUS slow")
			slow := p.tag
			<-release
			p.tag = slow
			p.say("* STATUS slow (MESSAGES 1)", "$T OK done")
			p.expect("STATUS next")
			p.say("* STATUS next (MESSAGES 2)", "$T OK done")
			p.expect("STATUS never")
			p.drain()
		})
		k := connectPiped(t, o)
		ctx, cancel := context.WithCancel(testCtx(t))
		slow := k.Status(ctx, "slow", imap.StatusMessages)
		time.AfterFunc(30*time.Millisecond, cancel)
		if _, err := slow.Wait(); !errors.Is(err, context.Canceled) {
			t.Fatalf("canceled: %v", err)
		}
		// One that is not written yet, because the reply above is still to come, is taken back.
		ctx2, cancel2 := context.WithCancel(testCtx(t))
		back := k.Status(ctx2, "taken back", imap.StatusMessages)
		cancel2()
		if _, err := back.Wait(); !errors.Is(err, context.Canceled) {
			t.Fatalf("taken back: %v", err)
		}
		next := k.Status(testCtx(t), "next", imap.StatusMessages)
		close(release)
		if st, err := next.Wait(); err != nil || st.Messages != 2 {
			t.Fatalf("after a cancel: %+v, %v", st, err)
		}
		// A reply that does not come in time costs the connection, and only then.
		ctx3, cancel3 := context.WithTimeout(testCtx(t), 20*time.Millisecond)
		defer cancel3()
		if _, err := k.Status(ctx3, "never", imap.StatusMessages).Wait(); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("timed out: %v", err)
		}
		if k.Err() != nil {
			t.Fatal("closed at once")
		}
		held := k.Status(testCtx(t), "held", imap.StatusMessages)
		if _, err := held.Wait(); !errors.Is(err, imap.ErrClosed) || errors.Is(err, imap.ErrUncertain) {
			t.Fatalf("behind it: %v", err)
		}
	})
}

func TestFetchMerges(t *testing.T) {
	body := "Subject: x\r\n\r\nhi\r\n"
	for name, lines := range map[string][]string{
		"one line":          {"* 1 FETCH (UID 11 FLAGS (\\Seen) BODY[] " + literal(body) + ")"},
		"flags first":       {"* 1 FETCH (FLAGS (\\Seen))", "* 1 FETCH (UID 11 BODY[] " + literal(body) + ")"},
		"flags in between":  {"* 7 FETCH (FLAGS ())", "* 1 FETCH (UID 11 BODY[] " + literal(body) + ")", "* 1 FETCH (FLAGS (\\Seen))"},
		"UID last":          {"* 1 FETCH (BODY[] " + literal(body) + " FLAGS (\\Seen) UID 11)"},
		"other one between": {"* 1 FETCH (UID 11 FLAGS (\\Seen))", "* 2 FETCH (UID 12 FLAGS () BODY[] " + literal("two") + ")", "* 1 FETCH (UID 11 BODY[] " + literal(body) + ")"},
	} {
		for _, over := range []int64{1 << 20, 4} { // in the frame; streamed
			f := serve(t, func(p *peer) {
				io.WriteString(p.nc, greeting)
				p.expect("UID FETCH 11:12 (FLAGS BODY.PEEK[])")
				p.say(lines...)
				p.say("$T OK done")
				p.drain()
			})
			o := fast()
			o.StreamOver = over
			k := connect(t, f, o)
			var got string
			for m, err := range k.Fetch(testCtx(t), imap.UIDRange(11, 12), imap.Peek, imap.FetchFlags).All() {
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if m.UID != 11 {
					continue
				}
				got = fmt.Sprintf("%v %q", m.Flags, m.Body().String())
			}
			if want := fmt.Sprintf("[\\Seen] %q", body); got != want {
				t.Errorf("%s, streamed over %d: got %s", name, over, got)
			}
		}
	}
}

// Messages of which a server tells less than was asked for come last, and in their order.
func TestFetchIncomplete(t *testing.T) {
	f := serve(t, func(p *peer) {
		io.WriteString(p.nc, greeting)
		p.expect("UID FETCH")
		for n := 1; n <= 20; n++ {
			p.say(fmt.Sprintf("* %d FETCH (UID %d FLAGS (\\Seen))", n, n))
		}
		p.say(fetchLine(21, 21, "whole"), "* 21 FETCH (FLAGS ())", "$T OK done")
		p.drain()
	})
	all, err := connect(t, f, nil).Fetch(testCtx(t), imap.UIDRange(1, 21), imap.FetchFlags, imap.Peek).Collect()
	if err != nil || len(all) != 21 {
		t.Fatal(len(all), err)
	}
	for i, m := range all {
		if want := imap.UID((i+20)%21 + 1); m.UID != want {
			t.Errorf("message %d has UID %d, want %d", i, m.UID, want)
		}
	}
}

func TestStreamBehindStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		big := strings.Repeat("0123456789", 10000)
		script := func(p *peer) {
			io.WriteString(p.nc, greeting)
			p.expect("UID FETCH")
			for i := range 20 {
				p.say(fetchLine(i+1, imap.UID(i+1), big))
			}
			p.say("$T OK done")
			for {
				if p.expect("NOOP"); p.tag == "" {
					return
				}
				p.say("$T OK done")
			}
		}
		// Everything fits: a command in the loop gets its answer, and nothing of the stream is lost.
		k := connectPiped(t, piped(t, script))
		n := 0
		for m, err := range k.Fetch(testCtx(t), imap.UIDRange(1, 20), imap.Peek).All() {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 3 {
				if _, err := k.Noop(testCtx(t)).Wait(); err != nil {
					t.Fatal(err)
				}
			}
			if m.Body().String() != big {
				t.Fatalf("message %d is not what was sent", n)
			}
		}
		if n != 20 {
			t.Fatalf("%d messages", n)
		}
		// It does not: the command fails, does not hang, and its answer is there later.
		o := piped(t, script)
		o.BufferLimit = 300 << 10
		k = connectPiped(t, o)
		var noop *Pending[struct{}]
		n = 0
		for m, err := range k.Fetch(testCtx(t), imap.UIDRange(1, 20), imap.Peek).All() {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 3 {
				noop = k.Noop(testCtx(t))
				if _, err := noop.Wait(); !errors.Is(err, imap.ErrWouldBlock) {
					t.Fatalf("behind 2 MB: %v", err)
				}
			}
			if m.Body().String() != big {
				t.Fatalf("message %d is not what was sent", n)
			}
		}
		if _, err := noop.Wait(); err != nil || n != 20 {
			t.Fatalf("%d messages, then %v", n, err)
		}
		// Another goroutine that reads slowly is not in the way.
		k = connectPiped(t, o)
		s := k.Fetch(testCtx(t), imap.UIDRange(1, 20), imap.Peek)
		noop = k.Noop(testCtx(t))
		read := make(chan int)
		go func() {
			n := 0
			for m, err := range s.All() {
				if err == nil && m.Body().String() == big {
					n++
				}
				time.Sleep(5 * time.Millisecond)
			}
			read <- n
		}()
		if _, err := noop.Wait(); err != nil {
			t.Fatalf("beside a slow reader: %v", err)
		}
		if n := <-read; n != 20 {
			t.Fatalf("the slow reader got %d", n)
		}
	})
}

// A machine that stands still for a while is no reader that does.
func TestStallCountsTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cmd := cannedConn(t, nil).newCommand(t.Context(), &imapwire.Noop{})
		var s stall
		for range wouldBlockAfter {
			if err := s.wait(cmd); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		if err := s.wait(cmd); err != imap.ErrWouldBlock {
			t.Error(err)
		}
	})
}

func TestBreak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := piped(t, func(p *peer) {
			io.WriteString(p.nc, greeting)
			n := 5
			if p.num == 1 {
				n = 1000
			}
			p.expect("UID FETCH")
			for i := range n {
				p.say(fetchLine(i+1, imap.UID(i+1), strings.Repeat("x", 10000)))
			}
			p.say("$T OK done")
			p.expect("NOOP")
			p.say("$T OK done")
			p.drain()
		})
		for i, want := range []error{nil, imap.ErrClosed} { // a little is skipped, much is not
			k := connectPiped(t, o)
			for _, err := range k.Fetch(testCtx(t), imap.UIDRange(1, 0), imap.Peek).All() {
				if err != nil {
					t.Fatal(err)
				}
				break
			}
			if _, err := k.Noop(testCtx(t)).Wait(); !errors.Is(err, want) || errors.Is(err, imap.ErrUncertain) {
				t.Errorf("%d: %v", i, err)
			}
		}
	})
}

func TestAppend(t *testing.T) {
	f := serve(t, func(p *peer) {
		p.say("* OK [CAPABILITY IMAP4rev1] ready") // literals have to be agreed to
		if got := p.expect("APPEND nowhere "); got != "{5}" {
			t.Errorf("%q", got)
		}
		p.say("$T NO [TRYCREATE] no such mailbox")
		p.expect("APPEND box (\\Seen) {7}")
		p.say("+ go ahead")
		if got := p.line(); got != "hello" {
			t.Errorf("message %q", got)
		}
		if got := p.line(); got != "" {
			t.Errorf("behind the message: %q", got)
		}
		p.say("$T OK [APPENDUID 9 42] done")
		p.expect("STORE 1 +FLAGS.SILENT (\\Seen)")
		p.say("$T OK done")
		p.expect("APPEND box {100}")
		p.say("+ go ahead")
		p.drain()
	})
	k := connect(t, f, nil)
	unread := strings.NewReader("hello")
	_, err := k.Append(testCtx(t), "nowhere", unread, 5, nil).Wait()
	if !errors.Is(err, imap.ErrNotFound) || unread.Len() != 5 {
		t.Fatalf("refused: %v, %d octets left", err, unread.Len())
	}
	res, err := k.Append(testCtx(t), "box", strings.NewReader("hello\r\n"), 7, &AppendOptions{Flags: []imap.Flag{imap.Recent, imap.Seen, "\\recent"}}).Wait()
	if err != nil || res.UIDValidity != 9 || res.UIDs.Min() != 42 {
		t.Fatalf("%+v, %v", res, err)
	}
	if _, err := k.StoreSilent(testCtx(t), imap.Seqs(1), imap.StoreAdd, imap.Seen, imap.Recent).Wait(); err != nil {
		t.Fatal(err)
	}
	_, err = k.Append(testCtx(t), "box", strings.NewReader("too short"), 100, nil).Wait()
	if err == nil || errors.Is(err, imap.ErrUncertain) || !strings.Contains(err.Error(), "shorter") || k.Err() == nil {
		t.Fatalf("short: %v; the connection: %v", err, k.Err())
	}
}

// A message that is longer than announced is an error. Its last octet is not sent, so that no server
// can take what was sent for a message.
func TestAppendTooLong(t *testing.T) {
	for _, size := range []int{0, 1, 100, 32<<10 - 1, 32 << 10, 32<<10 + 1, 64 << 10, 100000} {
		sent := make(chan int, 1)
		f := serve(t, func(p *peer) {
			p.login()
			p.expect(fmt.Sprintf("APPEND box {%d+}", size))
			n, _ := io.Copy(io.Discard, p.r)
			sent <- int(n)
		})
		k := login(t, f)
		_, err := k.Append(testCtx(t), "box", strings.NewReader(strings.Repeat("x", size+1)), int64(size), nil).Wait()
		if err == nil || !strings.Contains(err.Error(), "longer than announced") || errors.Is(err, imap.ErrUncertain) {
			t.Errorf("%d octets: %v", size, err)
		}
		if n := <-sent; n > max(size-1, 0) {
			t.Errorf("%d octets of %d were sent", n, size)
		}
	}
}

func TestCRLF(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "a": "a", "a\n": "a\r\n", "a\r\nb\r\n": "a\r\nb\r\n", "\n\n": "\r\n\r\n", "a\rb": "a\r\nb", "a\r": "a\r\n", "\r\r\n": "\r\n\r\n",
	} {
		for _, r := range []io.Reader{strings.NewReader(in), oneByOne{strings.NewReader(in)}} {
			got, err := io.ReadAll(NewCRLF(r))
			if err != nil || string(got) != want {
				t.Errorf("%q: %q, %v", in, got, err)
			}
		}
		if n, err := CRLFSize(strings.NewReader(in)); err != nil || n != int64(len(want)) {
			t.Errorf("%q: size %d, %v", in, n, err)
		}
	}
}

type oneByOne struct{ r io.Reader }

func (o oneByOne) Read(p []byte) (int, error) { return o.r.Read(p[:min(1, len(p))]) }

func TestIdle(t *testing.T) {
	f := serve(t, func(p *peer) {
		io.WriteString(p.nc, greeting)
		p.selects(5, 1)
		p.expect("IDLE")
		p.say("* 1521 EXISTS", "+ IDLE accepted, awaiting DONE command.", "* 3 FETCH (FLAGS (\\Seen))", "* 2 EXPUNGE", "* OK [ALERT] going down")
		if got := p.line(); got != "DONE" {
			t.Errorf("%q for DONE", got)
		}
		p.say("$T OK done")
		p.expect("NOOP")
		p.say("$T OK done")
		p.expect("IDLE")
		p.say("+ idling", "$T OK IDLE terminated (Success) [THROTTLED]")
		p.expect("IDLE")
		p.say("$T BAD [CLIENTBUG] Unrecognised command")
		p.expect("IDLE")
		p.say("+ idling", "* BYE Server shutting down.")
	})
	k := connect(t, f, nil)
	if _, err := k.Select(testCtx(t), "INBOX").Wait(); err != nil {
		t.Fatal(err)
	}
	var got []string
	var noop *Pending[struct{}]
	for u, err := range k.Idle(testCtx(t)).All() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d %d %s", u.Kind, u.Num, u.Text))
		if u.Kind == UpdateAlert {
			noop = k.Noop(testCtx(t)) // ends IDLE
		}
	}
	if want := []string{"0 1521 ", "2 3 ", "1 2 ", "3 0 going down"}; !slices.Equal(got, want) {
		t.Fatalf("%q", got)
	}
	if _, err := noop.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Idle(testCtx(t)).Collect(); err != nil {
		t.Fatalf("ended by the server: %v", err)
	}
	var e *imap.Error
	if _, err := k.Idle(testCtx(t)).Collect(); !errors.As(err, &e) || e.Status != "BAD" {
		t.Fatalf("refused: %v", err)
	}
	if _, err := k.Idle(testCtx(t)).Collect(); !errors.Is(err, imap.ErrClosed) || !strings.Contains(err.Error(), "shutting down") {
		t.Fatalf("BYE: %v", err)
	}
}

// A server that dies in IDLE is noticed when IDLE is renewed.
func TestIdleRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := piped(t, func(p *peer) {
			io.WriteString(p.nc, greeting)
			p.expect("IDLE")
			p.say("+ idling")
			if p.line() == "DONE" {
				p.say("$T OK done")
			}
			p.expect("IDLE")
			p.say("+ idling")
			p.drain()
		})
		k := connectPiped(t, o)
		began := time.Now()
		if _, err := k.Idle(testCtx(t)).Collect(); err != nil || time.Since(began) != 9*time.Minute {
			t.Fatalf("renewed: %v after %v", err, time.Since(began))
		}
		began = time.Now()
		if _, err := k.Idle(testCtx(t)).Collect(); !errors.Is(err, imap.ErrClosed) || time.Since(began) != 14*time.Minute {
			t.Fatalf("dead: %v after %v", err, time.Since(began))
		}
	})
}

func TestBye(t *testing.T) {
	for line, want := range map[string]string{
		"* BYE Session expired, please login again":                                                            "Session expired",
		"Your IP Address is blocked from further use due to AntiSpam policy* BYE IMAP4rev1 Server logging out": "blocked",
		"": "closed by the server",
	} {
		f := serve(t, func(p *peer) {
			io.WriteString(p.nc, greeting)
			p.expect("NOOP")
			if line != "" {
				p.say(line)
			}
		})
		k := connect(t, f, nil)
		if _, err := k.Noop(testCtx(t)).Wait(); !errors.Is(err, imap.ErrClosed) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// IMAP4rev2 is enabled where it is offered; names are UTF-8 then.
func TestRev2(t *testing.T) {
	f := serve(t, func(p *peer) {
		p.say("* PREAUTH [CAPABILITY IMAP4rev1 IMAP4rev2] hello")
		if got := p.expect("ENABLE "); got != "IMAP4rev2" {
			t.Errorf("ENABLE %s", got)
		}
		p.say("* ENABLED IMAP4rev2", "$T OK done")
		if got := p.expect("CREATE "); got != `"Entwürfe & mehr"` {
			t.Errorf("CREATE %s", got)
		}
		p.say("$T OK done")
		p.expect(`LIST () "" * RETURN (SUBSCRIBED CHILDREN SPECIAL-USE STATUS (MESSAGES))`)
		p.say(`* LIST (\Subscribed) "/" "Entwürfe & mehr"`, `* STATUS "Entwürfe & mehr" (MESSAGES 3)`, "$T OK done")
		p.drain()
	})
	c, err := Dial(testCtx(t), f.url(), nil, fast())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Create(testCtx(t), "Entwürfe & mehr"); err != nil {
		t.Fatal(err)
	}
	n := 0
	for m, err := range c.List(testCtx(t), "*", &ListOptions{Status: imap.StatusMessages}) {
		if n++; err != nil || m.Name != "Entwürfe & mehr" || !m.Subscribed || m.Status == nil || m.Status.Messages != 3 {
			t.Fatalf("%+v, %v", m, err)
		}
	}
	if n != 1 {
		t.Fatalf("%d mailboxes", n)
	}
}

// A stream that knows no deadlines can be given up all the same.
func TestAnyStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := io.Pipe()
		in, out := io.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			io.WriteString(out, greeting)
			io.Copy(io.Discard, near) // and never answers
		}()
		k, err := NewConn(testCtx(t), pipes{in, far}, fast())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(testCtx(t), 20*time.Millisecond)
		defer cancel()
		if _, err := k.Noop(ctx).Wait(); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		k.Close()
		<-done
	})
}

type pipes struct {
	*io.PipeReader
	w *io.PipeWriter
}

func (p pipes) Write(b []byte) (int, error) { return p.w.Write(b) }
func (p pipes) Close() error                { p.w.Close(); return p.PipeReader.Close() }

// Many goroutines on one connection: every reply finds its command, and every body is whole.
func TestConcurrent(t *testing.T) {
	body := func(uid int) string { return strings.Repeat(fmt.Sprintf("%08d", uid), 200+uid*50) }
	f := serve(t, func(p *peer) {
		io.WriteString(p.nc, greeting)
		for {
			s := p.line()
			var cmd string
			if p.tag, cmd, _ = strings.Cut(s, " "); s == "" {
				return
			}
			var uid int
			if n, _ := fmt.Sscanf(cmd, "UID FETCH %d ", &uid); n == 1 {
				p.say(fetchLine(uid, imap.UID(uid), body(uid)))
			} else if n, _ := fmt.Sscanf(cmd, "STATUS box%d ", &uid); n == 1 {
				p.say(fmt.Sprintf("* STATUS box%d (MESSAGES %d)", uid, uid))
			}
			p.say("$T OK done")
		}
	})
	o := fast()
	o.StreamOver = 4 << 10 // some are streamed, some are not
	k := connect(t, f, o)
	ctx := testCtx(t)
	errs := make(chan error, 8)
	for g := range 8 {
		go func() { errs <- hammer(ctx, k, g, body) }()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
}

func hammer(ctx context.Context, k *Conn, g int, body func(int) string) error {
	for i := range 30 {
		uid := g*30 + i + 1
		status := k.Status(ctx, fmt.Sprintf("box%d", uid), imap.StatusMessages)
		n := 0
		for m, err := range k.Fetch(ctx, imap.UIDs(imap.UID(uid)), imap.Peek).All() {
			if err != nil {
				return err
			}
			if i%3 == 0 {
				if _, err := k.Noop(ctx).Wait(); err != nil {
					return err
				}
			}
			if n++; m.Body().String() != body(uid) {
				return fmt.Errorf("body of %d is not what was sent", uid)
			}
		}
		st, err := status.Wait()
		if err != nil || n != 1 || int(st.Messages) != uid {
			return fmt.Errorf("%d: %d messages, status %+v, %v", uid, n, st, err)
		}
	}
	return nil
}
