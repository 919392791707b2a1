package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Bounds of what a throttle remembers. An entry has a fixed size, whatever names and addresses
// clients come with.
const (
	gateOctets    = 256
	trustedOctets = 128
	maxGates      = 16 << 20 / gateOctets
	maxTrusted    = 8 << 20 / trustedOctets
	trustFor      = 7 * 24 * time.Hour
	sample        = 16 // entries of which the least useful goes when there is no room
)

// throttle slows down guessing. An attempt passes the gate of its user name at its address, then
// that of the address, then that of the name. Where the user has logged in lately, the address has
// a gate of its own for such users, and there is no third: neither guessing from elsewhere nor who
// tries many names at the same address holds them up.
type throttle struct {
	key                  [32]byte // so that entries cannot be aimed at
	maxGates, maxTrusted int
	mu                   struct {
		sync.Mutex
		gates   map[throttleKey]*gate
		trusted map[throttleKey]time.Time // by pair: the last login
	}
}

type throttleKey [16]byte

func newThrottle() *throttle {
	t := &throttle{maxGates: maxGates, maxTrusted: maxTrusted}
	rand.Read(t.key[:])
	t.mu.gates = make(map[throttleKey]*gate)
	t.mu.trusted = make(map[throttleKey]time.Time)
	return t
}

// network returns what counts as one client: an IPv4 address, or the /64 of an IPv6 address. The
// zero Addr stays: a Unix socket has none.
func network(remote netip.Addr) netip.Addr {
	remote = remote.Unmap().WithZone("")
	if remote.Is6() {
		if p, err := remote.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return remote
}

// The kinds of gates.
const (
	ofPair    = 'p'
	ofAddr    = 'a'
	ofTrusted = 't' // of an address, for those who have logged in there
	ofName    = 'n'
)

// keyOf makes a key of a kind, a network and a canonical name.
func (t *throttle) keyOf(kind byte, network netip.Addr, name string) throttleKey {
	h := sha256.New()
	h.Write(t.key[:])
	h.Write([]byte{kind})
	if network.IsValid() {
		addr := network.As16()
		h.Write(addr[:])
	}
	h.Write([]byte{0})
	h.Write([]byte(name))
	return throttleKey(h.Sum(nil)[:16])
}

// attempt is a login under way. It is used by one goroutine, which ends it.
type attempt struct {
	t       *throttle
	network netip.Addr
	name    string
	pair    throttleKey
	trusted bool    // the user has logged in from this address lately
	fresh   bool    // nobody has failed lately to be this user from this address
	clean   bool    // nor another user
	gates   []*gate // that it has passed, the pair's first
}

// begin starts an attempt to log in with a canonical name: it returns when it may be made, as far
// as the address is concerned, or with ErrThrottled or the context's error.
func (t *throttle) begin(ctx context.Context, remote netip.Addr, name string) (*attempt, error) {
	a := &attempt{t: t, network: network(remote), name: name}
	a.pair = t.keyOf(ofPair, a.network, name)
	pair, kind, addr := &pairRule, byte(ofAddr), &addrRule
	if a.trusted = t.isTrusted(a.pair); a.trusted {
		pair, kind, addr = &trustedRule, ofTrusted, &trustedAddrRule
	}
	g, failures, err := t.enter(ctx, a.pair, pair)
	if err != nil {
		return nil, err
	}
	a.gates, a.fresh, a.clean = []*gate{g}, failures == 0, failures == 0
	g, failures, err = t.enter(ctx, t.keyOf(kind, a.network, ""), addr)
	if err != nil {
		a.end(abandoned, guess{})
		return nil, err
	}
	a.gates, a.clean = append(a.gates, g), a.clean && failures == 0
	return a, nil
}

// passName returns when the attempt may be made as far as the name is concerned.
func (a *attempt) passName(ctx context.Context) error {
	if a.trusted {
		return nil
	}
	g, _, err := a.t.enter(ctx, a.t.keyOf(ofName, netip.Addr{}, a.name), &nameRule)
	if err != nil {
		return err
	}
	a.gates = append(a.gates, g)
	return nil
}

// outcome is how an attempt ends.
type outcome int

const (
	abandoned outcome = iota // nothing was learned of the password
	failed
	succeeded
)

// end ends an attempt. wrong is the password of one that failed, or zero when it is not known.
func (a *attempt) end(o outcome, wrong guess) {
	now := time.Now()
	a.t.mu.Lock()
	defer a.t.mu.Unlock()
	if o == failed && wrong != (guess{}) && !a.gates[0].remember(wrong) {
		// While it goes on it is not forgotten either, or it would count again and again.
		o, a.gates[0].since = abandoned, now
	}
	for i, g := range a.gates {
		g.pending--
		switch {
		case o == failed:
			g.fail(now)
		case o == succeeded && i == 0:
			// Not those of address and name: who has an account could guess for ever.
			g.count, g.wrong = 0, [4]guess{}
		}
		a.t.advance(g, now)
	}
	if o == succeeded {
		a.t.trust(a.pair, now)
	}
}

// failedBefore reports whether the same password has failed lately for this user from here.
func (a *attempt) failedBefore(wrong guess) bool {
	a.t.mu.Lock()
	defer a.t.mu.Unlock()
	return slices.Contains(a.gates[0].wrong[:], wrong)
}

// enter passes a gate and returns it with the failures that it had then.
func (t *throttle) enter(ctx context.Context, k throttleKey, r *rule) (*gate, int, error) {
	g, w := t.arrive(k, r)
	select {
	case err := <-w.admitted:
		if err != nil {
			return nil, 0, refused(ctx, r)
		}
		return g, w.failures, nil
	case <-ctx.Done():
		t.withdraw(g, w)
		return nil, 0, ctx.Err()
	}
}

// refused returns ErrThrottled after the longest pause: a client that came back at once would be
// the newest again, before those who came meanwhile.
func refused(ctx context.Context, r *rule) error {
	timer := time.NewTimer(r.most)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ErrThrottled
	case <-ctx.Done():
		return ctx.Err()
	}
}

// arrive puts a waiter before a gate, which it passes when it may.
func (t *throttle) arrive(k throttleKey, r *rule) (*gate, *waiter) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.mu.gates[k]
	if g == nil {
		if len(t.mu.gates) >= t.maxGates {
			t.makeRoom(now)
		}
		g = &gate{key: k, since: now}
		t.mu.gates[k] = g
	}
	g.rule = r
	w := &waiter{admitted: make(chan error, 1)}
	g.waiting = append(g.waiting, w)
	t.advance(g, now)
	return g, w
}

// withdraw takes a waiter away whose context has ended. It may have been admitted meanwhile.
func (t *throttle) withdraw(g *gate, w *waiter) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(g.waiting, w); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
	} else if err := <-w.admitted; err == nil {
		g.pending--
	}
	t.advance(g, now)
}

// advance lets those pass that may, and forgets a gate that has nothing to remember. t.mu is held.
func (t *throttle) advance(g *gate, now time.Time) {
	g.advance(now, func() { t.wake(g) })
	if g.idle() && g.failures(now) == 0 && t.mu.gates[g.key] == g {
		delete(t.mu.gates, g.key)
	}
}

// wake is called when a pause is over.
func (t *throttle) wake(g *gate) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	g.timer = nil
	t.advance(g, now)
}

// makeRoom forgets a gate, of some the one with the fewest failures. Map order is random, so an
// attacker cannot choose whose failures go. Gates in use stay; they are no more than three for a
// connection. t.mu is held.
func (t *throttle) makeRoom(now time.Time) {
	var least *gate
	looked := 0
	for _, g := range t.mu.gates {
		if looked++; looked > sample {
			break
		}
		if g.idle() && (least == nil || g.failures(now) < least.failures(now)) {
			least = g
		}
	}
	if least != nil {
		delete(t.mu.gates, least.key)
	}
}

func (t *throttle) isTrusted(pair throttleKey) bool {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	login, ok := t.mu.trusted[pair]
	return ok && now.Sub(login) < trustFor
}

// trust remembers a login. t.mu is held.
func (t *throttle) trust(pair throttleKey, now time.Time) {
	if _, ok := t.mu.trusted[pair]; !ok && len(t.mu.trusted) >= t.maxTrusted {
		var oldest throttleKey
		last, looked := now, 0
		for k, login := range t.mu.trusted {
			if looked++; looked > sample {
				break
			}
			if !login.After(last) {
				oldest, last = k, login
			}
		}
		delete(t.mu.trusted, oldest)
	}
	t.mu.trusted[pair] = now
}
