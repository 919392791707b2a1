package auth

import (
	"slices"
	"time"
)

// rule says how many failures a gate lets pass, and how it slows down those that follow.
type rule struct {
	free int           // failures without a pause, and attempts at a time
	step time.Duration // each further failure makes the pause this much longer
	most time.Duration // the longest pause
	leak time.Duration // after which one failure is forgotten
}

var (
	// pairRule is for one user from one address: people mistype, and have several devices. A
	// guesser has 5,760 attempts a day.
	pairRule = rule{free: 3, step: 200 * time.Millisecond, most: 15 * time.Second, leak: 10 * time.Minute}
	// trustedRule takes its place where that user has logged in lately.
	trustedRule = rule{free: 12, step: 200 * time.Millisecond, most: 2 * time.Second, leak: 10 * time.Minute}
	// addrRule is for one address and all users: offices share one.
	addrRule = rule{free: 20, step: 100 * time.Millisecond, most: 5 * time.Second, leak: time.Minute}
	// trustedAddrRule takes its place for users who have logged in there lately.
	trustedAddrRule = rule{free: 100, step: 20 * time.Millisecond, most: time.Second, leak: 10 * time.Second}
	// nameRule is for one user from all addresses, however many there are: 43,200 attempts a day.
	nameRule = rule{free: 30, step: 50 * time.Millisecond, most: 2 * time.Second, leak: 30 * time.Second}
)

// pause is how long after the last of that many failures the next attempt may be made.
func (r *rule) pause(failures int) time.Duration {
	if failures < r.free {
		return 0
	}
	return min(time.Duration(failures-r.free+1)*r.step, r.most)
}

// maxWaiting is how many attempts wait at a gate that pauses. What is more is refused.
const maxWaiting = 8

// gate lets attempts pass that share a name, an address or both. An attempt under way counts like
// a failure until it has ended, so no more of them than the rule has free are looked at at a time;
// when that many have failed, attempts pass one by one with a pause after each.
//
// A gate belongs to a throttle, whose mutex is held for all methods.
type gate struct {
	key     throttleKey
	rule    *rule
	pending int       // attempts under way
	count   int       // failures, without those that have leaked
	since   time.Time // up to when failures have leaked
	last    time.Time // the last failure
	wrong   [4]guess  // the last passwords that failed
	waiting []*waiter // oldest first
	timer   *time.Timer
}

// guess tells passwords apart: the beginning of a digest.
type guess [8]byte

// waiter is an attempt at a gate. It gets nil or ErrThrottled.
type waiter struct {
	admitted chan error
	failures int // of the gate when it was admitted
}

// failures returns the failures that count now.
func (g *gate) failures(now time.Time) int {
	if leaked := int(now.Sub(g.since) / g.rule.leak); leaked > 0 {
		g.count = max(0, g.count-leaked)
		g.since = g.since.Add(time.Duration(leaked) * g.rule.leak)
	}
	return g.count
}

// mayPass reports whether an attempt may pass now, and if not, when time alone lets it: the zero
// time says that another attempt must end first.
func (g *gate) mayPass(now time.Time) (bool, time.Time) {
	failures := g.failures(now)
	if failures+g.pending < g.rule.free {
		return true, time.Time{}
	}
	if g.pending > 0 {
		return false, time.Time{}
	}
	next := g.last.Add(g.rule.pause(failures))
	return !next.After(now), next
}

// fail counts a failure.
func (g *gate) fail(now time.Time) {
	if g.failures(now) == 0 {
		g.since = now
	}
	// No more than make the longest pause, so that they are forgotten in bounded time.
	g.count = min(g.count+1, g.rule.free+int(g.rule.most/g.rule.step))
	g.last = now
}

// remember keeps a password that failed, and reports whether it is another than the last ones:
// trying those again tells nothing, and a device that has an old password tries nothing else.
func (g *gate) remember(wrong guess) bool {
	if slices.Contains(g.wrong[:], wrong) {
		return false
	}
	copy(g.wrong[1:], g.wrong[:])
	g.wrong[0] = wrong
	return true
}

// advance lets those pass that may. While the gate pauses, the newest goes first and the oldest is
// refused when too many wait: of a crowd that guesses, most wait already when somebody else comes.
// wake is called when it is time for the next.
func (g *gate) advance(now time.Time, wake func()) {
	for len(g.waiting) > 0 {
		pass, next := g.mayPass(now)
		paused := g.count >= g.rule.free
		if !pass {
			if paused {
				g.refuse(len(g.waiting) - maxWaiting)
			}
			if !next.IsZero() && g.timer == nil {
				g.timer = time.AfterFunc(next.Sub(now), wake)
			}
			return
		}
		i := 0
		if paused {
			i = len(g.waiting) - 1
		}
		g.pending++
		g.waiting[i].failures = g.count
		g.waiting[i].admitted <- nil
		g.waiting = slices.Delete(g.waiting, i, i+1)
	}
	g.waiting = nil // not the room of a crowd
	if g.timer != nil {
		g.timer.Stop()
		g.timer = nil
	}
}

// refuse sends the n oldest away.
func (g *gate) refuse(n int) {
	for ; n > 0; n-- {
		g.waiting[0].admitted <- ErrThrottled
		g.waiting = slices.Delete(g.waiting, 0, 1)
	}
}

// idle reports whether no attempt is under way or waiting.
func (g *gate) idle() bool { return g.pending == 0 && len(g.waiting) == 0 }
