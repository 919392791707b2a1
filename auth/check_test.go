package auth

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"restante/store"
)

// countHashes returns a function that says how many hashes have been computed since.
func countHashes(a *Authenticator) func() int {
	var n atomic.Int64
	matches := a.matches
	a.matches = func(h argonHash, prepared string) bool {
		n.Add(1)
		return matches(h, prepared)
	}
	return func() int { return int(n.Load()) }
}

// stopHashes makes each hash wait for a step of the test. hashed gets the passwords in the order
// in which they have a slot.
func stopHashes(a *Authenticator) (hashed chan string, step func()) {
	hashed = make(chan string, 10_000)
	steps := make(chan struct{})
	matches := a.matches
	a.matches = func(h argonHash, prepared string) bool {
		hashed <- prepared
		<-steps
		return matches(h, prepared)
	}
	return hashed, func() { steps <- struct{}{}; synctest.Wait() }
}

// All clients of a user come back at once, and nothing is in the cache: one hash is computed.
func TestReconnectStorm(t *testing.T) {
	for _, ttl := range []time.Duration{0, -1} { // without a cache as well
		for name, from := range map[string]func(i int) netip.Addr{
			"one address":    func(int) netip.Addr { return remote },
			"many addresses": address,
		} {
			t.Run(fmt.Sprint(name, ttl), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := newAuth(t, newDirectory(t, cheap), Options{Hashes: 2, CacheTTL: ttl})
					hashed, step := stopHashes(a)
					start := time.Now()
					var r results
					var wg sync.WaitGroup
					for i := range 2000 {
						wg.Go(func() {
							_, err := a.Password(ctx, from(i), "Bob", "pass of Bob")
							r.add(err)
						})
					}
					synctest.Wait()
					step()
					if ttl == 0 {
						if right, _, _ := r.counts(); right != 2000 || len(hashed) != 1 {
							t.Errorf("%d logins after %d hashes", right, len(hashed))
						}
					}
					for right, _, _ := r.counts(); right < 2000; right, _, _ = r.counts() {
						step()
					}
					wg.Wait()
					if d := time.Since(start); d != 0 {
						t.Errorf("somebody had to wait %v", d)
					}
				})
			})
		}
	}
}

// One who has failed to get a slot in time, or goes away, does not keep others from theirs.
func TestSharedHash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuth(t, newDirectory(t, cheap), Options{Hashes: 1, CacheTTL: -1})
		hashed, step := stopHashes(a)
		var r results
		var wg sync.WaitGroup
		login := func(ctx context.Context, i int, password string) {
			wg.Go(func() {
				_, err := a.Password(ctx, address(i), "Bob", password)
				r.add(err)
			})
			synctest.Wait()
		}
		// The slot is taken, wrong guesses wait, and so does the right password behind them.
		login(ctx, 0, "wrong 0")
		login(ctx, 1, "wrong 1")
		gone, cancel := context.WithCancel(ctx)
		login(gone, 1, "pass of Bob")
		login(ctx, 1, "pass of Bob")
		// Somebody else wants the same and has a shorter way.
		login(ctx, 2, "pass of Bob")
		cancel()
		synctest.Wait()
		step()
		step()
		step()
		if right, failed, _ := r.counts(); right != 2 || failed != 2 || len(hashed) != 3 {
			t.Errorf("%d right, %d wrong after %d hashes", right, failed, len(hashed))
		}
		wg.Wait()
		if n := len(a.flights.mu.wanted); n != 0 || a.slots.mu.used != 0 {
			t.Errorf("%d flights and %d slots left", n, a.slots.mu.used)
		}
		var order []string
		for len(hashed) > 0 {
			order = append(order, <-hashed)
		}
		if !slices.Equal(order, []string{"wrong 0", "wrong 1", "pass of Bob"}) {
			t.Errorf("%q", order)
		}
	})
}

// A hundred connections that guess do not keep a user from logging in, at the same address or
// elsewhere, for the first time or not.
func TestGuessersDoNotDelay(t *testing.T) {
	one := func(int) netip.Addr { return remote }
	for _, tt := range []struct {
		name   string
		from   func(i int) netip.Addr // where the guesses come from
		steps  int                    // how many of them have failed before the user comes
		user   netip.Addr             // where the user comes from
		before bool                   // has the user been there?
		hashes int                    // begun until the user has logged in, at most
	}{
		{"from one address, user elsewhere", one, 0, address(1000), false, 4},
		{"from one address, user was there", one, 0, remote, true, 4},
		{"from one address, user comes there", one, addrRule.free, remote, false, 4},
		{"from many addresses, user elsewhere", address, 200, address(1000), false, 4},
		{"from many addresses, user was at one", address, 0, address(0), true, 4},
		// There the user shares the turns of the guesser.
		{"from many addresses, user comes to one", address, 300, address(0), false, 210},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := newAuth(t, newDirectory(t, cheap), Options{Hashes: 2, CacheTTL: -1})
			if tt.before {
				if _, err := a.Password(ctx, tt.user, "Bob", "pass of Bob"); err != nil {
					t.Fatal(err)
				}
			}
			hashed, step := stopHashes(a)
			end, stop := context.WithCancel(ctx)
			var wg sync.WaitGroup
			for i := range 100 {
				wg.Go(func() {
					for n := range 10 {
						a.Password(end, tt.from(i), fmt.Sprint("user", i, n), "123456")
					}
				})
			}
			synctest.Wait()
			for range tt.steps {
				step()
			}
			before, start := len(hashed), time.Now()
			done := false
			wg.Go(func() {
				if _, err := a.Password(ctx, tt.user, "Bob", "pass of Bob"); err != nil {
					t.Error(tt.name, err)
				}
				done = true
			})
			synctest.Wait()
			for !done {
				step()
			}
			// Two are under way in any case; one may have its turn before.
			if n, d := len(hashed)-before, time.Since(start); n > tt.hashes || d > addrRule.pause(addrRule.free+1) {
				t.Errorf("%s: %d hashes and %v until the user has logged in", tt.name, n, d)
			}
			stop()
			for synctest.Wait(); a.slots.used() > 0; {
				step()
			}
			wg.Wait()
		})
	}
}

// A name that does not exist costs what a wrong password costs: as many hashes with the same
// parameters, alone or together with others.
func TestSameWork(t *testing.T) {
	p := Params{Memory: 128, Time: 2, Threads: 1, Iterations: 4096}
	a := newAuth(t, newDirectory(t, p), Options{Params: p, Hashes: 1})
	work := func(names ...string) (cost []Params) {
		a.throttle = newThrottle()
		slot := a.slots.request(netip.Addr{}, classFirst)
		matches := a.matches
		defer func() { a.matches = matches }()
		a.matches = func(h argonHash, prepared string) bool {
			h.params.Iterations = 0
			cost = append(cost, h.params)
			if len(h.salt) != 16 || len(h.hash) != 32 {
				t.Errorf("salt of %d, hash of %d octets", len(h.salt), len(h.hash))
			}
			return matches(h, prepared)
		}
		var wg sync.WaitGroup
		for _, name := range names {
			wg.Go(func() {
				if _, err := a.Password(ctx, remote, name, "wrong"); !errors.Is(err, ErrFailed) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		a.slots.withdraw(slot) // now they are all in the queue
		wg.Wait()
		return cost
	}
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range [][2][]string{
			{{"Bob"}, {"nobody"}},
			{{"Bob", "Bob"}, {"nobody", "nobody"}},
			{{"Bob", "jürgen"}, {"nobody", "nobody2"}},
		} {
			known, unknown := work(tt[0]...), work(tt[1]...)
			if !slices.Equal(known, unknown) || len(known) == 0 {
				t.Errorf("%v cost %v, %v cost %v", tt[0], known, tt[1], unknown)
			}
		}
	})
}

// No more hashes than allowed run at a time, whoever asks, and waiting ends with the context.
func TestHashesAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuth(t, newDirectory(t, cheap), Options{Hashes: 1})
		slot := a.slots.request(netip.Addr{}, classFirst)
		short, cancel := context.WithTimeout(ctx, ms)
		defer cancel()
		if _, err := a.Password(short, remote, "Bob", "pass of Bob"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if err := a.SetPassword(short, "Bob", "new"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		a.slots.withdraw(slot)
		if _, err := a.Password(ctx, remote, "Bob", "pass of Bob"); err != nil {
			t.Error(err)
		}
		if n := newAuth(t, newDirectory(t, cheap), Options{}).slots.size; n != runtime.GOMAXPROCS(0) {
			t.Errorf("%d hashes at a time", n)
		}
	})
}

// used returns how many slots are taken.
func (s *slots) used() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.used
}

func TestSlotsTakeTurns(t *testing.T) {
	type want struct {
		addr, class int
	}
	run := func(requests ...want) (order []want) {
		s := newSlots(1)
		busy := s.request(netip.Addr{}, classFirst)
		s.mu.granted = 0
		var waiting []*slotRequest
		for _, r := range requests {
			waiting = append(waiting, s.request(address(r.addr), r.class))
		}
		s.withdraw(busy)
		for range requests {
			for i, r := range waiting {
				select {
				case <-r.granted:
					order = append(order, requests[i])
					waiting[i] = &slotRequest{}
				default:
				}
			}
			s.release()
		}
		if n := s.used(); n != 0 {
			t.Errorf("%d slots are in use", n)
		}
		for class := range s.mu.waiting {
			if w := &s.mu.waiting[class]; len(w.lines) != 0 || len(w.order) != 0 {
				t.Errorf("class %d is not empty", class)
			}
		}
		return order
	}
	// One with many does not keep one with few waiting.
	got := run(want{1, 1}, want{1, 1}, want{1, 1}, want{1, 1}, want{2, 1}, want{3, 1}, want{3, 1})
	if exp := []want{{1, 1}, {2, 1}, {3, 1}, {1, 1}, {3, 1}, {1, 1}, {1, 1}}; !slices.Equal(got, exp) {
		t.Errorf("got %v, want %v", got, exp)
	}
	// Classes share.
	var all []want
	for range 10 {
		all = append(all, want{1, 2}, want{2, 1}, want{3, 0})
	}
	got = run(all...)
	var classes []int
	for _, r := range got {
		classes = append(classes, r.class)
	}
	if exp := []int{0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2}; !slices.Equal(classes, exp) {
		t.Errorf("got %v, want %v", classes, exp)
	}
	// Who goes away leaves nothing behind, and gives back what they had been granted.
	s := newSlots(1)
	a, b, c := s.request(address(1), classRest), s.request(address(1), classRest), s.request(address(2), classRest)
	s.withdraw(b)
	s.withdraw(a)
	<-c.granted
	s.withdraw(c)
	if s.used() != 0 || len(s.mu.waiting[classRest].lines) != 0 || len(s.mu.waiting[classRest].order) != 0 {
		t.Error("something is left")
	}
}

// Many users of one address come back at once: none is taken for a guesser.
func TestManyUsersOfOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory(t, cheap)
		secret, err := NewSecret("pencil", cheap)
		if err != nil {
			t.Fatal(err)
		}
		const users = 500
		for i := range users {
			name := fmt.Sprint("user", i)
			d.mu.users[name] = store.User{ID: store.AccountID(100 + i), Name: name, Secret: secret}
		}
		a := newAuth(t, d, Options{Hashes: 2})
		start := time.Now()
		var r results
		var wg sync.WaitGroup
		for i := range 4 * users {
			wg.Go(func() {
				_, err := a.Password(ctx, remote, fmt.Sprint("user", i%users), "pencil")
				r.add(err)
			})
		}
		wg.Wait()
		if right, _, _ := r.counts(); right != 4*users || time.Since(start) != 0 {
			t.Errorf("%d of %d logins in %v", right, 4*users, time.Since(start))
		}
	})
}
