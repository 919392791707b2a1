package imapserver_test

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"restante/imap"
)

// syncing is what a believer knows that has enabled CONDSTORE, QRESYNC or UIDONLY.
type syncing struct {
	modSeqs  bool // CONDSTORE, with QRESYNC too
	vanishes bool // QRESYNC
	uidOnly  bool

	commands []string // that have not been answered yet
	told     uint64   // by HIGHESTMODSEQ since the last tagged response, 0: nothing
	highest  uint64   // mod-sequence that FETCH responses have told since then
	modSeq   uint64   // up to where everything is known (RFC 7162 §6)
	// store is what the conditional STORE that is answered does to the flags of a message that it
	// was done to; nil: there is none.
	store func(*belief)

	earlier imap.UIDSet // VANISHED (EARLIER) of the command that is answered
	past    map[string][]moment
}

// moment is what a client knew of a mailbox at some time.
type moment struct {
	validity string
	modSeq   uint64
	view     []belief
}

func (s *syncing) enable(c *believer, names string) error {
	s.past = map[string][]moment{}
	if names == "" {
		return nil
	}
	s.vanishes, s.uidOnly = strings.Contains(names, "QRESYNC"), strings.Contains(names, "UIDONLY")
	s.modSeqs = s.vanishes || strings.Contains(names, "CONDSTORE")
	return c.do(false, "ENABLE %s", names)
}

var (
	fetchModSeq  = regexp.MustCompile(`[( ]MODSEQ \((\d+)\)`)
	taggedModSeq = regexp.MustCompile(`^OK \[HIGHESTMODSEQ (\d+)\]`)
)

// answered works out up to where everything is known, as RFC 7162 §6 wants it.
func (s *syncing) answered(rest string) {
	if m := taggedModSeq.FindStringSubmatch(rest); m != nil {
		s.told, _ = strconv.ParseUint(m[1], 10, 64)
	}
	switch {
	case s.told != 0:
		s.modSeq = s.told
	case s.highest > s.modSeq:
		s.modSeq = s.highest
	}
	s.told, s.highest = 0, 0
	s.commands = s.commands[1:]
}

// fetched checks the mod-sequence of a FETCH response: it is there unless a FETCH has asked for something
// else, with the UID, and does not shrink.
func (s *syncing) fetched(c *believer, b *belief, items string, hasFlags bool) error {
	m := fetchModSeq.FindStringSubmatch(items)
	switch {
	case !s.modSeqs && m != nil:
		return fmt.Errorf("a mod-sequence for who does not know what it is")
	case !s.modSeqs:
		return nil
	case m == nil && !strings.Contains(s.commands[0], "FETCH"), m != nil && b.uid == 0:
		return fmt.Errorf("no mod-sequence, or no UID")
	case m == nil:
		return nil
	}
	n, _ := strconv.ParseUint(m[1], 10, 64)
	if n < b.modSeq {
		return fmt.Errorf("the mod-sequence of UID %d was %d", b.uid, b.modSeq)
	}
	b.modSeq, s.highest = n, max(s.highest, n)
	if !hasFlags && s.store != nil {
		s.store(b)
	}
	return nil
}

// place returns the place of a message in the view of a client that does not use numbers: the messages whose
// UIDs it knows, in order, and then the others.
func (c *believer) place(uid uint32) (int, error) {
	i := slices.IndexFunc(c.view, func(b belief) bool { return b.uid == uid })
	if i < 0 {
		if i = slices.IndexFunc(c.view, func(b belief) bool { return b.uid == 0 }); i < 0 {
			return 0, fmt.Errorf("UID %d is one more than there are", uid)
		}
		c.view[i].uid = uid
		// "*" is last: 0 - 1.
		slices.SortStableFunc(c.view, func(a, b belief) int { return cmp.Compare(a.uid-1, b.uid-1) })
		i = slices.IndexFunc(c.view, func(b belief) bool { return b.uid == uid })
	}
	return i + 1, nil
}

// vanished believes VANISHED.
func (c *believer) vanished(words []string) error {
	gone, err := imap.ParseUIDSet(words[len(words)-1])
	if err != nil {
		return err
	}
	if words[0] == "(EARLIER)" {
		c.sync.earlier = c.sync.earlier.Union(gone)
		return nil
	}
	if !c.mayExpunge || !c.sync.vanishes && !c.sync.uidOnly {
		return fmt.Errorf("VANISHED where it is forbidden")
	}
	for uid := range gone.All() {
		i := slices.IndexFunc(c.view, func(b belief) bool { return b.uid == uint32(uid) })
		if i < 0 { // one of those whose UIDs are not known, between the right ones that are
			after := 0
			for j, b := range c.view {
				if b.uid != 0 && (b.uid < uint32(uid) || c.sync.uidOnly) {
					after = j + 1
				}
			}
			if i = after; i == len(c.view) || c.view[i].uid != 0 {
				return fmt.Errorf("there is no UID %d", uid)
			}
		}
		c.view = slices.Delete(c.view, i, i+1)
	}
	return nil
}

// remember keeps what the client knows, if it knows all.
func (c *believer) remember() {
	if !c.sync.vanishes || slices.ContainsFunc(c.view, func(b belief) bool { return b.uid == 0 || !b.known || b.modSeq == 0 }) {
		return
	}
	past := append(c.sync.past[c.box], moment{c.validity, c.sync.modSeq, cloneBeliefs(c.view)})
	if len(past) > 20 {
		past = slices.Delete(past, c.rnd.IntN(len(past)), len(past))
	}
	c.sync.past[c.box] = past
}

func cloneBeliefs(view []belief) []belief {
	view = slices.Clone(view)
	for i := range view {
		view[i].flags = maps.Clone(view[i].flags)
	}
	return view
}

// reopen selects a mailbox as somebody who has been away since one of the moments that are remembered.
// VANISHED and FETCH must make of what was known then what is now.
func (c *believer) reopen(box string, readOnly bool) error {
	c.view, c.box, c.readOnly, c.sync.earlier = nil, box, readOnly, imap.UIDSet{}
	c.sync.modSeq, c.sync.told, c.sync.highest = 0, 0, 0
	command := "SELECT " + box
	if readOnly {
		command = "EXAMINE " + box
	}
	if len(c.sync.past[box]) == 0 {
		return c.do(false, "%s", command)
	}
	was := c.sync.past[box][c.rnd.IntN(len(c.sync.past[box]))]
	before := cloneBeliefs(was.view)
	match := ""
	if n := len(before); n > 0 && !c.sync.uidOnly && c.rnd.IntN(2) == 0 {
		var seqs imap.SeqSet
		var uids imap.UIDSet
		for i := c.rnd.IntN(n); i < n; i += 1 + c.rnd.IntN(5) {
			seqs.Add(imap.SeqNum(i + 1))
			uids.Add(imap.UID(before[i].uid))
		}
		match = fmt.Sprintf(" (%s %s)", seqs, uids)
	}
	if err := c.do(false, "%s (QRESYNC (%s %d%s))", command, was.validity, was.modSeq, match); err != nil {
		return err
	}
	if c.validity != was.validity {
		return nil
	}
	var now []belief
	for _, b := range c.view {
		if b.uid != 0 {
			now = append(now, b)
		}
	}
	for _, b := range before {
		isTold := slices.ContainsFunc(now, func(x belief) bool { return x.uid == b.uid })
		if !isTold && !c.sync.earlier.Contains(imap.UID(b.uid)) {
			now = append(now, b)
		}
	}
	slices.SortFunc(now, func(a, b belief) int { return cmp.Compare(a.uid, b.uid) })
	if len(now) != len(c.view) {
		return fmt.Errorf("QRESYNC from %d: %d messages of %d", was.modSeq, len(now), len(c.view))
	}
	for i, b := range c.view {
		if b.uid != 0 && b.uid != now[i].uid && !c.sync.uidOnly {
			return fmt.Errorf("QRESYNC from %d: UID %d has the number %d, not that of %d", was.modSeq, b.uid, i+1, now[i].uid)
		}
	}
	c.view = now
	return nil
}

// storeUnchanged changes the flags of messages that nobody has changed since the client last heard.
func (c *believer) storeUnchanged(s set, op string, silent bool, flags []string) error {
	since := uint64(0)
	for _, i := range s.places {
		since = max(since, c.view[i].modSeq)
	}
	item := op + "FLAGS"
	if silent {
		item += ".SILENT"
	}
	c.sync.store = func(b *belief) {
		if op == "" || b.flags == nil {
			b.flags, b.known = map[string]bool{}, b.known || op == ""
		} else {
			b.flags = maps.Clone(b.flags)
		}
		for _, f := range flags {
			if op == "-" {
				delete(b.flags, f)
			} else {
				b.flags[f] = true
			}
		}
	}
	defer func() { c.sync.store = nil }()
	return c.do(s.uid != "", "%sSTORE %s (UNCHANGEDSINCE %d) %s (%s)", s.uid, s.text, since, item, strings.Join(flags, " "))
}
