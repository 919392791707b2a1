package imapclient

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/auth/sasl"
	"restante/imap"
)

// fake is a server that a test writes by hand. Each connection runs the script; what it panics
// with through fail is the test's error.
type fake struct {
	t    testing.TB
	addr string
	l    net.Listener
	wg   sync.WaitGroup
	mu   struct {
		sync.Mutex
		conns []net.Conn
	}
}

// peer is one connection of a fake.
type peer struct {
	t   testing.TB
	nc  net.Conn
	r   *bufio.Reader
	num int // which connection this is, from 0
	tag string
}

const greeting = "* OK [CAPABILITY IMAP4rev1 LITERAL+ ESEARCH SEARCHRES UIDPLUS MOVE IDLE AUTH=PLAIN SASL-IR] ready\r\n"

// serve runs script for each connection that is made.
func serve(t testing.TB, script func(p *peer)) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, addr: l.Addr().String(), l: l}
	f.wg.Add(1)
	go func() {
		defer f.wg.Done()
		for n := 0; ; n++ {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			f.add(nc)
			f.wg.Add(1)
			go func() {
				defer f.wg.Done()
				defer nc.Close()
				script(&peer{t: t, nc: nc, r: bufio.NewReader(nc), num: n})
			}()
		}
	}()
	t.Cleanup(f.close)
	return f
}

func (f *fake) add(nc net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.conns = append(f.mu.conns, nc)
}

func (f *fake) close() {
	f.l.Close()
	f.mu.Lock()
	for _, nc := range f.mu.conns {
		nc.Close()
	}
	f.mu.Unlock()
	f.wg.Wait()
}

func (f *fake) url() string { return "imap://" + f.addr }

// line reads a line of the client, "" at the end.
func (p *peer) line() string {
	s, err := p.r.ReadString('\n')
	if err != nil {
		return ""
	}
	return strings.TrimRight(s, "\r\n")
}

// expect reads a command, which has to begin so behind its tag, and returns the rest.
func (p *peer) expect(prefix string) string {
	s := p.line()
	tag, cmd, _ := strings.Cut(s, " ")
	p.tag = tag
	if !strings.HasPrefix(cmd, prefix) {
		if s != "" {
			p.t.Errorf("client sent %q, want %q", s, prefix)
		}
		return ""
	}
	return cmd[len(prefix):]
}

// say writes lines, with the tag of the last command for "$T".
func (p *peer) say(lines ...string) {
	for _, l := range lines {
		io.WriteString(p.nc, strings.ReplaceAll(l, "$T", p.tag)+"\r\n")
	}
}

// login greets and lets the client in.
func (p *peer) login() {
	io.WriteString(p.nc, greeting)
	p.expect("AUTHENTICATE PLAIN ")
	p.say("$T OK [CAPABILITY IMAP4rev1 LITERAL+ ESEARCH SEARCHRES UIDPLUS MOVE IDLE] in")
}

// selects answers a SELECT.
func (p *peer) selects(exists int, validity int) {
	p.expect("SELECT ")
	p.say(fmt.Sprintf("* %d EXISTS", exists), fmt.Sprintf("* OK [UIDVALIDITY %d] x", validity), "$T OK [READ-WRITE] selected")
}

// drain reads until the client has gone.
func (p *peer) drain() { io.Copy(io.Discard, p.r) }

// testCtx ends with the test, and not before, however busy the machine is.
func testCtx(t testing.TB) context.Context { return t.Context() }

var password = sasl.Password("ann", "secret")

// fast are options for tests: no TLS, no pauses, nothing sent that is not asked for.
func fast() *Options {
	return &Options{AllowPlain: true, ID: map[string]string{}, Reconnect: Backoff{Min: time.Millisecond, Max: 5 * time.Millisecond, Attempts: 3}}
}

// connect returns a connection to a fake that greets, and is logged in.
func connect(t testing.TB, f *fake, o *Options) *Conn {
	t.Helper()
	if o == nil {
		o = fast()
	}
	k, err := DialConn(testCtx(t), f.url(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	return k
}

// literal is an announcement and the octets.
func literal(s string) string { return "{" + strconv.Itoa(len(s)) + "}\r\n" + s }

func fetchLine(seq int, uid imap.UID, body string) string {
	return fmt.Sprintf("* %d FETCH (UID %d BODY[] %s)", seq, uid, literal(body))
}

// piped makes options for tests in a bubble of testing/synctest: each connection runs the script at the
// other end of a pipe.
func piped(t testing.TB, script func(p *peer)) *Options {
	n := 0
	return &Options{AllowPlain: true, ID: map[string]string{}, DialContext: func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		num := n
		n++
		go func() {
			defer far.Close()
			script(&peer{t: t, nc: far, r: bufio.NewReader(far), num: num})
		}()
		return near, nil
	}}
}

// connectPiped connects with options that piped made.
func connectPiped(t testing.TB, o *Options) *Conn {
	t.Helper()
	k, err := DialConn(t.Context(), "imap://pipe", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	return k
}

// dialPiped connects with options that piped made, and selects INBOX.
func dialPiped(t testing.TB, o *Options) (*Client, *Mailbox) {
	t.Helper()
	c, err := Dial(t.Context(), "imap://pipe", password, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	mb, err := c.Select(t.Context(), "INBOX")
	if err != nil {
		t.Fatal(err)
	}
	return c, mb
}

// watched lets the client in as far as its IDLE.
func (p *peer) watched() {
	p.say("* PREAUTH [CAPABILITY IMAP4rev1 IDLE LITERAL+] hello")
	p.selects(1, 7)
	p.expect("FETCH 1:* (UID FLAGS)")
	p.say("* 1 FETCH (UID 1 FLAGS ())", "$T OK done")
	p.expect("IDLE")
}
