package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"
)

// The delays of a throttle. The first failures are free: people mistype, and have several
// devices. After them, attempts for one user from one address go one after another, with a pause
// that doubles with every failure up to maxPause.
const (
	freeFailures = 3
	firstPause   = 250 * time.Millisecond
	maxPause     = 8 * time.Second
	maxWait      = 3 * maxPause     // longer queues are refused with ErrThrottled
	forgetAfter  = 15 * time.Minute // without a failure
	maxThrottled = 1 << 16          // entries of about 100 octets
)

// throttle slows down guessing. It counts failures by address and user name, so nobody can lock
// a user out who comes from elsewhere, and even from the same address a right password gets its
// turn.
type throttle struct {
	key [32]byte // so that entries cannot be aimed at
	mu  struct {
		sync.Mutex
		entries map[throttleKey]*failures
	}
}

type throttleKey [16]byte

type failures struct {
	count int
	last  time.Time
	next  time.Time // when the next attempt may be made
}

func newThrottle() *throttle {
	t := &throttle{}
	rand.Read(t.key[:])
	t.mu.entries = make(map[throttleKey]*failures)
	return t
}

// keyOf makes one key of an address, for IPv6 its /64, and a canonical name.
func (t *throttle) keyOf(remote netip.Addr, name string) throttleKey {
	remote = remote.Unmap().WithZone("")
	if remote.Is6() {
		if p, err := remote.Prefix(64); err == nil {
			remote = p.Addr()
		}
	}
	h := sha256.New()
	h.Write(t.key[:])
	if remote.IsValid() { // a Unix socket has no address
		addr := remote.As16()
		h.Write(addr[:])
	}
	h.Write([]byte{0})
	h.Write([]byte(name))
	return throttleKey(h.Sum(nil)[:16])
}

// wait returns when an attempt may be made, or with ErrThrottled or the context's error.
func (t *throttle) wait(ctx context.Context, k throttleKey) error {
	pause, err := t.reserve(k, time.Now())
	if err != nil || pause <= 0 {
		return err
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *throttle) reserve(k throttleKey, now time.Time) (time.Duration, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.mu.entries[k]
	if f == nil || f.count <= freeFailures {
		return 0, nil
	}
	start := now
	if f.next.After(now) {
		start = f.next
	}
	if start.Sub(now) > maxWait {
		return 0, ErrThrottled
	}
	f.next = start.Add(f.pause())
	return start.Sub(now), nil
}

func (f *failures) pause() time.Duration {
	n := f.count - freeFailures - 1
	if n < 0 {
		return 0
	}
	if n > 10 {
		return maxPause
	}
	return min(firstPause<<n, maxPause)
}

// failed counts a failure.
func (t *throttle) failed(k throttleKey) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.mu.entries[k]
	if f == nil || now.Sub(f.last) > forgetAfter {
		if f == nil && len(t.mu.entries) >= maxThrottled {
			t.makeRoom(now)
		}
		f = &failures{}
		t.mu.entries[k] = f
	}
	f.count++
	f.last = now
	if next := now.Add(f.pause()); next.After(f.next) {
		f.next = next
	}
}

// makeRoom forgets what is old, and something else when nothing is. t.mu is held.
func (t *throttle) makeRoom(now time.Time) {
	looked := 0
	for k, f := range t.mu.entries {
		looked++
		if now.Sub(f.last) > forgetAfter {
			delete(t.mu.entries, k)
		} else if looked > 64 {
			// Map order is random, so an attacker cannot choose whose failures go.
			delete(t.mu.entries, k)
			return
		}
	}
}

// succeeded forgets the failures.
func (t *throttle) succeeded(k throttleKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.mu.entries, k)
}
