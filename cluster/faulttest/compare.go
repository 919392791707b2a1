package main

import "crypto/sha256"

// kind is what is not as it was acknowledged.
type kind int

const (
	lost       kind = iota // a message that is not there
	duplicated             // a message that is there once more than it should be
	uidTwice               // a UID that two messages had
	wrong                  // octets, flags, numbers that went back, mailboxes
	kinds
)

var kindNames = [kinds]string{"lost", "duplicated", "UID twice", "wrong"}

// complaint says what is not as it was acknowledged. The same one may come from several nodes.
type complaint struct {
	kind            kind
	user, box, text string
}

// found is what a node shows of a message.
type found struct {
	id      string
	uid     uint32
	modSeq  uint64
	sum     [sha256.Size]byte
	flagged bool
}

// compare looks whether what a node shows of a mailbox is what was acknowledged. It returns the places
// at which something is. What was open and is there now stays there, under its UID.
func (b *box) compare(there []found) (complaints []complaint, at map[*place]bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at = map[*place]bool{}
	say := func(k kind, format string, args ...any) {
		complaints = append(complaints, b.complaint(k, format, args...))
	}
	withoutUID := map[string][]*place{}
	for _, p := range b.mu.places {
		if p.uid == 0 {
			withoutUID[p.message.id] = append(withoutUID[p.message.id], p)
		}
	}
	written := map[string]bool{}
	for _, p := range b.mu.places {
		written[p.message.id] = true
	}
	for _, f := range there {
		p := b.mu.uids[f.uid]
		if p == nil {
			p = likeliest(withoutUID[f.id], f, at)
		}
		switch {
		case p == nil && written[f.id]:
			say(duplicated, "UID %d: %s is there once more", f.uid, f.id)
			continue
		case p == nil:
			say(wrong, "UID %d: nobody has written %s", f.uid, f.id)
			continue
		case p.message.id != f.id:
			say(uidTwice, "UID %d was %s and is %s", f.uid, p.message.id, f.id)
			continue
		case at[p]:
			say(uidTwice, "UID %d is there twice: %s", f.uid, f.id)
			continue
		}
		at[p] = true
		b.mu.uids[f.uid], p.uid = p, f.uid
		b.mu.counters.uidNext = max(b.mu.counters.uidNext, f.uid+1)
		if p.there == no {
			say(wrong, "UID %d: %s is there, and was refused, moved or expunged", f.uid, f.id)
		}
		if f.sum != p.message.sum {
			say(wrong, "UID %d: %s has other octets", f.uid, f.id)
		}
		if f.modSeq < p.modSeq {
			say(wrong, "UID %d: %s has mod-sequence %d after %d", f.uid, f.id, f.modSeq, p.modSeq)
		}
		if p.flagged != maybe && f.flagged != (p.flagged == yes) {
			say(wrong, "UID %d: %s: flagged is %v", f.uid, f.id, f.flagged)
		}
		p.modSeq = max(p.modSeq, f.modSeq)
		if p.there == maybe && !p.leaving {
			p.there = yes
		}
	}
	for _, p := range b.mu.places {
		if p.there == yes && !at[p] {
			say(lost, "UID %d: %s is not there", p.uid, p.message.id)
		}
	}
	return complaints, at
}

// likeliest returns which of some places without a UID a message was found at: one where it has to be
// rather than one where it may be, and that rather than one where it must not be; and one whose flags
// are those that were found.
func likeliest(places []*place, f found, taken map[*place]bool) (best *place) {
	rank := func(p *place) int {
		r := 2 * [...]int{no: 0, maybe: 1, yes: 2}[p.there]
		if p.flagged == maybe || f.flagged == (p.flagged == yes) {
			r++
		}
		return r
	}
	for _, p := range places {
		if !taken[p] && (best == nil || rank(p) > rank(best)) {
			best = p
		}
	}
	return best
}

// bothOrNone returns the places of messages of which nobody knows whether they were moved, and that a
// node shows at both places or at none.
func (b *box) bothOrNone(at map[*place]bool) (both, none []*place) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.mu.places {
		switch {
		case p.moved == nil || at[p] != at[p.moved]:
		case at[p]:
			both = append(both, p)
		default:
			none = append(none, p)
		}
	}
	return both, none
}
