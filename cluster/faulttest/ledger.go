package main

import (
	"crypto/sha256"
	"fmt"
	"sync"
)

// state is whether something was done, or is there.
type state int

const (
	no state = iota
	yes
	maybe
)

// message is one that a writer has made. Its id is in its header.
type message struct {
	id  string
	sum [sha256.Size]byte
}

// place is where a message is, was, or may be.
type place struct {
	message *message
	box     *box
	uid     uint32 // 0: nobody has said which
	there   state
	flagged state
	// other is where the message is if it is not here: a MOVE of which nobody knows whether it was made.
	other *place
}

// box is a mailbox, and what has been said of it.
type box struct {
	user, name string

	mu struct {
		sync.Mutex
		validity string
		issued   map[uint32]*message
		uidNext  uint32 // the highest that was seen or follows from a UID that was
		wrong    []string
		places   []*place
	}
}

func newBox(user, name string) *box {
	b := &box{user: user, name: name}
	b.mu.issued = map[uint32]*message{}
	return b
}

// add notes a place of a message.
func (b *box) add(p *place) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p.box = b
	b.mu.places = append(b.mu.places, p)
	if p.uid == 0 {
		return
	}
	if other := b.mu.issued[p.uid]; other != nil {
		b.wrongLocked("UID %d was given to %s and to %s", p.uid, other.id, p.message.id)
	}
	b.mu.issued[p.uid] = p.message
	b.mu.uidNext = max(b.mu.uidNext, p.uid+1)
}

// known returns the lowest UIDNEXT that a STATUS may tell which begins now.
func (b *box) known() uint32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.uidNext
}

// saw notes a UIDVALIDITY, and a UIDNEXT when it is not 0, which must be floor at least.
func (b *box) saw(validity string, uidNext, floor uint32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.validity == "" {
		b.mu.validity = validity
	}
	if validity != b.mu.validity {
		b.wrongLocked("UIDVALIDITY was %s and is %s", b.mu.validity, validity)
	}
	if uidNext != 0 && uidNext < floor {
		b.wrongLocked("UIDNEXT is %d after it was %d", uidNext, floor)
	}
	b.mu.uidNext = max(b.mu.uidNext, uidNext)
}

// complain notes something wrong.
func (b *box) complain(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wrongLocked(format, args...)
}

func (b *box) wrongLocked(format string, args ...any) {
	b.mu.wrong = append(b.mu.wrong, fmt.Sprintf(format, args...))
}

// found is what a node shows of a message.
type found struct {
	id      string
	uid     uint32
	sum     [sha256.Size]byte
	flagged bool
}

// verdict counts what is not as it was acknowledged.
type verdict struct{ lost, twice, wrong int }

func (v *verdict) add(o verdict) {
	v.lost, v.twice, v.wrong = v.lost+o.lost, v.twice+o.twice, v.wrong+o.wrong
}

// compare looks whether what a node shows is what was acknowledged. It returns the places at which
// something was found.
func (b *box) compare(there []found, tell func(format string, args ...any)) (v verdict, at map[*place]bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at = map[*place]bool{}
	byUID, unplaced := map[uint32]*place{}, map[string][]*place{}
	for _, p := range b.mu.places {
		if p.uid != 0 {
			byUID[p.uid] = p
		} else {
			unplaced[p.message.id] = append(unplaced[p.message.id], p)
		}
	}
	for _, f := range there {
		p := byUID[f.uid]
		switch rest := unplaced[f.id]; {
		case p != nil && p.message.id != f.id:
			tell("UID %d was %s and is %s", f.uid, p.message.id, f.id)
			v.wrong++
			continue
		case p == nil && len(rest) == 0:
			tell("UID %d: %s is there once more", f.uid, f.id)
			v.twice++
			continue
		case p == nil:
			p, unplaced[f.id] = rest[0], rest[1:]
		}
		if other := b.mu.issued[f.uid]; other != nil && other.id != f.id {
			tell("UID %d was %s and is %s", f.uid, other.id, f.id)
			v.wrong++
		}
		b.mu.issued[f.uid] = p.message
		at[p] = true
		if p.there == no || f.sum != p.message.sum || p.flagged == yes && !f.flagged || p.flagged == no && f.flagged {
			tell("UID %d: %s is not as it was acknowledged: there %d, flagged %v (%d), octets right %v", f.uid, f.id, p.there, f.flagged, p.flagged, f.sum == p.message.sum)
			v.wrong++
		}
	}
	for _, p := range b.mu.places {
		if p.there == yes && !at[p] {
			tell("UID %d: %s is not there", p.uid, p.message.id)
			v.lost++
		}
	}
	return v, at
}
