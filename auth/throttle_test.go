package auth

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"restante/auth/sasl"
)

// address returns one of many addresses.
func address(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)})
}

// results counts the errors of attempts.
type results struct {
	mu struct {
		sync.Mutex
		right, failed, throttled, other int
	}
}

func (r *results) add(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		r.mu.right++
	case errors.Is(err, ErrFailed):
		r.mu.failed++
	case errors.Is(err, ErrThrottled):
		r.mu.throttled++
	default:
		r.mu.other++
	}
}

func (r *results) counts() (right, failed, throttled int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.right, r.mu.failed, r.mu.throttled
}

// took returns how long an attempt waits, on the clock of the test.
func took(a *Authenticator, remote netip.Addr, name, password string) (time.Duration, error) {
	start := time.Now()
	_, err := a.Password(ctx, remote, name, password)
	return time.Since(start), err
}

const ms = time.Millisecond

func TestPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuth(t, newDirectory(t, cheap), Options{})
		for i, name := range []string{"nobody", "Bob"} { // known or not, the same
			var pauses []time.Duration
			for guess := range 12 {
				d, err := took(a, address(i), name, fmt.Sprint(guess))
				if !errors.Is(err, ErrFailed) {
					t.Fatal(err)
				}
				pauses = append(pauses, d)
			}
			want := []time.Duration{0, 0, 0, 200 * ms, 400 * ms, 600 * ms, 800 * ms, 1000 * ms, 1200 * ms, 1400 * ms, 1600 * ms, 1800 * ms}
			if !slices.Equal(pauses, want) {
				t.Errorf("%s: %v", name, pauses)
			}
		}
		// The user from elsewhere, and others from there, are not held up.
		if d, err := took(a, netip.MustParseAddr("2001:db8::1"), "Bob", "pass of Bob"); d != 0 || err != nil {
			t.Error(d, err)
		}
		if d, err := took(a, address(1), "jürgen", "pass of jürgen"); d != 0 || err != nil {
			t.Error(d, err)
		}
		// From there the right password has its turn, and ends the pauses.
		if d, err := took(a, address(1), "Bob", "pass of Bob"); d != 2*time.Second || err != nil {
			t.Error(d, err)
		}
		// Who has logged in there lately may fail more often, and waits less then.
		for guess := range 12 {
			if d, err := took(a, address(1), "Bob", fmt.Sprint(guess)); d != 0 || !errors.Is(err, ErrFailed) {
				t.Error(d, err)
			}
		}
		if d, err := took(a, address(1), "Bob", "pass of Bob"); d != 200*ms || err != nil {
			t.Error(d, err)
		}
		for guess := range 100 {
			if d, err := took(a, address(1), "Bob", fmt.Sprint(guess)); d > trustedRule.most || !errors.Is(err, ErrFailed) {
				t.Error(d, err)
			}
		}
		// Others have longer pauses, but not for ever longer ones.
		for guess := range 200 {
			if d, err := took(a, address(0), "nobody", fmt.Sprint(guess)); d > pairRule.most || !errors.Is(err, ErrFailed) {
				t.Error(d, err)
			}
		}
		if d, _ := took(a, address(0), "nobody", "x"); d != pairRule.most {
			t.Error(d)
		}
		// Pauses end with the context.
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if _, err := a.Password(short, address(0), "nobody", "y"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		// Failures are forgotten, and what has been forgotten takes no room.
		time.Sleep(100 * pairRule.leak)
		if d, _ := took(a, address(0), "nobody", "x"); d != 0 {
			t.Error("not forgotten:", d)
		}
	})
}

// Many guesses at once are no more guesses than one after another.
func TestGuessesAtOnce(t *testing.T) {
	attempts := map[string]func(*Authenticator, string) error{
		"password": func(a *Authenticator, password string) error {
			_, err := a.Password(ctx, remote, "Bob", password)
			return err
		},
		"SCRAM-SHA-256": func(a *Authenticator, password string) error {
			ms, err := sasl.Password("Bob", password).Pick([]string{"SCRAM-SHA-256"}, sasl.Security{TLS: true})
			if err != nil {
				return err
			}
			_, err = exchange(t, a, ms[0], Conn{Remote: remote})
			return err
		},
	}
	for kind, attempt := range attempts {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAuth(t, newDirectory(t, cheap), Options{})
				var r results
				var wg sync.WaitGroup
				for i := range 300 {
					wg.Go(func() { r.add(attempt(a, fmt.Sprint(i))) })
				}
				synctest.Wait()
				if _, failed, _ := r.counts(); failed != pairRule.free {
					t.Errorf("%d looked at at once", failed)
				}
				// The right one, which comes then, does not wait for those who were there before.
				if d, err := took(a, remote, "Bob", "pass of Bob"); d != pairRule.pause(pairRule.free) || err != nil {
					t.Error(d, err)
				}
				wg.Wait()
				if _, failed, throttled := r.counts(); failed+throttled != 300 || failed > pairRule.free+maxWaiting {
					t.Errorf("in all: %d looked at, %d refused", failed, throttled)
				}
			})
		})
	}
}

// One password tried with many names is as slow.
func TestSpraying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuth(t, newDirectory(t, cheap), Options{})
		if _, err := a.Password(ctx, remote, "Bob", "pass of Bob"); err != nil {
			t.Fatal(err)
		}
		start, guesses := time.Now(), 0
		for ; time.Since(start) < 10*time.Second && guesses < 1000; guesses++ {
			if _, err := a.Password(ctx, remote, fmt.Sprint("user", guesses), "123456"); !errors.Is(err, ErrFailed) {
				t.Fatal(err)
			}
		}
		if guesses > addrRule.free+15 {
			t.Errorf("%d names tried in 10 seconds", guesses)
		}
		for ; time.Since(start) < time.Hour && guesses < 1000; guesses++ {
			a.Password(ctx, remote, fmt.Sprint("user", guesses), "123456")
		}
		if guesses > 800 {
			t.Errorf("%d names tried in an hour", guesses)
		}
		// A user whom this address has seen, and another elsewhere, do not notice.
		if d, err := took(a, remote, "Bob", "pass of Bob"); d != 0 || err != nil {
			t.Error(d, err)
		}
		if d, err := took(a, address(1), "jürgen", "pass of jürgen"); d != 0 || err != nil {
			t.Error(d, err)
		}
		// A new one there has a turn before the crowd that waits.
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() { a.Password(ctx, remote, fmt.Sprint("crowd", i), "123456") })
		}
		synctest.Wait()
		if d, err := took(a, remote, "jürgen", "pass of jürgen"); d > addrRule.most || err != nil {
			t.Error(d, err)
		}
		wg.Wait()
	})
}

// Neither is it free with the names of users who have been at that address.
func TestSprayingTrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle()
		attempt := func(name string, o outcome) {
			a, err := th.begin(ctx, remote, name)
			if err == nil {
				err = a.passName(ctx)
			}
			if err != nil {
				t.Fatal(err)
			}
			a.end(o, guess{})
		}
		for i := range 500 {
			attempt(fmt.Sprint("user", i), succeeded)
		}
		start := time.Now()
		for i := range trustedAddrRule.free {
			attempt(fmt.Sprint("user", i), failed)
		}
		if d := time.Since(start); d != 0 {
			t.Error(d)
		}
		for i := range 300 {
			attempt(fmt.Sprint("user", 100+i), failed)
		}
		if d := time.Since(start); d < 3*time.Minute {
			t.Errorf("300 more names tried in %v", d)
		}
		start = time.Now()
		attempt("user499", succeeded)
		if d := time.Since(start); d > trustedAddrRule.most {
			t.Error(d)
		}
	})
}

// Guessing one user's password from everywhere is slow too, and the user does not notice where
// they have been lately, nor with a password that has been right lately.
func TestGuessedFromEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuth(t, newDirectory(t, cheap), Options{})
		if _, err := a.Password(ctx, remote, "Bob", "pass of Bob"); err != nil {
			t.Fatal(err)
		}
		var r results
		var wg sync.WaitGroup
		for i := range 500 {
			wg.Go(func() {
				_, err := a.Password(ctx, address(i), "Bob", fmt.Sprint(i))
				r.add(err)
			})
		}
		synctest.Wait()
		if _, failed, _ := r.counts(); failed != nameRule.free {
			t.Errorf("%d looked at at once", failed)
		}
		for _, from := range []netip.Addr{remote, address(1000)} {
			if d, err := took(a, from, "Bob", "pass of Bob"); d != 0 || err != nil {
				t.Errorf("from %v: %v, %v", from, d, err)
			}
		}
		if err := a.SetPassword(ctx, "Bob", "new"); err != nil {
			t.Fatal(err)
		}
		if d, err := took(a, address(1001), "Bob", "new"); d > nameRule.most || err != nil {
			t.Error(d, err)
		}
		wg.Wait()
		if _, failed, throttled := r.counts(); failed+throttled != 500 || failed > nameRule.free+maxWaiting {
			t.Errorf("in all: %d looked at, %d refused", failed, throttled)
		}
	})
}

// A look into the cache is an attempt, also of a client that does not stay for the answer.
func TestLooksIntoTheCacheCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuth(t, newDirectory(t, cheap), Options{Hashes: 1})
		if _, err := a.Password(ctx, remote, "Bob", "pass of Bob"); err != nil {
			t.Fatal(err)
		}
		slot := a.slots.request(netip.Addr{}, classFirst)
		<-slot.granted
		for i := range pairRule.free {
			short, cancel := context.WithTimeout(ctx, ms)
			if _, err := a.Password(short, address(1), "Bob", fmt.Sprint(i)); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			cancel()
		}
		if d, err := took(a, address(1), "Bob", "pass of Bob"); d == 0 || err != nil {
			t.Errorf("one more guess was looked at after %v: %v", d, err)
		}
		a.slots.withdraw(slot)
		if _, err := a.Password(ctx, address(1), "Bob", "1"); !errors.Is(err, ErrFailed) {
			t.Error(err)
		}
	})
}

// A device that tries an old password again and again holds nobody up, and tells nobody whether
// the user exists.
func TestSameWrongPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuth(t, newDirectory(t, cheap), Options{})
		for _, name := range []string{"Bob", "nobody"} {
			hashes := countHashes(a)
			for range 50 {
				if d, err := took(a, remote, name, "old"); d != 0 || !errors.Is(err, ErrFailed) {
					t.Fatal(name, d, err)
				}
			}
			if n := hashes(); n != 1 {
				t.Errorf("%s: %d hashes", name, n)
			}
		}
		// A hundred such devices at one address count once each, for however long they go on.
		hashes := countHashes(a)
		for range 100 {
			for i := range 100 {
				time.Sleep(4 * time.Second)
				took(a, remote, fmt.Sprint("user", i), "old")
			}
		}
		if n := hashes(); n != 100 {
			t.Errorf("%d hashes", n)
		}
		if g := a.throttle.mu.gates[a.throttle.keyOf(ofAddr, remote, "")]; g != nil && g.failures(time.Now()) > 0 {
			t.Errorf("%d failures of the address are left", g.count)
		}
		if d, err := took(a, remote, "jürgen", "pass of jürgen"); d != 0 || err != nil {
			t.Error(d, err)
		}
		if d, err := took(a, remote, "Bob", "pass of Bob"); d != 0 || err != nil {
			t.Error(d, err)
		}
		// A password that was wrong may have become right.
		if _, err := a.Password(ctx, remote, "Bob", "new"); !errors.Is(err, ErrFailed) {
			t.Error(err)
		}
		if err := a.SetPassword(ctx, "Bob", "new"); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Password(ctx, remote, "Bob", "new"); err != nil {
			t.Error(err)
		}
	})
}

func TestThrottleKeys(t *testing.T) {
	th := newThrottle()
	same := func(a, b string) bool {
		return network(netip.MustParseAddr(a)) == network(netip.MustParseAddr(b))
	}
	if !same("2001:db8::1", "2001:db8::2") || !same("fe80::1%eth0", "fe80::2%eth1") || same("2001:db8::1", "2001:db8:0:1::1") {
		t.Error("not by /64")
	}
	if !same("192.0.2.1", "::ffff:192.0.2.1") || same("192.0.2.1", "192.0.2.2") {
		t.Error("not by IPv4 address")
	}
	keys := map[throttleKey]bool{}
	for _, kind := range []byte{ofPair, ofAddr, ofTrusted, ofName} {
		for _, addr := range []netip.Addr{{}, netip.IPv6Unspecified(), remote} {
			for _, name := range []string{"", "x", "y"} {
				keys[th.keyOf(kind, addr, name)] = true
			}
		}
	}
	if len(keys) != 36 {
		t.Errorf("%d keys", len(keys))
	}
}

// Whatever names and addresses clients come with, no more than so much is remembered; and a flood
// makes room of its own failures rather than of those of a name that is guessed at.
func TestThrottleIsBounded(t *testing.T) {
	if n := unsafe.Sizeof(gate{}) + 2*(unsafe.Sizeof(throttleKey{})+unsafe.Sizeof(&gate{})); n > gateOctets {
		t.Errorf("a gate has %d octets", n)
	}
	if n := 2 * (unsafe.Sizeof(throttleKey{}) + unsafe.Sizeof(time.Time{})); n > trustedOctets {
		t.Errorf("a login has %d octets", n)
	}
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle()
		th.maxGates, th.maxTrusted = 1000, 1000
		attempt := func(remote netip.Addr, name string, o outcome) {
			a, err := th.begin(ctx, remote, name)
			if err != nil {
				t.Fatal(err)
			}
			if err := a.passName(ctx); err != nil {
				t.Fatal(err)
			}
			a.end(o, guess{})
		}
		for range 10 {
			attempt(remote, "Bob", failed)
		}
		for i := range 5000 {
			attempt(address(i), strings.Repeat("x", maxName)+fmt.Sprint(i), failed)
		}
		if n := len(th.mu.gates); n > th.maxGates {
			t.Errorf("%d gates", n)
		}
		if g := th.mu.gates[th.keyOf(ofPair, remote, "Bob")]; g == nil || g.count != 10 {
			t.Errorf("a flood makes forget what failed before: %+v", g)
		}
		for i := range 5000 {
			attempt(address(i), fmt.Sprint("user", i), succeeded)
		}
		if n := len(th.mu.trusted); n > th.maxTrusted {
			t.Errorf("%d logins", n)
		}
		// A crowd leaves nothing behind either.
		var wg sync.WaitGroup
		for i := range 5000 {
			wg.Go(func() {
				if a, err := th.begin(ctx, remote, fmt.Sprint("crowd", i)); err == nil {
					a.end(abandoned, guess{})
				}
			})
		}
		wg.Wait()
		time.Sleep(100 * pairRule.leak)
		if g := th.mu.gates[th.keyOf(ofAddr, remote, "")]; g != nil && (!g.idle() || cap(g.waiting) > 0 || g.timer != nil) {
			t.Errorf("%+v", g)
		}
	})
}
