package imapclient

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"restante/imap"
)

// What a server says for people to read, or in no form at all, is in the error of what it then refuses,
// and nobody waits for more.
func TestSaid(t *testing.T) {
	for name, c := range map[string]struct {
		lines  []string
		closes bool
		kind   error
		text   string
	}{
		"alert, then NO":      {[]string{"* NO [ALERT] Application-specific password required", "$T NO failed"}, false, imap.ErrAuth, "Application-specific"},
		"untagged NO, empty":  {[]string{"* NO account locked since Monday", "$T NO"}, false, imap.ErrAuth, "locked since Monday"},
		"alert, then closed":  {[]string{"* OK [ALERT] Too many simultaneous connections"}, true, imap.ErrTooMany, "simultaneous"},
		"bare text, silence":  {[]string{"Too many connections from your address"}, false, imap.ErrTooMany, "your address"},
		"bare text, closed":   {[]string{"out of cheese"}, true, imap.ErrClosed, "out of cheese"},
		"bare text, then BAD": {[]string{"out of cheese", "$T BAD no"}, false, nil, "out of cheese"},
	} {
		synctest.Test(t, func(t *testing.T) {
			o := piped(t, func(p *peer) {
				p.say("* OK [CAPABILITY IMAP4rev1 LITERAL+ AUTH=PLAIN SASL-IR] ready")
				for line := p.line(); line != ""; line = p.line() {
					p.tag, _, _ = strings.Cut(line, " ")
					p.say(c.lines...)
					if c.closes {
						return
					}
				}
			})
			k, err := DialConn(t.Context(), "imap://pipe", o)
			if err != nil {
				t.Fatal(err)
			}
			defer k.Close()
			began := time.Now()
			err = k.Auth(t.Context(), password)
			if err == nil || c.kind != nil && !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) || time.Since(began) != 0 {
				t.Errorf("%s: %v after %v", name, err, time.Since(began))
			}
		})
	}
}

// STARTTLS is only left out where both options say so.
func TestSkipSTARTTLS(t *testing.T) {
	for _, skip := range []bool{false, true} {
		for _, plain := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				sent := ""
				o := piped(t, func(p *peer) {
					p.say("* OK [CAPABILITY IMAP4rev1 STARTTLS] ready")
					sent = p.line()
				})
				o.AllowPlain, o.InsecureSkipSTARTTLS = plain, skip
				k, err := DialConn(t.Context(), "imap://pipe", o)
				if err == nil {
					k.Close()
				}
				synctest.Wait()
				what := fmt.Sprintf("skip %v, plain %v: %v, sent %q", skip, plain, err, sent)
				if (err == nil) != (skip && plain) || strings.Contains(sent, "STARTTLS") == (skip && plain) {
					t.Error(what)
				}
			})
		}
	}
}

// What was said is the reason also when the connection is reset, as it is by a server that has not read
// all of what was sent to it.
func TestSaidThenReset(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	in := io.MultiReader(strings.NewReader("* PREAUTH [CAPABILITY IMAP4rev1] x\r\n* OK [ALERT] Too many connections\r\n"),
		iotest.ErrReader(&net.OpError{Op: "read", Err: syscall.ECONNRESET}))
	k, err := NewConn(t.Context(), &canned{near, in}, fast())
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if _, err := k.Noop(t.Context()).Wait(); !errors.Is(err, imap.ErrTooMany) || !errors.Is(err, imap.ErrClosed) {
		t.Error(err)
	}
}
