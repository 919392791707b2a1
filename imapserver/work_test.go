package imapserver_test

import (
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"restante/imapserver"
	"restante/store/memstore"
)

// endless works until it is told to stop, and hands over what it was told.
func endless(started chan<- struct{}, ended chan<- error) func(string, func(int) error) error {
	return func(_ string, step func(int) error) error {
		for i := 0; ; i++ {
			if err := step(imapserver.CheckSteps / 4); err != nil {
				ended <- err
				return err
			}
			if i == 0 {
				started <- struct{}{}
			}
		}
	}
}

// receive waits for something that must come.
func receive[T any](t *testing.T, ch <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(20 * time.Second):
		t.Fatal(what)
	}
	return v
}

// TestWorkEndsWithClient has clients that go while the server works for them.
func TestWorkEndsWithClient(t *testing.T) {
	for name, tt := range map[string]struct {
		tls    bool
		behind string // what the client has sent ahead
		reset  bool
	}{
		"closed":          {},
		"reset":           {reset: true},
		"sent ahead":      {behind: "b NOOP\r\nc NOOP\r\n"},
		"TLS":             {tls: true},
		"TLS, sent ahead": {tls: true, behind: "b NOOP\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			started, ended := make(chan struct{}, 1), make(chan error, 1)
			ts := startServer(t, memstore.New(), func(s *imapserver.Server) { imapserver.OfferWork(s, endless(started, ended)) })
			target := ts.target(t, tt.tls)
			nc, err := target.Dial()
			if err != nil {
				t.Fatal(err)
			}
			w := newWire(t, nc)
			w.ok("LOGIN " + target.User + " secret")
			w.send("a CHECK\r\n")
			receive(t, started, "the work does not begin")
			w.send("%s", tt.behind)
			if tt.reset {
				nc.(*net.TCPConn).SetLinger(0)
			}
			nc.Close()
			receive(t, ended, "the command goes on without its client")
		})
	}
}

// TestWorkEndsWithServer has a command, and one that waits for its turn, outlast the grace of a
// shutdown.
func TestWorkEndsWithServer(t *testing.T) {
	started, ended := make(chan struct{}, 2), make(chan error, 2)
	ts := startServer(t, memstore.New(), func(s *imapserver.Server) { imapserver.OfferWork(s, endless(started, ended)) })
	user := ts.target(t, false)
	for range 2 {
		dialUser(t, ts, user).send("a CHECK\r\n")
		receive(t, started, "the work does not begin")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ts.server.Shutdown(ctx); err != context.Canceled {
		t.Errorf("Shutdown: %v", err)
	}
	for range 2 {
		receive(t, ended, "a command has not been told")
	}
}

// TestTurns has several commands of one user work for long: they do it one after the other, all of
// them get on, and they hold nobody else up.
func TestTurns(t *testing.T) {
	const commands, rounds = 4, 50
	var (
		working  atomic.Int32
		mu       sync.Mutex
		progress [commands]int
		joined   int
		last     int
	)
	otherWorks, finished := make(chan struct{}), make(chan struct{})
	everybody := make(chan struct{})
	var one string
	ts := startServer(t, memstore.New(), func(s *imapserver.Server) {
		imapserver.OfferWork(s, func(user string, step func(int) error) error {
			if user == one {
				err := step(imapserver.CheckSteps)
				close(otherWorks)
				<-finished // in the middle of its work
				return err
			}
			mu.Lock()
			me := joined
			if joined++; joined == commands {
				close(everybody)
			}
			mu.Unlock()
			<-everybody
			for range rounds {
				if err := step(imapserver.CheckSteps); err != nil {
					return err
				}
				if n := working.Add(1); n != 1 {
					t.Errorf("%d commands of a user work at a time", n)
				}
				mu.Lock()
				all := slices.Min(progress[:]) > 0 && slices.Max(progress[:]) < rounds
				if all && last == me {
					t.Errorf("command %d works on while others wait", me)
				}
				progress[me]++
				last = me
				mu.Unlock()
				working.Add(-1)
			}
			return nil
		})
	})
	target, other := ts.target(t, false), ts.target(t, false)
	one = other.User
	o := dialUser(t, ts, other)
	o.send("a CHECK\r\n")
	receive(t, otherWorks, "the other user's command does not begin")
	var wires []*wire
	for range commands {
		w := dialUser(t, ts, target)
		w.send("a CHECK\r\n")
		wires = append(wires, w)
	}
	for _, w := range wires {
		w.expect("a OK")
	}
	close(finished)
	o.expect("a OK")
	if progress != [commands]int{rounds, rounds, rounds, rounds} {
		t.Errorf("progress: %v", progress)
	}
}

// TestWaitingEndsWithClient has the client go of a command that waits for its turn.
func TestWaitingEndsWithClient(t *testing.T) {
	holds, done, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	var first atomic.Bool
	ts := startServer(t, memstore.New(), func(s *imapserver.Server) {
		imapserver.OfferWork(s, func(_ string, step func(int) error) error {
			mine := first.CompareAndSwap(false, true)
			err := step(imapserver.CheckSteps)
			if !mine {
				ended <- err
				return err
			}
			close(holds)
			<-done
			return err
		})
	})
	user := ts.target(t, false)
	a, b := dialUser(t, ts, user), dialUser(t, ts, user)
	a.send("a CHECK\r\n")
	receive(t, holds, "the work does not begin")
	b.send("a CHECK\r\n")
	b.nc.Close()
	if err := receive(t, ended, "a command waits without its client"); err == nil {
		t.Error("two commands of a user have the turn")
	}
	close(done)
	a.expect("a OK")
}
