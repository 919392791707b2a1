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
