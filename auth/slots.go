package auth

import (
	"net/netip"
	"slices"
	"sync"
)

// Classes of those who wait for a hashing slot.
const (
	classFirst = iota // has logged in lately from there, or is the administrator
	classClean        // nobody fails from there
	classRest         // somebody does
	numClasses
)

// slots bounds how many hashes are computed at a time. Three quarters of the slots go to the first
// class that waits and the rest to the others, so none starves. In a class the addresses take turns:
// who has many attempts under way waits longer, and not everybody else.
type slots struct {
	size int
	mu   struct {
		sync.Mutex
		used    int
		granted uint
		waiting [numClasses]turns
	}
}

// slotRequest is somebody who waits for a slot. granted is closed when it is theirs.
type slotRequest struct {
	network netip.Addr
	class   int
	granted chan struct{}
}

// turns are requests of one class, by network.
type turns struct {
	lines map[netip.Addr]*line
	order []*line // whose turn it is comes first
}

type line struct {
	network netip.Addr
	waiting []*slotRequest
}

func newSlots(size int) *slots {
	s := &slots{size: size}
	for i := range s.mu.waiting {
		s.mu.waiting[i].lines = make(map[netip.Addr]*line)
	}
	return s
}

// request asks for a slot. It ends with release once it was granted, or else with withdraw.
func (s *slots) request(network netip.Addr, class int) *slotRequest {
	r := &slotRequest{network: network, class: class, granted: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.waiting[class].push(r)
	s.grant()
	return r
}

// release gives back a slot.
func (s *slots) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.used--
	s.grant()
}

// withdraw ends a request whose slot is not wanted any more, granted or not.
func (s *slots) withdraw(r *slotRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.mu.waiting[r.class].remove(r) {
		s.mu.used--
	}
	s.grant()
}

// grant hands out the slots that are free. s.mu is held.
func (s *slots) grant() {
	for s.mu.used < s.size {
		var waiting []*turns // by class
		for class := range s.mu.waiting {
			if t := &s.mu.waiting[class]; len(t.order) > 0 {
				waiting = append(waiting, t)
			}
		}
		if len(waiting) == 0 {
			return
		}
		which := [8]int{3: 1, 7: numClasses - 1}[s.mu.granted%8]
		s.mu.granted++
		s.mu.used++
		close(waiting[min(which, len(waiting)-1)].pop().granted)
	}
}

func (t *turns) push(r *slotRequest) {
	l := t.lines[r.network]
	if l == nil {
		l = &line{network: r.network}
		t.lines[r.network] = l
		t.order = append(t.order, l)
	}
	l.waiting = append(l.waiting, r)
}

// pop takes the oldest request of the network whose turn it is, and puts that network last.
func (t *turns) pop() *slotRequest {
	l := t.order[0]
	t.order = slices.Delete(t.order, 0, 1)
	r := l.waiting[0]
	l.waiting = slices.Delete(l.waiting, 0, 1)
	if len(l.waiting) > 0 {
		t.order = append(t.order, l)
	} else {
		delete(t.lines, l.network)
	}
	return r
}

// remove takes a request away and reports whether it was there.
func (t *turns) remove(r *slotRequest) bool {
	l := t.lines[r.network]
	if l == nil {
		return false
	}
	i := slices.Index(l.waiting, r)
	if i < 0 {
		return false
	}
	l.waiting = slices.Delete(l.waiting, i, i+1)
	if len(l.waiting) == 0 {
		delete(t.lines, l.network)
		t.order = slices.DeleteFunc(t.order, func(o *line) bool { return o == l })
	}
	return true
}
