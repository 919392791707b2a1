package auth

import (
	"context"
	"sync"

	"restante/auth/sasl"
	"restante/store"
)

// claim is somebody's claim to be a user.
type claim struct {
	user     store.User
	known    bool   // there is such a user
	stored   []byte // the user's secret, or one that costs the same and fits nothing
	password string
	digest   digest // of all this, see cache
}

// claim makes a claim of what lookup found under a canonical name.
func (a *Authenticator) claim(user store.User, known bool, canonical, password string) claim {
	c := claim{user: user, known: known, stored: a.dummy, password: password}
	// Names that do not exist are as different from each other as those that do, or trying one
	// password with many would tell which share a hash.
	name := canonical
	if known {
		c.stored, name = user.Secret, user.Name
	}
	c.digest = a.cache.digest(name, c.stored, password)
	return c
}

// guess returns what tells the claim from others in the throttle.
func (c *claim) guess() guess { return guess(c.digest[:8]) }

// flights are the hashes that are wanted. All who want the same, of one name, secret and password,
// wait for a slot each in their own line; whoever gets one first computes the hash for all. So
// nobody waits longer because somebody else wants the same too.
type flights struct {
	mu struct {
		sync.Mutex
		wanted map[digest]*flight
	}
}

type flight struct {
	done    chan struct{} // closed when right is set
	right   bool
	wanting int  // how many; guarded by flights.mu
	running bool // guarded by flights.mu
}

func (f *flights) join(d digest) *flight {
	f.mu.Lock()
	defer f.mu.Unlock()
	fl := f.mu.wanted[d]
	if fl == nil {
		fl = &flight{done: make(chan struct{})}
		f.mu.wanted[d] = fl
	}
	fl.wanting++
	return fl
}

// leave is for each join.
func (f *flights) leave(d digest, fl *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fl.wanting--
	if fl.wanting == 0 && f.mu.wanted[d] == fl {
		delete(f.mu.wanted, d)
	}
}

// start reports whether the caller is the one to compute the hash. If so it calls finish.
func (f *flights) start(fl *flight) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fl.running {
		return false
	}
	fl.running = true
	return true
}

func (f *flights) finish(d digest, fl *flight, right bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fl.right = right
	close(fl.done)
	delete(f.mu.wanted, d)
}

// check compares the password with the user's secret, or does the same work in vain when there is
// no such user.
func (a *Authenticator) check(ctx context.Context, at *attempt, c *claim) (bool, error) {
	if a.cache.has(c.digest) {
		return true, nil
	}
	fl := a.flights.join(c.digest)
	defer a.flights.leave(c.digest, fl)
	slot := a.slots.request(at.network, at.class())
	select {
	case <-fl.done:
		a.slots.withdraw(slot)
		return fl.right, nil
	case <-ctx.Done():
		a.slots.withdraw(slot)
		return false, ctx.Err()
	case <-slot.granted:
	}
	if !a.flights.start(fl) {
		a.slots.release()
		select {
		case <-fl.done:
			return fl.right, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	// A flight may have ended between the look into the cache and join.
	right, renew := a.cache.has(c.digest), false
	if !right {
		right, renew = a.compare(c)
	}
	if right {
		a.cache.add(c.digest)
	}
	a.slots.release()
	a.flights.finish(c.digest, fl, right)
	if renew {
		a.renew(ctx, c.user, c.password)
	}
	return right, nil
}

// class is where an attempt stands among those who wait for a slot.
func (a *attempt) class() int {
	switch {
	case a.trusted:
		return classFirst
	case a.clean:
		return classClean
	}
	return classRest
}

// compare computes the hash. renew says that the password is right and its secret an old one.
func (a *Authenticator) compare(c *claim) (right, renew bool) {
	h, keys, err := parseSecret(c.stored)
	if err != nil {
		a.log.Error("stored secret is damaged", "user", c.user.Name)
		h, _, _ = parseSecret(a.dummy)
	}
	prepared, prepErr := "", error(sasl.ErrPassword)
	if len(c.password) <= maxPassword {
		prepared, prepErr = sasl.PreparePassword(c.password)
	}
	right = a.matches(h, prepared) && err == nil && prepErr == nil && c.known
	return right, right && (keys.SHA256 == nil || h.params != a.params)
}
