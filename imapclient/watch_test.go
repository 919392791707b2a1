package imapclient

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"restante/imap"
)

// A server that ends each IDLE with BYE, and one that refuses to select, are asked less and less often.
func TestWatchBacksOff(t *testing.T) {
	for name, script := range map[string]func(p *peer){
		"BYE in IDLE": func(p *peer) {
			p.watched()
			p.say("+ idling", "* BYE enough")
		},
		"SELECT refused": func(p *peer) {
			if p.num == 0 {
				p.watched()
				return
			}
			p.say("* PREAUTH [CAPABILITY IMAP4rev1 IDLE] hello")
			for line := p.line(); line != ""; line = p.line() {
				p.tag, _, _ = strings.Cut(line, " ")
				p.say("$T NO [UNAVAILABLE] later")
			}
		},
		"closed at once": func(p *peer) {
			if p.num == 0 {
				p.watched()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var at []time.Duration
				began := time.Now()
				o := piped(t, script)
				dial := o.DialContext
				o.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
					at = append(at, time.Since(began))
					return dial(ctx, network, addr)
				}
				_, mb := dialPiped(t, o)
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				rounds := 0
				for e, err := range mb.Watch(ctx) {
					if err != nil {
						t.Fatal(err)
					}
					if e.Kind == Disconnected {
						rounds++
					}
				}
				soon := 0
				for _, d := range at {
					if d < 10*time.Second {
						soon++
					}
				}
				if len(at) > 150 || soon > 6 || rounds < 20 || rounds > 150 {
					t.Errorf("%d connections in an hour, %d of them in ten seconds, lost %d times", len(at), soon, rounds)
				}
			})
		})
	}
}

// So is one that lets in and sends away at the first command, when commands are called without a pause.
func TestClientBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		connections := 0
		c, err := Dial(t.Context(), "imap://pipe", password, piped(t, func(p *peer) {
			connections++
			p.say("* PREAUTH [CAPABILITY IMAP4rev1] hello")
			p.expect("NOOP")
			p.say("* BYE enough")
		}))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		began := time.Now()
		for range 20 {
			if err := c.Noop(t.Context()); !errors.Is(err, imap.ErrClosed) {
				t.Fatal(err)
			}
		}
		if d := time.Since(began); d < time.Duration(connections-10)*30*time.Second {
			t.Errorf("%d connections in %v", connections, d)
		}
	})
}

// A session that lasted is made again at once.
func TestReconnectsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, mb := dialPiped(t, piped(t, func(p *peer) {
			p.watched()
			p.say("+ idling")
			if p.num == 0 {
				time.Sleep(5 * time.Minute)
				return
			}
			p.drain()
		}))
		var lost time.Time
		for e, err := range mb.Watch(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind == Disconnected {
				lost = time.Now()
			}
			if e.Kind == Reconnected {
				break
			}
		}
		if d := time.Since(lost); d != 0 {
			t.Errorf("back after %v", d)
		}
	})
}

// Failed logins and certificates end Watch, or are waited out.
func TestWatchForever(t *testing.T) {
	for _, forever := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			tries := 0
			o := piped(t, func(p *peer) {
				if p.num == 1 {
					p.say("* OK [CAPABILITY IMAP4rev1 IDLE LITERAL+ AUTH=PLAIN SASL-IR] ready")
					p.expect("AUTHENTICATE")
					p.say("$T NO [AUTHENTICATIONFAILED] no")
					return
				}
				p.watched()
				if p.num == 0 {
					return
				}
				p.say("+ idling")
				p.drain()
			})
			o.WatchForever = forever
			dial := o.DialContext
			o.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				if tries++; tries == 3 {
					return nil, x509.UnknownAuthorityError{}
				}
				return dial(ctx, network, addr)
			}
			_, mb := dialPiped(t, o)
			var kinds []EventKind
			var ended error
			for e, err := range mb.Watch(t.Context()) {
				if ended = err; err != nil {
					break
				}
				if kinds = append(kinds, e.Kind); e.Kind == Reconnected {
					break
				}
			}
			if !forever && !errors.Is(ended, imap.ErrAuth) {
				t.Errorf("ended with %v", ended)
			}
			if want := []EventKind{Disconnected, Disconnected, Disconnected, Reconnected}; forever && (ended != nil || !slices.Equal(kinds, want)) {
				t.Errorf("%v, then %v", kinds, ended)
			}
		})
	}
}

// A mailbox that was made anew is told apart from one that is not selected any more.
func TestWatchUIDValidity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, mb := dialPiped(t, piped(t, func(p *peer) {
			if p.num == 0 {
				p.watched()
				return
			}
			p.say("* PREAUTH [CAPABILITY IMAP4rev1 IDLE LITERAL+] hello")
			p.selects(1, 8)
			p.drain()
		}))
		var ended error
		for _, err := range mb.Watch(t.Context()) {
			ended = err
		}
		if !errors.Is(ended, imap.ErrUIDValidity) || !errors.Is(ended, imap.ErrNotSelected) {
			t.Error(ended)
		}
	})
}

// dead lets the client in as far as its IDLE, and then neither reads nor writes until end is closed.
func dead(end chan struct{}) func(p *peer) {
	return func(p *peer) {
		p.watched()
		p.say("+ idling")
		p.line() // a pipe holds nothing: DONE is what a socket would take
		<-end
	}
}

// A command beside a Watch on a connection that is dead waits as long as any other command does, not
// until the IDLE would have been renewed.
func TestCommandBesideDeadWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		o := piped(t, dead(end))
		o.Timeouts = Timeouts{Command: 30 * time.Second, Idle: 25 * time.Minute}
		o.Reconnect.Attempts = -1
		c, mb := dialPiped(t, o)
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() {
			defer close(over)
			for range mb.Watch(ctx) {
			}
		}()
		time.Sleep(20 * time.Second) // in IDLE by now
		began := time.Now()
		err := c.Noop(t.Context())
		if d := time.Since(began); !errors.Is(err, imap.ErrClosed) || d > 31*time.Second {
			t.Errorf("%v after %v", err, d)
		}
		cancel()
		close(end)
		<-over
	})
}

// A Watch that is cancelled is over within a second, whatever the server does or does not do.
func TestWatchCancelled(t *testing.T) {
	for name, script := range map[string]func(p *peer, end chan struct{}){
		"silent in IDLE":        func(p *peer, end chan struct{}) { dead(end)(p) },
		"silent before IDLE":    func(p *peer, end chan struct{}) { p.watched(); <-end },
		"in half a response":    func(p *peer, end chan struct{}) { p.watched(); p.say("+ idling", "* 1 FET"); <-end },
		"in half a line":        func(p *peer, end chan struct{}) { p.watched(); p.nc.Write([]byte("+ idling\r\n* 1 FET")); <-end },
		"while it connects":     func(p *peer, end chan struct{}) { cut(p, end, "") },
		"while it logs in":      func(p *peer, end chan struct{}) { cut(p, end, greeting) },
		"while it selects":      func(p *peer, end chan struct{}) { cut(p, end, "* PREAUTH [CAPABILITY IMAP4rev1 IDLE] x\r\n") },
		"while it polls":        func(p *peer, end chan struct{}) { unanswered(p, end, "NOOP") },
		"while it looks at all": func(p *peer, end chan struct{}) { unanswered(p, end, "FETCH") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				end := make(chan struct{})
				o := piped(t, func(p *peer) { script(p, end) })
				_, mb := dialPiped(t, o)
				ctx, cancel := context.WithCancel(t.Context())
				var stopped time.Time
				stop := time.AfterFunc(90*time.Second, func() { stopped = time.Now(); cancel() })
				defer stop.Stop()
				for _, err := range mb.Watch(ctx) {
					if err != nil {
						t.Error(err)
					}
				}
				if d := time.Since(stopped); d > time.Second {
					t.Errorf("over after %v", d)
				}
				close(end)
			})
		})
	}
}

// cut lets the client in once; the next time it says no more than the beginning.
func cut(p *peer, end chan struct{}, begin string) {
	if p.num == 0 {
		p.watched()
		return
	}
	p.nc.Write([]byte(begin))
	p.line()
	<-end
}

// unanswered answers nothing to one command.
func unanswered(p *peer, end chan struct{}, command string) {
	p.say("* PREAUTH [CAPABILITY IMAP4rev1] hello")
	p.selects(1, 7)
	p.expect("FETCH 1:* (UID FLAGS)")
	if command != "FETCH" {
		p.say("* 1 FETCH (UID 1 FLAGS ())", "$T OK done")
		p.expect(command)
	}
	<-end
}
