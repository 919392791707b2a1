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

// place is where a message is, was, or may be. Its writer changes it; it is compared when nobody writes.
type place struct {
	message *message
	uid     uint32 // 0: nobody has said which
	modSeq  uint64 // the highest that was told of it
	there   state
	flagged state // \Flagged
	// leaving: nobody knows whether it was moved or expunged, so that it may go at any moment.
	leaving bool
	// moved is where the message is if it is not here: nobody knows whether the MOVE was made.
	moved *place
}

// counters are what a mailbox tells of itself. They never go back. 0: it was not told.
type counters struct {
	uidNext uint32
	high    uint64 // HIGHESTMODSEQ
}

// box is a mailbox, and what was said of it.
type box struct {
	user, name string

	mu struct {
		sync.Mutex
		validity string
		counters counters // the highest that were seen or follow from what was
		uids     map[uint32]*place
		places   []*place
		wrong    []complaint // heard while writing
	}
}

func newBox(user, name string) *box {
	b := &box{user: user, name: name}
	b.mu.uids = map[uint32]*place{}
	return b
}

// known returns the lowest counters that an answer may tell to a command that is given from now on.
func (b *box) known() counters {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.counters
}

// saw notes what was told of the mailbox in an answer to a command that was given when floor was known.
func (b *box) saw(validity string, told, floor counters) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sawLocked(validity, told, floor)
}

func (b *box) sawLocked(validity string, told, floor counters) {
	if b.mu.validity == "" {
		b.mu.validity = validity
	}
	if validity != b.mu.validity {
		b.wrongLocked(wrong, "UIDVALIDITY was %s and is %s", b.mu.validity, validity)
	}
	if told.uidNext != 0 && told.uidNext < floor.uidNext {
		b.wrongLocked(wrong, "UIDNEXT is %d after %d", told.uidNext, floor.uidNext)
	}
	if told.high != 0 && told.high < floor.high {
		b.wrongLocked(wrong, "HIGHESTMODSEQ is %d after %d", told.high, floor.high)
	}
	b.mu.counters.uidNext = max(b.mu.counters.uidNext, told.uidNext)
	b.mu.counters.high = max(b.mu.counters.high, told.high)
}

// put notes a place of a message of which no UID was told.
func (b *box) put(p *place) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.places = append(b.mu.places, p)
}

// putAt notes a place with the UID that the answer to a command has told, which was given when floor
// was known.
func (b *box) putAt(p *place, uid uint32, validity string, floor counters) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.places = append(b.mu.places, p)
	b.sawLocked(validity, counters{uidNext: uid + 1}, counters{})
	if uid < floor.uidNext {
		b.wrongLocked(wrong, "UID %d after UIDNEXT %d", uid, floor.uidNext)
	}
	b.issueLocked(p, uid)
}

func (b *box) issueLocked(p *place, uid uint32) {
	if other := b.mu.uids[uid]; other != nil {
		b.wrongLocked(uidTwice, "UID %d was given to %s and to %s", uid, other.message.id, p.message.id)
		return
	}
	p.uid = uid
	b.mu.uids[uid] = p
}

// changed notes the mod-sequence that the answer to a command has told of a place, which was given when
// floor was known.
func (b *box) changed(p *place, modSeq uint64, floor counters) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if modSeq <= floor.high || modSeq <= p.modSeq {
		b.wrongLocked(wrong, "UID %d: mod-sequence %d after %d, HIGHESTMODSEQ %d", p.uid, modSeq, p.modSeq, floor.high)
	}
	p.modSeq = max(p.modSeq, modSeq)
	b.mu.counters.high = max(b.mu.counters.high, modSeq)
}

// complain notes something wrong.
func (b *box) complain(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wrongLocked(wrong, format, args...)
}

func (b *box) wrongLocked(k kind, format string, args ...any) {
	b.mu.wrong = append(b.mu.wrong, b.complaint(k, format, args...))
}

func (b *box) complaint(k kind, format string, args ...any) complaint {
	return complaint{k, b.user, b.name, fmt.Sprintf(format, args...)}
}

// heard returns the complaints of the time of writing.
func (b *box) heard() []complaint {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.wrong
}
